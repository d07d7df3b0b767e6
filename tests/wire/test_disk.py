"""Tests that a full disk or a locked database gives clear refusals, and no restart is needed."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from bot.model import State
from tests.behaviour.harness import bot_harness
from tests.unit.storage.small_disk import fill, small_disk
from tests.wire.discord_double import LoopbackDiscord
from tests.wire.test_end_to_end import KILLABLE_MODULE, PROMPT, clips, eventually, running
from tests.wire.videos_api import VideosApi

_MIB = 1 << 20
#: More than any disk has.
_ENDLESS = "1000000"
_DOG = "a dog plays the drums"


@contextmanager
def write_lock(database: Path) -> Iterator[None]:
    """Lock the database for writing, as another process does during a long write."""
    with closing(sqlite3.connect(database, isolation_level=None)) as conn:
        conn.execute("BEGIN IMMEDIATE")
        yield
        conn.execute("ROLLBACK")


async def test_a_full_disk_refuses_commands_and_keeps_a_paid_clip_waiting(
    tmp_path: Path,
) -> None:
    with small_disk(tmp_path / "data", 32 * _MIB) as disk:
        async with (
            LoopbackDiscord() as discord,
            VideosApi(ready_after_s=4, poll_after_ms=200) as api,
            running(tmp_path, discord, api, module=KILLABLE_MODULE, MIN_FREE_MIB="8") as bot,
        ):
            await discord.slash("alice", "clips", "sora generate", {"prompt": PROMPT})
            await eventually(lambda: api.creates[PROMPT] and (disk / "sorabot.db.ballast").exists())
            hog = fill(disk)
            await asyncio.sleep(1.1)
            sent = await discord.slash("bob", "clips", "sora generate", {"prompt": _DOG})
            await sent.answered()
            assert sent.is_ephemeral
            assert "short of disk space" in sent.content
            await eventually(lambda: "not enough disk space for the clip" in bot.log())
            assert clips(discord, "clips") == []
            # The bot must not download the clip before there is space for it.
            assert api.requests["content"] == 0

            hog.unlink()

            await eventually(lambda: clips(discord, "clips"))
            sent = await discord.slash("bob", "clips", "sora generate", {"prompt": _DOG})
            await sent.answered()
            assert not sent.is_ephemeral
            await eventually(lambda: len(clips(discord, "clips")) == 2)
            assert await bot.stop() == 0
            assert (api.creates[PROMPT], api.creates[_DOG]) == (1, 1)
            assert discord.violations == []


async def test_a_locked_database_refuses_within_three_seconds_and_goes_on_afterwards(
    tmp_path: Path,
) -> None:
    async with (
        LoopbackDiscord() as discord,
        VideosApi(ready_after_s=2, poll_after_ms=200) as api,
        running(tmp_path, discord, api, module=KILLABLE_MODULE) as bot,
    ):
        await discord.slash("alice", "clips", "sora generate", {"prompt": PROMPT})
        await eventually(lambda: api.requests["retrieve"])
        with write_lock(tmp_path / "data" / "sorabot.db"):
            await asyncio.sleep(3)
            sents = [
                await discord.slash("bob", "clips", "sora generate", {"prompt": f"{_DOG} {n}"})
                for n in range(4)
            ]
            for sent in sents:
                await sent.answered()
                assert sent.answered_after_s is not None
                assert sent.answered_after_s < 3
                assert sent.is_ephemeral
                assert "can't reach my records" in sent.content
        sent = await discord.slash("bob", "clips", "sora generate", {"prompt": _DOG})
        await sent.answered()
        assert not sent.is_ephemeral
        await eventually(lambda: len(clips(discord, "clips")) == 2)
        assert await bot.stop() == 0
        assert api.creates.total() == 2


async def test_a_paid_render_that_waits_for_space_outlives_its_deadline(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, api=VideosApi(ready_after_s=600, poll_after_ms=20)) as t:
        await t.alice.slash(t.channel, "sora generate", prompt="a cat")
        await t.wait_for_state(State.RENDERING)
        await t.restart(MIN_FREE_MIB=_ENDLESS)
        for remote in t.api.renders.values():
            remote.ready_s = 0
        await t.wait_for_state(State.DOWNLOADING)
        refused = await t.bob.slash(t.channel, "sora generate", prompt="a dog")
        assert refused.ephemeral
        for _ in range(3):
            t.clock.forward(48 * 3600)
            await asyncio.sleep(0.6)
        # After the deadline, failed downloads would soon fail the job; waiting for disk space must
        # not.
        waiting = await t.job()
        assert waiting.state is State.DOWNLOADING
        assert waiting.attempts == 0
        assert waiting.deadline_at is not None
        assert waiting.deadline_at < t.clock.now()
        assert t.api.requests["content"] == 0
        await t.restart(MIN_FREE_MIB="1")
        await t.wait_for_state(State.DONE)
        assert len(t.clips()) == 1
        assert t.api.creates["a cat"] == 1


async def test_a_queued_job_is_not_paid_for_while_its_clip_has_no_disk_space(
    tmp_path: Path,
) -> None:
    api = VideosApi(ready_after_s=600, poll_after_ms=20)
    async with bot_harness(tmp_path, api=api, OPENAI_MAX_CONCURRENT="1") as t:
        await t.alice.slash(t.channel, "sora generate", prompt="a cat")
        await t.wait_for_state(State.RENDERING)
        await t.bob.slash(t.channel, "sora generate", prompt="a dog")
        await t.restart(MIN_FREE_MIB=_ENDLESS, OPENAI_MAX_CONCURRENT="2")
        await asyncio.sleep(1)
        assert t.api.creates["a dog"] == 0
        await t.restart(MIN_FREE_MIB="1")
        await t.until(lambda: t.api.creates["a dog"] == 1)


async def test_a_job_that_can_t_be_read_holds_up_no_other(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, api=VideosApi(ready_after_s=600, poll_after_ms=20)) as t:
        await t.alice.slash(t.channel, "sora generate", prompt="a cat")
        bad = await t.wait_for_state(State.RENDERING)
        await t.app.store.database.write(
            lambda conn: conn.execute(
                "UPDATE jobs SET created_at = 9000000000000000000 WHERE id = ?", (bad.id,)
            )
        )
        for remote in t.api.renders.values():
            remote.ready_s = 0
        t.api.ready_after_s = 0
        answered = await t.bob.slash(t.channel, "sora generate", prompt="a dog")
        assert not answered.ephemeral
        await t.until(lambda: len(t.clips()) == 1)
        assert "a dog" in t.clips()[0].content
