"""Move a job that its provider did not accept to another provider; running jobs never move."""

import logging
from datetime import timedelta

from bot.errors import OverQuotaError, StorageError
from bot.jobs.catalogue import ModelSelection
from bot.jobs.ports import TaskKind
from bot.jobs.worker_context import WorkerContext
from bot.model import Job, Viewer
from bot.storage.base import LedgerReader

_log = logging.getLogger(__name__)
#: Least time between two messages to moderators about the same outage.
_NOTIFY_AGAIN_AFTER = timedelta(days=1)


async def provider_takes_job(ctx: WorkerContext, job: Job) -> bool:
    """Return whether the provider of a QUEUED job is healthy, and not drained in its guild."""
    name = job.spec.provider
    return ctx.health.takes_work(name) and name not in (await _selection(ctx, job)).drained


async def fail_over(ctx: WorkerContext, job: Job) -> bool:
    """Move a QUEUED or SUBMITTING job that was certainly not accepted to another provider.

    The other provider's price is checked against limits and budget first. Returns False, and leaves
    the job as it was, when no other provider can make the clip now or the member can't afford it.
    """
    now = ctx.now()
    age_s = (now - job.created_at).total_seconds()
    if job.failed_over_from is not None and age_s > ctx.timings.submit_give_up_s:
        # Two providers that both reject the job would otherwise pass it back and forth forever.
        return False
    viewer = await _viewer(ctx, job)
    catalogue = ctx.catalogue.select(await _selection(ctx, job))
    for spec in catalogue.alternatives(job.spec):
        extra = spec.estimate_usd_micros - job.spec.estimate_usd_micros

        def check(ledger: LedgerReader, extra: int = extra) -> None:
            ctx.quota.check_increase(ledger, viewer, extra, now)

        try:
            moved = await ctx.store.fail_over(job, spec, now, check)
        except OverQuotaError as error:
            _log.info("not moved to %s: %s", spec.provider, error)
            continue
        if moved is not None:
            _log.warning("moved from %s to %s", job.spec.provider, spec.provider)
            ctx.status_cards.mark_dirty(job.request_id)
            ctx.wake(TaskKind.SUBMIT, job.id)
            if extra > 0:
                await ctx.budget_monitor.check(job.place.guild_id)
        # `moved` is None when another coroutine has moved the job meanwhile: nothing is left to do.
        return True
    return False


async def notify_outage(ctx: WorkerContext, job: Job) -> None:
    """Tell a guild's moderators, at most once a day, that a job's provider is out; never raise."""
    guild_id, name = job.place.guild_id, job.spec.provider
    if guild_id is None:
        return
    try:
        channel_id = (await ctx.guild_store.guild_settings(guild_id)).log_channel_id
        if channel_id is not None:
            health = ctx.health.of(name)
            since = health.since if health.out_since is None else health.out_since
            await ctx.outbox.notify(
                channel_id,
                f"The video service `{name}` is out of service: {health.reason}. "
                "Clips go to the next one that can make them; the bot's operator has to look into it.",
                ctx.now(),
                key=f"outage of {name} at {since.timestamp():.0f} for {guild_id}",
                again_after=_NOTIFY_AGAIN_AFTER,
            )
    except StorageError as error:
        _log.warning("guild %d was not told that %s is out: %s", guild_id, name, error)


async def _selection(ctx: WorkerContext, job: Job) -> ModelSelection:
    settings = await ctx.settings_cache.settings(job.place.guild_id)
    return ModelSelection.from_settings(settings, await ctx.settings_cache.everywhere())


async def _viewer(ctx: WorkerContext, job: Job) -> Viewer:
    """Return a job's owner with the roles that they had when they sent the command."""
    request = await ctx.store.request(job.request_id)
    return Viewer(
        user_id=job.user_id,
        guild_id=job.place.guild_id,
        role_ids=frozenset() if request is None else request.role_ids,
    )
