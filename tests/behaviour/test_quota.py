"""`/sora quota`: what a member has left, which limit decides, and what blocks the next clip."""

from __future__ import annotations

import re
from pathlib import Path

import discord
import pytest
import simcord

from bot.model import Job, State
from tests.behaviour.clips import private_answer
from tests.behaviour.harness import BotHarness, bot_harness
from tests.wire.videos_api import VideosApi


async def quota(t: BotHarness, actor: simcord.MemberActor | None = None) -> str:
    return private_answer(await (actor or t.alice).slash(t.channel, "sora quota"))


async def mod(t: BotHarness, command: str, **options: object) -> str:
    return private_answer(await t.moderator.slash(t.channel, f"sora-mod {command}", **options))


async def asks(
    t: BotHarness,
    actor: simcord.MemberActor,
    channel: simcord.ChannelHandle | None = None,
    **options: object,
) -> str | None:
    """Have `actor` request a clip; return the text of the refusal, or None if there was none."""
    place = t.channel if channel is None else channel
    shown = await actor.slash(place, "sora generate", **({"prompt": "a cat"} | options))
    assert shown.response is not None
    return shown.response.content if shown.ephemeral else None


async def give(t: BotHarness, actor: simcord.MemberActor, role: simcord.RoleHandle) -> None:
    t.env.backend.add_member_role(t.guild.id, actor.id, role.id)
    await t.env.settle()


async def take(t: BotHarness, actor: simcord.MemberActor, role: simcord.RoleHandle) -> None:
    t.env.backend.remove_member_role(t.guild.id, actor.id, role.id)
    await t.env.settle()


def field(told: str, name: str) -> str:
    """Return the part of the answer that begins with the limit `name` and ends with the rule
    behind it.
    """
    found = re.search(rf"^{re.escape(name)}\n(?:.*\n)*?rule: .*$", told, re.MULTILINE)
    assert found is not None, told
    return found[0]


async def test_each_limit_is_a_bar_with_what_is_left_and_when_more_returns(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, QUOTA_CLIPS_PER_DAY="4", QUOTA_USD_PER_MONTH="2") as t:
        fresh = field(await quota(t), "4 clips in 24 hours")
        assert " 0 %" in fresh
        assert "returns" not in fresh
        await t.alice.slash(t.channel, "sora generate", prompt="a cat")
        job = await t.wait_for_state(State.DONE)
        told = await quota(t)
        clips = field(told, "4 clips in 24 hours")
        assert "▰▰▰▱▱▱▱▱▱▱▱▱ 25 %" in clips
        assert "**3 clips** left · 1 clip used\n" in clips
        returns_at = int(job.created_at.timestamp()) + 86_400
        assert f"next returns <t:{returns_at}:R>" in clips
        assert "**$1.60** left · $0.40 used" in field(told, "$2.00 in 30 days")


async def test_what_clips_under_way_hold_is_reserved_until_they_end(tmp_path: Path) -> None:
    api = VideosApi(ready_after_s=60, poll_after_ms=20)
    async with bot_harness(tmp_path, api=api, OPENAI_MAX_CONCURRENT="1") as t:
        await t.alice.slash(t.channel, "sora generate", prompt="a cat", count=2)
        told = await quota(t)
        assert "**8 clips** left · 2 clips used (2 clips reserved" in told
        assert "2 of 20" in told

        async def waiting() -> list[Job]:
            jobs = await t.jobs()
            states = {job.state for job in jobs}
            under_way = states == {State.QUEUED, State.RENDERING}
            return [job for job in jobs if under_way and job.state is State.QUEUED]

        (second,) = await t.until(waiting)
        await t.alice.slash(t.channel, "sora cancel", job=second.id)
        told = await quota(t)
        assert "**9 clips** left · 1 clip used (1 clip reserved" in told
        assert "1 of 20 · whole server: 1 of 50" in told


async def test_a_finished_clip_is_used_and_not_reserved_any_more(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        await t.alice.slash(t.channel, "sora generate", prompt="a cat")
        await t.wait_for_state(State.DONE)
        told = await quota(t)
        assert "**9 clips** left · 1 clip used\n" in told
        assert "reserved" not in told
        assert "0 of 20" in told


async def test_the_rule_that_applies_is_named(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        patrons = t.guild.create_role("Patrons")
        assert "rule: the bot's for everybody" in field(await quota(t), "10 clips in 24 hours")
        await mod(t, "quota set", clips=9)
        assert "rule: everybody in this server" in field(await quota(t), "9 clips in 24 hours")
        await mod(t, "quota set", target=patrons, clips=8)
        await give(t, t.alice, patrons)
        assert f"rule: role <@&{patrons.id}>" in field(await quota(t), "8 clips in 24 hours")
        # Discord shows names for mentions in a message's text, but for few of those in its embeds.
        assert (await quota(t)).startswith(f"<@&{patrons.id}>\n")
        assert "rule: everybody in this server" in field(
            await quota(t, t.bob), "9 clips in 24 hours"
        )
        await mod(t, "quota set", target=t.alice, clips=7)
        told = await quota(t)
        assert "rule: your own" in field(told, "7 clips in 24 hours")
        # Alice has a limit of her own for clips only. For seconds, the next wider rule applies.
        assert "rule: the bot's for everybody" in field(told, "60 s of video in 24 hours")


async def test_in_private_the_servers_rules_are_no_matter(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        await mod(t, "quota set", target=t.alice, clips=3)
        await mod(t, "block", user=t.alice)
        told = private_answer(await t.alice.user.slash("sora quota"))
        assert "rule: the bot's for everybody" in field(told, "10 clips in 24 hours")
        assert "can't make clips" not in told
        assert "whole server" not in told


async def test_a_limit_of_nothing_is_used_up_from_the_start(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        await mod(t, "quota set", clips=0)
        told = field(await quota(t), "0 clips in 24 hours")
        assert " 100 %" in told
        assert "**0 clips** left" in told


async def test_a_block_is_said_plainly(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        await mod(t, "block", user=t.alice, lasting="2h", reason="[cats](https://x.example)")
        told = await quota(t)
        assert re.search(r"\*\*You can't make clips here\*\* until <t:\d+:f>: ", told)
        assert "[cats]" not in told
        assert "can't make clips" not in await quota(t, t.bob)
        t.clock.forward(7_201)
        assert "can't make clips" not in await quota(t)


async def test_a_short_budget_is_said_without_the_use_of_others(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        await mod(t, "budget set", usd=2)
        assert "budget" not in await quota(t)
        await t.bob.slash(t.channel, "sora generate", prompt="a cat", count=4)
        told = await quota(t)
        assert "This server's budget\nOnly $0.40 is left." in told
        assert "$1.60" not in told


async def test_two_windows_of_one_unit_are_two_bars(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        await mod(t, "quota set", clips=2)
        await mod(t, "quota set", clips=5, per="month")
        await t.alice.slash(t.channel, "sora generate", prompt="a cat")
        told = await quota(t)
        assert "**1 clip** left" in field(told, "2 clips in 24 hours")
        assert "**4 clips** left" in field(told, "5 clips in 30 days")
        assert told.index("24 hours") < told.index("30 days")


@pytest.mark.parametrize("place", ["thread", "post"])
async def test_a_limit_counts_in_threads_and_forum_posts_too(tmp_path: Path, place: str) -> None:
    async with bot_harness(tmp_path) as t:
        await mod(t, "quota set", clips=1)
        there = await t.thread() if place == "thread" else await post(t)
        assert await asks(t, t.alice, there) is None
        refused = await asks(t, t.alice)
        assert refused is not None
        assert "1 clip in 24 hours" in refused
        assert await asks(t, t.alice, there) == refused
        assert "**0 clips** left" in private_answer(await t.alice.slash(there, "sora quota"))


async def post(t: BotHarness) -> simcord.ChannelHandle:
    forum = t.guild.create_forum_channel("ideas")
    await t.env.settle()
    channel = t.app.client.get_channel(forum.id)
    assert isinstance(channel, discord.ForumChannel)
    await channel.create_thread(name="cats", content="which cat?")
    return forum.threads[-1]


async def test_in_private_only_what_the_operator_set_holds(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, QUOTA_CLIPS_PER_DAY="1") as t:
        await mod(t, "quota set", target=t.alice, clips=5)
        await t.alice.user.slash("sora generate", prompt="a cat")
        refused = private_answer(await t.alice.user.slash("sora generate", prompt="a cat"))
        assert "bot's limit for everybody is 1 clip" in refused
        assert await asks(t, t.alice) is None


async def test_a_role_that_comes_and_goes_changes_what_the_next_command_may(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        patrons = t.guild.create_role("Patrons")
        await mod(t, "quota set", clips=1)
        await mod(t, "quota set", target=patrons, clips=2)
        assert await asks(t, t.alice) is None
        assert "members of this server" in (await asks(t, t.alice) or "")
        await give(t, t.alice, patrons)
        assert await asks(t, t.alice) is None
        refused = await asks(t, t.alice) or ""
        assert f"as <@&{patrons.id}> is 2 clips" in refused
        await take(t, t.alice, patrons)
        assert "members of this server is 1 clip" in (await asks(t, t.alice) or "")


async def test_of_two_roles_the_most_generous_wins_for_each_unit(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        few, many = t.guild.create_role("Few, long"), t.guild.create_role("Many, short")
        await mod(t, "quota set", target=few, clips=1, seconds=100)
        await mod(t, "quota set", target=many, clips=2, seconds=8)
        for role in (few, many):
            await give(t, t.alice, role)
        assert await asks(t, t.alice, seconds=12) is None
        assert await asks(t, t.alice, seconds=12) is None
        assert f"as <@&{many.id}> is 2 clips" in (await asks(t, t.alice) or "")
        shown = await mod(t, "quota show", target=t.alice)
        assert f"role <@&{few.id}>" in shown.partition("100 s of video in 24 hours")[2]
        assert f"role <@&{many.id}>" in shown.partition("2 clips in 24 hours")[2]


async def test_a_role_without_a_limit_beats_one_with(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, QUOTA_SECONDS_PER_DAY="none") as t:
        few, free = t.guild.create_role("Few"), t.guild.create_role("Free")
        await mod(t, "quota set", target=few, clips=1)
        told = await mod(t, "quota set", target=free, lift="clips")
        assert "any number of clips in 24 hours" in told
        await give(t, t.alice, few)
        await give(t, t.alice, free)
        assert await asks(t, t.alice, count=4) is None
        assert await asks(t, t.alice, count=4) is None
        assert f"No limit of clips\nrule: role <@&{free.id}>" in await mod(
            t, "quota show", target=t.alice
        )


async def test_a_members_own_limit_beats_a_more_generous_role(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        patrons = t.guild.create_role("Patrons")
        await mod(t, "quota set", target=patrons, clips=50)
        await mod(t, "quota set", target=t.alice, clips=1)
        await give(t, t.alice, patrons)
        assert await asks(t, t.alice) is None
        assert "Your own limit in this server is 1 clip" in (await asks(t, t.alice) or "")
        assert "their own" in await mod(t, "quota show", target=t.alice)
        assert "Removed" in await mod(t, "quota clear", target=t.alice)
        assert await asks(t, t.alice) is None
        assert f"role <@&{patrons.id}>" in await mod(t, "quota show", target=t.alice)
