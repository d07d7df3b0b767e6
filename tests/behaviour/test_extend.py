"""Extending a clip: the provider continues it, or the bot renders a second clip and joins both."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import discord
import numpy as np
import simcord
from PIL import Image

from bot.model import Job, Operation, State
from tests.behaviour.clips import (
    button_labels,
    generate_clip,
    message_of,
    private_answer,
    wait_until_finished,
)
from tests.behaviour.harness import BotHarness, bot_harness, words
from tests.unit.media.video_files import (
    RATE_HZ,
    heard,
    number_of,
    numbered_pictures,
    numbers,
    tone,
    write_video,
)
from tests.wire.videos_api import VideosApi
from tests.wire.videos_render import LoopbackRender

PROMPT = "a calico cat plays piano"
FPS = 8
#: Settings for a provider that can neither extend nor remix, so the bot composes both itself.
COMPOSING = {"OPENAI_MODELS": "sora-2 extend=no remix=no"}
#: The largest difference between two samples of the 440 Hz test tone, plus 30 % for AAC's errors.
#: A larger one is an audible click at the joint.
STEEPEST = 0.4 * 2 * np.pi * 440 / RATE_HZ * 1.3


def counting(folder: Path) -> Callable[[LoopbackRender], Path]:
    """Make the loopback API render videos whose frames show their number.

    A video that starts from an image continues with that image's number. The sound is a tone that
    is in phase with the frame numbers, so that joined clips can be checked for gaps.
    """

    def render(remote: LoopbackRender) -> Path:
        start, seconds = 0, int(remote.seconds)
        if remote.image is not None:
            with Image.open(BytesIO(remote.image)) as picture:
                start = number_of(np.asarray(picture.convert("RGB")))
        shown = numbered_pictures(range(start, start + seconds * FPS))
        sound = tone(seconds, at_s=start / FPS)
        return write_video(folder / f"{remote.id}.mp4", shown, rate=FPS, sound=sound)

    return render


def counted(folder: Path) -> VideosApi:
    api = VideosApi(poll_after_ms=20)
    folder.mkdir(exist_ok=True)
    api.content_of = counting(folder)
    return api


async def extended(
    t: BotHarness, actor: simcord.MemberActor, parent: Job, words_typed: str = ""
) -> tuple[Job, discord.Message]:
    """Have `actor` press Extend below a clip; return the finished job and its message."""
    before = len(await t.jobs())
    message = message_of(t, parent)
    assert message is not None
    pressed = await actor.click(message, label="Extend")
    assert pressed.modal is not None
    asked = await actor.submit_modal(pressed, {"words": words_typed} if words_typed else {})
    assert not asked.ephemeral, private_answer(asked)
    job = (await wait_until_finished(t, before + 1))[-1]
    posted = message_of(t, job)
    assert posted is not None
    return job, posted


async def saved(message: discord.Message, path: Path) -> Path:
    path.write_bytes(await message.attachments[0].read())
    return path


async def seconds_counted(t: BotHarness, user_id: int) -> int:
    return (await t.usage_of(user_id)).seconds


async def test_the_form_sends_its_words_the_added_length_and_the_clip_to_the_video_service(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path, api=counted(tmp_path / "renders")) as t:
        parent = await generate_clip(t, t.alice, PROMPT, seconds=8)
        job, posted = await extended(t, t.bob, parent, "then it begins to snow")
        (asked,) = t.api.continuations
        assert (asked.route, asked.source) == ("extend", parent.remote_id)
        assert asked.body == {
            "prompt": "then it begins to snow",
            "seconds": "8",
            "video": {"id": parent.remote_id},
        }
        assert (job.parent_id, job.user_id) == (parent.id, t.bob.id)
        assert job.spec.operation is Operation.EXTEND
        assert "your extended clip is ready" in posted.content
        assert "16 s (8 s added)" in posted.content
        assert "begins to snow" in posted.content
        assert "from the clip itself" in posted.content
        assert f"`{parent.id}`" in posted.content
        assert [user.id for user in posted.mentions] == [t.bob.id]
        film_of_both = await saved(posted, tmp_path / "posted.mp4")
        assert numbers(film_of_both) == list(range(16 * FPS))
        assert t.api.violations == []


async def test_without_words_the_clip_goes_on_as_it_was_by_form_and_by_command(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path) as t:
        parent = await generate_clip(t, t.alice, PROMPT)
        await extended(t, t.alice, parent)
        asked = await t.alice.slash(t.channel, "sora extend", clip=parent.id.lower())
        assert not asked.ephemeral
        await wait_until_finished(t, 3)
        assert [each.body["prompt"] for each in t.api.continuations] == [PROMPT, PROMPT]


async def test_quota_counts_the_added_seconds_of_whoever_asked(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, api=counted(tmp_path / "renders")) as t:
        parent = await generate_clip(t, t.alice, PROMPT, seconds=8)
        await t.bob.slash(t.channel, "sora extend", clip=parent.id, prompt="it snows")
        first = (await wait_until_finished(t, 2))[-1]
        assert await seconds_counted(t, t.bob.id) == 8
        assert await seconds_counted(t, t.alice.id) == 8
        posted = message_of(t, first)
        assert posted is not None
        assert "$0.80" in posted.content


async def test_an_extension_of_an_extension_is_joined_by_the_video_service_again(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path, api=counted(tmp_path / "renders")) as t:
        root = await generate_clip(t, t.alice, PROMPT)
        child, _ = await extended(t, t.alice, root, "it snows")
        grandchild, posted = await extended(t, t.alice, child, "it stops")
        assert t.api.continuations[-1].source == child.remote_id
        assert t.api.continuations[-1].body["seconds"] == "4"
        assert "12 s (4 s added)" in posted.content
        assert await seconds_counted(t, t.alice.id) == 12
        shown = await t.alice.context_menu(t.channel, "Clip details", posted)
        told = private_answer(shown)
        assert "12 s (4 s added)" in told
        assert told.index(child.id) < told.index(root.id)
        assert grandchild.parent_id == child.id


async def test_a_remix_of_an_extension_keeps_its_whole_length(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, api=counted(tmp_path / "renders")) as t:
        root = await generate_clip(t, t.alice, PROMPT)
        child, posted = await extended(t, t.alice, root, "it snows")
        await t.reply(t.alice, posted, "by night")
        remix = (await wait_until_finished(t, 3))[-1]
        assert (remix.parent_id, remix.spec.seconds) == (child.id, 8)
        assert t.api.continuations[-1].route == "remix"
        # The remix renders all eight seconds again, so eight seconds are counted for it.
        assert await seconds_counted(t, t.alice.id) == 4 + 4 + 8


async def test_a_remix_of_an_extension_longer_than_any_model_can_is_as_long_as_it_can_be(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path, COMPOSING, api=counted(tmp_path / "renders")) as t:
        root = await generate_clip(t, t.alice, PROMPT, seconds=12)
        _, posted = await extended(t, t.alice, root, "it snows")
        await t.reply(t.alice, posted, "by night")
        remix = (await wait_until_finished(t, 3))[-1]
        assert remix.spec.seconds == 12


async def test_where_the_service_cannot_the_last_frame_opens_a_part_and_both_are_one_film(
    tmp_path: Path,
) -> None:
    api = counted(tmp_path / "renders")
    async with bot_harness(tmp_path, COMPOSING, api=api) as t:
        parent = await generate_clip(t, t.alice, PROMPT)
        job, posted = await extended(t, t.bob, parent, "then it begins to snow")
        assert api.continuations == []
        assert api.forms[-1]["prompt"] == f"{PROMPT}. Then: then it begins to snow"
        (picture,) = api.images
        with Image.open(BytesIO(picture)) as reference:
            assert (reference.format, reference.size) == ("PNG", (1280, 720))
            assert number_of(np.asarray(reference.convert("RGB"))) == 4 * FPS - 1
        film_of_both = await saved(posted, tmp_path / "posted.mp4")
        # The second part begins with the last frame of the first. The frame is shown once, so the
        # joined clip is one frame shorter than 8 s.
        assert numbers(film_of_both) == list(range(8 * FPS - 1))
        sound = heard(film_of_both)
        played = sound[:, : round((8 - 1 / FPS) * RATE_HZ)]
        assert np.abs(np.diff(played)).max() < STEEPEST
        quiet = np.sqrt((played[0, : RATE_HZ * 7].reshape(-1, RATE_HZ // 100) ** 2).mean(axis=1))
        assert quiet[1:].min() > 0.2
        assert "8 s (4 s added)" in posted.content
        assert "from its last frame; both are joined" in posted.content
        assert job.spec.seconds == 4
        assert await seconds_counted(t, t.bob.id) == 4
        assert api.violations == []


async def test_a_joined_clip_is_extended_from_its_own_end(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, COMPOSING, api=counted(tmp_path / "renders")) as t:
        root = await generate_clip(t, t.alice, PROMPT)
        child, _ = await extended(t, t.alice, root, "it snows")
        _, posted = await extended(t, t.alice, child, "it stops")
        whole = await saved(posted, tmp_path / "posted.mp4")
        assert numbers(whole) == list(range(12 * FPS - 2))
        assert "12 s (4 s added)" in posted.content


async def test_a_source_that_the_service_lost_is_gone_on_from_all_the_same(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, api=counted(tmp_path / "renders")) as t:
        parent = await generate_clip(t, t.alice, PROMPT)
        del t.api.renders[parent.remote_id or ""]
        job, posted = await extended(t, t.alice, parent, "it snows")
        assert job.source_remote_id is None
        assert "both are joined" in posted.content
        whole = await saved(posted, tmp_path / "posted.mp4")
        assert numbers(whole) == list(range(8 * FPS - 1))
        assert await seconds_counted(t, t.alice.id) == 8


async def test_when_the_parents_file_is_gone_before_the_join_the_part_is_posted_alone(
    tmp_path: Path,
) -> None:
    api = counted(tmp_path / "renders")
    render = counting(tmp_path / "renders")

    def render_and_lose_the_parent(remote: LoopbackRender) -> Path:
        if remote.image is not None:
            for path in (tmp_path / "clips").rglob("*.mp4"):
                path.unlink()
        return render(remote)

    api.content_of = render_and_lose_the_parent
    async with bot_harness(tmp_path, COMPOSING, api=api) as t:
        parent = await generate_clip(t, t.alice, PROMPT)
        _, posted = await extended(t, t.alice, parent, "it snows")
        part = await saved(posted, tmp_path / "posted.mp4")
        assert numbers(part) == list(range(4 * FPS - 1, 8 * FPS - 1))
        assert "from its last frame; the two could not be joined" in posted.content
        assert "4 s added" not in posted.content


async def test_when_the_parents_file_is_gone_before_the_call_nothing_is_paid_for(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path, COMPOSING, api=counted(tmp_path / "renders")) as t:
        parent = await generate_clip(t, t.alice, PROMPT)
        for path in (tmp_path / "clips").rglob("*.mp4"):
            path.unlink()
        await t.bob.slash(t.channel, "sora extend", clip=parent.id, prompt="it snows")

        async def given_up() -> Job | None:
            job = (await t.jobs())[-1]
            return job if job.state is State.FAILED else None

        job = await t.until(given_up)
        assert job.refunded
        assert await seconds_counted(t, t.bob.id) == 0
        assert t.api.creates.total() == 1
        await t.until(lambda: "no longer has the clip" in t.card_text())


async def test_where_no_model_can_go_on_there_is_no_button_and_a_clear_refusal(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path, OPENAI_MODELS="sora-2 extend=no remix=no image=no") as t:
        parent = await generate_clip(t, t.alice, PROMPT)
        assert "Extend" not in button_labels(message_of(t, parent))
        refused = await t.alice.slash(t.channel, "sora extend", clip=parent.id)
        assert "No video service here can continue this clip" in private_answer(refused)
        assert len(await t.jobs()) == 1


async def test_where_every_service_is_drained_nobody_fills_in_a_form_for_nothing(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path) as t:
        parent = await generate_clip(t, t.alice, PROMPT)
        message = message_of(t, parent)
        assert message is not None
        await t.moderator.slash(t.channel, "sora-mod provider drain", name="openai")
        pressed = await t.bob.click(message, label="Extend")
        assert "No video service here can continue this clip" in private_answer(pressed)
        assert pressed.modal is None


async def test_a_joined_clip_has_no_button_where_its_service_takes_no_frame(tmp_path: Path) -> None:
    renders = tmp_path / "renders"
    async with bot_harness(tmp_path, COMPOSING, api=counted(renders)) as t:
        parent = await generate_clip(t, t.alice, PROMPT)
        joined, _ = await extended(t, t.alice, parent)
        # The provider has only the added part of this joined clip, so extending it there would
        # lose the first part.
        await t.restart(OPENAI_MODELS="sora-2 extend=yes image=no")
        posted = message_of(t, joined)
        assert posted is not None
        shown = await t.alice.context_menu(t.channel, "Clip details", posted)
        assert shown.response is not None
        assert "Extend" not in button_labels(shown.response)
        pressed = await t.alice.click(posted, label="Extend")
        assert "No video service here can continue this clip" in private_answer(pressed)


async def test_the_form_shows_the_parents_words_and_its_card_what_is_added(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, api=VideosApi(poll_after_ms=20)) as t:
        parent = await generate_clip(t, t.alice, PROMPT)
        t.api.ready_after_s = 60
        message = message_of(t, parent)
        assert message is not None
        pressed = await t.bob.click(message, label="Extend")
        assert PROMPT in str(pressed.modal)
        assert f"Extend {parent.id}" in str(pressed.modal)
        asked = await t.bob.submit_modal(pressed, {"words": "it snows"})
        assert asked.response is not None
        told = words(asked.response.embeds[0])
        assert "it snows" in told
        assert "Continues" in told
        assert "4 s more" in told


async def test_an_extension_in_a_restart_is_finished_once(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, COMPOSING, api=counted(tmp_path / "renders")) as t:
        parent = await generate_clip(t, t.alice, PROMPT)
        t.api.ready_after_s = 1
        await t.bob.slash(t.channel, "sora extend", clip=parent.id, prompt="it snows")

        async def rendering() -> bool:
            return (await t.jobs())[-1].state is State.RENDERING

        await t.until(rendering)
        await t.restart()
        job = (await wait_until_finished(t, 2))[-1]
        posted = message_of(t, job)
        assert posted is not None
        assert len(t.clips()) == 2
        whole = await saved(posted, tmp_path / "posted.mp4")
        assert numbers(whole) == list(range(8 * FPS - 1))
        assert list((tmp_path / "tmp").glob("*")) == []
