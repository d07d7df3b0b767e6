"""Tests that a bot killed while it tries places for a clip posts the clip only once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.wire.bot_process import BotProcess
from tests.wire.discord_double import LoopbackDiscord
from tests.wire.discord_permissions import Permission
from tests.wire.test_end_to_end import KILLABLE_MODULE, PROMPT, clips, eventually, running
from tests.wire.videos_api import VideosApi

_SEND = Permission.SEND_MESSAGES | Permission.SEND_MESSAGES_IN_THREADS
_DIRECT = "alice's messages"


def id_of(discord: LoopbackDiscord, place: str) -> str:
    world = discord.world
    found = world.dm("alice") if place == _DIRECT else world.channel(place)
    return str(found["id"])


def where_clips_are(discord: LoopbackDiscord) -> list[str]:
    """Return the names of the channels that show clips, one name for each message with a clip."""
    return [
        place
        for place in ("film-club", "general", _DIRECT)
        for _ in clips(discord, id_of(discord, place))
    ]


def uploads(discord: LoopbackDiscord, place: str) -> int:
    """Return how often the bot has started to post in a channel."""
    end = f"/channels/{id_of(discord, place)}/messages"
    calls = discord.called("POST", "/channels/{channel}/messages")
    return sum(call.path.endswith(end) for call in calls)


async def killed_over(discord: LoopbackDiscord, bot: BotProcess, place: str) -> None:
    """Wait until the bot posts in a channel, and kill the bot before the response arrives."""
    before = uploads(discord, place)
    discord.delay_next("POST", rf"/channels/{id_of(discord, place)}/messages$", 0.5)
    await eventually(lambda: uploads(discord, place) > before)
    await bot.kill()


@pytest.mark.parametrize("arrives", [True, False], ids=["it arrived", "it never arrived"])
async def test_a_bot_killed_over_the_threads_channel_posts_there_once(
    tmp_path: Path, arrives: bool
) -> None:
    async with LoopbackDiscord() as discord, VideosApi(ready_after_s=1, poll_after_ms=200) as api:
        post = ("POST", rf"/channels/{id_of(discord, 'general')}/messages$")
        async with running(tmp_path, discord, api, module=KILLABLE_MODULE) as bot:
            sent = await discord.slash("alice", "film-club", "sora generate", {"prompt": PROMPT})
            await sent.answered()
            discord.world.edit_thread("film-club", {"locked": True})
            if arrives:
                discord.cut_next(*post, times=99)
            else:
                discord.fail_next(*post, 503, 0, times=99)
            await eventually(lambda: uploads(discord, "general"))
            await bot.kill()
        discord.faults.clear()
        # The clip must stay in the channel although the thread accepts posts again.
        discord.world.edit_thread("film-club", {"locked": False})
        async with running(tmp_path, discord, api, module=KILLABLE_MODULE) as bot:
            await eventually(lambda: "posted as message" in bot.log())
            assert await bot.stop() == 0
        assert where_clips_are(discord) == ["general"]
        (clip,) = clips(discord, "general")
        assert [user["id"] for user in clip["mentions"]] == [discord.world.user_id("alice")]
        assert api.creates[PROMPT] == 1
        assert discord.violations == []


async def test_a_bot_killed_at_every_place_on_the_way_posts_at_the_last_one_once(
    tmp_path: Path,
) -> None:
    async with LoopbackDiscord() as discord, VideosApi(ready_after_s=1, poll_after_ms=200) as api:
        async with running(tmp_path, discord, api, module=KILLABLE_MODULE) as bot:
            sent = await discord.slash("alice", "film-club", "sora generate", {"prompt": PROMPT})
            await sent.answered()
            discord.world.overwrite("general", "bot", deny=int(_SEND))
            await killed_over(discord, bot, "film-club")
        for place in ("general", _DIRECT):
            async with running(tmp_path, discord, api, module=KILLABLE_MODULE) as bot:
                await killed_over(discord, bot, place)
        async with running(tmp_path, discord, api, module=KILLABLE_MODULE) as bot:
            await eventually(lambda: "posted as message" in bot.log())
            assert await bot.stop() == 0
        assert where_clips_are(discord) == [_DIRECT]
        assert api.creates[PROMPT] == 1


async def test_a_clip_that_no_place_accepts_is_kept_and_logged_without_a_message(
    tmp_path: Path,
) -> None:
    async with LoopbackDiscord() as discord, VideosApi(ready_after_s=1, poll_after_ms=200) as api:
        discord.world.closed_dms.add(discord.world.user_id("alice"))
        async with running(tmp_path, discord, api, module=KILLABLE_MODULE) as bot:
            sent = await discord.slash("alice", "general", "sora generate", {"prompt": PROMPT})
            await sent.answered()
            discord.world.overwrite("general", "bot", deny=int(_SEND))
            await eventually(lambda: "kept: " in bot.log())

            def card_offers_it() -> bool:
                (card,) = discord.posts("general")
                return "I kept it for you" in card["embeds"][0]["description"]

            await discord.until(card_offers_it)
            assert await bot.stop() == 0
        assert where_clips_are(discord) == []
        assert "Traceback" not in bot.log()


async def test_a_refusal_that_follows_a_lost_answer_posts_nothing_elsewhere(tmp_path: Path) -> None:
    async with LoopbackDiscord() as discord, VideosApi(ready_after_s=1, poll_after_ms=200) as api:
        async with running(tmp_path, discord, api, module=KILLABLE_MODULE) as bot:
            sent = await discord.slash("alice", "film-club", "sora generate", {"prompt": PROMPT})
            await sent.answered()
            post = ("POST", rf"/channels/{id_of(discord, 'film-club')}/messages$")
            # discord.py repeats the request after the 502; the 403 says nothing about the first
            # request.
            discord.fail_next(*post, 502, after_work=True)
            discord.fail_next(*post, 403, 50013)
            await eventually(lambda: "posted as message" in bot.log())
            assert await bot.stop() == 0
        assert where_clips_are(discord) == ["film-club"]


async def test_a_restarted_bot_does_not_repost_when_it_cannot_read_the_history(
    tmp_path: Path,
) -> None:
    async with LoopbackDiscord() as discord, VideosApi(ready_after_s=1, poll_after_ms=200) as api:
        async with running(tmp_path, discord, api, module=KILLABLE_MODULE) as bot:
            sent = await discord.slash("alice", "general", "sora generate", {"prompt": PROMPT})
            await sent.answered()
            post = ("POST", rf"/channels/{id_of(discord, 'general')}/messages$")
            discord.cut_next(*post, times=99)
            await eventually(lambda: clips(discord, "general"))
            await bot.kill()
        discord.faults.clear()
        # After 15 minutes Discord no longer remembers the nonce, so the nonce prevents no second
        # message.
        discord.world.forward(900)
        discord.world.overwrite("general", "bot", deny=int(Permission.READ_MESSAGE_HISTORY))
        async with running(tmp_path, discord, api, module=KILLABLE_MODULE) as bot:
            await eventually(lambda: "kept: " in bot.log())
            assert await bot.stop() == 0
        assert where_clips_are(discord) == ["general"]
