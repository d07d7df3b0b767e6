"""The one door for commands: submit, look, cancel, fetch. Answers fast, never waits for a provider."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from bot.clock import Clock
from bot.errors import NoSuchJobError, NotYoursError, StorageError, TooLateError
from bot.jobs.catalogue import Catalogue, Wish
from bot.jobs.delivering import too_large
from bot.jobs.ports import Card, JobStatus, Kick, Kind
from bot.jobs.schedule import expected_s
from bot.model import EntryKind, Job, Place, Request, State
from bot.quota.limits import Reading
from bot.quota.rule import QuotaRule
from bot.safety.gate import PromptGate
from bot.storage.base import Draft, Store

_log = logging.getLogger(__name__)
_HAS_CLIP = frozenset({State.FITTING, State.POSTING, State.DONE, State.KEPT})
_CANCELLABLE = frozenset({State.QUEUED, State.SUBMITTING, State.RENDERING})


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """Who asks, and from where."""

    user_id: int
    #: None in a direct message.
    guild_id: int | None
    #: Whether they keep order in that server.
    is_moderator: bool = False


class JobService:
    """What members can do with jobs. Every refusal is a RefusedError whose text they read.

    kick   starts a coroutine of the flow early.
    touch  says that a request's card may look different now.
    """

    def __init__(
        self,
        *,
        store: Store,
        catalogue: Catalogue,
        quota: QuotaRule,
        gate: PromptGate,
        clock: Clock,
        kick: Kick,
        touch: Callable[[int], None],
    ) -> None:
        self._store = store
        self._catalogue = catalogue
        self._quota = quota
        self._gate = gate
        self._clock = clock
        self._kick = kick
        self._touch = touch

    @property
    def catalogue(self) -> Catalogue:
        """What can be asked for."""
        return self._catalogue

    async def submit(self, wish: Wish, request: Request) -> Card:
        """Reserve and queue all variants of a wish, or none; idempotent by `request.id`.

        Raises BadOptionError, UnsafePromptError, OverQuotaError or StorageError; nothing was
        charged then.
        """
        orders = (self._catalogue.order(wish, self._gate.admit(wish.prompt)),) * wish.count
        drafts = [
            Draft(order=order, seed=_seed(request.id, variant))
            for variant, order in enumerate(orders)
        ]
        jobs = await self._store.accept(
            request,
            drafts,
            lambda books: self._quota.check(books, request.user_id, orders, request.created_at),
        )
        for job in jobs:
            self._kick(Kind.SUBMIT, job.id)
        try:
            return await self._card(request, jobs)
        except StorageError as error:
            # Accepted is accepted: a refusal now would be a lie.
            _log.warning("card of request %s from memory: %s", request.id, error)
            label = self._catalogue.label
            statuses = [
                JobStatus(job=job, model_label=label(job.order.provider, job.order.model))
                for job in jobs
            ]
            return Card(request=request, statuses=tuple(statuses))

    async def card_sent(self, request_id: int, message_id: int) -> None:
        """Note which message is the request's card, so that it is kept up to date.

        Never raises: the job is on its way, with or without a card.
        """
        try:
            await self._store.set_card(request_id, message_id)
        except StorageError as error:
            _log.warning("the card of request %s stays as it is: %s", request_id, error)
        else:
            self._touch(request_id)

    async def card(self, request_id: int) -> Card | None:
        """Return a request's card as it should look now."""
        request = await self._store.request(request_id)
        if request is None:
            return None
        return await self._card(request, await self._store.jobs_of(request_id))

    async def status(self, job_id: str, viewer: Viewer) -> JobStatus:
        """Return one job in detail: the viewer's own, or any of the server for a moderator.

        Raises NotYoursError, or NoSuchJobError, also for a job of another server.
        """
        return await self._status(await self._seen(job_id, viewer))

    async def running(self, viewer: Viewer) -> tuple[JobStatus, ...]:
        """Return the viewer's own open jobs, oldest first, wherever they were asked for."""
        jobs = await self._store.open_jobs(viewer.user_id)
        return tuple([await self._status(job) for job in jobs])

    async def recent(self, viewer: Viewer, limit: int = 25) -> tuple[Job, ...]:
        """Return the viewer's latest jobs in this place, newest first."""
        return await self._store.recent_jobs(viewer.user_id, viewer.guild_id, limit)

    async def cancel(self, job_id: str, viewer: Viewer) -> Job:
        """Cancel a job; at once while it waits, as soon as the provider answers otherwise.

        Returns the job as it is now: CANCELLED, or open with `cancel_requested_at` set.
        Raises NoSuchJobError, NotYoursError, or TooLateError, also for a render whose provider
        can't stop it: it is paid for, so its clip comes.
        """
        job = await self._seen(job_id, viewer)
        if job.user_id != viewer.user_id and not viewer.is_moderator:
            raise NotYoursError(f"`{job.id}` belongs to somebody else.")
        if job.state not in _CANCELLABLE:
            raise TooLateError(_too_late(job))
        if job.state is State.RENDERING and not self._catalogue.can_cancel(job.order.provider):
            raise TooLateError(
                f"`{job.id}` is being rendered, and this video service can't stop a render that it "
                "has begun. It will be posted when it is ready."
            )
        now = self._clock.now()
        if job.state is State.QUEUED:
            done = await self._store.move(job, State.CANCELLED, now, close=EntryKind.REFUND)
            if done is not None:
                self._touch(job.request_id)
                return done
        asked = await self._store.request_cancel(job, now)
        if asked is None:
            raise TooLateError(_too_late(job))
        self._touch(job.request_id)
        kind, subject = (
            (Kind.POLL, asked.order.provider)
            if asked.state is State.RENDERING
            else (Kind.SUBMIT, asked.id)
        )
        self._kick(kind, subject)
        return asked

    async def cancel_all(self, request_id: int, viewer: Viewer) -> tuple[Job, ...]:
        """Cancel what can be of a request's jobs, as `cancel` does; returns them as they are now.

        Raises TooLateError when nothing is left to cancel, else as `cancel`.
        """
        jobs = await self._store.jobs_of(request_id)
        left = [job for job in jobs if job.state in _CANCELLABLE]
        if not left:
            raise TooLateError("Nothing here is left to cancel.")
        now: list[Job] = []
        late: TooLateError | None = None
        for job in left:
            try:
                now.append(await self.cancel(job.id, viewer))
            except TooLateError as error:
                late = error
        if late is not None and not now:
            raise late
        return tuple(now)

    async def fetch(self, job_id: str, viewer: Viewer, place: Place) -> Job:
        """Have a kept clip posted at `place`; only for its owner.

        Raises NoSuchJobError, NotYoursError, TooLateError when it is not kept (any more), or
        ClipTooLargeError when it may not be uploaded there either.
        """
        job = await self._seen(job_id, viewer)
        if job.user_id != viewer.user_id:
            raise NotYoursError(f"`{job.id}` belongs to somebody else.")
        clip = await self._store.clip(job.id)
        if job.state is not State.KEPT or clip is None:
            raise TooLateError(f"There is nothing to fetch for `{job.id}`.")
        if clip.size_bytes > place.upload_limit_bytes:
            raise too_large(clip.size_bytes, place.upload_limit_bytes)
        moved = await self._store.repost(job, place, self._clock.now())
        if moved is None:
            raise TooLateError(f"`{job.id}` is on its way already.")
        self._touch(job.request_id)
        self._kick(Kind.DELIVER, job.id)
        return moved

    async def quota(self, viewer: Viewer) -> tuple[Reading, ...]:
        """Return each limit that applies to the viewer and what is used of it."""
        return await self._quota.readings(self._store, viewer.user_id, self._clock.now())

    async def _seen(self, job_id: str, viewer: Viewer) -> Job:
        job = await self._store.job(job_id.strip())
        if job is None:
            raise NoSuchJobError(job_id)
        own = job.user_id == viewer.user_id
        here = viewer.guild_id is not None and job.place.guild_id == viewer.guild_id
        if own or (here and viewer.is_moderator):
            return job
        if here:
            raise NotYoursError(f"`{job.id}` belongs to somebody else.")
        raise NoSuchJobError(job_id)

    async def _card(self, request: Request, jobs: tuple[Job, ...]) -> Card:
        return Card(request=request, statuses=tuple([await self._status(job) for job in jobs]))

    async def _status(self, job: Job) -> JobStatus:
        order = job.order
        ready_at = None
        if job.state is State.RENDERING and job.submitted_at is not None:
            durations_s = await self._store.durations_s(
                order.provider, order.model, order.seconds, order.size, 50
            )
            whole_s = expected_s(durations_s)
            if whole_s is not None:
                expected_at = job.submitted_at + timedelta(seconds=whole_s)
                # A time that has passed is no promise.
                ready_at = expected_at if expected_at > self._clock.now() else None
        return JobStatus(
            job=job,
            model_label=self._catalogue.label(order.provider, order.model),
            ahead=await self._store.position(job) if job.state is State.QUEUED else None,
            ready_at=ready_at,
            # Not asked for before there can be one: each look waits its turn at the database.
            clip=await self._store.clip(job.id) if job.state in _HAS_CLIP else None,
        )


def _seed(request_id: int, variant: int) -> int:
    """Return a seed that a redelivered interaction finds again; differs between variants."""
    digest = hashlib.sha256(f"{request_id}:{variant}".encode()).digest()
    return int.from_bytes(digest[:4]) & 0x7FFF_FFFF


def _too_late(job: Job) -> str:
    match job.state:
        case State.CANCELLED:
            return f"`{job.id}` is cancelled already."
        case State.FAILED:
            return f"`{job.id}` has failed already; nothing was charged."
        case State.DONE | State.KEPT:
            return f"`{job.id}` is finished already."
        case _:
            return f"`{job.id}` is rendered already and about to be posted."
