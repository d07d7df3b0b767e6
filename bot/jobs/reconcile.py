"""The three idempotent coroutines that carry a job, and nothing else does: submit, sweep, deliver.

They know nothing of who calls them or how often. Each takes the job's row as the truth, so a call
too many finds nothing to do and a lost call is made up for by the next sweep.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime, timedelta
from weakref import WeakValueDictionary

from bot.errors import NoProviderError
from bot.jobs.deliver import deliver
from bot.jobs.failover import fail_over
from bot.jobs.finish import fail
from bot.jobs.outbox import notify, run_outbox_message
from bot.jobs.poll import poll
from bot.jobs.ports import TaskKind, Wake
from bot.jobs.recover import recover
from bot.jobs.status_cards import LONG_DOWNTIME
from bot.jobs.submit import submit
from bot.jobs.timings import poll_gap_s
from bot.jobs.worker_context import WorkerContext
from bot.model import Job, State
from bot.obs.log import job_log_context
from bot.providers.base import Provider
from bot.storage.outbox import OutboxKind

_log = logging.getLogger(__name__)
_BATCH_SIZE = 500
_IN_DELIVERY = frozenset({State.DOWNLOADING, State.FITTING, State.POSTING})
#: Open, and not waiting for a slot.
_UNDER_WAY = tuple(s for s in State if not s.is_final and s is not State.QUEUED)
#: Those that are looked at one by one; renders are asked for in rounds.
_ONE_BY_ONE = (State.SUBMITTING, *_IN_DELIVERY)


class Reconciler:
    """The coroutines, over one set of tools.

    kick  starts one of them early: `reconcile` decides what is due and lets `kick` run it.
    """

    def __init__(self, context: WorkerContext, wake: Wake) -> None:
        self._context = context
        self._wake = wake
        # Delivery has a lane of its own: a slow upload never holds up a render.
        self._delivery_slots = asyncio.Semaphore(context.timings.delivery_concurrency)
        #: By request: its variants are posted one after the other, into one message.
        self._message_locks: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()
        #: By provider that is being asked: the renders of which it said meanwhile that they moved.
        self._poll_again: dict[str, set[str]] = {}

    async def submit(self, job_id: str) -> None:
        """Make the paid call for a queued job, or look for one whose outcome is unknown."""
        job = await self._context.store.job(job_id)
        if job is not None and job.state is State.QUEUED:
            await submit(self._context, job)
        elif job is not None and job.state is State.SUBMITTING:
            await recover(self._context, job)

    async def deliver(self, job_id: str) -> None:
        """Download, archive and post a rendered job's clip."""
        async with self._delivery_slots:
            job = await self._context.store.job(job_id)
            if job is not None and job.state in _IN_DELIVERY and not self._is_backing_off(job):
                await deliver(self._context, job, self._message_lock(job))

    def _is_backing_off(self, job: Job) -> bool:
        """Whether a step that failed shall rest still: a kick may have come while it was tried."""
        return (
            job.attempts > 0 and job.due_at is not None and job.due_at > self._context.clock.now()
        )

    async def run_outbox_message(self, message_id: str) -> None:
        """Do what remains to be done about a final job: mirror its clip, or remove it."""
        errand = await self._context.outbox.get(int(message_id))
        if errand is None or errand.due_at > self._context.clock.now():
            return
        if errand.kind is OutboxKind.NOTIFY:
            await notify(self._context, errand)
            return
        job = await self._context.store.job(errand.job_id or "")
        if job is not None:
            async with self._delivery_slots:
                with job_log_context(job.id):
                    await run_outbox_message(self._context, errand, job, self._message_lock(job))

    def _message_lock(self, job: Job) -> asyncio.Lock:
        """Return the lock on the message that a request's clips share."""
        return self._message_locks.setdefault(job.request_id, asyncio.Lock())

    async def poll(self, provider_name: str) -> None:
        """Ask one provider about all of its due renders; the part of the sweep that waits."""
        provider = self._context.providers.get(provider_name)
        if provider is None:
            return
        running = await self._context.store.slots_taken(provider_name)
        due = await self._due_renders(provider, running)
        self._poll_again[provider_name] = told = set[str]()
        try:
            await poll(self._context, provider, due, running, self._wake)
        finally:
            self._poll_again.pop(provider_name, None)
            # The answers of this round may be older than what it was told, and have put off the next.
            for remote_id in told:
                await self.poll_now(provider_name, remote_id)

    async def reconcile(self) -> datetime | None:
        """Kick whatever is due or was forgotten; return when to sweep again, None for whenever.

        Never waits for a provider or for chat, so that nothing can hold it up.
        """
        store, kick = self._context.store, self._wake
        now = self._context.clock.now()
        for job in await store.due(now, _ONE_BY_ONE, _BATCH_SIZE):
            kick(TaskKind.SUBMIT if job.state is State.SUBMITTING else TaskKind.DELIVER, job.id)
        for name in await store.providers_due(now):
            if name in self._context.providers:
                kick(TaskKind.POLL, name)
            else:
                for job in await store.renders_due(name, now, _BATCH_SIZE):
                    await self._handle_unconfigured(job)
        # What is paid for now must come down soon: without room for that, nothing is sent off.
        has_room = await self._context.disk_space.allows_download()
        for name, provider in self._context.providers.items() if has_room else ():
            most = provider.capabilities().max_concurrent
            if not self._context.health.takes_work(name):
                most = _BATCH_SIZE  # they are not sent there, but on
            for job in await store.waiting(name, now, max_concurrent=most):
                kick(TaskKind.SUBMIT, job.id)
        for errand in await self._context.outbox.due(now, _BATCH_SIZE):
            kick(TaskKind.OUTBOX, str(errand.id))
        nexts = (
            await store.next_due_at(_UNDER_WAY),
            await self._context.outbox.next_due_at(),
        )
        return min((each for each in nexts if each is not None), default=None)

    async def refresh(self) -> bool:
        """Let every provider learn anew what it can do; return whether each knows of a model.

        Idempotent, never raises.
        """
        providers = self._context.providers.values()
        await asyncio.gather(*(each.refresh() for each in providers), return_exceptions=True)
        return all(each.capabilities().models for each in providers)

    async def poll_now(self, provider_name: str, remote_id: str) -> None:
        """Ask for one render now: its provider says that there is something to see. Idempotent."""
        if provider_name in self._poll_again:
            self._poll_again[provider_name].add(remote_id)
        now = self._context.clock.now()
        if await self._context.store.poll_now(provider_name, remote_id, now):
            self._wake(TaskKind.POLL, provider_name)

    async def resume(self) -> None:
        """Take up what the last process left open; called once, at the start of the only process.

        Deliveries go on at once: nobody else can have them in hand, and a nonce holds off a post
        that is on its way. Variants wait for it: to join a message has none. Cards of jobs that
        ended just before are made true too: their last edit may be missing.
        """
        left = await self._context.store.open_jobs()
        if not await self._context.store.finished_since(self._context.clock.now() - LONG_DOWNTIME):
            self._context.status_cards.mark_interrupted(left)
        await self._extend_deadlines()
        lately = self._context.after(-self._context.timings.card_max_age_s)
        for request_id in await self._context.store.finished_since(lately):
            self._context.status_cards.mark_dirty(request_id)
        for job in left:
            self._context.status_cards.mark_dirty(job.request_id)
            if job.state in _IN_DELIVERY:
                self._wake(TaskKind.DELIVER, job.id)
            elif job.state is State.QUEUED and job.spec.provider not in self._context.providers:
                await self._handle_unconfigured(job)

    async def _extend_deadlines(self) -> None:
        """Let no clock that was put forward while nobody looked end a job before its time.

        What the last process ordered may be on its way still: the time in which it must land is
        counted anew. Renders under way have their whole time again.
        """
        context = self._context
        await context.store.defer_uncertain_posts(
            context.clock.now(), context.after(context.timings.post_quiet_s)
        )
        for name, provider in context.providers.items():
            can = provider.capabilities()
            quiet_s = context.timings.create_s + context.timings.quiet_s
            quiet_s = 0.0 if can.submit_is_idempotent else quiet_s
            await context.store.extend_deadlines(
                name, deadline_at=context.after(can.deadline_s), quiet_until=context.after(quiet_s)
            )

    async def _due_renders(self, provider: Provider, running: int) -> list[Job]:
        """Return the provider's renders that are due, or will be within a gap where it can list.

        One look at a list answers for all of them, so they are made to fall due together. None
        while not one is due: a kick that came during a round finds that it has been asked for.
        """
        now = horizon = self._context.clock.now()
        capabilities = provider.capabilities()
        if capabilities.can_list and not capabilities.polls_are_free:
            horizon += timedelta(seconds=poll_gap_s(running, capabilities, self._context.timings))
        due = await self._context.store.renders_due(provider.name, horizon, _BATCH_SIZE)
        if not due or due[0].due_at is None or due[0].due_at > now:
            return []
        return list(due)

    async def _handle_unconfigured(self, job: Job) -> None:
        """Deal with a job whose provider the operator took out of the configuration."""
        with job_log_context(job.id):
            now = self._context.clock.now()
            over = job.deadline_at is not None and now > job.deadline_at
            if job.state is State.QUEUED and await fail_over(self._context, job):
                return
            if job.state is State.QUEUED or over:
                error = NoProviderError("The video service for this was switched off.")
                await fail(self._context, job, error)
                return
            _log.error("provider %r is not configured; its render waits", job.spec.provider)
            later = self._context.after(self._context.timings.not_found_gap_s)
            await self._context.store.update(job, due_at=later)
