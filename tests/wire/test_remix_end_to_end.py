"""Tests of remixes on the real bot: a clip, its remix by reply, and the remix's remix by button."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.patience import PATIENCE_S
from tests.wire.discord_double import LoopbackDiscord
from tests.wire.test_end_to_end import clips, running
from tests.wire.videos_api import VideosApi

PROMPT = "a calico cat plays piano"


async def newest_clip(discord: LoopbackDiscord, channel: str, count: int) -> Any:
    """Wait until a channel has `count` messages with clips; return the newest of them."""
    await discord.until(lambda: len(clips(discord, channel)) == count)
    return clips(discord, channel)[-1]


def id_of(clip: Any) -> str:
    return clip["attachments"][-1]["filename"].removeprefix("sora-").removesuffix(".mp4")


def buttons(message: Any) -> dict[str, str]:
    """Return the label and the custom id of each button below a message."""
    return {
        part["label"]: part.get("custom_id", "")
        for row in message["components"]
        for part in row["components"]
    }


async def test_three_generations_in_a_thread_with_a_restart_between_them(tmp_path: Path) -> None:
    async with LoopbackDiscord() as discord, VideosApi(ready_after_s=1, poll_after_ms=200) as api:
        async with running(tmp_path, discord, api) as bot:
            sent = await discord.slash(
                "alice", "film-club", "sora generate",
                {"prompt": PROMPT, "seconds": 8, "size": "720x1280", "model": "openai/sora-2"},
            )  # fmt: skip
            await sent.answered()
            root = await newest_clip(discord, "film-club", 1)
            await discord.message("film-club", "bob", "at night, with rain", reply_to=root)
            child = await newest_clip(discord, "film-club", 2)
            assert await bot.stop() == 0
        async with running(tmp_path, discord, api) as bot:
            pressed = await discord.press("alice", child, buttons(child)["Remix"])
            await pressed.answered()
            await discord.submit_modal(pressed, {"words": "and a dog listens"})
            grandchild = await newest_clip(discord, "film-club", 3)
            shown = await discord.menu("bob", "film-club", "Clip details", grandchild)
            await shown.answered()
            assert await bot.stop() == 0

        made = [(each.route, each.source, each.body) for each in api.continuations]
        first, second = (job.id for job in list(api.renders.values())[:2])
        assert made == [
            ("remix", first, {"prompt": "at night, with rain"}),
            ("remix", second, {"prompt": "and a dog listens"}),
        ]
        assert [(job.seconds, job.size) for job in api.renders.values()] == [("8", "720x1280")] * 3
        assert api.creates.total() == 3
        assert root["id"] in child["content"]
        assert child["id"] in grandchild["content"]
        assert [user["username"] for user in child["mentions"]] == ["bob"]
        assert [user["username"] for user in grandchild["mentions"]] == ["alice"]
        assert shown.is_ephemeral
        assert shown.message is not None
        told = str(shown.message["embeds"])
        assert told.index(id_of(child)) < told.index(id_of(root))
        assert discord.violations == []
        assert api.violations == []
        assert "Traceback" not in bot.log()


async def rendering(database: Path) -> None:
    """Wait until the response to a remix's paid call is stored in the database."""
    asked = "SELECT 1 FROM jobs WHERE parent_id IS NOT NULL AND remote_id IS NOT NULL"
    async with asyncio.timeout(PATIENCE_S):
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as conn:
            while conn.execute(asked).fetchone() is None:
                await asyncio.sleep(0.05)


async def test_a_remix_whose_process_is_killed_is_paid_for_once(tmp_path: Path) -> None:
    async with LoopbackDiscord() as discord, VideosApi(ready_after_s=2, poll_after_ms=200) as api:
        async with running(tmp_path, discord, api) as bot:
            await (
                await discord.slash("alice", "clips", "sora generate", {"prompt": PROMPT})
            ).answered()
            root = await newest_clip(discord, "clips", 1)
            await discord.message("clips", "bob", "by night", reply_to=root)
            # Kill the bot only now: without the stored response the paid call's outcome would be
            # unknown for minutes, which is another test.
            await rendering(tmp_path / "data" / "sorabot.db")
            await bot.kill()
        async with running(tmp_path, discord, api):
            child = await newest_clip(discord, "clips", 2)
        assert api.creates["by night"] == 1
        assert root["id"] in child["content"]
        assert discord.violations == []


async def test_a_reply_that_pings_nobody_is_answered_with_a_button_that_works(
    tmp_path: Path,
) -> None:
    async with LoopbackDiscord() as discord, VideosApi(poll_after_ms=200) as api:
        async with running(tmp_path, discord, api):
            await (
                await discord.slash("alice", "clips", "sora generate", {"prompt": PROMPT})
            ).answered()
            root = await newest_clip(discord, "clips", 1)
            await discord.message("clips", "bob", "by night", reply_to=root, ping=False)
            hint = await discord.wait_for("clips", lambda m: "can't read" in m["content"])
            pressed = await discord.press("bob", hint, buttons(hint)["Remix"])
            await pressed.answered()
            await discord.submit_modal(pressed, {"words": "by night"})
            await newest_clip(discord, "clips", 2)
        assert [user["username"] for user in hint["mentions"]] == ["bob"]
        assert api.creates["by night"] == 1
        assert discord.violations == []


async def test_variants_share_one_message_and_deleting_one_leaves_the_others(
    tmp_path: Path,
) -> None:
    async with LoopbackDiscord() as discord, VideosApi(poll_after_ms=200) as api:
        async with running(tmp_path, discord, api):
            asked = {"prompt": PROMPT, "count": 3}
            await (await discord.slash("alice", "clips", "sora generate", asked)).answered()

            def all_there() -> bool:
                return [len(each["attachments"]) for each in clips(discord, "clips")] == [3]

            await discord.until(all_there)
            message = dict(clips(discord, "clips")[0])
            assert len(set(buttons(message).values())) == 6
            gone = id_of(message)
            details = await discord.press("alice", message, f"sora:details:{gone}")
            await details.answered()
            assert details.message is not None
            asked_again = await discord.press("alice", details.message, f"sora:delete:{gone}")
            await asked_again.answered()
            assert asked_again.message is not None
            await discord.press("alice", asked_again.message, f"sora:erase:{gone}")

            def two_left() -> bool:
                return [len(each["attachments"]) for each in clips(discord, "clips")] == [2]

            await discord.until(two_left)
            await discord.until(lambda: len(api.renders) == 2)
        (message,) = clips(discord, "clips")
        assert gone not in message["content"]
        assert not list((tmp_path).rglob(f"*{gone}*.mp4"))
        assert discord.violations == []
        assert api.violations == []
