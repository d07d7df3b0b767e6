from dataclasses import replace
from pathlib import Path

import pytest

from bot.model import State
from tests.behaviour.harness import FAST_TIMINGS, bot_harness, words
from tests.wire.videos_api import VideosApi
from tests.wire.videos_faults import VideosFault


def slow() -> VideosApi:
    return VideosApi(ready_after_s=60, poll_after_ms=50)


async def test_status_lists_my_clips_with_progress_and_place_in_a_fair_line(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, api=slow(), OPENAI_MAX_CONCURRENT="1") as t:
        await t.alice.slash(t.channel, "sora generate", prompt="first")
        await t.alice.slash(t.channel, "sora generate", prompt="second")
        await t.alice.slash(t.channel, "sora generate", prompt="third")
        await t.bob.slash(t.channel, "sora generate", prompt="not mine")

        async def first_renders() -> bool:
            return (await t.jobs())[0].state is State.RENDERING

        await t.until(first_renders)
        shown = await t.alice.slash(t.channel, "sora status")
        assert shown.response is not None
        assert shown.ephemeral
        said = words(shown.response.embeds[0])
        assert "▱" in said
        assert "1 clip ahead" in said
        assert "2 clips ahead" in said
        assert "not mine" not in said
        shown = await t.bob.slash(t.channel, "sora status")
        assert shown.response is not None
        assert "Next in line" in words(shown.response.embeds[0])


async def test_status_without_jobs_says_how_to_start_one(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        shown = await t.alice.slash(t.channel, "sora status")
        assert shown.response is not None
        assert "/sora generate" in shown.response.content


async def test_status_of_one_job_shows_its_order_and_links_its_clip(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        await t.alice.slash(t.channel, "sora generate", prompt="a cat", seconds=8)
        job = await t.wait_for_state(State.DONE)
        shown = await t.alice.slash(t.channel, "sora status", job=job.id.lower())
        assert shown.response is not None
        said = words(shown.response.embeds[0])
        assert "Sora 2 · 8 s · 1280x720 · $0.80" in said
        assert f"/{job.message_id}" in str(shown.response.components)


@pytest.mark.parametrize("typed", ["ZZZZ", "", "<@1>", "K7Q2K7Q2K7Q2K7Q2K7Q2"])
async def test_an_unknown_id_is_answered_kindly(tmp_path: Path, typed: str) -> None:
    async with bot_harness(tmp_path) as t:
        shown = await t.alice.slash(t.channel, "sora status", job=typed)
        assert shown.response is not None
        assert shown.ephemeral
        assert "I don't know a job" in shown.response.content


async def test_others_jobs_are_for_moderators_and_unknown_in_other_servers(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        await t.alice.slash(t.channel, "sora generate", prompt="a secret cat")
        job = await t.wait_for_state(State.DONE)
        to_bob = await t.bob.slash(t.channel, "sora status", job=job.id)
        assert to_bob.response is not None
        assert "belongs to somebody else" in to_bob.response.content
        to_mona = await t.moderator.slash(t.channel, "sora status", job=job.id)
        assert to_mona.response is not None
        assert "secret cat" in words(to_mona.response.embeds[0])
        elsewhere = t.env.create_guild("Elsewhere")
        owner = elsewhere.add_member(t.moderator.user)
        there = elsewhere.create_text_channel("other")
        unknown = await owner.slash(there, "sora status", job=job.id)
        assert unknown.response is not None
        assert "I don't know a job" in unknown.response.content


async def test_a_waiting_job_is_cancelled_at_once_and_costs_nothing(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, api=slow(), OPENAI_MAX_CONCURRENT="1") as t:
        await t.alice.slash(t.channel, "sora generate", prompt="first")
        await t.alice.slash(t.channel, "sora generate", prompt="second")
        second = (await t.jobs())[1]
        shown = await t.alice.slash(t.channel, "sora cancel", job=second.id)
        assert shown.response is not None
        assert f"Cancelled `{second.id}`" in shown.response.content
        ended = (await t.jobs())[1]
        assert (ended.state, ended.refunded) == (State.CANCELLED, True)
        assert t.api.creates["second"] == 0


async def test_a_render_that_cannot_be_stopped_is_not_cancelled_and_its_clip_comes(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path, api=VideosApi(ready_after_s=1, poll_after_ms=50)) as t:
        await t.alice.slash(t.channel, "sora generate", prompt="a cat")
        job = await t.wait_for_state(State.RENDERING)
        shown = await t.alice.slash(t.channel, "sora cancel", job=job.id)
        assert shown.response is not None
        assert "can't stop a render that it has begun" in shown.response.content
        await t.wait_for_state(State.DONE)
        assert len(t.clips()) == 1


async def test_a_cancel_during_the_paid_call_comes_too_late_and_the_card_says_no_more_of_it(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path, api=VideosApi(ready_after_s=2, poll_after_ms=50)) as t:
        t.api.fault("create", VideosFault.slow(0.6))
        await t.alice.slash(t.channel, "sora generate", prompt="a cat")
        job = await t.wait_for_state(State.SUBMITTING)
        shown = await t.alice.slash(t.channel, "sora cancel", job=job.id)
        assert shown.response is not None
        assert "If the clip is finished first, it still comes" in shown.response.content
        await t.wait_for_state(State.RENDERING)
        await t.until(lambda: "▰" in t.card_text() and "cancelling" not in t.card_text())
        done = await t.wait_for_state(State.DONE)
        assert done.cancel_requested_at is None
        assert t.api.creates["a cat"] == 1


async def test_a_cancel_during_a_call_that_is_not_accepted_ends_the_job(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, api=slow()) as t:
        t.api.fault(
            "create", replace(VideosFault.error(429, "busy", retry_after="60"), delay_s=0.6)
        )
        await t.alice.slash(t.channel, "sora generate", prompt="a cat")
        job = await t.wait_for_state(State.SUBMITTING)
        await t.alice.slash(t.channel, "sora cancel", job=job.id)
        assert (await t.wait_for_state(State.CANCELLED)).refunded
        assert t.api.creates["a cat"] == 0


async def test_a_render_on_this_machine_is_stopped_and_counts_nothing(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, VIDEO_PROVIDERS="local") as t:
        await t.alice.slash(t.channel, "sora generate", prompt="a cat", seconds=12)
        job = await t.wait_for_state(State.RENDERING)
        await t.alice.slash(t.channel, "sora cancel", job=job.id)
        assert (await t.wait_for_state(State.CANCELLED)).refunded
        await t.until(lambda: "Nothing was counted" in t.card_text())
        assert t.clips() == []


async def test_cancelling_a_card_of_variants_goes_on_past_one_that_is_too_late(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path, api=slow(), OPENAI_MAX_CONCURRENT="1") as t:
        await t.alice.slash(t.channel, "sora generate", prompt="a cat", count=3)

        async def first_renders() -> bool:
            return (await t.jobs())[0].state is State.RENDERING

        await t.until(first_renders)
        await t.alice.click(t.card(), label="Cancel")
        states = [job.state for job in await t.jobs()]
        assert states == [State.RENDERING, State.CANCELLED, State.CANCELLED]


async def test_cancel_under_one_jobs_details_leaves_its_sisters_alone(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, api=slow(), OPENAI_MAX_CONCURRENT="1") as t:
        await t.alice.slash(t.channel, "sora generate", prompt="a cat", count=3)
        third = (await t.jobs())[2]
        shown = await t.alice.slash(t.channel, "sora status", job=third.id)
        assert shown.response is not None
        await t.alice.click(shown.response.message, label=f"Cancel {third.id}")
        assert (await t.jobs())[2].state is State.CANCELLED
        assert (await t.jobs())[1].state is State.QUEUED


async def test_progress_that_was_shown_once_never_goes_back(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, api=VideosApi(ready_after_s=100, poll_after_ms=20)) as t:
        await t.alice.slash(t.channel, "sora generate", prompt="a cat")
        job = await t.wait_for_state(State.RENDERING)
        remote = t.api.renders[str(job.remote_id)]
        remote.started_s -= 60

        async def shows_a_third() -> bool:
            return ((await t.job()).progress or 0) >= 35

        await t.until(shows_a_third)
        remote.started_s += 50
        polls = t.api.requests["retrieve"]
        await t.until(lambda: t.api.requests["retrieve"] > polls + 2)
        assert ((await t.job()).progress or 0) >= 35


async def test_the_cancel_button_on_the_card_works_for_its_owner_only(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, api=slow(), OPENAI_MAX_CONCURRENT="1") as t:
        await t.bob.slash(t.channel, "sora generate", prompt="bob's, rendering")
        await t.wait_for_state(State.RENDERING)
        await t.alice.slash(t.channel, "sora generate", prompt="alice's, waiting")
        refused = await t.bob.click(t.card(), label="Cancel")
        assert refused.response is not None
        assert "belongs to somebody else" in refused.response.content
        assert (await t.jobs())[1].state is State.QUEUED
        pressed = await t.alice.click(t.card(), label="Cancel")
        assert pressed.response is not None
        assert "Cancelled" in pressed.response.content
        assert (await t.jobs())[1].state is State.CANCELLED
        await t.until(lambda: "Nothing was counted" in t.card_text())


async def test_the_cancel_button_works_after_a_restart(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, api=slow(), OPENAI_MAX_CONCURRENT="1") as t:
        await t.bob.slash(t.channel, "sora generate", prompt="bob's, rendering")
        await t.wait_for_state(State.RENDERING)
        await t.alice.slash(t.channel, "sora generate", prompt="alice's, waiting")
        await t.restart()
        await t.alice.click(t.card(), label="Cancel")
        assert (await t.jobs())[1].state is State.CANCELLED


async def test_a_cancel_button_that_outlived_its_job_says_so(tmp_path: Path) -> None:
    never = replace(FAST_TIMINGS, card_gap_s=60)
    async with bot_harness(tmp_path, timings=never) as t:
        await t.alice.slash(t.channel, "sora generate", prompt="a cat")
        stale = t.card()
        await t.wait_for_state(State.DONE)
        pressed = await t.alice.click(stale, label="Cancel")
        assert pressed.response is not None
        assert "Nothing here is left to cancel" in pressed.response.content


async def test_a_moderator_may_cancel_and_a_stranger_may_not(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, api=slow(), OPENAI_MAX_CONCURRENT="1") as t:
        await t.bob.slash(t.channel, "sora generate", prompt="a dog")
        await t.wait_for_state(State.RENDERING)
        await t.alice.slash(t.channel, "sora generate", prompt="a cat")
        job = (await t.jobs())[1]
        refused = await t.bob.slash(t.channel, "sora cancel", job=job.id)
        assert refused.response is not None
        assert "belongs to somebody else" in refused.response.content
        await t.moderator.slash(t.channel, "sora cancel", job=job.id)
        assert (await t.jobs())[1].state is State.CANCELLED


async def test_a_finished_job_cannot_be_cancelled(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        await t.alice.slash(t.channel, "sora generate", prompt="a cat")
        job = await t.wait_for_state(State.DONE)
        shown = await t.alice.slash(t.channel, "sora cancel", job=job.id)
        assert shown.response is not None
        assert "finished already" in shown.response.content


async def test_quota_shows_what_is_left_and_when_it_returns(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, QUOTA_CLIPS_PER_DAY="5", QUOTA_USD_PER_MONTH="2") as t:
        await t.alice.slash(t.channel, "sora generate", prompt="a cat", seconds=8)
        shown = await t.alice.slash(t.channel, "sora quota")
        assert shown.response is not None
        assert shown.ephemeral
        said = words(shown.response.embeds[0])
        for part in ("**4 clips** left", "**52 s of video** left", "**$1.20** left", ":R>"):
            assert part in said


async def test_quota_without_limits_says_so(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, QUOTA_CLIPS_PER_DAY="none", QUOTA_SECONDS_PER_DAY="none") as t:
        shown = await t.alice.slash(t.channel, "sora quota")
        assert shown.response is not None
        assert "No limits" in words(shown.response.embeds[0])


async def test_help_names_every_command(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        shown = await t.alice.slash(t.channel, "sora help")
        assert shown.response is not None
        said = words(shown.response.embeds[0])
        for command in t.alice.available_commands(t.channel):
            assert f"/{command}" in said or command == "sora help"


async def test_jobs_are_offered_by_id_and_by_words_of_their_prompt(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        await t.alice.slash(t.channel, "sora generate", prompt="a cat at the piano")
        job = await t.wait_for_state(State.DONE)
        for typed in (job.id[:2].lower(), "PIANO", ""):
            offered = await t.alice.autocomplete(t.channel, "sora status", "job", typed)
            assert [each["value"] for each in offered] == [job.id]
        assert await t.bob.autocomplete(t.channel, "sora status", "job", "") == []
