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
from bot.jobs.board import LONG_AWAY
from bot.jobs.chores import run_errand, tell
from bot.jobs.delivering import deliver
from bot.jobs.endings import fail
from bot.jobs.polling import poll
from bot.jobs.ports import Kick, Kind
from bot.jobs.rehoming import rehome
from bot.jobs.schedule import poll_gap_s
from bot.jobs.submitting import submit
from bot.jobs.tools import Tools
from bot.model import Job, State
from bot.obs.log import about_job
from bot.providers.base import Provider
from bot.storage.errands import Chore

_log = logging.getLogger(__name__)
_AT_A_TIME = 500
_IN_DELIVERY = frozenset({State.DOWNLOADING, State.FITTING, State.POSTING})
_OPEN = tuple(state for state in State if not state.is_final)
#: Those that are looked at one by one; renders are asked for in rounds.
_ONE_BY_ONE = (State.SUBMITTING, *_IN_DELIVERY)


class Flow:
    """The coroutines, over one set of tools.

    kick  starts one of them early: `sweep` decides what is due and lets `kick` run it.
    """

    def __init__(self, tools: Tools, kick: Kick) -> None:
        self._tools = tools
        self._kick = kick
        # Delivery has a lane of its own: a slow upload never holds up a render.
        self._lane = asyncio.Semaphore(tools.pace.delivery_lane)
        #: By request: its variants are posted one after the other, into one message.
        self._turns: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()
        #: By provider that is being asked: the renders of which it said meanwhile that they moved.
        self._told: dict[str, set[str]] = {}

    async def submit(self, job_id: str) -> None:
        """Make the paid call for a queued job, or look for one whose outcome is unknown."""
        job = await self._tools.store.job(job_id)
        if job is not None and job.state in (State.QUEUED, State.SUBMITTING):
            await submit(self._tools, job)

    async def deliver(self, job_id: str) -> None:
        """Download, archive and post a rendered job's clip."""
        async with self._lane:
            job = await self._tools.store.job(job_id)
            if job is not None and job.state in _IN_DELIVERY and not self._was_put_off(job):
                await deliver(self._tools, job, self._turn(job))

    def _was_put_off(self, job: Job) -> bool:
        """Whether a step that failed shall rest still: a kick may have come while it was tried."""
        return job.attempts > 0 and job.due_at is not None and job.due_at > self._tools.clock.now()

    async def errand(self, number: str) -> None:
        """Do what remains to be done about a final job: mirror its clip, or remove it."""
        errand = await self._tools.errands.errand(int(number))
        if errand is None or errand.due_at > self._tools.clock.now():
            return
        if errand.chore is Chore.TELL:
            await tell(self._tools, errand)
            return
        job = await self._tools.store.job(errand.job_id or "")
        if job is not None:
            async with self._lane:
                with about_job(job.id):
                    await run_errand(self._tools, errand, job, self._turn(job))

    def _turn(self, job: Job) -> asyncio.Lock:
        """Return the lock on the message that a request's clips share."""
        return self._turns.setdefault(job.request_id, asyncio.Lock())

    async def poll(self, provider_name: str) -> None:
        """Ask one provider about all of its due renders; the part of the sweep that waits."""
        provider = self._tools.providers.get(provider_name)
        if provider is None:
            return
        running = await self._tools.store.slots_taken(provider_name)
        due = await self._due_with_neighbours(provider, running)
        self._told[provider_name] = told = set[str]()
        try:
            await poll(self._tools, provider, due, running, self._kick)
        finally:
            self._told.pop(provider_name, None)
            # The answers of this round may be older than what it was told, and have put off the next.
            for remote_id in told:
                await self.hasten(provider_name, remote_id)

    async def sweep(self) -> datetime | None:
        """Kick whatever is due or was forgotten; return when to sweep again, None for whenever.

        Never waits for a provider or for chat, so that nothing can hold it up.
        """
        store, kick = self._tools.store, self._kick
        now = self._tools.clock.now()
        # Most sweeps find little: only what is due is asked for.
        first_at = await store.next_due_at(_OPEN)
        due = {state for state, at in first_at.items() if at <= now}
        if not due.isdisjoint(_ONE_BY_ONE):
            for job in await store.due(now, _ONE_BY_ONE, _AT_A_TIME):
                kick(Kind.SUBMIT if job.state is State.SUBMITTING else Kind.DELIVER, job.id)
        if State.RENDERING in due:
            await self._sweep_renders(now)
        # What is paid for now must come down soon: without room for that, nothing is sent off.
        has_room = await self._tools.room.has_room_for_clip()
        if State.QUEUED in due and has_room:
            await self._sweep_queue(now)
        errand_at = await self._tools.errands.next_errand_at()
        if errand_at is not None and errand_at <= now:
            for errand in await self._tools.errands.errands_due(now, _AT_A_TIME):
                kick(Kind.ERRAND, str(errand.id))
        # A job in the queue waits for a slot, and whatever frees one wakes the loop.
        nexts = [at for state, at in first_at.items() if state is not State.QUEUED]
        return min([*nexts, errand_at] if errand_at is not None else nexts, default=None)

    async def _sweep_renders(self, now: datetime) -> None:
        """Kick the polls of each provider that has a render due."""
        for name in await self._tools.store.providers_due(now):
            if name in self._tools.providers:
                self._kick(Kind.POLL, name)
            else:
                for job in await self._tools.store.renders_due(name, now, _AT_A_TIME):
                    await self._orphaned(job)

    async def _sweep_queue(self, now: datetime) -> None:
        """Kick the jobs that may have a slot now."""
        for name, provider in self._tools.providers.items():
            most = provider.capabilities().max_concurrent
            if not self._tools.health.takes_work(name):
                most = _AT_A_TIME  # they are not sent there, but on
            for job in await self._tools.store.waiting(name, now, max_concurrent=most):
                self._kick(Kind.SUBMIT, job.id)

    async def refresh(self) -> bool:
        """Let every provider learn anew what it can do; return whether each knows of a model.

        Idempotent, never raises.
        """
        providers = self._tools.providers.values()
        await asyncio.gather(*(each.refresh() for each in providers), return_exceptions=True)
        return all(each.capabilities().models for each in providers)

    async def hasten(self, provider_name: str, remote_id: str) -> None:
        """Ask for one render now: its provider says that there is something to see. Idempotent."""
        if provider_name in self._told:
            self._told[provider_name].add(remote_id)
        now = self._tools.clock.now()
        if await self._tools.store.hasten(provider_name, remote_id, now):
            self._kick(Kind.POLL, provider_name)

    async def resume(self) -> None:
        """Take up what the last process left open; called once, at the start of the only process.

        Deliveries go on at once: nobody else can have them in hand, and a nonce holds off a post
        that is on its way. Variants wait for it: to join a message has none. Cards of jobs that
        ended just before are made true too: their last edit may be missing.
        """
        left = await self._tools.store.open_jobs()
        if not await self._tools.store.finished_since(self._tools.clock.now() - LONG_AWAY):
            self._tools.board.take_over(left)
        await self._reprieve()
        lately = self._tools.after(-self._tools.pace.card_life_s)
        for request_id in await self._tools.store.finished_since(lately):
            self._tools.board.touch(request_id)
        for job in left:
            self._tools.board.touch(job.request_id)
            if job.state in _IN_DELIVERY:
                self._kick(Kind.DELIVER, job.id)
            elif job.state is State.QUEUED and job.order.provider not in self._tools.providers:
                await self._orphaned(job)

    async def _reprieve(self) -> None:
        """Let no clock that was put forward while nobody looked end a job before its time.

        What the last process ordered may be on its way still: the time in which it must land is
        counted anew. Renders under way have their whole time again.
        """
        tools = self._tools
        await tools.store.doubt_posts(tools.clock.now(), tools.after(tools.pace.post_quiet_s))
        for name, provider in tools.providers.items():
            can = provider.capabilities()
            quiet_s = tools.pace.create_s + tools.pace.quiet_s
            quiet_s = 0.0 if can.submit_is_idempotent else quiet_s
            await tools.store.reprieve(
                name, deadline_at=tools.after(can.deadline_s), quiet_until=tools.after(quiet_s)
            )

    async def _due_with_neighbours(self, provider: Provider, running: int) -> list[Job]:
        """Return the provider's renders that are due, or will be within a gap where it can list.

        One look at a list answers for all of them, so they are made to fall due together. None
        while not one is due: a kick that came during a round finds that it has been asked for.
        """
        now = horizon = self._tools.clock.now()
        capabilities = provider.capabilities()
        if capabilities.can_list and not capabilities.polls_are_free:
            horizon += timedelta(seconds=poll_gap_s(running, capabilities, self._tools.pace))
        due = await self._tools.store.renders_due(provider.name, horizon, _AT_A_TIME)
        if not due or due[0].due_at is None or due[0].due_at > now:
            return []
        return list(due)

    async def _orphaned(self, job: Job) -> None:
        """Deal with a job whose provider the operator took out of the configuration."""
        with about_job(job.id):
            now = self._tools.clock.now()
            over = job.deadline_at is not None and now > job.deadline_at
            if job.state is State.QUEUED and await rehome(self._tools, job):
                return
            if job.state is State.QUEUED or over:
                error = NoProviderError("The video service for this was switched off.")
                await fail(self._tools, job, error)
                return
            _log.error("provider %r is not configured; its render waits", job.order.provider)
            later = self._tools.after(self._tools.pace.missing_gap_s)
            await self._tools.store.update(job, due_at=later)
