"""Keeps the public cards true: at most one edit every few seconds each, and only for a change."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bot.clock import Clock
from bot.errors import DeliveryTroubleError, StorageError
from bot.jobs.pace import Pace
from bot.jobs.ports import Card, Courier
from bot.model import Job, State

_log = logging.getLogger(__name__)
#: How long edits on their way may take when the process stops.
_LAST_EDITS_S = 2.0
#: Members are told of an interruption that took longer.
LONG_AWAY = timedelta(minutes=1)
#: Edits on their way at a time, and those of them that show progress alone: Discord takes fifty
#: requests a second of a bot (documentation, 2026-08), and clips, too, want to be posted.
_AT_ONCE = 40
_QUIET_AT_ONCE = 8
#: Edits a second that show progress alone; a few may come together.
_QUIET_PER_S = 10
_QUIET_TOGETHER = 10


@dataclass(slots=True)
class _Shown:
    """What is known of one card's message."""

    dirty: bool = False
    #: Whether more than progress changed since the last edit.
    is_urgent: bool = False
    next_at: datetime | None = None
    #: Whether it waits for `next_at`.
    is_later: bool = False
    #: It was open while nobody worked on it for long.
    was_left: bool = False
    face: object = None
    sending: asyncio.Task[None] | None = field(default=None, repr=False)


class Board:
    """All cards that may still change.

    read  builds the present card of a request; None when there is no such request.

    However many cards there are, those on which something happened do not wait for the others.
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
        #: Cards to be edited, in order; a dict for its order alone.
        self._urgent: dict[int, None] = {}
        self._quiet: dict[int, None] = {}
        #: Cards that were edited a moment ago, by when they may be again: a heap.
        self._later: list[tuple[datetime, int]] = []
        self._sending = self._quiet_sending = 0
        self._quiet_at: datetime | None = None
        self._changed = asyncio.Event()
        self._began_at = clock.now()
        self._has_begun = False

    def take_over(self, jobs: Iterable[Job]) -> None:
        """Say what the last process left open: rows as it left them, before anything touches them.

        If nobody had worked on any of them for long, their cards say so. Returns at once.
        """
        left = tuple(jobs)
        alive_at = max((_last_sign(each, self._began_at) for each in left), default=self._began_at)
        if self._began_at - alive_at > LONG_AWAY:
            for each in left:
                self._shown.setdefault(each.request_id, _Shown()).was_left = True

    def touch(self, request_id: int, *, is_urgent: bool = True) -> None:
        """Say that the request's card may look different now. Returns at once.

        is_urgent  False for mere progress, which can wait while there is much of it. So can all
                   that is touched before `run`: cards that the last process left.
        """
        shown = self._shown.setdefault(request_id, _Shown())
        shown.dirty = True
        shown.is_urgent |= is_urgent and self._has_begun
        self._line_up(request_id, shown)
        self._changed.set()

    async def run(self) -> None:
        """Edit cards for ever; when it is cancelled, edits on their way have two seconds left."""
        self._has_begun = True
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

    def _line_up(self, request_id: int, shown: _Shown) -> None:
        """Let a card that needs an edit wait where it belongs; idempotent."""
        if not shown.dirty or shown.sending is not None or shown.is_later:
            return
        if shown.next_at is not None and shown.next_at > self._clock.now():
            shown.is_later = True
            heapq.heappush(self._later, (shown.next_at, request_id))
        elif shown.is_urgent:
            self._quiet.pop(request_id, None)
            self._urgent[request_id] = None
        else:
            self._quiet[request_id] = None

    def _start_due(self) -> float | None:
        """Start every edit that may go out now; return the seconds to the next, None for none."""
        now = self._clock.now()
        while self._later and self._later[0][0] <= now:
            _, request_id = heapq.heappop(self._later)
            shown = self._shown[request_id]
            shown.is_later = False
            self._line_up(request_id, shown)
        while self._urgent and self._sending < _AT_ONCE:
            self._start(self._urgent, now, is_quiet=False)
        while self._quiet and self._may_be_quiet(now):
            self._start(self._quiet, now, is_quiet=True)
        waits = [at for at, _ in self._later[:1]]
        if self._quiet and self._quiet_at is not None and self._quiet_at > now:
            waits.append(self._quiet_at)
        return min(((at - now).total_seconds() for at in waits), default=None)

    def _may_be_quiet(self, now: datetime) -> bool:
        is_full = self._quiet_sending >= _QUIET_AT_ONCE or self._sending >= _AT_ONCE
        return not is_full and (self._quiet_at is None or self._quiet_at <= now)

    def _start(self, line: dict[int, None], now: datetime, *, is_quiet: bool) -> None:
        request_id = next(iter(line))
        del line[request_id]
        shown = self._shown[request_id]
        shown.dirty = shown.is_urgent = False
        shown.next_at = now + timedelta(seconds=self._pace.card_gap_s)
        self._sending += 1
        if is_quiet:
            self._quiet_sending += 1
            spare_at = now - timedelta(seconds=(_QUIET_TOGETHER - 1) / _QUIET_PER_S)
            since = spare_at if self._quiet_at is None else max(self._quiet_at, spare_at)
            self._quiet_at = since + timedelta(seconds=1 / _QUIET_PER_S)
        shown.sending = asyncio.create_task(self._send(request_id, shown, is_quiet=is_quiet))

    async def _send(self, request_id: int, shown: _Shown, *, is_quiet: bool) -> None:
        try:
            await self._show(request_id, shown)
        except (DeliveryTroubleError, StorageError) as error:
            _log.warning("card of request %s: %s", request_id, error)
            shown.dirty = True
            shown.is_urgent |= not is_quiet
        except Exception:  # noqa: BLE001
            # One card's defect must not stop the others; the clip comes all the same.
            _log.exception("card of request %s", request_id)
        finally:
            shown.sending = None
            self._sending -= 1
            self._quiet_sending -= is_quiet
            if self._shown.get(request_id) is shown:
                self._line_up(request_id, shown)
            self._changed.set()

    async def _show(self, request_id: int, shown: _Shown) -> None:
        card = await self._read(request_id)
        if card is None:
            self._shown.pop(request_id, None)
            return
        if shown.was_left and any(_was_open(each.job, self._began_at) for each in card.statuses):
            card = replace(card, was_resumed=True)
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


def _was_open(job: Job, at: datetime) -> bool:
    return job.created_at <= at and (job.finished_at is None or job.finished_at > at)


def _last_sign(job: Job, began_at: datetime) -> datetime:
    """Return when somebody certainly worked on a job, give or take a poll, before `began_at`.

    A time of the next look was set by a look not long before it; a queued job's says nothing.
    """
    looked_at = job.due_at if job.state is State.RENDERING or job.attempts else None
    signs = (
        *(job.created_at, job.state_at, job.submitted_at, job.rendered_at, job.posting_at),
        job.finished_at,
        None if looked_at is None else min(looked_at, began_at),
    )
    return max((each for each in signs if each is not None and each <= began_at), default=began_at)


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
                status.waits_for_room,
                status.ahead,
                status.ready_at,
            )
            for status in card.statuses
        ),
    )
