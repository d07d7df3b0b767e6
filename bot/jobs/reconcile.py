"""The idempotent coroutines that move jobs: submit, poll, deliver, and the reconcile loop's step.

Each coroutine reads the job's row first, so an extra call finds nothing to do; `reconcile` makes up
for a call that was lost.
"""

import asyncio
import logging
from dataclasses import astuple
from datetime import datetime, timedelta
from weakref import WeakValueDictionary

from bot.errors import NoProviderError
from bot.jobs.deliver import deliver
from bot.jobs.failover import fail_over
from bot.jobs.outbox import notify, run_outbox_message
from bot.jobs.poll import poll
from bot.jobs.ports import TaskKind
from bot.jobs.recover import recover
from bot.jobs.status_cards import LONG_DOWNTIME
from bot.jobs.submit import accept_answer, submit
from bot.jobs.timings import poll_gap_s
from bot.jobs.worker_context import WorkerContext
from bot.model import Job, State
from bot.obs.log import job_log_context
from bot.providers.base import Provider, RenderState, RenderStatus
from bot.storage.outbox import OutboxKind

_log = logging.getLogger(__name__)
_BATCH_SIZE = 500
_IN_DELIVERY = frozenset({State.DOWNLOADING, State.FITTING, State.POSTING})
#: Jobs that have not ended.
_OPEN = tuple(state for state in State if not state.is_final)
#: Jobs in these states get a coroutine each; renders are polled together, by provider.
_ONE_BY_ONE = (State.SUBMITTING, *_IN_DELIVERY)


class Reconciler:
    """The coroutines that move jobs; `reconcile` finds which are due and wakes them."""

    def __init__(self, ctx: WorkerContext) -> None:
        self._ctx = ctx
        self._store = ctx.store
        self._wake = ctx.wake
        # Only deliveries take these slots, so that a slow upload never delays a render.
        self._delivery_slots = asyncio.Semaphore(ctx.timings.delivery_concurrency)
        #: A lock a request: its variants are posted one at a time, into one message.
        self._message_locks: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()
        #: For each provider being polled: the renders that `poll_now` was called for meanwhile.
        self._poll_again: dict[str, set[str]] = {}

    async def submit(self, job_id: str) -> None:
        """Make the paid call for a QUEUED job, or find the outcome of a SUBMITTING job's call."""
        job = await self._store.job(job_id)
        if job is not None and job.state is State.QUEUED:
            await submit(self._ctx, job)
        elif job is not None and job.state is State.SUBMITTING:
            await recover(self._ctx, job)

    async def deliver(self, job_id: str) -> None:
        """Download, archive and post a rendered job's clip."""
        async with self._delivery_slots:
            job = await self._store.job(job_id)
            if job is not None and job.state in _IN_DELIVERY and not self._is_backing_off(job):
                await deliver(self._ctx, job, self._message_lock(job))

    def _is_backing_off(self, job: Job) -> bool:
        return job.attempts > 0 and job.due_at is not None and job.due_at > self._ctx.now()

    async def run_outbox_message(self, message_id: str) -> None:
        """Do what an outbox message says: mirror or remove a final job's clip, or notify."""
        message = await self._ctx.outbox.get(int(message_id))
        if message is None or message.due_at > self._ctx.now():
            return
        if message.kind is OutboxKind.NOTIFY:
            await notify(self._ctx, message)
            return
        job = await self._store.job(message.job_id or "")
        if job is not None:
            async with self._delivery_slots:
                with job_log_context(job.id):
                    await run_outbox_message(self._ctx, message, job, self._message_lock(job))

    def _message_lock(self, job: Job) -> asyncio.Lock:
        return self._message_locks.setdefault(job.request_id, asyncio.Lock())

    async def poll(self, provider_name: str) -> None:
        """Poll one provider for all of its due renders; unlike `reconcile`, wait for the answer."""
        provider = self._ctx.providers.get(provider_name)
        if provider is None:
            return
        running = await self._store.slots_taken(provider_name)
        gap_s = poll_gap_s(running, provider.capabilities(), self._ctx.timings)
        due = await self._due_renders(provider, gap_s)
        self._poll_again[provider_name] = poll_again = set[str]()
        try:
            await poll(self._ctx, provider, due, gap_s)
        finally:
            self._poll_again.pop(provider_name, None)
            # The answers may be older than the calls of `poll_now`, and have put off the next poll.
            for remote_id in poll_again:
                await self.poll_now(provider_name, remote_id)

    async def reconcile(self) -> datetime | None:
        """Wake the coroutine of all that is due; return when the next row is due, None for never.

        The method never waits for a provider or for Discord, so that neither can delay it.
        """
        now = self._ctx.now()
        # Most passes find little, so only what is due is read.
        first_at = await self._store.next_due_at(_OPEN)
        due = {state for state, at in first_at.items() if at <= now}
        if not due.isdisjoint(_ONE_BY_ONE):
            for job in await self._store.due(now, _ONE_BY_ONE, _BATCH_SIZE):
                kind = TaskKind.SUBMIT if job.state is State.SUBMITTING else TaskKind.DELIVER
                self._wake(kind, job.id)
        if State.RENDERING in due:
            await self._wake_polls(now)
        # A job submitted now is downloaded soon: without disk space nothing is submitted.
        has_space = await self._ctx.disk_space.allows_download()
        if State.QUEUED in due and has_space:
            await self._wake_queue(now)
        outbox_at = await self._ctx.outbox.next_due_at()
        if outbox_at is not None and outbox_at <= now:
            for message in await self._ctx.outbox.due(now, _BATCH_SIZE):
                self._wake(TaskKind.OUTBOX, str(message.id))
        # Queued jobs don't count: they wait for a slot, and freeing a slot wakes the scheduler.
        nexts = [at for state, at in first_at.items() if state is not State.QUEUED]
        return min([*nexts, outbox_at] if outbox_at is not None else nexts, default=None)

    async def _wake_polls(self, now: datetime) -> None:
        for name in await self._store.providers_due(now):
            if name in self._ctx.providers:
                self._wake(TaskKind.POLL, name)
            else:
                for job in await self._store.renders_due(name, now, _BATCH_SIZE):
                    await self._handle_unconfigured(job)

    async def _wake_queue(self, now: datetime) -> None:
        for name, provider in self._ctx.providers.items():
            most = provider.capabilities().max_concurrent
            if not self._ctx.health.takes_work(name):
                most = _BATCH_SIZE  # `submit` moves them to another provider
            for job in await self._store.waiting(name, now, max_concurrent=most):
                self._wake(TaskKind.SUBMIT, job.id)

    async def refresh(self) -> bool:
        """Ask each provider's API again what it can do; return whether each has a model."""
        providers = self._ctx.providers.values()
        await asyncio.gather(*(each.refresh() for each in providers), return_exceptions=True)
        return all(each.capabilities().models for each in providers)

    async def poll_now(self, provider_name: str, remote_id: str) -> None:
        """Poll for one render now, because its provider's webhook said it changed; idempotent."""
        if provider_name in self._poll_again:
            self._poll_again[provider_name].add(remote_id)
        now = self._ctx.now()
        if await self._store.poll_now(provider_name, remote_id, now):
            self._wake(TaskKind.POLL, provider_name)

    async def resume(self) -> None:
        """Continue the jobs that the last process left open; called once, before any other step.

        Deliveries go on at once: the nonce prevents a second message while a post of the last
        process may still arrive. A clip that is added to a message has no nonce, and waits until
        no such post can arrive. Cards of jobs that ended shortly before are edited again.
        """
        await self._store_written_down()
        left = await self._store.open_jobs()
        if not await self._store.finished_since(self._ctx.now() - LONG_DOWNTIME):
            self._ctx.status_cards.mark_interrupted(left)
        await self._extend_deadlines()
        lately = self._ctx.after(-self._ctx.timings.card_max_age_s)
        for request_id in await self._store.finished_since(lately):
            self._ctx.status_cards.mark_dirty(request_id)
        for job in left:
            self._ctx.status_cards.mark_dirty(job.request_id)
            if job.state in _IN_DELIVERY:
                self._wake(TaskKind.DELIVER, job.id)
            elif job.state is State.QUEUED and job.spec.provider not in self._ctx.providers:
                await self._handle_unconfigured(job)

    async def _store_written_down(self) -> None:
        """Bring jobs to RENDERING whose paid renders the last process could only write down."""
        ctx = self._ctx
        for each in await ctx.render_journal.read():
            job = await ctx.store.job(each.job_id)
            provider = ctx.providers.get(each.provider)
            if job is not None and job.state is State.SUBMITTING:
                _log.warning("job %s: %s rendered %s, which was not stored", *astuple(each))
                if provider is None or each.provider != job.spec.provider:
                    continue
                render = RenderStatus(id=each.remote_id, state=RenderState.QUEUED)
                await accept_answer(ctx, provider, job, render)
            await ctx.render_journal.remove(each.job_id)

    async def _extend_deadlines(self) -> None:
        """Extend deadlines after a restart, so that a clock jump in the downtime can't expire jobs.

        A create of the last process may still arrive: the wait for it starts again.
        """
        ctx = self._ctx
        await ctx.store.defer_uncertain_posts(ctx.now(), ctx.after(ctx.timings.post_quiet_s))
        for name, provider in ctx.providers.items():
            can, timings = provider.capabilities(), ctx.timings
            quiet_s = 0.0 if can.submit_is_idempotent else timings.create_s + timings.quiet_s
            await self._store.extend_deadlines(
                name, deadline_at=ctx.after(can.deadline_s), quiet_until=ctx.after(quiet_s)
            )

    async def _due_renders(self, provider: Provider, gap_s: float) -> tuple[Job, ...]:
        """Return the renders to poll; where the provider can list, also those due within `gap_s`.

        One list answers for all of them, so that they fall due together from then on. Returns
        nothing when no render is due, as after a wake during the poll that dealt with it.
        """
        now = horizon = self._ctx.now()
        capabilities = provider.capabilities()
        if capabilities.can_list and not capabilities.polls_are_free:
            horizon += timedelta(seconds=gap_s)
        due = await self._store.renders_due(provider.name, horizon, _BATCH_SIZE)
        return due if due and due[0].due_at is not None and due[0].due_at <= now else ()

    async def _handle_unconfigured(self, job: Job) -> None:
        ctx = self._ctx
        with job_log_context(job.id):
            if job.state is State.QUEUED and await fail_over(ctx, job):
                return
            if job.state is State.QUEUED or ctx.is_late(job):
                error = NoProviderError("The video service for this was switched off.")
                await ctx.fail(job, error)
                return
            _log.error("provider %r is not configured; its render waits", job.spec.provider)
            later = ctx.after(ctx.timings.not_found_gap_s)
            await self._store.update(job, due_at=later)
