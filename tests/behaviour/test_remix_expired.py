"""A clip whose file was removed after its retention time: what members are told, and what still
works.
"""

from __future__ import annotations

from pathlib import Path

import discord
import pytest

from bot.archive.folder import FolderArchive
from bot.model import Job, Operation
from bot.storage.sqlite.retention import SqliteRetentionStore
from tests.behaviour.harness import BotHarness, bot_harness, words
from tests.behaviour.remixes import (
    PROMPT,
    buttons,
    make_clip,
    message_of,
    only_answer,
    wait_for_newest,
)
from tests.behaviour.test_remix_access import CHANGE, IDS, WAYS, Way, nothing_happened, unknown


async def expired(t: BotHarness, job: Job) -> None:
    """Remove a clip's file and database row as retention does after the clip's time."""
    stored = await t.app.store.clip(job.id)
    assert stored is not None
    await FolderArchive(t.settings.archive_dir).remove(stored.archive_key)
    store = t.app.store
    await SqliteRetentionStore(store.database, store.queries).delete_clips([job.id])


async def remixed(t: BotHarness, message: discord.Message, count: int) -> Job:
    await t.reply(t.bob, message, CHANGE)
    return await wait_for_newest(t, count)


@pytest.mark.parametrize("way", WAYS, ids=IDS)
async def test_whoever_wants_something_made_of_it_reads_that_its_file_is_gone_and_since_when(
    tmp_path: Path, way: Way
) -> None:
    async with bot_harness(tmp_path, KEEP_CLIPS_DAYS="30") as t:
        job, message = await make_clip(t)
        await expired(t, job)
        for who in (t.alice, t.bob):
            told = await way(t, who, job, message)
            assert told.startswith(f"I removed the file of `{job.id}`: I keep clips for 30 days.")
            assert "nobody can remix, extend or repeat it" in told
        # The prompt is still in the clip's details, as the answer says.
        details = await t.bob.context_menu(t.channel, "Clip details", message)
        assert details.response is not None
        assert PROMPT in words(details.response.embeds[0])
        await nothing_happened(t, 1)


async def test_those_who_may_not_see_it_learn_nothing_of_it(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, KEEP_CLIPS_DAYS="30") as t:
        job, _ = await make_clip(t, channel=t.secret_channel())
        await expired(t, job)
        await unknown(t, t.bob, job.id)


async def test_a_server_that_keeps_clips_for_ever_by_now_names_no_days(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        job, _ = await make_clip(t)
        await expired(t, job)
        told = only_answer(await t.bob.slash(t.channel, "sora remix", clip=job.id, prompt=CHANGE))
        assert told.startswith(f"I removed the file of `{job.id}`. So nobody")


async def test_a_remix_of_it_can_be_repeated_from_the_words_of_both(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, KEEP_CLIPS_DAYS="30") as t:
        parent, message = await make_clip(t)
        remix = await remixed(t, message, 2)
        await expired(t, parent)
        await t.bob.click(message_of(t, remix), label="Again")
        again = await wait_for_newest(t, 3)
        assert (again.spec.operation, again.source_remote_id) == (Operation.REMIX, None)
        assert t.api.forms[-1]["prompt"] == f"{PROMPT}. Change: {CHANGE}"


async def test_what_went_on_from_it_cannot_be_repeated(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, KEEP_CLIPS_DAYS="30") as t:
        parent, message = await make_clip(t)
        form = await t.bob.click(message, label="Extend")
        await t.bob.submit_modal(form, {"words": CHANGE})
        longer = await wait_for_newest(t, 2)
        await expired(t, parent)
        told = only_answer(await t.bob.click(message_of(t, longer), label="Again"))
        assert told == f"The clip that `{longer.id}` goes on from is gone: it can't be repeated."


async def test_it_is_not_offered_for_a_remix_but_stays_in_the_lists(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        old, _ = await make_clip(t)
        young, _ = await make_clip(t)
        await expired(t, old)
        for command in ("sora remix", "sora extend"):
            offered = await t.bob.autocomplete(t.channel, command, "clip", "")
            assert [each["value"] for each in offered] == [young.id]
        shown = await t.bob.slash(t.channel, "sora gallery")
        assert f"`{old.id}`" in only_answer(shown)


async def test_its_details_say_so_and_have_no_button_that_would_be_refused(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        job, message = await make_clip(t)
        await expired(t, job)
        shown = await t.alice.context_menu(t.channel, "Clip details", message)
        assert shown.response is not None
        assert buttons(shown.response.message) == ["Watch", "Delete"]
        assert "Past its time and removed" in words(shown.response.embeds[0])
