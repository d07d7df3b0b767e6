"""What members see, and what is counted in their quota, when a clip fails."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from bot.app import build_app
from bot.model import State
from tests.behaviour.harness import FAST_TIMINGS, BotHarness, bot_harness, words
from tests.patience import PATIENCE_S
from tests.wire.clips import make_clip
from tests.wire.videos_api import VideosApi
from tests.wire.videos_faults import VideosFault


async def asked(t: BotHarness) -> None:
    answered = await t.alice.slash(t.channel, "sora generate", prompt="a cat")
    assert not answered.ephemeral


async def nothing_counts(t: BotHarness) -> None:
    usage = await t.usage_of(t.alice.id)
    assert (usage.clips, usage.seconds, usage.usd_micros) == (0, 0, 0)


async def test_a_failed_render_is_refunded_and_the_card_says_why(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        t.api.fault(
            "create", VideosFault.render_failed({"code": "boom", "message": "req_123 exploded"})
        )
        await asked(t)
        job = await t.wait_for_state(State.FAILED)
        assert job.refunded
        await nothing_counts(t)
        await t.until(lambda: "could not render this" in t.card_text())
        assert "Nothing was counted" in t.card_text()
        assert "req_123" not in t.card_text()


async def test_a_moderation_refusal_is_told_as_such_without_the_vendors_words(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path) as t:
        refusal = VideosFault.error(400, "Your request req_9 was blocked", "moderation_blocked")
        t.api.fault("create", refusal)
        await asked(t)
        assert (await t.wait_for_state(State.FAILED)).refunded
        await t.until(lambda: "content rules" in t.card_text())
        assert "req_9" not in t.card_text()


async def test_a_provider_that_answers_polls_with_html_is_asked_again(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        t.api.fault("retrieve", VideosFault.html(502), times=3)
        t.api.fault("retrieve", VideosFault.html(200))
        await asked(t)
        await t.wait_for_state(State.DONE)
        assert t.api.creates["a cat"] == 1


async def test_a_create_answered_with_html_is_looked_for_and_never_made_twice(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path) as t:
        t.api.fault("create", VideosFault.cut(accepted=True))
        await asked(t)
        await t.wait_for_state(State.DONE)
        assert t.api.creates["a cat"] == 1
        assert len(t.clips()) == 1


async def test_a_create_that_provably_never_arrived_is_made_again(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        t.api.fault("create", VideosFault.html(502))
        await asked(t)
        await t.wait_for_state(State.DONE)
        assert t.api.creates["a cat"] == 1
        assert t.api.requests["create"] == 2


async def test_a_busy_provider_is_asked_again_after_its_hint(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        t.api.fault("create", VideosFault.error(429, "slow down", None, retry_after="1"), times=2)
        await asked(t)
        await t.wait_for_state(State.DONE)
        assert t.api.creates["a cat"] == 1


@pytest.mark.parametrize("status", [401, 402, 403])
async def test_an_account_that_is_refused_for_a_while_costs_no_render_that_is_paid_for(
    tmp_path: Path, status: int
) -> None:
    async with bot_harness(tmp_path) as t:
        refused = VideosFault.error(status, "Not with this key.", "invalid_api_key")
        t.api.fault("retrieve", refused, times=3)
        t.api.fault("content", refused, times=3)
        await asked(t)
        await t.wait_for_state(State.DONE)
    assert t.api.requests["content"] == 4
    assert t.api.creates["a cat"] == 1


async def test_a_render_that_the_provider_forgot_is_refunded_only_after_several_answers(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path, api=VideosApi(ready_after_s=60, poll_after_ms=20)) as t:
        await asked(t)
        await t.wait_for_state(State.RENDERING)
        t.api.fault("retrieve", VideosFault.error(404, "no such video"), times=50)
        job = await t.wait_for_state(State.FAILED)
        assert job.refunded
        # The job failed only after at least `not_found_limit` polls were answered with 404.
        assert t.api.requests["retrieve"] >= FAST_TIMINGS.not_found_limit
        await t.until(lambda: "lost this job" in t.card_text())


async def test_a_truncated_download_is_fetched_again(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        t.api.fault("content", VideosFault.truncated(), times=2)
        await asked(t)
        await t.wait_for_state(State.DONE)
        assert await t.clips()[0].attachments[0].read() == t.api.content


async def test_a_stopped_and_restarted_bot_finishes_a_job_begun_before(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, api=VideosApi(ready_after_s=1.5, poll_after_ms=50)) as t:
        await asked(t)
        await t.wait_for_state(State.RENDERING)
        await t.restart()
        await t.wait_for_state(State.DONE)
        assert len(t.clips()) == 1
        assert t.api.creates["a cat"] == 1
        await t.until(lambda: "Done" in t.card_text())


async def test_a_post_that_discord_stumbled_over_is_made_once_later(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, api=VideosApi(ready_after_s=0.5, poll_after_ms=50)) as t:
        await asked(t)
        t.env.inject_error("POST", "/channels/*/messages", status=503, times=2)
        await t.wait_for_state(State.DONE)
        assert len(t.clips()) == 1


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [(413, 40005, "larger than uploads may be"), (403, 50013, "may no longer post")],
)
async def test_a_clip_that_cannot_be_posted_is_kept_and_can_be_fetched(
    tmp_path: Path, status: int, code: int, said: str
) -> None:
    async with bot_harness(tmp_path, api=VideosApi(ready_after_s=0.5, poll_after_ms=50)) as t:
        await asked(t)
        t.env.inject_error("POST", f"/channels/{t.channel.id}/messages", status=status, code=code)
        direct = f"/channels/{t.alice.user.dm_channel.id}/messages"
        t.env.inject_error("POST", direct, status=403, code=50007)
        job = await t.wait_for_state(State.KEPT)
        assert not job.refunded
        await t.until(lambda: said in t.card_text())
        assert "ailed" not in t.card_text()
        stranger = await t.bob.click(t.card(), label=f"Get my clip {job.id}")
        assert stranger.response is not None
        assert "belongs to somebody else" in stranger.response.content
        await t.alice.click(t.card(), label=f"Get my clip {job.id}")
        await t.wait_for_state(State.DONE)
        assert len(t.clips()) == 1
        usage = await t.usage_of(t.alice.id)
        assert usage.clips == 1


async def test_a_clip_over_the_upload_limit_is_kept_without_an_attempt(tmp_path: Path) -> None:
    big = make_clip(tmp_path / "big.mp4", pad_to_bytes=27 * 1024 * 1024)
    async with bot_harness(tmp_path / "data", api=VideosApi(content=big, poll_after_ms=20)) as t:
        await asked(t)
        job = await t.wait_for_state(State.KEPT)
        assert t.clips() == []
        await t.until(lambda: "28.3 MB are more than the 26 MB" in t.card_text())
        shown = await t.alice.slash(t.channel, "sora status", job=job.id)
        assert shown.response is not None
        again = await t.alice.click(shown.response.message, label=f"Get my clip {job.id}")
        assert again.response is not None
        assert "28.3 MB" in again.response.content
        assert "File\n28.3 MB" in words(shown.response.embeds[0])


async def test_one_jobs_trouble_does_not_stop_the_others(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        t.api.fault("content", VideosFault.html(200), prompt="broken", times=100)
        await t.alice.slash(t.channel, "sora generate", prompt="broken")
        await t.bob.slash(t.channel, "sora generate", prompt="fine")

        async def fine_is_done() -> bool:
            return (await t.jobs())[1].state is State.DONE

        await t.until(fine_is_done)

        t.clock.forward(3600)

        async def broken_gave_up() -> bool:
            return (await t.jobs())[0].state is State.FAILED

        await t.until(broken_gave_up)
        assert (await t.jobs())[0].refunded


async def test_a_job_that_waits_for_a_slot_keeps_nothing_busy(tmp_path: Path) -> None:
    resting = replace(FAST_TIMINGS, poll_few_s=60, poll_many_s=60)
    api = VideosApi(ready_after_s=600)
    async with bot_harness(tmp_path, api=api, timings=resting, OPENAI_MAX_CONCURRENT="1") as t:
        for _ in range(3):
            await asked(t)
        await asyncio.sleep(0.5)
        statements: list[str] = []
        await t.app.store.database.run(lambda conn: conn.set_trace_callback(statements.append))
        await asyncio.sleep(1)
        # With these timings the bot reads the job table about five times a second. A loop without
        # a pause would run hundreds of statements.
        assert 0 < len(statements) < 150


async def test_a_card_whose_last_edit_was_lost_is_mended_after_a_restart(tmp_path: Path) -> None:
    lazy = replace(FAST_TIMINGS, card_gap_s=60)
    async with bot_harness(tmp_path, timings=lazy) as t:
        await asked(t)
        await t.wait_for_state(State.DONE)
        assert "Done" not in t.card_text()
        await t.restart()
        await t.until(lambda: "Done" in t.card_text())


async def test_a_clip_whose_post_was_answered_by_nobody_is_adopted_not_sent_again(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path) as t:
        await asked(t)
        job = await t.wait_for_state(State.DONE)
        # Make the job look as if the bot had died after it posted the clip and before it committed
        # that.
        await t.app.store.database.write(
            lambda conn: conn.execute(
                "UPDATE jobs SET state = 'posting', message_id = NULL, finished_at = NULL,"
                " due_at = 0 WHERE id = ?",
                (job.id,),
            ).fetchall()
        )
        await t.restart()
        again = await t.wait_for_state(State.DONE)
        assert again.message_id == job.message_id
        assert len(t.clips()) == 1


async def test_a_card_that_could_not_be_sent_as_an_answer_is_no_refusal(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, api=VideosApi(ready_after_s=1, poll_after_ms=50)) as t:
        t.env.inject_error("POST", "/interactions/*", status=403, code=50013)
        result = await t.alice.slash(t.channel, "sora generate", prompt="a cat")
        assert result.response is None
        assert "a cat" in t.card_text()
        await t.wait_for_state(State.DONE)
        await t.until(lambda: "Done" in t.card_text())


async def test_a_database_that_takes_no_writes_makes_no_hot_loop(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, api=VideosApi(ready_after_s=600, poll_after_ms=20)) as t:
        await asked(t)
        await t.wait_for_state(State.RENDERING)
        await t.app.store.database.run(lambda conn: conn.execute("PRAGMA query_only = ON"))
        before = t.api.requests.total()
        await asyncio.sleep(1.5)
        # The back-off starts at 0.05 s and doubles up to 0.2 s, so few requests are made in 1.5 s.
        assert t.api.requests.total() - before < 30
        await t.app.store.database.run(lambda conn: conn.execute("PRAGMA query_only = OFF"))
        remote = next(iter(t.api.renders.values()))
        remote.ready_s = 0
        await t.wait_for_state(State.DONE)


async def test_the_bot_stops_though_a_card_waits_for_a_login_that_never_comes(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path, api=VideosApi(ready_after_s=600, poll_after_ms=20)) as t:
        await asked(t)
        await t.wait_for_state(State.RENDERING)
        await t.app.close()
        lonely = await build_app(t.settings, clock=t.clock, timings=FAST_TIMINGS)
        await lonely.start()
        await asyncio.sleep(0.2)
        async with asyncio.timeout(PATIENCE_S):
            await lonely.close()
        await t.restart()
