"""Every way in which a job can end, and whether its cost is counted once or refunded."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from bot.jobs.timings import Timings
from bot.model import Job, State, Usage
from tests.behaviour.harness import FAST_TIMINGS, BotHarness, bot_harness, words
from tests.wire.videos_api import VideosApi
from tests.wire.videos_faults import VideosFault

LIMITS = {
    "QUOTA_CLIPS_PER_DAY": "3",
    "QUOTA_SECONDS_PER_DAY": "20",
    "QUOTA_USD_PER_MONTH": "2",
}
FREE = ("**3 clips** left", "**20 s of video** left", "**$2.00** left")
ONE_CLIP = ("**2 clips** left", "**16 s of video** left", "**$1.60** left")


async def ask(t: BotHarness, **options: Any) -> None:
    answered = await t.alice.slash(t.channel, "sora generate", prompt="a cat", **options)
    assert not answered.ephemeral


async def alices(t: BotHarness) -> Job:
    (job,) = [job for job in await t.jobs() if job.user_id == t.alice.id]
    return job


async def once_in(t: BotHarness, state: State) -> Job:
    """Wait until alice's job is in `state`, and return it.

    Raises AssertionError when the job ends in any other state.
    """

    async def there() -> Job | None:
        job = await alices(t)
        return job if job.state is state or job.state.is_final else None

    job = await t.until(there)
    assert job.state is state, f"ended as {job.state}: {job.error_text}"
    return job


async def cancel(t: BotHarness) -> None:
    await t.alice.slash(t.channel, "sora cancel", job=(await alices(t)).id)


async def posted(t: BotHarness) -> None:
    await ask(t)


async def failed_by_the_provider(t: BotHarness) -> None:
    t.api.fault("create", VideosFault.render_failed({"code": "boom", "message": "exploded"}))
    await ask(t)


async def refused_by_moderation(t: BotHarness) -> None:
    t.api.fault("create", VideosFault.error(400, "blocked", "moderation_blocked"))
    await ask(t)


async def moderated_after_rendering(t: BotHarness) -> None:
    t.api.fault(
        "create", VideosFault.render_failed({"code": "moderation_blocked", "message": "blocked"})
    )
    await ask(t)


async def lost_by_the_provider(t: BotHarness) -> None:
    await ask(t)
    await once_in(t, State.RENDERING)
    t.api.fault("retrieve", VideosFault.error(404, "no such video"), times=50)


async def cancelled_while_it_waits(t: BotHarness) -> None:
    await t.bob.slash(t.channel, "sora generate", prompt="takes the only slot")
    await t.until(lambda: t.api.requests["create"])
    await ask(t)
    await cancel(t)


async def cancelled_during_the_paid_call(t: BotHarness) -> None:
    t.api.fault("create", replace(VideosFault.error(429, "busy", retry_after="60"), delay_s=0.6))
    await ask(t)
    await once_in(t, State.SUBMITTING)
    await cancel(t)


async def cancelled_while_it_renders(t: BotHarness) -> None:
    await ask(t, seconds=12)
    await once_in(t, State.RENDERING)
    await cancel(t)


async def expired_while_it_waits_for_a_busy_provider(t: BotHarness) -> None:
    t.api.fault("create", VideosFault.error(429, "busy"), times=500)
    await ask(t)

    async def rests() -> bool:
        job = await alices(t)
        return job.state is State.QUEUED and job.attempts > 0

    await t.until(rests)
    t.clock.forward(24 * 3600)


async def expired_while_it_renders(t: BotHarness) -> None:
    await ask(t)
    await once_in(t, State.RENDERING)
    t.clock.forward(3600)


async def expired_while_it_downloads(t: BotHarness) -> None:
    t.api.fault("content", VideosFault.html(200), times=500)
    await ask(t)
    await t.until(lambda: t.api.requests["content"])
    t.clock.forward(3600)


async def unknown_after_a_cut_call(t: BotHarness) -> None:
    t.api.fault("create", VideosFault.cut(accepted=True))
    t.api.fault("list", VideosFault.error(404, "no such route"), times=9)
    await ask(t)


async def unknown_after_a_crash(t: BotHarness) -> None:
    t.api.fault("create", VideosFault.slow(5))
    t.api.fault("list", VideosFault.error(404, "no such route"), times=9)
    await ask(t)
    await t.until(lambda: t.api.requests["create"])
    await t.app.scheduler.stop()
    await t.restart()


async def found_again_after_a_crash(t: BotHarness) -> None:
    t.api.fault("create", VideosFault.slow(5))
    await ask(t)
    await t.until(lambda: t.api.requests["create"])
    await t.app.scheduler.stop()
    await t.restart()


async def shut_out_of_its_channel(t: BotHarness) -> None:
    await ask(t)
    t.env.inject_error("POST", "/channels/*/messages", status=403, code=50013, times=2)


async def too_large_for_its_channel(t: BotHarness) -> None:
    await ask(t)
    t.env.inject_error("POST", "/channels/*/messages", status=413, code=40005)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndCase:
    """One way in which a job can end."""

    act: Callable[[BotHarness], Awaitable[None]]
    state: State
    code: str | None = None
    #: Seconds until the provider finishes the render.
    ready_after_s: float = 0.0
    timings: Timings = FAST_TIMINGS
    variables: Mapping[str, str] = field(default_factory=dict)


SLOW: Mapping[str, Any] = {"ready_after_s": 600.0}
SHORT_STOP_TIMINGS = replace(FAST_TIMINGS, stop_s=0.1)
REFUNDED = (
    EndCase(act=failed_by_the_provider, state=State.FAILED, code="render_failed"),
    EndCase(act=refused_by_moderation, state=State.FAILED, code="moderation"),
    EndCase(act=moderated_after_rendering, state=State.FAILED, code="moderation"),
    EndCase(act=lost_by_the_provider, state=State.FAILED, code="remote_not_found", **SLOW),
    EndCase(
        act=cancelled_while_it_waits,
        state=State.CANCELLED,
        variables={"OPENAI_MAX_CONCURRENT": "1"},
        **SLOW,
    ),
    EndCase(act=cancelled_during_the_paid_call, state=State.CANCELLED),
    EndCase(
        act=cancelled_while_it_renders,
        state=State.CANCELLED,
        variables={"VIDEO_PROVIDERS": "local"},
    ),
    EndCase(
        act=expired_while_it_waits_for_a_busy_provider, state=State.FAILED, code="not_accepted"
    ),
    EndCase(act=expired_while_it_renders, state=State.FAILED, code="deadline", **SLOW),
    EndCase(act=expired_while_it_downloads, state=State.FAILED, code="deadline"),
    EndCase(act=unknown_after_a_cut_call, state=State.FAILED, code="render_lost"),
    EndCase(
        act=unknown_after_a_crash,
        state=State.FAILED,
        code="render_lost",
        timings=SHORT_STOP_TIMINGS,
    ),
)
SETTLED = (
    EndCase(act=posted, state=State.DONE),
    EndCase(act=found_again_after_a_crash, state=State.DONE, timings=SHORT_STOP_TIMINGS),
    EndCase(act=shut_out_of_its_channel, state=State.KEPT, code="place_closed", ready_after_s=0.5),
    EndCase(
        act=too_large_for_its_channel, state=State.KEPT, code="clip_too_large", ready_after_s=0.5
    ),
)


def name_of(ending: EndCase) -> str:
    return ending.act.__name__.replace("_", " ")


async def ledger(t: BotHarness, job: Job) -> list[tuple[str, int, int, int]]:
    query = "SELECT kind, clips, seconds, usd_micros FROM ledger WHERE job_id = ? ORDER BY id"
    return await t.app.store.database.read(
        lambda conn: [tuple(row) for row in conn.execute(query, (job.id,))]
    )


async def assert_quota(t: BotHarness, counted: Usage, left: tuple[str, ...]) -> None:
    """Assert what is counted for alice, and that her `/sora quota` shows the texts in `left`."""
    since = t.clock.now().replace(year=2020)
    assert await t.app.store.read_ledger(lambda ledger: ledger.usage(t.alice.id, since)) == counted
    assert await t.app.store.read_ledger(lambda ledger: ledger.active(t.alice.id)) == 0
    shown = await t.alice.slash(t.channel, "sora quota")
    assert shown.response is not None
    said = words(shown.response.embeds[0])
    assert [part for part in left if part not in said] == []


async def reached(t: BotHarness, ending: EndCase) -> Job:
    await ending.act(t)
    job = await once_in(t, ending.state)
    assert job.error_code == ending.code
    return job


@pytest.mark.parametrize("ending", REFUNDED, ids=name_of)
async def test_a_clip_that_did_not_come_about_counts_nothing(
    tmp_path: Path, ending: EndCase
) -> None:
    api = VideosApi(ready_after_s=ending.ready_after_s, poll_after_ms=20)
    variables = {**LIMITS, **ending.variables}
    async with bot_harness(tmp_path, variables, api=api, timings=ending.timings) as t:
        job = await reached(t, ending)
        seconds, usd_micros = job.spec.seconds, job.spec.estimate_usd_micros
        assert await ledger(t, job) == [
            ("reserve", 1, seconds, usd_micros),
            ("refund", -1, -seconds, -usd_micros),
        ]
        assert (job.refunded, job.cost_usd_micros) == (True, 0)
        await assert_quota(t, Usage(), FREE)


@pytest.mark.parametrize("ending", SETTLED, ids=name_of)
async def test_a_clip_that_was_rendered_counts_once(tmp_path: Path, ending: EndCase) -> None:
    api = VideosApi(ready_after_s=ending.ready_after_s, poll_after_ms=20)
    async with bot_harness(tmp_path, LIMITS, api=api, timings=ending.timings) as t:
        job = await reached(t, ending)
        closed = [("reserve", 1, 4, 400_000), ("settle", 0, 0, 0)]
        counted = Usage(clips=1, seconds=4, usd_micros=400_000)
        assert await ledger(t, job) == closed
        assert (job.refunded, job.cost_usd_micros) == (False, 400_000)
        await assert_quota(t, counted, ONE_CLIP)
        assert t.api.creates["a cat"] == 1
        if ending.state is State.KEPT:
            # The clip is kept for its owner. Having it posted costs nothing more.
            await t.until(lambda: "kept it for you" in t.card_text())
            await t.alice.click(t.card(), label=f"Get my clip {job.id}")
            job = await once_in(t, State.DONE)
            assert len(t.clips()) == 1
            assert await ledger(t, job) == closed
            await assert_quota(t, counted, ONE_CLIP)
