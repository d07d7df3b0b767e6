"""Remixes and extensions of clips that are longer than the longest render of any model."""

from __future__ import annotations

from pathlib import Path

import discord

from bot.model import Job, State
from tests.behaviour.clips import generate_clip, message_of, private_answer, wait_until_finished
from tests.behaviour.harness import BotHarness, bot_harness
from tests.behaviour.test_delete import confirmed, picture
from tests.behaviour.test_extend import FPS, counted, extended, saved
from tests.unit.media.video_files import numbers
from tests.wire.videos_faults import VideosFault

PROMPT = "a calico cat plays piano"
#: Settings for a provider that can remix but not extend, so the bot joins an extension itself.
JOINING = "sora-2 extend=no"
#: The longest clip, in seconds, that the provider makes from a prompt.
LONGEST_S = 12


async def long_clip(t: BotHarness) -> tuple[Job, discord.Message]:
    """Have alice make a clip of 12 s and the provider extend it to 24 s."""
    root = await generate_clip(t, t.alice, PROMPT, seconds=LONGEST_S)
    child, posted = await extended(t, t.alice, root, "it snows")
    assert child.source_remote_id is not None
    return child, posted


async def long_remix(t: BotHarness) -> tuple[Job, Job]:
    """Have alice make a clip of 24 s and a remix of it; return both jobs."""
    child, posted = await long_clip(t)
    await t.reply(t.alice, posted, "by night")
    remix = (await wait_until_finished(t, 3))[-1]
    assert remix.spec.seconds == 24
    return child, remix


def shown(t: BotHarness, job: Job) -> discord.Message:
    message = message_of(t, job)
    assert message is not None
    return message


async def test_a_remix_of_a_joined_clip_is_not_one_of_its_last_part(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, api=counted(tmp_path / "renders"), OPENAI_MODELS=JOINING) as t:
        root = await generate_clip(t, t.alice, PROMPT)
        child, posted = await extended(t, t.alice, root, "it snows")
        assert child.source_remote_id is None
        await t.reply(t.alice, posted, "by night")
        remix = (await wait_until_finished(t, 3))[-1]
        assert remix.source_remote_id is None
        assert t.api.requests["remix"] == 0
        # The remix renders the whole joined clip again, so all 8 s are counted.
        assert t.api.renders[str(remix.remote_id)].seconds == str(remix.spec.seconds) == "8"


async def test_an_extension_of_a_joined_clip_keeps_its_beginning(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, api=counted(tmp_path / "renders")) as t:
        root = await generate_clip(t, t.alice, PROMPT)
        t.api.fault("extend", VideosFault.error(404, "not now"))
        child, posted = await extended(t, t.alice, root, "it snows")
        assert child.source_remote_id is None
        assert numbers(await saved(posted, tmp_path / "first.mp4")) == list(range(8 * FPS - 1))
        # The provider can extend again, but it has only the added part. So the bot joins all
        # parts.
        _, posted = await extended(t, t.alice, child, "it stops")
        whole = await saved(posted, tmp_path / "second.mp4")
        assert numbers(whole) == list(range(12 * FPS - 2))


async def test_a_long_remix_whose_source_is_gone_fails_with_a_refund_and_a_reason(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path, api=counted(tmp_path / "renders")) as t:
        child, posted = await long_clip(t)
        before = await t.usage_of(t.bob.id)
        del t.api.renders[str(child.remote_id)]
        await t.reply(t.bob, posted, "by night")

        async def failed() -> Job | None:
            job = (await t.jobs())[-1]
            return job if job.state is State.FAILED else None

        job = await t.until(failed)
        assert (job.error_code, job.refunded, job.spec.seconds) == ("source_gone", True, 24)
        assert await t.usage_of(t.bob.id) == before
        # The bot did not pay for a render of another length instead.
        assert t.api.requests["create"] == 1
        assert t.api.violations == []
        await t.until(lambda: "no longer has the clip" in t.card_text())


async def test_a_remix_of_a_long_remix_with_a_picture_is_as_long_as_can_be(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, api=counted(tmp_path / "renders")) as t:
        _, remix = await long_remix(t)
        await t.reply(t.alice, shown(t, remix), "with this", attachments=[picture()])
        composed = (await wait_until_finished(t, 4))[-1]
        assert composed.parent_id == remix.id
        assert composed.spec.seconds == LONGEST_S
        assert t.api.violations == []


async def test_a_long_remix_is_made_again_at_its_length_while_its_source_is_there(
    tmp_path: Path,
) -> None:
    async with bot_harness(
        tmp_path, api=counted(tmp_path / "renders"), QUOTA_SECONDS_PER_DAY="none"
    ) as t:
        child, remix = await long_remix(t)
        await t.alice.click(shown(t, remix), label="Again")
        again = (await wait_until_finished(t, 4))[-1]
        assert (again.parent_id, again.spec.seconds) == (child.id, 24)


async def test_a_long_remix_is_made_again_though_its_parent_was_deleted(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, api=counted(tmp_path / "renders")) as t:
        child, remix = await long_remix(t)
        await confirmed(t, t.alice, child)
        pressed = await t.alice.click(shown(t, remix), label="Again")
        assert len(await t.jobs()) == 4, private_answer(pressed)
        again = (await wait_until_finished(t, 4))[-1]
        assert again.spec.seconds <= LONGEST_S
        assert t.api.violations == []
