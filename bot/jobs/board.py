"""Keeps the public cards true: at most one edit every few seconds each, and only for a change."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.clock import Clock
from bot.errors import DeliveryTroubleError, StorageError
from bot.jobs.pace import Pace
from bot.jobs.ports import Card, Courier

_log = logging.getLogger(__name__)
#: How long edits on their way may take when the process stops.
_LAST_EDITS_S = 2.0


@dataclass(slots=True)
class _Shown:
    """What is known of one card's message."""

    dirty: bool = True
    next_at: datetime | None = None
    face: object = None
    sending: asyncio.Task[None] | None = field(default=None, repr=False)


class Board:
    """All cards that may still change.

    read  builds the present card of a request; None when there is no such request.
    """

    def __init__(
        self,
        read: Callable[[int], Awaitable[Card | None]],
        courier: Courier,
        clock: Clock,
        pace: Pace,
    ) -> None:
        self._read = read
        self._courier = courier
        self._clock = clock
        self._pace = pace
        self._shown: dict[int, _Shown] = {}
        self._changed = asyncio.Event()

    def touch(self, request_id: int) -> None:
        """Say that the request's card may look different now. Returns at once."""
        self._shown.setdefault(request_id, _Shown()).dirty = True
        self._changed.set()

    async def run(self) -> None:
        """Edit cards for ever; when it is cancelled, edits on their way have two seconds left."""
        try:
            while True:
                self._changed.clear()
                wait_s = self._start_due()
                with contextlib.suppress(TimeoutError):
                    # Not wait_for: in Python 3.11 it can swallow a cancellation.
                    async with asyncio.timeout(wait_s):
                        await self._changed.wait()
        finally:
            await self._wind_up()

    async def _wind_up(self) -> None:
        """Let edits on their way arrive; one that waits for a login that never came is given up."""
        sending = [s.sending for s in self._shown.values() if s.sending is not None]
        if sending:
            await asyncio.wait(sending, timeout=_LAST_EDITS_S)
        for task in sending:
            task.cancel()
        await asyncio.gather(*sending, return_exceptions=True)

    def _start_due(self) -> float | None:
        """Start every edit that may go out now; return the seconds to the next, None for none."""
        now = self._clock.now()
        waits: list[float] = []
        for request_id, shown in list(self._shown.items()):
            if not shown.dirty or shown.sending is not None:
                continue
            if shown.next_at is not None and shown.next_at > now:
                waits.append((shown.next_at - now).total_seconds())
                continue
            shown.dirty = False
            shown.next_at = now + timedelta(seconds=self._pace.card_gap_s)
            shown.sending = asyncio.create_task(self._send(request_id, shown))
        return min(waits, default=None)

    async def _send(self, request_id: int, shown: _Shown) -> None:
        try:
            await self._show(request_id, shown)
        except (DeliveryTroubleError, StorageError) as error:
            _log.warning("card of request %s: %s", request_id, error)
            shown.dirty = True
        except Exception:  # noqa: BLE001
            # One card's defect must not stop the others; the clip comes all the same.
            _log.exception("card of request %s", request_id)
        finally:
            shown.sending = None
            self._changed.set()

    async def _show(self, request_id: int, shown: _Shown) -> None:
        card = await self._read(request_id)
        if card is None:
            self._shown.pop(request_id, None)
            return
        age = self._clock.now() - card.request.created_at
        face = _face(card)
        if face == shown.face or (
            age.total_seconds() > self._pace.card_life_s and not card.is_final
        ):
            return
        await self._courier.show_card(card)
        shown.face = face
        if card.is_final and not shown.dirty:
            self._shown.pop(request_id, None)


def _face(card: Card) -> object:
    """Return what a reader could tell apart: two equal faces need no edit."""
    return (
        card.request.card_message_id,
        *(
            (
                status.job.state,
                status.job.progress,
                status.job.cancel_requested_at is not None,
                status.job.message_id,
                status.job.error_text,
                status.job.deleted_at,
                status.job.source_remote_id,
                status.ahead,
                status.ready_at,
            )
            for status in card.statuses
        ),
    )
