"""What commands can do with jobs: submit, show, cancel, fetch. Nothing waits for a provider."""

import contextlib
import logging
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TypeAlias

from bot.errors import (
    NoSuchJobError,
    NotYoursError,
    OverBotBudgetError,
    OverBudgetError,
    SlowedDownError,
    StorageError,
    TooLateError,
)
from bot.jobs.catalogue import Catalogue, ClipOptions
from bot.jobs.deliver import clip_too_large
from bot.jobs.guild_settings_cache import StaleSettingsError
from bot.jobs.library import Library
from bot.jobs.moderation import ModerationService
from bot.jobs.ordering import Ordering
from bot.jobs.ports import JobStatus, StatusCard, TaskKind
from bot.jobs.provider_admin import ProviderAdmin
from bot.jobs.recent_orders import RecentOrders
from bot.jobs.worker_context import WorkerContext
from bot.model import CANCELLABLE_STATES, EntryKind, Job, Place, RenderSpec, Request, State, Viewer
from bot.quota.quota_status import QuotaStatus
from bot.quota.sentences import refusals_notice
from bot.storage.base import LedgerReader, NewJob

_log = logging.getLogger(__name__)
#: How often a request is resolved, when the guild's settings change meanwhile.
_MAX_TRIES = 3
_MakeJobs: TypeAlias = Callable[[Viewer, Request], Awaitable[Sequence[NewJob]]]


class JobService:
    """What members can do with jobs.

    A method that refuses raises a RefusedError, whose text the member reads, and charges nothing.
    """

    def __init__(
        self,
        ctx: WorkerContext,
        *,
        library: Library,
        ordering: Ordering,
        moderation: ModerationService,
        provider_admin: ProviderAdmin,
    ) -> None:
        #: What members can do with finished clips.
        self.library = library
        #: What moderators can do, and what they can do with providers.
        self.moderation = moderation
        self.provider_admin = provider_admin
        #: All offers of the configured providers.
        self.catalogue: Catalogue = ctx.catalogue
        self._ordering = ordering
        self._ctx = ctx
        self._store = ctx.store
        self._status_reader = ctx.status_reader
        self._recent_orders = RecentOrders(ctx.clock)

    def request(self, interaction_id: int, user_id: int, place: Place) -> Request:
        """Return a request made now; `interaction_id` may also be a message's id."""
        return Request(id=interaction_id, user_id=user_id, place=place, created_at=self._ctx.now())

    async def catalogue_for(self, viewer: Viewer) -> Catalogue:
        """Return the offers of the viewer's guild."""
        return await self._ordering.catalogue_for(viewer.guild_id)

    async def submit(self, options: ClipOptions, viewer: Viewer, request: Request) -> StatusCard:
        """Reserve and queue all variants of a new clip, or none; idempotent by request id."""
        return await self._accept(partial(self._ordering.generate, options), viewer, request)

    async def remix(
        self, clip_id: str, options: ClipOptions, viewer: Viewer, request: Request
    ) -> StatusCard:
        """Queue a clip's remix, which the viewer pays for and owns; idempotent by request id.

        `options.prompt` describes the change; where another option is None, the parent's holds.
        """
        make_jobs = partial(self._ordering.remix, clip_id, options)
        return await self._accept_once(make_jobs, ("remix", clip_id, options), viewer, request)

    async def extend(
        self, clip_id: str, words: str | None, viewer: Viewer, request: Request
    ) -> StatusCard:
        """Queue a clip's extension with `words`, or with its own prompt if None; idempotent."""
        make_jobs = partial(self._ordering.extend, clip_id, words)
        return await self._accept_once(make_jobs, ("extend", clip_id, words), viewer, request)

    async def repeat(self, clip_id: str, viewer: Viewer, request: Request) -> StatusCard:
        """Queue a clip once more, with another seed; idempotent by request id.

        A remix or extension starts from its parent again. Where the parent is deleted, a remix is
        made from its prompt alone.
        """
        make_jobs = partial(self._ordering.repeat, clip_id)
        return await self._accept_once(make_jobs, ("repeat", clip_id), viewer, request)

    async def _accept_once(
        self, make_jobs: _MakeJobs, order: tuple[Hashable, ...], viewer: Viewer, request: Request
    ) -> StatusCard:
        """Accept an order about a clip, unless the same member has just given the same one."""
        order = (viewer.user_id, *order)

        async def make_once(viewer: Viewer, request: Request) -> Sequence[NewJob]:
            # After the check of access: who lost it reads about that.
            new_jobs = await make_jobs(viewer, request)
            self._recent_orders.add(order, request.id)
            return new_jobs

        try:
            return await self._accept(make_once, viewer, request)
        except BaseException:
            self._recent_orders.remove(order, request.id)
            raise

    async def _accept(self, make_jobs: _MakeJobs, viewer: Viewer, request: Request) -> StatusCard:
        request = replace(request, role_ids=viewer.role_ids)
        try:
            jobs = await self._reserve(make_jobs, viewer, request)
        except OverBudgetError:
            await self._ctx.budget_monitor.check(request.place.guild_id, refused=True)
            raise
        except OverBotBudgetError as error:
            _log.warning("%s is used up: an order was refused", error.variable)
            raise
        except SlowedDownError:
            await self._notify_of_refusals(viewer)
            raise
        for job in jobs:
            self._ctx.wake(TaskKind.SUBMIT, job.id)
        try:
            return await self._status_reader.read_card(request, jobs)
        except StorageError as error:
            # The jobs are accepted, so the member must not read this error as a refusal.
            _log.warning("card of request %s from memory: %s", request.id, error)
            statuses = tuple(self._status_reader.from_memory(job) for job in jobs)
            return StatusCard(request=request, statuses=statuses)

    async def _notify_of_refusals(self, viewer: Viewer) -> None:
        """Tell moderators, once a day in the log channel, whose orders keep being refused."""
        _log.warning("member %d keeps ordering what providers refuse", viewer.user_id)
        try:
            settings = await self._ctx.settings_cache.settings(viewer.guild_id)
            if settings.log_channel_id is not None:
                await self._ctx.outbox.notify(
                    settings.log_channel_id,
                    refusals_notice(viewer.user_id),
                    self._ctx.now(),
                    key=f"refusals of {viewer.user_id} in {viewer.guild_id}",
                    again_after=timedelta(days=1),
                )
        except StorageError as error:
            _log.warning("moderators of guild %s not told: %s", viewer.guild_id, error)

    async def _reserve(
        self, make_jobs: _MakeJobs, viewer: Viewer, request: Request
    ) -> tuple[Job, ...]:
        """Accept the jobs of `make_jobs`; make them anew if the guild's settings have changed."""
        for _ in range(_MAX_TRIES):
            new_jobs = await make_jobs(viewer, request)
            specs = [each.spec for each in new_jobs]

            def check(ledger: LedgerReader, specs: Sequence[RenderSpec] = specs) -> None:
                self._ctx.settings_cache.check_current(ledger, viewer.guild_id)
                self._ctx.quota.check(ledger, viewer, specs, request.created_at)

            with contextlib.suppress(StaleSettingsError):
                return await self._store.accept(request, new_jobs, check)
        raise StorageError("the guild's settings changed at every try")

    async def check_budget(self, request: Request) -> None:
        """Warn moderators if an accepted request used up their budget; never raises."""
        await self._ctx.budget_monitor.check(request.place.guild_id)

    async def card_sent(self, request_id: int, message_id: int) -> None:
        """Store which message is a request's status card, so that edits begin; never raises."""
        try:
            await self._store.set_card(request_id, message_id)
        except StorageError as error:
            _log.warning("the card of request %s stays as it is: %s", request_id, error)
        else:
            self._ctx.status_cards.mark_dirty(request_id)

    async def status(self, job_id: str, viewer: Viewer) -> JobStatus:
        """Return the status of the viewer's own job, or for a moderator of any job of the guild."""
        return await self._status_reader.read(await self._visible_job(job_id, viewer))

    async def running(self, viewer: Viewer) -> tuple[JobStatus, ...]:
        """Return the statuses of the viewer's own open jobs in all guilds, oldest first."""
        jobs = await self._store.open_jobs(viewer.user_id)
        return tuple([await self._status_reader.read(job) for job in jobs])

    async def recent(self, viewer: Viewer, limit: int = 25) -> tuple[Job, ...]:
        """Return the viewer's latest jobs in this place, newest first; no deleted ones."""
        jobs = await self._store.recent_jobs(viewer.user_id, viewer.guild_id, limit)
        return tuple(job for job in jobs if job.deleted_at is None)

    async def cancel(self, job_id: str, viewer: Viewer) -> Job:
        """Cancel a job: at once in QUEUED, else when the provider has answered.

        Returns the job as CANCELLED, or open with `cancel_requested_at` set. Raises TooLateError
        also for a render that its provider can't stop: it is paid for, so the clip is posted.
        """
        job = await self._visible_job(job_id, viewer)
        if job.state not in CANCELLABLE_STATES:
            raise TooLateError(_too_late_text(job))
        if job.state is State.RENDERING and not self.catalogue.can_cancel(job.spec.provider):
            raise TooLateError(
                f"`{job.id}` is being rendered, and this video service can't stop a render that it "
                "has begun. It will be posted when it is ready."
            )
        now = self._ctx.now()
        if job.user_id != viewer.user_id:
            # The audit log comes first, so that no job is cancelled without an entry.
            requested = await self._store.request_cancel(job, now, by_moderator=viewer.user_id)
            if requested is None:
                return await self._already_cancelled(job)
        if job.state is State.QUEUED:
            done = await self._store.move(job, State.CANCELLED, now, close=EntryKind.REFUND)
            if done is not None:
                self._ctx.status_cards.mark_dirty(job.request_id)
                return done
        requested = await self._store.request_cancel(job, now)
        if requested is None:
            return await self._already_cancelled(job)
        self._ctx.status_cards.mark_dirty(job.request_id)
        if requested.state is State.RENDERING:
            self._ctx.wake(TaskKind.POLL, requested.spec.provider)
        else:
            self._ctx.wake(TaskKind.SUBMIT, requested.id)
        return requested

    async def _already_cancelled(self, seen: Job) -> Job:
        """Return a job that was cancelled meanwhile; raise TooLateError for another end."""
        now = await self._store.job(seen.id) or seen
        if now.state is not State.CANCELLED:
            raise TooLateError(_too_late_text(now))
        return now

    async def cancel_all(self, request_id: int, viewer: Viewer) -> tuple[Job, ...]:
        """Cancel a request's jobs that can be cancelled; return them, TooLateError for none."""
        jobs = await self._store.jobs_of(request_id)
        left = [job for job in jobs if job.state in CANCELLABLE_STATES]
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
        """Have the viewer's own kept clip posted at `place`; ClipTooLargeError if it can't be."""
        job = await self._visible_job(job_id, viewer)
        if job.user_id != viewer.user_id:
            raise NotYoursError(f"`{job.id}` belongs to somebody else.")
        if job.place.guild_id != place.guild_id:
            raise TooLateError(f"`{job.id}` can be posted in the server where it was asked for.")
        await self._ordering.check_place(viewer)
        clip = await self._store.clip(job.id)
        if job.state is not State.KEPT or clip is None:
            raise TooLateError(f"There is nothing to fetch for `{job.id}`.")
        if clip.size_bytes > place.upload_limit_bytes:
            raise clip_too_large(clip.size_bytes, place.upload_limit_bytes)
        moved = await self._store.repost(job, place, self._ctx.now())
        if moved is None:
            raise TooLateError(f"`{job.id}` is on its way already.")
        self._ctx.status_cards.mark_dirty(job.request_id)
        self._ctx.wake(TaskKind.DELIVER, job.id)
        return moved

    async def quota_status(self, viewer: Viewer) -> QuotaStatus:
        """Return the limits that apply to the viewer in this guild, and what is used of them."""
        now, quota = self._ctx.now(), self._ctx.quota
        return await self._store.read_ledger(lambda ledger: quota.status(ledger, viewer, now))

    async def _visible_job(self, job_id: str, viewer: Viewer) -> Job:
        job = await self._store.job(job_id.strip())
        if job is None or job.deleted_at is not None:
            raise NoSuchJobError(job_id)
        own = job.user_id == viewer.user_id
        here = viewer.guild_id is not None and job.place.guild_id == viewer.guild_id
        if own or (here and viewer.is_moderator):
            return job
        if here:
            raise NotYoursError(f"`{job.id}` belongs to somebody else.")
        raise NoSuchJobError(job_id)


def _too_late_text(job: Job) -> str:
    match job.state:
        case State.CANCELLED:
            return f"`{job.id}` is cancelled already."
        case State.FAILED:
            back = "; nothing was charged" if job.refunded else ""
            return f"`{job.id}` has failed already{back}."
        case State.DONE | State.KEPT:
            return f"`{job.id}` is finished already."
        case _:
            return f"`{job.id}` is rendered already and about to be posted."
