"""A remix is made from the clip at its provider, or else from its prompt and last frame. It is
paid for once.
"""

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from bot.model import Job, State
from tests.behaviour.harness import BotHarness, bot_harness, words
from tests.behaviour.remixes import (
    PRICE_USD_MICROS,
    PROMPT,
    clips_used,
    is_remix,
    make_clip,
    message_of,
    only_answer,
    wait_for_newest,
)
from tests.behaviour.test_failover import BUSY, OTHER, two
from tests.wire.videos_faults import VideosFault

CHANGE = "at night, with rain"
COMPOSED = f"{PROMPT}. Change: {CHANGE}"
PLAIN = "plain seconds=4 sizes=1280x720 usd_per_second=0.10 label=Plain"


async def both_say(t: BotHarness, job: Job, line: str) -> None:
    """Assert that both the remix's message and its status card contain `line`."""
    assert line in message_of(t, job).content
    await t.until(lambda: "Done" in t.card_text())
    assert line in t.card_text()


async def spent_usd_micros(t: BotHarness, job: Job) -> int:
    usage = await t.usage_of(job.user_id)
    return usage.usd_micros


@pytest.mark.parametrize("missing", ["source", "route"])
async def test_a_source_that_is_gone_is_replaced_by_words_and_last_frame(
    tmp_path: Path, missing: str
) -> None:
    async with bot_harness(tmp_path) as t:
        parent, message = await make_clip(t)
        if missing == "source":
            del t.api.renders[str(parent.remote_id)]
        else:
            t.api.fault("remix", VideosFault.error(404, "no such route"))
        await t.reply(t.bob, message, CHANGE)
        job = await wait_for_newest(t, 2)
        assert is_remix(job, parent, t.bob)
        assert job.source_remote_id is None
        assert (t.api.requests["remix"], t.api.requests["create"]) == (1, 2)
        assert (t.api.creates[CHANGE], t.api.creates[COMPOSED]) == (0, 1)
        assert t.api.forms[-1]["prompt"] == COMPOSED
        with Image.open(io.BytesIO(t.api.images[0])) as frame:
            assert (frame.format, frame.size) == ("PNG", (1280, 720))
        await both_say(t, job, "from its words and last frame")
        assert job.spec.estimate_usd_micros == job.cost_usd_micros == PRICE_USD_MICROS
        assert await spent_usd_micros(t, job) == PRICE_USD_MICROS
        assert list((tmp_path / "tmp").glob("*.png")) == []
        assert t.api.violations == []


async def test_again_of_it_asks_for_the_source_anew(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        parent, message = await make_clip(t)
        t.api.fault("remix", VideosFault.error(404, "try later"))
        await t.reply(t.bob, message, CHANGE)
        composed = await wait_for_newest(t, 2)
        await t.bob.click(message_of(t, composed), label="Again")
        again = await wait_for_newest(t, 3)
        assert is_remix(again, parent, t.bob)
        assert (composed.source_remote_id, again.source_remote_id) == (None, parent.remote_id)


async def test_a_source_that_is_gone_at_a_model_without_pictures_leaves_the_words(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path, OPENAI_MODELS=f"{PLAIN} remix=yes") as t:
        parent, message = await make_clip(t)
        del t.api.renders[str(parent.remote_id)]
        await t.reply(t.bob, message, CHANGE)
        job = await wait_for_newest(t, 2)
        assert t.api.images == []
        assert t.api.creates[COMPOSED] == 1
        await both_say(t, job, "from its words.")


@pytest.mark.parametrize(
    ("image", "line"), [("yes", "from its words and last frame."), ("no", "from its words.")]
)
async def test_a_model_without_remixes_gets_words_and_a_frame_if_it_takes_one(
    tmp_path: Path, image: str, line: str
) -> None:
    async with bot_harness(tmp_path, OPENAI_MODELS=f"{PLAIN} image={image}") as t:
        parent, message = await make_clip(t)
        pressed = await t.bob.click(message, label="Remix")
        await t.bob.submit_modal(pressed, {"words": CHANGE})
        job = await wait_for_newest(t, 2)
        assert is_remix(job, parent, t.bob)
        assert (t.api.requests["remix"], t.api.creates[COMPOSED]) == (0, 1)
        assert len(t.api.images) == (image == "yes")
        await both_say(t, job, line)


async def test_three_composed_generations_keep_all_that_was_said(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, OPENAI_MODELS=f"{PLAIN} image=no") as t:
        await make_clip(t)
        await t.reply(t.bob, t.clips()[0], CHANGE)
        await wait_for_newest(t, 2)
        await t.reply(t.alice, t.clips()[1], "and a dog listens.")
        job = await wait_for_newest(t, 3)
        assert job.spec.prompt == f"{COMPOSED}. Change: and a dog listens."
        assert job.spec.change == "and a dog listens."
        assert t.api.forms[-1]["prompt"] == job.spec.prompt
        assert PROMPT not in message_of(t, job).content


async def test_where_the_provider_is_gone_the_next_one_makes_it_and_is_named(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path) as t:
        parent, message = await make_clip(t)
        await t.restart(VIDEO_PROVIDERS="local")
        await t.reply(t.bob, message, CHANGE)
        job = await wait_for_newest(t, 2)
        assert is_remix(job, parent, t.bob)
        assert (job.spec.provider, job.source_remote_id) == ("local", None)
        assert (job.spec.seconds, job.spec.size) == (parent.spec.seconds, parent.spec.size)
        assert job.spec.prompt == COMPOSED
        assert t.api.requests["create"] == 1
        label = t.app.jobs.catalogue.model_label("local", job.spec.model)
        # The model of the parent is no longer configured, so the message shows its id instead of
        # its label.
        await both_say(t, job, f"{label} makes it, in place of sora-2.")


async def test_where_nobody_can_do_its_length_any_more_it_is_made_as_long_as_can_be(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path) as t:
        parent, message = await make_clip(t, seconds=12)
        await t.restart(OPENAI_MODELS=PLAIN)
        pressed = await t.bob.click(message, label="Remix")
        await t.bob.submit_modal(pressed, {"words": CHANGE})
        job = await wait_for_newest(t, 2)
        assert is_remix(job, parent, t.bob)
        assert (job.spec.model, job.spec.seconds, t.api.forms[-1]["seconds"]) == ("plain", 4, "4")
        await both_say(t, job, "Plain makes it, in place of sora-2")


async def test_a_length_that_was_named_and_nobody_can_do_is_refused_and_not_charged(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path) as t:
        parent, _ = await make_clip(t, seconds=12)
        await t.restart(OPENAI_MODELS=PLAIN)
        options = {"clip": parent.id, "prompt": CHANGE, "seconds": 12}
        refused = only_answer(await t.bob.slash(t.channel, "sora remix", **options))
        assert "**seconds**: Plain can't do 12. It can do 4." in refused
        assert (len(await t.jobs()), await clips_used(t, t.bob)) == (1, 0)


@pytest.mark.parametrize("command", ["sora remix", "sora extend"])
async def test_words_that_are_too_many_only_with_those_of_the_parent_are_told_so(
    tmp_path: Path, command: str
) -> None:
    async with bot_harness(tmp_path) as t:
        parent, _ = await make_clip(t, prompt="a cat " * 160, size="1280x720", seconds=8)
        # Its model takes 1000 characters.
        await t.restart(VIDEO_PROVIDERS="runway", RUNWAYML_API_SECRET="key_0123456789")
        change = "at night, with rain on the windows and a dog"
        refused = only_answer(await t.bob.slash(t.channel, command, clip=parent.id, prompt=change))
        assert "**prompt**: with the words of the clip before, 10" in refused
        assert "It takes 1000." in refused
        assert (len(await t.jobs()), await clips_used(t, t.bob)) == (1, 0)


async def test_a_remix_whose_answer_was_lost_is_found_again_and_paid_once(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        parent, message = await make_clip(t)
        t.api.fault("remix", VideosFault.cut(accepted=True))
        await t.reply(t.bob, message, CHANGE)
        job = await wait_for_newest(t, 2)
        assert is_remix(job, parent, t.bob)
        assert job.source_remote_id == parent.remote_id
        assert (t.api.creates[CHANGE], t.api.requests["remix"]) == (1, 1)
        assert t.api.renders[str(job.remote_id)].source == parent.remote_id
        await both_say(t, job, "from the clip itself")


async def test_two_lost_remixes_in_the_same_words_each_find_that_of_their_own_clip(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path) as t:
        first, one = await make_clip(t)
        second, other = await make_clip(t)
        t.api.fault("remix", VideosFault.cut(accepted=True), times=2)
        await t.reply(t.bob, other, CHANGE)
        await t.reply(t.alice, one, CHANGE)
        await wait_for_newest(t, 4)
        for job in (await t.jobs())[2:]:
            parent = first if job.parent_id == first.id else second
            assert t.api.renders[str(job.remote_id)].source == parent.remote_id
        assert (t.api.creates[CHANGE], t.api.requests["remix"]) == (2, 2)


async def test_a_composed_remix_whose_answer_was_lost_is_found_again_and_paid_once(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path) as t:
        parent, message = await make_clip(t)
        del t.api.renders[str(parent.remote_id)]
        t.api.fault("create", VideosFault.cut(accepted=True))
        await t.reply(t.bob, message, CHANGE)
        job = await wait_for_newest(t, 2)
        assert is_remix(job, parent, t.bob)
        assert (t.api.creates[COMPOSED], t.api.requests["create"]) == (1, 2)


async def test_a_lost_order_adopts_no_foreign_remix_in_the_same_words(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path) as t:
        told = {"prompt": PROMPT, "model": "sora-2", "seconds": "4", "size": "1280x720"}
        foreign = t.api.add_render(told, route="remix", source="video_of_somebody")
        t.api.fault("create", VideosFault.cut(accepted=False))
        job, _ = await make_clip(t)
        assert job.remote_id != foreign.id
        assert t.api.requests["create"] == 2


async def test_a_remix_that_never_arrived_is_sent_again(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        _, message = await make_clip(t)
        t.api.fault("remix", VideosFault.cut(accepted=False))
        await t.reply(t.bob, message, CHANGE)
        job = await wait_for_newest(t, 2)
        assert job.source_remote_id is not None
        assert (t.api.creates[CHANGE], t.api.requests["remix"]) == (1, 2)


@pytest.mark.parametrize("arrived", [True, False])
async def test_a_remix_of_unknown_outcome_is_never_sent_twice(
    tmp_path: Path, *, arrived: bool
) -> None:
    async with bot_harness(tmp_path) as t:
        parent, message = await make_clip(t)
        t.api.fault("remix", VideosFault.cut(accepted=arrived))
        t.api.fault("list", VideosFault.error(404, "no such route"), times=9)
        await t.reply(t.bob, message, CHANGE)

        async def given_up() -> bool:
            return (await t.jobs())[-1].state is State.FAILED

        await t.until(given_up)
        job = (await t.jobs())[-1]
        assert (job.error_code, job.refunded) == ("render_lost", True)
        assert is_remix(job, parent, t.bob)
        assert t.api.creates[CHANGE] == arrived
        assert (t.api.requests["remix"], t.api.requests["create"]) == (1, 1)
        assert await clips_used(t, t.bob) == 0
        await t.until(lambda: "lost contact" in t.card_text())


async def test_a_remix_that_the_rules_stop_is_refunded_and_not_composed(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        _, message = await make_clip(t)
        t.api.fault("remix", VideosFault.moderated())
        await t.reply(t.bob, message, CHANGE)

        async def refused() -> bool:
            return (await t.jobs())[-1].state is State.FAILED

        await t.until(refused)
        assert (await t.jobs())[-1].error_code == "moderation"
        assert (t.api.requests["create"], await clips_used(t, t.bob)) == (1, 0)
        await t.until(lambda: "content rules" in words(t.card().embeds[0]))


async def test_a_remix_outlives_a_restart_between_order_and_render(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        parent, message = await make_clip(t)
        t.api.ready_after_s = 1
        await t.reply(t.bob, message, CHANGE)

        async def rendering() -> bool:
            return (await t.jobs())[-1].state is State.RENDERING

        await t.until(rendering)
        await t.restart()
        job = await wait_for_newest(t, 2)
        assert is_remix(job, parent, t.bob)
        assert t.api.creates[CHANGE] == 1
        await both_say(t, job, "from the clip itself")


@pytest.mark.parametrize("way", ["remix", "extend"])
@pytest.mark.parametrize("chosen", [True, False])
async def test_a_busy_service_keeps_the_model_that_was_chosen_for_the_parent(
    tmp_path: Path, way: str, chosen: bool
) -> None:
    async with two(tmp_path, models=OTHER) as (t, other):
        options: dict[str, Any] = {"model": "openai/sora-2"} if chosen else {}
        parent, _ = await make_clip(t, **options)
        t.api.fault(way, BUSY)
        await t.bob.slash(t.channel, f"sora {way}", clip=parent.id, prompt=CHANGE)
        job = await wait_for_newest(t, 2)
        assert job.spec.provider == ("openai" if chosen else "litellm")
        assert (job.source_remote_id is not None) is chosen
        assert other.creates.total() == (0 if chosen else 1)


async def test_the_name_of_the_parents_own_model_leaves_the_remix_with_its_service(
    tmp_path: Path,
) -> None:
    async with two(tmp_path) as (t, _):
        parent, _ = await make_clip(t, model="litellm/sora-2")
        await t.bob.slash(t.channel, "sora remix", clip=parent.id, prompt=CHANGE, model="Sora 2")
        job = await wait_for_newest(t, 2)
        assert (job.spec.provider, job.source_remote_id) == ("litellm", parent.remote_id)
        assert t.api.creates.total() == 0


@pytest.mark.parametrize("chosen", [True, False])
async def test_a_composed_remix_keeps_the_model_that_was_chosen_while_its_service_rests(
    tmp_path: Path, chosen: bool
) -> None:
    async with two(tmp_path, models=OTHER, OPENAI_MODELS=PLAIN) as (t, other):
        options: dict[str, Any] = {"model": "openai/plain"} if chosen else {}
        parent, _ = await make_clip(t, **options)
        t.api.fault(
            "create", VideosFault.error(429, "slow down", "rate_limit_exceeded", retry_after="4")
        )
        await t.alice.slash(t.channel, "sora generate", prompt="a dog", model="openai/plain")
        await t.until(lambda: t.api.requests["create"] == 2)
        await t.bob.slash(t.channel, "sora remix", clip=parent.id, prompt=CHANGE)
        remix = await wait_for_newest(t, 3)
        assert remix.spec.provider == ("openai" if chosen else "litellm")
        assert remix.spec.any_model is not chosen
        assert other.creates[COMPOSED] == (0 if chosen else 1)


@pytest.mark.parametrize("way", ["remix", "extend"])
@pytest.mark.parametrize("chosen", [True, False])
async def test_the_model_that_was_chosen_is_looked_for_elsewhere_where_its_service_is_out(
    tmp_path: Path, way: str, chosen: bool
) -> None:
    async with two(tmp_path, models=f"{OTHER}; sora-2") as (t, _):
        options: dict[str, Any] = {"model": "openai/sora-2"} if chosen else {}
        parent, _ = await make_clip(t, **options)
        await t.moderator.slash(t.channel, "sora-mod provider drain", name="openai")
        await t.bob.slash(t.channel, f"sora {way}", clip=parent.id, prompt=CHANGE)
        made = await wait_for_newest(t, 2)
        model = "sora-2" if chosen else "reel"
        assert (made.spec.provider, made.spec.model) == ("litellm", model)
        assert made.spec.any_model is not chosen


@pytest.mark.parametrize("chosen", [True, False])
@pytest.mark.parametrize("of", ["clip", "remix"])
async def test_what_is_repeated_keeps_the_model_that_was_chosen_where_its_service_is_out(
    tmp_path: Path, of: str, chosen: bool
) -> None:
    async with two(tmp_path, models=f"{OTHER}; sora-2") as (t, _):
        options: dict[str, Any] = {"model": "openai/sora-2"} if chosen else {}
        job, message = await make_clip(t, **({} if of == "remix" else options))
        if of == "remix":
            wanted = {"clip": job.id, "prompt": CHANGE, **options}
            await t.bob.slash(t.channel, "sora remix", **wanted)
            message = message_of(t, await wait_for_newest(t, 2))
        await t.moderator.slash(t.channel, "sora-mod provider drain", name="openai")
        count = len(await t.jobs())
        await t.bob.click(message, label="Again")
        again = await wait_for_newest(t, count + 1)
        model = "sora-2" if chosen else "reel"
        assert (again.spec.provider, again.spec.model) == ("litellm", model)
        assert again.spec.any_model is not chosen
