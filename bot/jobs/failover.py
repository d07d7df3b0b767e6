"""A job that no provider took goes to the next one that can do its order; running ones never move."""

from __future__ import annotations

import logging
from datetime import timedelta

from bot.errors import OverQuotaError, StorageError
from bot.jobs.catalogue import ModelSelection
from bot.jobs.ports import TaskKind
from bot.jobs.worker_context import WorkerContext
from bot.model import Job, Viewer

_log = logging.getLogger(__name__)
#: Moderators are told of the same outage once in so long.
_NOTIFY_AGAIN_AFTER = timedelta(days=1)


async def provider_takes_job(context: WorkerContext, job: Job) -> bool:
    """Return whether the provider of a QUEUED job takes it now: it is well and not being drained."""
    name = job.spec.provider
    return context.health.takes_work(name) and name not in (await _selection(context, job)).drained


async def fail_over(context: WorkerContext, job: Job) -> bool:
    """Give a QUEUED or SUBMITTING job that was certainly not taken to another provider.

    The other's price is checked against limits and budget first. False when nobody else takes such
    an order now, or the member can't afford it there: the job is as it was.
    """
    extra_at = context.clock.now()
    if job.failed_over_from is not None and (extra_at - job.created_at).total_seconds() > (
        context.timings.submit_give_up_s
    ):
        # Two that take turns in refusing it would pass it on for ever.
        return False
    viewer = await _viewer(context, job)
    catalogue = context.catalogue.select(await _selection(context, job))
    for order in catalogue.alternatives(job.spec):
        extra = order.estimate_usd_micros - job.spec.estimate_usd_micros
        try:
            moved = await context.store.fail_over(
                job,
                order,
                extra_at,
                lambda books, extra=extra: context.quota.check_increase(
                    books, viewer, extra, extra_at
                ),
            )
        except OverQuotaError as error:
            _log.info("not moved to %s: %s", order.provider, error)
            continue
        if moved is not None:
            _log.warning("moved from %s to %s", job.spec.provider, order.provider)
            context.status_cards.mark_dirty(job.request_id)
            context.wake(TaskKind.SUBMIT, job.id)
            if extra > 0:
                await context.budget_monitor.check(job.place.guild_id)
        # Gone from where it was seen: whoever was faster looks after it.
        return True
    return False


async def notify_outage(context: WorkerContext, job: Job) -> None:
    """Let the moderators of the job's server know that its provider is out, once; never raises."""
    guild_id, name = job.place.guild_id, job.spec.provider
    if guild_id is None:
        return
    try:
        channel_id = (await context.guild_store.guild_settings(guild_id)).log_channel_id
        if channel_id is not None:
            health = context.health.of(name)
            since = health.since if health.out_since is None else health.out_since
            await context.outbox.notify(
                channel_id,
                f"The video service `{name}` is out of service: {health.reason}. "
                "Clips go to the next one that can make them; the bot's operator has to look into it.",
                context.clock.now(),
                key=f"outage of {name} at {since.timestamp():.0f} for {guild_id}",
                again_after=_NOTIFY_AGAIN_AFTER,
            )
    except StorageError as error:
        _log.warning("server %d was not told that %s is out: %s", guild_id, name, error)


async def _selection(context: WorkerContext, job: Job) -> ModelSelection:
    rules = await context.settings_cache.settings(job.place.guild_id)
    return ModelSelection.from_settings(rules, await context.settings_cache.everywhere())


async def _viewer(context: WorkerContext, job: Job) -> Viewer:
    """Return the member as they were when they asked: nobody else is told of their roles since."""
    request = await context.store.request(job.request_id)
    return Viewer(
        user_id=job.user_id,
        guild_id=job.place.guild_id,
        role_ids=frozenset() if request is None else request.role_ids,
    )
