"""The paid call: made once, looked for afterwards when its outcome is unknown."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from bot.errors import (
    DeadlineError,
    NoProviderError,
    NotAcceptedError,
    NotOfferedError,
    ProviderAccountError,
    ProviderError,
    ProviderTroubleError,
    RenderLostError,
    SourceGoneError,
    StorageError,
    UnknownOutcomeError,
    UnsupportedError,
)
from bot.jobs.endings import cancel, fail
from bot.jobs.opening import composable, opening_picture
from bot.jobs.polling import cancel_remote
from bot.jobs.rehoming import gets_work, rehome, tell_of_outage
from bot.jobs.remixing import words_for_provider
from bot.jobs.schedule import backoff_s, first_poll_s
from bot.jobs.tools import Tools
from bot.model import Job, Operation, State
from bot.providers.base import Capabilities, Provider, Remote, RemoteState, RenderOrder

_log = logging.getLogger(__name__)
#: Clocks of two machines may differ by this much when a creation time is compared.
_SKEW = timedelta(seconds=30)
#: How far back the list is read: further than any two clocks should differ.
_LOOK_BACK = timedelta(hours=1)
#: So many renders that are known to be under way tell whether a list can be believed.
_WITNESSES = 50


async def submit(tools: Tools, job: Job) -> None:
    """Bring a QUEUED job to RENDERING, or find out what became of a SUBMITTING one; idempotent."""
    provider = tools.providers.get(job.order.provider)
    if provider is None:
        if job.state is not State.QUEUED or not await rehome(tools, job):
            await fail(tools, job, NoProviderError("The video service for this is switched off."))
    elif job.state is State.QUEUED:
        await _claim_and_call(tools, provider, job)
    elif job.due_at is not None and job.due_at <= tools.clock.now():
        await _settle_unknown(tools, provider, job)


async def _claim_and_call(tools: Tools, provider: Provider, job: Job) -> None:
    capabilities = provider.capabilities()
    now = tools.clock.now()
    if job.cancel_requested_at is not None:
        await cancel(tools, job)
        return
    if not await gets_work(tools, job) and await _sent_elsewhere(tools, job):
        return
    doubt_s = tools.pace.create_s + tools.pace.quiet_s
    claimed = await tools.store.claim_slot(
        job,
        now,
        max_concurrent=capabilities.max_concurrent,
        submitted_at=now,
        # What was not accepted before has used up nothing of it.
        deadline_at=now + timedelta(seconds=capabilities.deadline_s),
        due_at=tools.after(
            tools.pace.backoff_first_s if capabilities.submit_is_idempotent else doubt_s
        ),
        attempts=job.attempts,
    )
    if claimed is not None:
        # The card waits for the answer: most come at once, and edits are few.
        await _call(tools, provider, claimed)


async def _sent_elsewhere(tools: Tools, job: Job) -> bool:
    """Move on a QUEUED job whose provider takes nothing now; False when it shall go there anyhow.

    It waits where nobody else can do it. One that is being drained keeps what it had accepted then.
    """
    if await rehome(tools, job):
        return True
    health = tools.health.of(job.order.provider)
    if tools.health.takes_work(job.order.provider) or health.until is None:
        return False
    if tools.health.is_out(job.order.provider):
        await tell_of_outage(tools, job)
        await fail(tools, job, ProviderAccountError(f"{job.order.provider} is out"))
        return True
    # Time in line counts for nothing here: only how long nobody has been served.
    waited = tools.clock.now() - max(health.since, job.state_at)
    if waited.total_seconds() > tools.pace.patience_s:
        await fail(tools, job, DeadlineError(f"{job.order.provider}: {health.reason}"))
        return True
    await tools.store.update(job, due_at=max(health.until, tools.after(tools.pace.busy_s)))
    return True


async def _call(tools: Tools, provider: Provider, job: Job, *, again: bool = False) -> None:
    """Make the call for a job whose SUBMITTING is committed.

    again  an earlier call with the same key is of unknown outcome. What is certain of this one is
           nothing certain of that one: the job stays until an answer with its render comes.
    """
    try:
        remote = await _submit_once(tools, provider, job)
    except (NotAcceptedError, NotOfferedError, ProviderAccountError) as error:
        if again:
            await _ask_again(tools, job, error)
        else:
            await _not_taken(tools, job, error)
    except StorageError as error:
        # Nothing was sent, and the trouble is this machine's: another API would meet it, too.
        if again:
            await _ask_again(tools, job, error)
        else:
            await _requeue(tools, job, error)
    except SourceGoneError as error:
        await _compose_instead(tools, job, error)
    except UnknownOutcomeError as error:
        _log.warning("outcome of the create unknown: %s", error)
        idempotent = provider.capabilities().submit_is_idempotent
        wait_s = tools.pace.backoff_first_s if idempotent else tools.pace.quiet_s
        await tools.store.update(job, due_at=tools.after(wait_s))
    except ProviderError as error:
        await fail(tools, job, error)
    else:
        await _took(tools, provider.capabilities(), job, remote)


async def _not_taken(
    tools: Tools, job: Job, error: NotAcceptedError | NotOfferedError | ProviderAccountError
) -> None:
    """Send a job that was certainly not taken to the next provider, or back into the queue."""
    if isinstance(error, ProviderAccountError):
        await tell_of_outage(tools, job)
    if await rehome(tools, job):
        return
    if isinstance(error, NotAcceptedError):
        await _requeue(tools, job, error)
    else:
        await fail(tools, job, error)


async def _ask_again(
    tools: Tools,
    job: Job,
    error: NotAcceptedError | NotOfferedError | ProviderAccountError | StorageError,
) -> None:
    """Make the same call with the same key later, until the deadline."""
    if job.deadline_at is not None and job.deadline_at <= tools.clock.now():
        await fail(tools, job, RenderLostError(f"no word of an earlier call: {error}"))
        return
    attempts = job.attempts + 1
    due_at = tools.after(backoff_s(attempts, tools.pace, hint_s=_hint_s(error)))
    await tools.store.update(job, attempts=attempts, due_at=due_at)


async def _submit_once(tools: Tools, provider: Provider, job: Job) -> Remote:
    async with opening_picture(tools, provider, job) as image:
        order = job.order
        native = job.source_remote_id is not None
        wanted = RenderOrder(
            key=job.id,
            prompt=words_for_provider(job),
            model=order.model,
            seconds=order.seconds,
            size=order.size,
            seed=job.seed,
            image=image,
            operation=order.operation if native else Operation.GENERATE,
            source=job.source_remote_id,
        )
        try:
            async with asyncio.timeout(tools.pace.create_s):
                return await provider.submit(wanted)
        except ProviderError:
            raise
        except Exception as error:
            # A defect of ours after the request left must not be taken for "never sent".
            raise UnknownOutcomeError(f"{type(error).__name__}: {error}") from error


async def _compose_instead(tools: Tools, job: Job, error: SourceGoneError) -> None:
    """Order it again without the parent's provider's help, unless it asked for none."""
    if job.source_remote_id is None:
        await fail(tools, job, error)
        return
    if not composable(tools.providers[job.order.provider], job.order):
        await fail(tools, job, error)
        return
    _log.info("composed instead: %s", error)
    now = tools.clock.now()
    moved = await tools.store.move(
        job, State.QUEUED, now, due_at=now, attempts=job.attempts, source_remote_id=None
    )
    tools.board.touch(job.request_id)
    if moved is not None and moved.cancel_requested_at is not None:
        await cancel(tools, moved)


async def _requeue(tools: Tools, job: Job, error: NotAcceptedError | StorageError) -> None:
    attempts = job.attempts + 1
    due_at = tools.after(backoff_s(attempts, tools.pace, hint_s=_hint_s(error)))
    tried_for = tools.clock.now() - job.created_at
    if attempts >= tools.pace.submit_tries and tried_for.total_seconds() > tools.pace.patience_s:
        await fail(tools, job, error)
        return
    _log.info("not accepted (%s); again at %s", error, due_at)
    moved = await tools.store.move(
        job, State.QUEUED, tools.clock.now(), due_at=due_at, attempts=attempts
    )
    tools.board.touch(job.request_id)
    if moved is not None and moved.cancel_requested_at is not None:
        await cancel(tools, moved)


def _hint_s(error: Exception) -> float | None:
    return error.retry_after_s if isinstance(error, NotAcceptedError) else None


async def _took(tools: Tools, capabilities: Capabilities, job: Job, remote: Remote) -> None:
    order = job.order
    durations_s = await tools.store.durations_s(
        order.provider, order.model, order.seconds, order.size, 50
    )
    first_s = first_poll_s(durations_s, capabilities, tools.pace)
    if remote.state in (RemoteState.READY, RemoteState.FAILED):
        first_s = 0.0
    elif remote.poll_after_s is not None:
        first_s = remote.poll_after_s
    now = tools.clock.now()
    # Counted from the call: one that was found again may long be ready.
    since = now if job.submitted_at is None else job.submitted_at
    moved = await tools.store.move(
        job,
        State.RENDERING,
        now,
        remote_id=remote.id,
        progress=remote.progress,
        due_at=max(now, since + timedelta(seconds=first_s)),
    )
    if moved is None:
        _log.error("render %s at %s has no job any more", remote.id, order.provider)
        return
    _log.info("taken by %s as %s", order.provider, remote.id)
    tools.board.touch(job.request_id)
    if moved.cancel_requested_at is not None:
        await cancel_remote(tools, tools.providers[order.provider], moved)


async def _settle_unknown(tools: Tools, provider: Provider, job: Job) -> None:
    """Find out whether a create of unknown outcome arrived; never pay twice."""
    capabilities = provider.capabilities()
    if capabilities.submit_is_idempotent:
        await _call(tools, provider, job, again=True)
        return
    try:
        match = await _look_for(tools, provider, job)
    except UnsupportedError as error:
        await fail(tools, job, RenderLostError(f"no list to look in: {error}"))
        return
    except ProviderError as error:
        if job.deadline_at is not None and job.deadline_at <= tools.clock.now():
            await fail(tools, job, RenderLostError(f"could not look for it: {error}"))
            return
        wait_s = backoff_s(job.attempts + 1, tools.pace)
        await tools.store.update(job, attempts=job.attempts + 1, due_at=tools.after(wait_s))
        return
    if isinstance(match, Remote):
        _log.warning("found the lost create again: %s", match.id)
        await _took(tools, capabilities, job, match)
    elif match is None:
        _log.warning("the create never arrived; queued again")
        await tools.store.move(job, State.QUEUED, tools.clock.now(), due_at=tools.clock.now())
    else:
        await fail(tools, job, RenderLostError(match))


async def _look_for(tools: Tools, provider: Provider, job: Job) -> Remote | str | None:
    """Return the render that belongs to `job`, None when it never arrived, or why nobody can say."""
    if job.submitted_at is None:
        return "no time of submission"
    since = job.submitted_at - _SKEW
    until = job.submitted_at + timedelta(seconds=tools.pace.create_s) + _SKEW
    vague = 0
    recent = await provider.recent(job.submitted_at - _LOOK_BACK)
    await _check_list(tools, provider, job.submitted_at - _LOOK_BACK, recent)
    for remote in recent:
        if not _could_be(remote, job):
            continue
        if await tools.store.owner_of_remote(provider.name, remote.id) is not None:
            continue
        created_at = remote.created_at
        if remote.model not in (None, job.order.model):
            # The day's version of a model, or its upstream's name: words alone recognise nothing.
            vague += remote.prompt is not None
            continue
        if remote.source not in (None, job.source_remote_id):
            # Made from another clip, or from this one under another name: relays rename ids.
            vague += 1
            continue
        if remote.prompt is not None and created_at is not None and since <= created_at <= until:
            return remote
        # Nobody's render of just this order, or one that does not say, at another time: perhaps
        # the two clocks differ. Making it again could pay twice.
        vague += remote.prompt is not None or created_at is None or since <= created_at <= until
    return f"{vague} renders could be it" if vague else None


async def _check_list(
    tools: Tools, provider: Provider, since: datetime, recent: Sequence[Remote]
) -> None:
    """Return if a list of all renders since an instant can be that.

    Raises ProviderTroubleError where renders are under way and it has not one of them: another
    account's, perhaps, or a server's that answers before it knows.
    """
    capabilities = provider.capabilities()
    horizon = tools.after(capabilities.deadline_s)
    under_way = await tools.store.renders_due(provider.name, horizon, _WITNESSES)
    known = {
        job.remote_id
        for job in under_way
        if job.submitted_at is not None and job.submitted_at > since + _SKEW
    }
    if known and not capabilities.forgets and known.isdisjoint(remote.id for remote in recent):
        raise ProviderTroubleError(f"the list has none of {len(known)} renders that are under way")


def _could_be(remote: Remote, job: Job) -> bool:
    """Whether nothing that the provider says of a render speaks against its being `job`'s.

    Not its model: servers answer with names of their own.
    """
    order = job.order
    native = job.source_remote_id is not None
    # How long an extension makes the whole clip, its source's length decides.
    any_length = native and order.operation is Operation.EXTEND
    return (
        remote.prompt in (None, words_for_provider(job))
        and (any_length or remote.seconds in (None, order.seconds))
        and remote.size in (None, order.size)
        and (native or remote.source is None)
    )
