"""Keeps the status cards up to date: one edit every few seconds each, and only for a change."""

import asyncio
import contextlib
import heapq
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bot.clock import Clock
from bot.errors import DeliveryTroubleError, StorageError
from bot.jobs.ports import ClipPublisher, StatusCard
from bot.jobs.timings import Timings
from bot.model import Job, State

_log = logging.getLogger(__name__)
#: How long edits under way may take when the process stops.
_STOP_TIMEOUT_S = 2.0
#: Status cards mention a downtime that was longer.
LONG_DOWNTIME = timedelta(minutes=1)
#: Most edits at a time, and most of them that only show progress. Discord takes fifty requests a
#: second from a bot (documentation, 2026-08), and clips have to be posted too.
_MAX_EDITS = 40
_MAX_PROGRESS_EDITS = 8
#: The average gap between two edits that only show progress, and how many of them may come at once.
_PROGRESS_GAP = timedelta(seconds=0.1)
_PROGRESS_BURST = 10


@dataclass(slots=True)
class _CardState:
    """What the bot remembers about one status card's message between two edits."""

    dirty: bool = False
    #: Whether more than progress changed since the card was last edited.
    is_urgent: bool = False
    next_at: datetime | None = None
    #: Whether the card waits in the heap for `next_at`.
    is_delayed: bool = False
    #: Whether the request was open during a long downtime.
    was_interrupted: bool = False
    fingerprint: object = None
    edit_task: asyncio.Task[None] | None = field(default=None, repr=False)


class StatusCards:
    """All status cards that may still change; those with more than progress to show go first.

    read_card  builds the present card of a request; returns None when there is no such request.
    """

    def __init__(
        self,
        read_card: Callable[[int], Awaitable[StatusCard | None]],
        publisher: ClipPublisher,
        clock: Clock,
        timings: Timings,
    ) -> None:
        self._read_card = read_card
        self._publisher = publisher
        self._clock = clock
        self._timings = timings
        self._cards: dict[int, _CardState] = {}
        #: Requests whose cards are to be edited, in order; the dicts serve as ordered sets.
        self._urgent_queue: dict[int, None] = {}
        self._progress_queue: dict[int, None] = {}
        #: A heap of cards that were just edited, by the time at which they may be edited again.
        self._delayed: list[tuple[datetime, int]] = []
        self._edits_running = self._progress_edits_running = 0
        self._changed = asyncio.Event()
        self._began_at = clock.now()
        self._next_progress_at = self._began_at - _PROGRESS_BURST * _PROGRESS_GAP
        self._has_begun = False

    def mark_interrupted(self, left: Sequence[Job]) -> None:
        """Have the cards of open jobs mention the downtime, if it was long.

        left  the open jobs as the last process left them, before this one changes any.
        """
        active_at = [_last_activity_at(each, self._began_at) for each in left]
        if self._began_at - max(active_at, default=self._began_at) > LONG_DOWNTIME:
            for each in left:
                self._cards.setdefault(each.request_id, _CardState()).was_interrupted = True

    def mark_dirty(self, request_id: int, *, is_urgent: bool = True) -> None:
        """Have a request's card edited soon, because it may look different now.

        is_urgent  False for mere progress, which can wait. Cards marked before `run`, which the
                   last process left, can wait too.
        """
        card_state = self._cards.setdefault(request_id, _CardState())
        card_state.dirty = True
        card_state.is_urgent |= is_urgent and self._has_begun
        self._enqueue(request_id, card_state)
        self._changed.set()

    async def run(self) -> None:
        """Edit cards forever; when cancelled, give edits under way two more seconds."""
        self._has_begun = True
        try:
            while True:
                self._changed.clear()
                wait_s = self._start_due()
                with contextlib.suppress(TimeoutError):
                    # asyncio.wait_for of Python 3.11 can swallow a cancellation.
                    async with asyncio.timeout(wait_s):
                        await self._changed.wait()
        finally:
            await self._finish_edits()

    async def _finish_edits(self) -> None:
        """Wait for edits under way, then cancel them: one may wait for a connection forever."""
        sending = [s.edit_task for s in self._cards.values() if s.edit_task is not None]
        if sending:
            await asyncio.wait(sending, timeout=_STOP_TIMEOUT_S)
        for task in sending:
            task.cancel()
        await asyncio.gather(*sending, return_exceptions=True)

    def _enqueue(self, request_id: int, card_state: _CardState) -> None:
        """Put a card that needs an edit into the right queue or the heap; idempotent."""
        if not card_state.dirty or card_state.edit_task is not None or card_state.is_delayed:
            return
        if card_state.next_at is not None and card_state.next_at > self._clock.now():
            card_state.is_delayed = True
            heapq.heappush(self._delayed, (card_state.next_at, request_id))
        elif card_state.is_urgent:
            self._progress_queue.pop(request_id, None)
            self._urgent_queue[request_id] = None
        else:
            self._progress_queue[request_id] = None

    def _start_due(self) -> float | None:
        """Start every edit that may start now; return the seconds until the next, None for none."""
        now = self._clock.now()
        while self._delayed and self._delayed[0][0] <= now:
            _, request_id = heapq.heappop(self._delayed)
            card_state = self._cards[request_id]
            card_state.is_delayed = False
            self._enqueue(request_id, card_state)
        while self._urgent_queue and self._edits_running < _MAX_EDITS:
            self._start(self._urgent_queue, now, is_progress=False)
        while self._progress_queue and self._next_progress_at <= now and self._has_progress_slot():
            self._start(self._progress_queue, now, is_progress=True)
        waits = [at for at, _ in self._delayed[:1]]
        if self._progress_queue and self._next_progress_at > now:
            waits.append(self._next_progress_at)
        return min(((at - now).total_seconds() for at in waits), default=None)

    def _has_progress_slot(self) -> bool:
        return (
            self._progress_edits_running < _MAX_PROGRESS_EDITS and self._edits_running < _MAX_EDITS
        )

    def _start(self, queue: dict[int, None], now: datetime, *, is_progress: bool) -> None:
        request_id = next(iter(queue))
        del queue[request_id]
        card_state = self._cards[request_id]
        card_state.dirty = card_state.is_urgent = False
        card_state.next_at = now + timedelta(seconds=self._timings.card_gap_s)
        self._edits_running += 1
        if is_progress:
            self._progress_edits_running += 1
            burst_from = now - (_PROGRESS_BURST - 1) * _PROGRESS_GAP
            self._next_progress_at = max(self._next_progress_at, burst_from) + _PROGRESS_GAP
        card_state.edit_task = asyncio.create_task(
            self._send(request_id, card_state, is_progress=is_progress)
        )

    async def _send(self, request_id: int, card_state: _CardState, *, is_progress: bool) -> None:
        try:
            await self._edit(request_id, card_state)
        except (DeliveryTroubleError, StorageError) as error:
            _log.warning("card of request %s: %s", request_id, error)
            card_state.dirty = True
            card_state.is_urgent |= not is_progress
        except Exception:  # noqa: BLE001
            # One card's exception must not stop the others; the clip is posted anyway.
            _log.exception("card of request %s", request_id)
        finally:
            card_state.edit_task = None
            self._edits_running -= 1
            self._progress_edits_running -= is_progress
            if self._cards.get(request_id) is card_state:
                self._enqueue(request_id, card_state)
            self._changed.set()

    async def _edit(self, request_id: int, card_state: _CardState) -> None:
        card = await self._read_card(request_id)
        if card is None:
            self._cards.pop(request_id, None)
            return
        if card_state.was_interrupted:
            began_at, jobs = self._began_at, [each.job for each in card.statuses]
            unfinished = [j for j in jobs if j.finished_at is None or j.finished_at > began_at]
            resumed = any(job.created_at <= began_at for job in unfinished)
            card = replace(card, was_resumed=resumed)
        age = self._clock.now() - card.request.created_at
        fingerprint = _fingerprint(card)
        if fingerprint == card_state.fingerprint or (
            age.total_seconds() > self._timings.card_max_age_s and not card.is_final
        ):
            return
        await self._publisher.show_card(card)
        card_state.fingerprint = fingerprint
        if card.is_final and not card_state.dirty:
            self._cards.pop(request_id, None)


def _last_activity_at(job: Job, began_at: datetime) -> datetime:
    """Return the latest instant before `began_at` at which the last process worked on a job.

    It is exact to a poll: `due_at` of a render or of a failed step is shortly after the instant at
    which it was set. The `due_at` of a queued job says nothing.
    """
    looked_at = job.due_at if job.state is State.RENDERING or job.attempts else None
    signs = (
        *(job.created_at, job.state_at, job.submitted_at, job.rendered_at, job.posting_at),
        job.finished_at,
        None if looked_at is None else min(looked_at, began_at),
    )
    return max((each for each in signs if each is not None and each <= began_at), default=began_at)


def _fingerprint(card: StatusCard) -> object:
    """Return all that a reader can see of a card: with an equal fingerprint no edit is needed."""
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
                status.waits_for_disk_space,
                status.ahead,
                status.ready_at,
            )
            for status in card.statuses
        ),
    )
