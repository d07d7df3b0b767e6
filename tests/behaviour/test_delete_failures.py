"""Deleting a clip still removes all its traces when one step of the deletion fails at first."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import discord
import simcord

from bot.guild import PostTarget
from bot.model import Job
from bot.storage.sqlite.outbox import SqliteOutbox
from bot.storage.sqlite.queries import Queries
from tests.behaviour.clips import generate_clip, message_of, wait_until_finished
from tests.behaviour.harness import FAST_TIMINGS, BotHarness, bot_harness
from tests.behaviour.settings_panel import choose, open_settings
from tests.behaviour.test_delete import confirmed, left_on_disk, picture, viewer, wait_for_outbox
from tests.wire.videos_faults import VideosFault

PROMPT = "a calico cat plays piano"


async def archived_thread(t: BotHarness, count: int) -> tuple[simcord.ChannelHandle, list[Job]]:
    """Make clips that are posted in the thread of their status card, then archive the thread."""
    await choose(t, await open_settings(t), "post", PostTarget.THREAD.value)
    await t.alice.slash(t.channel, "sora generate", prompt=PROMPT, count=count)
    jobs = await wait_until_finished(t, count)
    thread = t.channel.threads[-1]
    there = t.app.client.get_channel(thread.id)
    assert isinstance(there, discord.Thread)
    await there.edit(archived=True)
    return thread, jobs


async def test_a_mirror_whose_answer_was_lost_goes_with_its_clip(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        gallery = t.guild.create_text_channel("gallery")
        await t.choose_gallery(gallery)
        job = await generate_clip(t, t.alice, PROMPT)
        await t.until(lambda: t.clips(gallery))
        await wait_for_outbox(t)
        next_try_ms = int((t.clock.now() + timedelta(seconds=60)).timestamp() * 1000)

        def forget(conn: sqlite3.Connection) -> None:
            """Make the database look as if the answer to the gallery post had been lost."""
            conn.execute("DELETE FROM mirrors").fetchall()
            conn.execute(
                "INSERT INTO errands (chore, job_id, channel_id, created_at, due_at, attempts)"
                " VALUES ('mirror', ?, ?, ?, ?, 1)",
                (job.id, gallery.id, next_try_ms - 61_000, next_try_ms),
            ).fetchall()

        await t.app.store.database.write(forget)
        await confirmed(t, t.alice, job)
        await wait_for_outbox(t)
        assert message_of(t, job) is None
        assert t.clips(gallery) == []


async def test_a_service_that_never_deletes_keeps_nothing_here(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, timings=replace(FAST_TIMINGS, outbox_tries=3)) as t:
        job = await generate_clip(t, t.alice, PROMPT, image=picture())
        assert left_on_disk(t) != []
        t.api.fault("delete", VideosFault.error(401, "no such key"), times=99)
        await confirmed(t, t.alice, job)
        await wait_for_outbox(t)
        assert message_of(t, job) is None
        assert left_on_disk(t) == []
        assert list(t.api.renders) == [job.remote_id]


async def test_a_discord_that_deletes_nothing_holds_up_no_other_part(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        job = await generate_clip(t, t.alice, PROMPT)
        t.env.inject_error("DELETE", "/channels/*/messages/*", status=503, times=None)
        await confirmed(t, t.alice, job)
        await t.until(lambda: t.api.renders == {})
        assert left_on_disk(t) == []
        assert message_of(t, job) is not None
        t.env.backend.faults.clear()
        await wait_for_outbox(t)
        assert message_of(t, job) is None


async def test_one_of_several_variants_goes_from_an_archived_thread(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        thread, jobs = await archived_thread(t, 2)
        (message,) = t.clips(thread)
        assert len(message.attachments) == 2
        # Discord answers an edit in an archived thread with status 400 and error code 50083.
        path = f"/channels/{thread.id}/messages/{message.id}"
        t.env.inject_error("PATCH", path, status=400, code=50083)
        await t.app.jobs.library.delete(jobs[0].id, viewer(t))
        await wait_for_outbox(t)
        (message,) = t.clips(thread)
        assert [each.filename for each in message.attachments] == [f"sora-{jobs[1].id}.mp4"]


async def test_the_only_clip_goes_from_an_archived_thread(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        thread, (job,) = await archived_thread(t, 1)
        path = f"/channels/{thread.id}/messages/{job.message_id}"
        t.env.inject_error("DELETE", path, status=400, code=50083)
        await t.app.jobs.library.delete(job.id, viewer(t))
        await wait_for_outbox(t)
        assert t.clips(thread) == []


async def test_a_thread_tells_no_words_of_the_clip_that_was_deleted_in_it(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        thread, (job,) = await archived_thread(t, 1)
        await t.app.jobs.library.delete(job.id, viewer(t))
        await wait_for_outbox(t)
        assert thread.name == f"Clip {job.id}"


async def test_a_restart_right_after_a_deletion_leaves_no_words_on_the_card(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path) as t:
        job = await generate_clip(t, t.alice, PROMPT)
        await t.until(lambda: "Done" in t.card_text())
        # So long after the end of a job, a restart does not edit its status card by itself.
        t.clock.forward(2 * 3600)
        # Only the row in the outbox is committed here, as if the bot had died right after the
        # commit.
        outbox = SqliteOutbox(t.app.store.database, Queries.load())
        await outbox.erase(job.id, t.clock.now())
        await t.restart()
        await wait_for_outbox(t)
        assert message_of(t, job) is None
        await t.until(lambda: "Deleted" in t.card_text())
        assert "calico" not in t.card_text()


async def test_many_deletions_at_once_take_no_more_than_their_lane(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, QUOTA_CLIPS_PER_DAY="none", QUOTA_SECONDS_PER_DAY="none") as t:
        for _ in range(3):
            await t.alice.slash(t.channel, "sora generate", prompt=PROMPT, count=4)
        jobs = await wait_until_finished(t, 12)
        t.api.fault("delete", VideosFault.slow(0.2), times=len(jobs))
        for job in jobs:
            await t.app.jobs.library.delete(job.id, viewer(t))
        under_way: list[int] = []

        def all_gone() -> bool:
            answered = len(jobs) - len(t.api.renders)
            under_way.append(t.api.requests["delete"] - answered)
            return not t.api.renders

        await t.until(all_gone)
        assert 1 < max(under_way) <= FAST_TIMINGS.delivery_concurrency
