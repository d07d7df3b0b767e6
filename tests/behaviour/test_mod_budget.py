"""`/sora-mod budget`: what a guild may spend in 30 days, and the warnings when little is left."""

from __future__ import annotations

from pathlib import Path

import discord

from tests.behaviour.harness import bot_harness
from tests.behaviour.settings_panel import choose, open_settings
from tests.behaviour.test_failover import BUSY, DEARER, two
from tests.behaviour.test_mod_quota import asks, mod


async def test_a_budget_is_for_all_together_and_can_be_seen(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        assert "No budget is set" in await mod(t, "budget show")
        assert "**$0.80 in 30 days** (before: none)" in await mod(t, "budget set", usd=0.8)
        assert await asks(t, t.alice) is None
        assert await asks(t, t.bob, count=2) is not None
        shown = await mod(t, "budget show")
        assert "50 %" in shown
        assert "**$0.40** left · $0.40 used" in shown
        assert await asks(t, t.bob) is None
        refused = await asks(t, t.alice) or ""
        assert "This server's budget is $0.80 in 30 days" in refused
        assert "asks for $0.40 and $0 is left" in refused
        assert "It will fit <t:" in refused
        assert "(before: $0.80 in 30 days)" in await mod(t, "budget clear")
        assert await asks(t, t.alice) is None


async def test_a_budget_above_the_operators_is_shown_as_what_it_is(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, BUDGET_USD_PER_SERVER_PER_MONTH="0.4") as t:
        await mod(t, "budget set", usd=9)
        shown = await mod(t, "budget show")
        assert "You set $9.00; the operator's is lower and holds." in shown
        told = await mod(t, "budget set", usd=8)
        assert "The operator's budget of $0.40 is lower and holds." in told
        assert "Budget: $0.40 in 30 days" in shown
        assert await asks(t, t.alice) is None
        assert await asks(t, t.alice) is not None


async def test_moderators_are_warned_where_they_want_it(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        alerts = t.guild.create_text_channel("alerts")
        told = await mod(t, "budget set", usd=0.5, channel=alerts)
        assert f"warnings in <#{alerts.id}>" in told
        assert await asks(t, t.alice) is None

        async def warned() -> bool:
            return any("80 %" in message.content for message in alerts.history())

        await t.until(warned)
        assert f"<#{alerts.id}>" in await mod(t, "budget show")
        # Setting a new amount keeps the budget's alert channel, and setting a new channel keeps
        # the amount.
        told = await mod(t, "budget set", usd=7)
        assert f"**$7.00 in 30 days, warnings in <#{alerts.id}>**" in told
        told = await mod(t, "budget set", channel=t.channel)
        assert f"**$7.00 in 30 days, warnings in <#{t.channel.id}>**" in told


async def test_a_budget_that_is_spent_already_says_so_at_once_and_warns(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        alerts = t.guild.create_text_channel("alerts")
        assert await asks(t, t.alice, count=2) is None
        told = await mod(t, "budget set", usd=9)
        assert "$0.80 of it is used." in told
        assert not alerts.history()
        told = await mod(t, "budget set", usd=0.5, channel=alerts)
        assert "It is **used up**: $0.80 was spent in the last 30 days." in told
        await t.until(alerts.history)
        assert "used up:** $0.80 of $0.50 in 30 days" in alerts.history()[0].content
        assert "100 %\n**$0** left · $0.80 used" in await mod(t, "budget show")


async def test_a_dearer_service_that_takes_over_counts_for_the_warning(tmp_path: Path) -> None:
    async with two(tmp_path, models=DEARER) as (t, _):
        alerts = t.guild.create_text_channel("alerts")
        await mod(t, "budget set", usd=1, channel=alerts)
        t.api.fault("create", BUSY)
        assert await asks(t, t.alice) is None
        await t.until(alerts.history)
        assert (
            "80 % of this server's budget for clips are used:** $0.80"
            in alerts.history()[0].content
        )


async def test_without_a_channel_of_its_own_the_budget_is_warned_of_in_the_log(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path) as t:
        assert "Nobody is warned" in await mod(t, "budget set", usd=0.5)
        assert "80 and 100 %\nnowhere" in await mod(t, "budget show")
        log = t.guild.create_text_channel("log")
        await choose(t, await open_settings(t), "log", log)
        assert f"80 and 100 %\n<#{log.id}>" in await mod(t, "budget show")
        told = await mod(t, "budget set", usd=0.4)
        assert "Nobody" not in told
        assert f"Warnings go to the log, <#{log.id}>." in told
        assert await asks(t, t.alice) is None
        await t.until(log.history)
        assert "is used up" in log.history()[0].content


async def test_warnings_need_a_budget_and_a_channel_to_speak_in(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        me = t.guild.me
        assert me is not None
        mute = discord.PermissionOverwrite(send_messages=False)
        quiet = t.guild.create_text_channel("quiet", overwrites={me: mute})
        assert "**usd**" in await mod(t, "budget set", channel=t.channel)
        assert "**Send Messages**" in await mod(t, "budget set", usd=5, channel=quiet)
        assert "No budget is set" in await mod(t, "budget show")
