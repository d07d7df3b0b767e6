"""Whoever adds the bot to a server of their own can't spend the operator's money."""

from __future__ import annotations

import asyncio
from pathlib import Path

import discord
import pytest
import simcord

from bot.errors import OverQuotaError
from bot.jobs.catalogue import ClipOptions
from bot.model import Place, Viewer
from tests.behaviour.clips import private_answer
from tests.behaviour.harness import BotHarness, bot_harness
from tests.behaviour.test_mod_quota import asks, mod


async def add_strangers_guild(
    t: BotHarness,
) -> tuple[simcord.GuildHandle, simcord.ChannelHandle, simcord.MemberActor]:
    """Create a guild that a stranger, who is its moderator, added the bot to."""
    guild = t.env.create_guild("Mine")
    channel = guild.create_text_channel("clips")
    bosses = guild.create_role("Bosses", permissions=discord.Permissions(manage_guild=True))
    boss = guild.add_member(t.env.create_user("mallory"), roles=[bosses])
    await t.env.settle()
    return guild, channel, boss


async def order(
    t: BotHarness, number: int, user_id: int, guild_id: int, channel: simcord.ChannelHandle
) -> str:
    """Order a clip as a command does; return the text of the refusal, or nothing."""
    place = Place(guild_id=guild_id, channel_id=channel.id, upload_limit_bytes=10_000_000)
    request = t.app.jobs.request(7_000_000_000 + number, user_id, place)
    viewer = Viewer(user_id=user_id, guild_id=guild_id)
    try:
        await t.app.jobs.submit(ClipOptions(prompt="a cat"), viewer, request)
    except OverQuotaError as error:
        return error.user_text
    return ""


async def test_a_stranger_who_lifts_all_limits_in_their_own_server_stays_within_the_operators(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path, QUOTA_CLIPS_PER_DAY="1") as t:
        _, channel, boss = await add_strangers_guild(t)
        told = private_answer(await boss.slash(channel, "sora-mod quota set", lift="all"))
        assert "Whoever runs me allows no more than 1 clip in 24 hours" in told
        assert await asks(t, boss, channel) is None
        refused = await asks(t, boss, channel) or ""
        assert "The bot's limit for everybody is 1 clip in 24 hours" in refused
        shown = private_answer(await boss.slash(channel, "sora quota"))
        assert "0 clips" in shown


async def test_moderators_of_the_only_server_raise_limits_and_lose_that_with_a_second_server(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path, QUOTA_CLIPS_PER_DAY="1") as t:
        told = await mod(t, "quota set", clips=5)
        assert "Whoever runs me" not in told
        assert await asks(t, t.alice) is None
        assert await asks(t, t.alice) is None
        await add_strangers_guild(t)
        assert "The bot's limit" in (await asks(t, t.alice) or "")


async def test_a_trusted_server_raises_limits_beside_others(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, QUOTA_CLIPS_PER_DAY="1") as t:
        await add_strangers_guild(t)
        await t.restart(TRUSTED_GUILD_IDS=str(t.guild.id))
        told = await mod(t, "quota set", clips=5)
        assert "Whoever runs me" not in told
        assert [await asks(t, t.alice) for _ in range(2)] == [None, None]


async def test_the_budget_of_the_whole_bot_holds_in_a_race_over_two_servers(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with bot_harness(tmp_path, BUDGET_USD_PER_DAY="1") as t:
        guild, channel, boss = await add_strangers_guild(t)
        who = [(t.alice.id, t.guild.id, t.channel), (boss.id, guild.id, channel)] * 3
        answers = await asyncio.gather(
            *(order(t, number, *each) for number, each in enumerate(who))
        )
        refused = [each for each in answers if each]
        # A clip costs $0.40.
        assert len(refused) == 4
        assert all("All servers together have used" in each for each in refused)
        assert "BUDGET_USD_PER_DAY is used up" in caplog.text
        assert t.api.creates.total() <= 2


async def test_the_bot_leaves_a_server_that_is_not_allowed_and_says_so(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        await add_strangers_guild(t)
        await t.restart(ALLOWED_GUILD_IDS=str(t.guild.id))
        await t.until(lambda: [each.id for each in t.app.client.guilds] == [t.guild.id])
        await t.restart()
        assert [each.id for each in t.app.client.guilds] == [t.guild.id]
