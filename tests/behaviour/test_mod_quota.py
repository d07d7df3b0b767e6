"""`/sora-mod quota`, `/sora-mod budget` and the menu "Sora usage": limits that moderators set."""

from __future__ import annotations

from pathlib import Path

import discord
import pytest
import simcord

from bot.chat.moderation.audit_text import audit_text
from bot.guild import AuditEntry
from bot.model import State
from bot.storage.sqlite.guild_rows import audit_value_of
from tests.behaviour.clips import private_answer, wait_until_finished
from tests.behaviour.harness import BotHarness, bot_harness

DAY_S = 86_400


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


async def mod(t: BotHarness, command: str, **options: object) -> str:
    return private_answer(await t.moderator.slash(t.channel, f"sora-mod {command}", **options))


async def give(t: BotHarness, actor: simcord.MemberActor, role: simcord.RoleHandle) -> None:
    t.env.backend.add_member_role(t.guild.id, actor.id, role.id)
    await t.env.settle()


async def take(t: BotHarness, actor: simcord.MemberActor, role: simcord.RoleHandle) -> None:
    t.env.backend.remove_member_role(t.guild.id, actor.id, role.id)
    await t.env.settle()


async def audited(t: BotHarness) -> AuditEntry:
    """Return the newest entry of the audit log."""
    rows = await t.app.store.database.read(
        lambda conn: [dict(row) for row in conn.execute("SELECT * FROM audit ORDER BY id DESC")]
    )
    last = rows[0]
    return AuditEntry(
        id=last["id"],
        guild_id=last["guild_id"],
        at=t.clock.now(),
        by_user_id=last["by_user_id"],
        what=last["what"],
        subject=last["subject"],
        before=audit_value_of(last["before"]),
        after=audit_value_of(last["after"]),
    )


async def test_a_servers_limit_holds_for_each_member_there_and_nowhere_else(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        assert "**1 clip in 24 hours** (before: not set)" in await mod(t, "quota set", clips=1)
        assert await asks(t, t.alice) is None
        refused = await asks(t, t.alice)
        assert refused is not None
        for part in ("members of this server is 1 clip in 24 hours", "asks for 1 clip", "0 clips"):
            assert part in refused
        assert "It will fit <t:" in refused
        assert await asks(t, t.bob) is None
        reels, alice_there = await t.add_to_another_guild(t.alice)
        assert await asks(t, alice_there, reels) is None
        private = await t.alice.user.slash("sora generate", prompt="a cat")
        assert not private.ephemeral
        assert len(await wait_until_finished(t, 4)) == 4


async def test_use_in_another_server_and_in_private_does_not_count_here(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        await mod(t, "quota set", clips=1)
        reels, alice_there = await t.add_to_another_guild(t.alice)
        assert await asks(t, alice_there, reels) is None
        await t.alice.user.slash("sora generate", prompt="a cat")
        assert await asks(t, t.alice) is None
        assert await asks(t, t.alice) is not None


async def test_lifting_everything_leaves_nothing_to_count(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, QUOTA_CLIPS_PER_DAY="1", QUOTA_USD_PER_MONTH="1") as t:
        await mod(t, "quota set", target=t.alice, lift="all")
        assert await asks(t, t.alice, count=4) is None
        told = private_answer(await t.alice.slash(t.channel, "sora quota"))
        for unit in ("clips", "seconds of video", "money"):
            assert f"No limit of {unit}" in told
        assert await asks(t, t.bob, count=4) is not None


async def test_lifting_a_unit_lifts_it_in_every_window(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, QUOTA_SECONDS_PER_DAY="none") as t:
        await mod(t, "quota set", target=t.alice, clips=1, per="week")
        told = await mod(t, "quota set", target=t.alice, usd=20, lift="clips")
        assert "- **any number of clips in 24 hours** (before: not set)" in told
        assert "- **any number of clips in 7 days** (before: 1 clip in 7 days)" in told
        assert "- **$20.00 in 24 hours** (before: not set)" in told
        assert "$20.00 in 7 days" not in told
        assert await asks(t, t.alice, count=4) is None


async def test_money_is_counted_to_the_cent_as_it_was_typed(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        assert "**$1.10 in 24 hours**" in await mod(t, "quota set", target=t.alice, usd=1.1)
        assert await asks(t, t.alice, count=2) is None
        assert "$0.30 left" in (await asks(t, t.alice) or "")
        told = await mod(t, "quota set", target=t.alice, usd=1.2)
        assert "**$1.20 in 24 hours** (before: $1.10 in 24 hours)" in told
        assert await asks(t, t.alice) is None
        assert (
            await mod(t, "quota set", usd=2.505) == "**usd**: whole cents, please, such as `2.50`."
        )


async def test_a_limit_of_another_window_is_a_second_one_and_both_hold(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        await mod(t, "quota set", clips=2)
        told = await mod(t, "quota set", clips=3, per="week")
        assert told == "Set for everybody here:\n- **3 clips in 7 days** (before: not set)"
        assert await asks(t, t.alice, count=2) is None
        assert "2 clips in 24 hours" in (await asks(t, t.alice) or "")
        t.clock.forward(DAY_S)
        assert await asks(t, t.alice) is None
        assert "3 clips in 7 days" in (await asks(t, t.alice) or "")
        assert "2 clips in 24 hours, 3 clips in 7 days" in await mod(t, "quota clear")


async def test_a_call_that_sets_nothing_or_both_says_which_option(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        assert "**clips, seconds, usd**: name at least one" in await mod(t, "quota set")
        assert "**clips, seconds, usd**" in await mod(t, "quota grant", user=t.alice)
        assert "**lift**: clips" in await mod(t, "quota set", clips=3, lift="all")
        bot = t.env.create_user("robot", bot=True)
        robot = t.guild.add_member(bot)
        assert "**target**: bots" in await mod(t, "quota set", target=robot, clips=3)
        assert "**user**: bots" in await mod(t, "quota grant", user=robot, clips=3)
        assert "None" in await mod(t, "quota show")
        assert await mod(t, "quota clear") == "No limits were set for everybody here."


async def test_all_limits_of_the_server_are_listed_by_whom_they_are_for(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        patrons = t.guild.create_role("Patrons")
        await mod(t, "quota set", clips=1, usd=2)
        await mod(t, "quota set", target=patrons, seconds=90, per="week")
        await mod(t, "quota set", target=t.bob, lift="usd", per="month")
        shown = await mod(t, "quota show")
        # Discord shows names for mentions in a message's text, but for few of those in its embeds.
        assert f"<@{t.bob.id}> <@&{patrons.id}>\n" in shown
        assert "everybody here: 1 clip in 24 hours, $2.00 in 24 hours" in shown
        assert f"<@&{patrons.id}>: 90 s of video in 7 days" in shown
        assert f"<@{t.bob.id}>: any cost in 30 days" in shown
        alone = await mod(t, "quota show", target=patrons)
        assert f"Limits of <@&{patrons.id}>\n" in alone
        assert "90 s of video in 7 days" in alone
        assert "1 clip" not in alone
        # Discord's default role (@everyone) stands for all members of the guild.
        everybody = await mod(t, "quota clear", target=t.guild.default_role)
        assert everybody.startswith("Removed for everybody here")


async def test_what_the_operator_set_is_shown_beside_what_is_set_here(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, QUOTA_CLIPS_PER_DAY="3", QUOTA_USD_PER_MONTH="5") as t:
        painters = t.guild.create_role("Painters")
        await mod(t, "quota set", target=painters, clips=9)
        for target in ({}, {"target": painters}):
            shown = await mod(t, "quota show", **target)
            assert "9 clips in 24 hours" in shown
            assert (
                "The bot's own, for what has no limit here\n"
                "3 clips in 24 hours, 60 s of video in 24 hours, $5.00 in 30 days"
            ) in shown


async def test_hundreds_of_limits_still_fit_into_an_answer(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        for number in range(60):
            role = t.guild.create_role(f"Role {number}")
            options = {"clips": 1_000_000, "seconds": 1_000_000, "usd": 999_999.99}
            await mod(t, "quota set", target=role, **options)
        shown = await mod(t, "quota show")
        assert "1000000 clips" in shown
        assert "more: name one as the target" in shown


async def test_many_short_limits_still_fit_with_their_mentions(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        for number in range(90):
            await mod(t, "quota set", target=t.guild.create_role(f"Role {number}"), clips=1)
        shown = await mod(t, "quota show")
        assert shown.count(": 1 clip in 24 hours") == 40
        assert "… and 50 more" in shown


async def test_a_grant_is_spent_once_and_gone_with_its_window(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        await mod(t, "quota set", clips=1)
        assert await asks(t, t.alice) is None
        told = await mod(t, "quota grant", user=t.alice, clips=2, usd=0.5, reason="a contest")
        assert "2 clips, $0.50 more, once" in told
        assert "- in 24 hours: **2 clips** left (before: 0 clips)" in told
        assert "no limit of money applies" in told
        assert await asks(t, t.bob, count=2) is not None
        assert await asks(t, t.alice, count=2) is None
        assert "1 clip in 24 hours, plus 2 clips extra" in (await asks(t, t.alice) or "")
        assert "and 2 clips extra" in private_answer(await t.alice.slash(t.channel, "sora quota"))
        t.clock.forward(DAY_S)
        assert await asks(t, t.alice, count=2) is not None
        assert await asks(t, t.alice) is None


async def test_an_extra_of_two_units_is_given_whole_or_not_at_all(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        await t.app.store.database.write(
            lambda conn: conn.execute(
                "CREATE TRIGGER full BEFORE INSERT ON grants WHEN NEW.unit = 'seconds'"
                " BEGIN SELECT raise(ABORT, 'disk full'); END"
            ).fetchall()
        )
        told = await mod(t, "quota grant", user=t.alice, clips=5, seconds=60)
        assert "can't reach my records" in told
        given = await t.app.store.database.read(
            lambda conn: conn.execute("SELECT * FROM grants").fetchall()
        )
        assert given == []


async def test_every_change_is_in_the_audit_with_what_was_before(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:

        async def left(command: str, **options: object) -> tuple[str, str, str]:
            await mod(t, command, **options)
            entry = await audited(t)
            assert entry.by_user_id == t.moderator.id
            assert entry.guild_id == t.guild.id
            return entry.subject, audit_text(entry.before), audit_text(entry.after)

        alice = f"<@{t.alice.id}>"
        assert await left("quota set", clips=3) == ("server", "", "3 clips in 24 hours")
        assert await left("quota set", clips=4) == (
            "server",
            "3 clips in 24 hours",
            "4 clips in 24 hours",
        )
        assert await left("quota clear") == ("server", "4 clips in 24 hours", "")
        subject, _, after = await left("quota grant", user=t.alice, clips=1, reason="a contest")
        assert (subject, after) == (alice, "1 clip: a contest")
        assert await left("budget set", usd=5) == ("server", "", "$5.00 in 30 days")
        assert await left("budget clear") == ("server", "$5.00 in 30 days", "")


async def test_a_members_menu_shows_where_they_stand_and_their_last_use(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        patrons = t.guild.create_role("Patrons")
        await mod(t, "quota set", target=patrons, clips=4)
        await give(t, t.alice, patrons)
        shown = private_answer(await t.moderator.context_menu(t.channel, "Sora usage", t.alice))
        assert f"<@{t.alice.id}>" in shown
        assert "Last use" not in shown
        await t.alice.slash(t.channel, "sora generate", prompt="a cat")
        job = await t.wait_for_state(State.DONE)
        shown = private_answer(await t.moderator.context_menu(t.channel, "Sora usage", t.alice))
        assert f"role <@&{patrons.id}>" in shown
        assert "**3 clips** left · 1 clip used" in shown
        assert f"`{job.id}` · Done" in shown


CALLS = (
    ("quota set", {"clips": 1}),
    ("quota clear", {}),
    ("quota show", {}),
    ("budget set", {"usd": 1}),
    ("budget show", {}),
)


async def open_to_all(t: BotHarness) -> None:
    """As the guild's owner, allow all members to use the moderators' commands."""
    for command in await t.app.client.tree.fetch_commands():
        if command.name in ("sora-mod", "Sora usage"):
            t.guild.set_command_permissions(command, {t.guild.default_role: True})


async def refusals(t: BotHarness, actor: simcord.MemberActor) -> list[str]:
    """Have `actor` use each moderator command; return the answers."""
    told = [
        private_answer(await actor.slash(t.channel, f"sora-mod {command}", **options))
        for command, options in CALLS
    ]
    grant = await actor.slash(t.channel, "sora-mod quota grant", user=actor, clips=1)
    one = await actor.slash(t.channel, "sora-mod quota show", target=t.alice)
    menu = await actor.context_menu(t.channel, "Sora usage", t.alice)
    return [*told, private_answer(grant), private_answer(one), private_answer(menu)]


async def test_members_are_not_shown_the_commands_and_refused_where_they_are(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path) as t:
        assert not any("sora-mod" in each for each in t.bob.available_commands(t.channel))
        with pytest.raises(simcord.SetupError):
            await t.bob.context_menu(t.channel, "Sora usage", t.alice)
        await open_to_all(t)
        told = await refusals(t, t.bob)
        assert {*told} == {"Only those who may manage this server can do that."}
        assert await asks(t, t.alice) is None
        assert await asks(t, t.alice) is None
        assert "No budget is set" in await mod(t, "budget show")


async def test_a_moderator_who_lost_the_role_meanwhile_is_refused(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        await open_to_all(t)
        assert "Set for everybody here" in await mod(t, "quota set", clips=5)
        await take(t, t.moderator, t.guild.roles["Keepers"])
        told = await refusals(t, t.moderator)
        assert {*told} == {"Only those who may manage this server can do that."}
        assert audit_text((await audited(t)).after) == "5 clips in 24 hours"


async def test_an_administrator_of_another_server_decides_there_only(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        await open_to_all(t)
        reels, bob_there = await t.add_to_another_guild(t.bob)
        chief = bob_there.guild.create_role(
            "Chief", permissions=discord.Permissions(administrator=True)
        )
        t.env.backend.add_member_role(bob_there.guild.id, t.bob.id, chief.id)
        await t.env.settle()
        await mod(t, "quota set", clips=2)
        there = await bob_there.slash(reels, "sora-mod quota set", clips=0)
        assert "**0 clips in 24 hours** (before: not set)" in private_answer(there)
        assert "2 clips" not in private_answer(await bob_there.slash(reels, "sora-mod quota show"))
        assert await asks(t, bob_there, reels) is not None
        assert await asks(t, t.alice) is None
        assert {*await refusals(t, t.bob)} == {"Only those who may manage this server can do that."}
