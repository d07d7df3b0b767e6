"""A clip whose file is past its time: seen as before, but nothing can be made of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.archive.folder import FolderArchive
from bot.model import Job
from bot.storage.sqlite_leavings import SqliteLeavings
from tests.behaviour.remaking import buttons, clip, message_of, newest, said
from tests.behaviour.test_remix_access import IDS, WAYS, Way
from tests.behaviour.town import Town, town, words


async def expire(t: Town, job: Job) -> None:
    """Remove a clip's file as `KEEP_CLIPS_DAYS` does."""
    kept = await t.app.store.clip(job.id)
    assert kept is not None
    await FolderArchive(t.settings.archive_dir).remove(kept.archive_key)
    await SqliteLeavings(t.app.store.database, t.app.store.queries).forget_clips([job.id])


@pytest.mark.parametrize("way", WAYS, ids=IDS)
async def test_every_way_to_make_something_of_it_says_that_it_is_past_its_time(
    tmp_path: Path, way: Way
) -> None:
    async with town(tmp_path) as t:
        job, message = await clip(t)
        await expire(t, job)
        for member in (t.bob, t.alice):
            told = await way(t, member, job, message)
            assert f"The file of `{job.id}` is past its time" in told
        assert len(await t.jobs()) == 1


async def test_it_is_not_offered_for_a_remix_but_stays_in_the_lists(tmp_path: Path) -> None:
    async with town(tmp_path) as t:
        old, _ = await clip(t)
        young, _ = await clip(t)
        await expire(t, old)
        for command in ("sora remix", "sora extend"):
            offered = await t.bob.autocomplete(t.channel, command, "clip", "")
            assert [each["value"] for each in offered] == [young.id]
        shown = await t.bob.slash(t.channel, "sora gallery")
        assert f"`{old.id}`" in said(shown)


async def test_its_details_say_so_and_have_no_button_that_would_be_refused(tmp_path: Path) -> None:
    async with town(tmp_path) as t:
        job, message = await clip(t)
        await expire(t, job)
        shown = await t.alice.context_menu(t.channel, "Clip details", message)
        assert shown.response is not None
        assert buttons(shown.response.message) == ["Watch", "Delete"]
        assert "Past its time and removed" in words(shown.response.embeds[0])


async def test_who_may_not_have_it_does_not_read_that_it_was_there(tmp_path: Path) -> None:
    async with town(tmp_path) as t:
        hidden, _ = await clip(t, channel=t.secret_channel())
        await expire(t, hidden)
        asked = await t.bob.slash(t.channel, "sora remix", clip=hidden.id, prompt="by night")
        assert "don't know a clip" in said(asked)


async def test_a_remix_whose_parent_is_past_its_time_cannot_be_repeated(tmp_path: Path) -> None:
    async with town(tmp_path) as t:
        parent, message = await clip(t)
        await t.reply(t.bob, message, "by night")
        child = await newest(t, 2)
        await expire(t, parent)
        told = said(await t.bob.click(message_of(t, child), label="Again"))
        assert f"The clip that `{child.id}` was made from is past its time" in told
        assert len(await t.jobs()) == 2
