"""A job that no provider took goes to the next one that can do its order; running ones never move."""

from __future__ import annotations

import logging
from datetime import timedelta

from bot.errors import OverQuotaError, StorageError
from bot.jobs.catalogue import Choice
from bot.jobs.ports import Kind
from bot.jobs.tools import Tools
from bot.model import Job, Viewer

_log = logging.getLogger(__name__)
#: Moderators are told of the same outage once in so long.
_TELL_AGAIN = timedelta(days=1)


async def gets_work(tools: Tools, job: Job) -> bool:
    """Return whether the provider of a QUEUED job takes it now: it is well and not being drained."""
    name = job.order.provider
    return tools.health.takes_work(name) and name not in (await _choice(tools, job)).drained


async def rehome(tools: Tools, job: Job) -> bool:
    """Give a QUEUED or SUBMITTING job that was certainly not taken to another provider.

    The other's price is checked against limits and budget first. False when nobody else takes such
    an order now, or the member can't afford it there: the job is as it was.
    """
    extra_at = tools.clock.now()
    if job.moved_from is not None and (extra_at - job.created_at).total_seconds() > (
        tools.pace.patience_s
    ):
        # Two that take turns in refusing it would pass it on for ever.
        return False
    viewer = await _viewer(tools, job)
    catalogue = tools.catalogue.chosen(await _choice(tools, job))
    for order in catalogue.alternatives(job.order):
        extra = order.estimate_usd_micros - job.order.estimate_usd_micros
        try:
            moved = await tools.store.rehome(
                job,
                order,
                extra_at,
                lambda books, extra=extra: tools.quota.check_extra(books, viewer, extra, extra_at),
            )
        except OverQuotaError as error:
            _log.info("not moved to %s: %s", order.provider, error)
            continue
        if moved is not None:
            _log.warning("moved from %s to %s", job.order.provider, order.provider)
            tools.board.touch(job.request_id)
            tools.kick(Kind.SUBMIT, job.id)
            if extra > 0:
                await tools.treasurer.watch(job.place.guild_id)
        # Gone from where it was seen: whoever was faster looks after it.
        return True
    return False


async def tell_of_outage(tools: Tools, job: Job) -> None:
    """Let the moderators of the job's server know that its provider is out, once; never raises."""
    guild_id, name = job.place.guild_id, job.order.provider
    if guild_id is None:
        return
    try:
        channel_id = (await tools.keeping.rules(guild_id)).log_channel_id
        if channel_id is not None:
            health = tools.health.of(name)
            since = health.since if health.out_since is None else health.out_since
            await tools.errands.tell(
                channel_id,
                f"The video service `{name}` is out of service: {health.reason}. "
                "Clips go to the next one that can make them; the bot's operator has to look into it.",
                tools.clock.now(),
                key=f"outage of {name} at {since.timestamp():.0f} for {guild_id}",
                again_after=_TELL_AGAIN,
            )
    except StorageError as error:
        _log.warning("server %d was not told that %s is out: %s", guild_id, name, error)


async def _choice(tools: Tools, job: Job) -> Choice:
    rules = await tools.houses.rules(job.place.guild_id)
    return Choice.under(rules, await tools.houses.everywhere())


async def _viewer(tools: Tools, job: Job) -> Viewer:
    """Return the member as they were when they asked: nobody else is told of their roles since."""
    request = await tools.store.request(job.request_id)
    return Viewer(
        user_id=job.user_id,
        guild_id=job.place.guild_id,
        role_ids=frozenset() if request is None else request.role_ids,
    )
