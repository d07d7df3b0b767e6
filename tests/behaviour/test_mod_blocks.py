"""`/sora-mod block`, `unblock`, `blocks` and `audit`: blocking members, and the audit log."""

from __future__ import annotations

import re
from pathlib import Path

import discord
import pytest
import simcord

from tests.behaviour.clips import button_labels, private_answer
from tests.behaviour.harness import BotHarness, bot_harness, words

REFUSED = "Only those who may manage this server can do that."
HOUR_S = 3_600
HOSTILE = "**loud** [free](https://evil.example) @everyone <@1> `x` <t:0:R>"


async def generates(t: BotHarness, actor: simcord.MemberActor) -> str | None:
    """Have `actor` request a clip; return the text of the refusal, or None if there was none."""
    shown = await actor.slash(t.channel, "sora generate", prompt="a cat")
    assert shown.response is not None
    return shown.response.content if shown.ephemeral else None


async def run(t: BotHarness, command: str, **options: object) -> simcord.InteractionResult:
    return await t.moderator.slash(t.channel, f"sora-mod {command}", **options)


async def mod(t: BotHarness, command: str, **options: object) -> str:
    return private_answer(await run(t, command, **options))


def page(result: simcord.InteractionResult) -> simcord.ResponseMessage:
    assert result.response is not None
    return result.response


def text_of(result: simcord.InteractionResult) -> str:
    shown = page(result)
    return "\n".join([shown.content, *(words(embed) for embed in shown.embeds)])


async def test_a_blocked_member_is_told_until_when_and_why_and_others_are_not_bothered(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path) as t:
        told = await mod(t, "block", user=t.alice, lasting="2h", reason="too many cats")
        assert told.startswith(f"<@{t.alice.id}> can't make clips here until <t:")
        assert "too many cats" in told
        assert "before: not blocked" in told
        refused = await generates(t, t.alice)
        assert refused is not None
        assert "It ends <t:" in refused
        assert "too many cats" in refused
        assert await t.jobs() == []
        assert await generates(t, t.bob) is None


async def test_a_block_ends_by_itself_when_its_time_is_over(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        await mod(t, "block", user=t.alice, lasting="1h 30min")
        t.clock.forward(1.49 * HOUR_S)
        assert await generates(t, t.alice) is not None
        t.clock.forward(0.02 * HOUR_S)
        assert await generates(t, t.alice) is None
        assert "Nobody is blocked" in await mod(t, "blocks")
        assert await mod(t, "unblock", user=t.alice) == f"<@{t.alice.id}> is not blocked."


async def test_a_block_without_a_time_lasts_until_it_is_lifted(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        assert "until a moderator lifts it" in await mod(t, "block", user=t.alice)
        t.clock.forward(400 * 24 * HOUR_S)
        assert "until a moderator lifts it" in (await generates(t, t.alice) or "")
        told = await mod(t, "unblock", user=t.alice)
        assert "may make clips here again" in told
        assert "before: until a moderator lifts it" in told
        assert await generates(t, t.alice) is None


async def test_a_second_block_replaces_the_first_and_says_so(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        await mod(t, "block", user=t.alice, reason="spam")
        told = await mod(t, "block", user=t.alice, lasting="1d")
        assert "before: until a moderator lifts it: spam" in told
        t.clock.forward(25 * HOUR_S)
        assert await generates(t, t.alice) is None


async def test_a_block_holds_in_its_server_only(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        reels, alice_there = await t.add_to_another_guild(t.alice)
        await mod(t, "block", user=t.alice)
        there = await alice_there.slash(reels, "sora generate", prompt="a cat")
        assert not there.ephemeral
        private = await t.alice.user.slash("sora generate", prompt="a cat")
        assert not private.ephemeral
        assert await generates(t, t.alice) is not None


@pytest.mark.parametrize(
    "duration", ["soon", "2", "0h", "-1h", "3 months", "53w", "999999w", "1d?"]
)
async def test_a_time_that_cannot_be_read_names_its_option(tmp_path: Path, duration: str) -> None:
    async with bot_harness(tmp_path) as t:
        told = await mod(t, "block", user=t.alice, lasting=duration)
        assert told.startswith("**lasting**: ")
        assert "`2h`" in told
        assert "Nobody is blocked" in await mod(t, "blocks")


async def test_nobody_blocks_the_bot_or_themselves(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        robot = t.guild.add_member(t.env.create_user("robot", bot=True))
        assert "**user**: bots" in await mod(t, "block", user=robot)
        assert "**user**: you can't" in await mod(t, "block", user=t.moderator)
        assert "Nobody is blocked" in await mod(t, "blocks")
        assert "Nothing was changed" in await mod(t, "audit")


async def test_a_hostile_reason_does_no_harm_anywhere(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        told = await mod(t, "block", user=t.alice, reason=HOSTILE)
        listed = await mod(t, "blocks")
        audit_log = await mod(t, "audit", user=t.alice)
        for shown in (told, listed, audit_log):
            assert "loud" in shown
            for harm in ("**loud", "[free]", "https://", "@everyone", "`x`", " <t:0"):
                assert harm not in shown
        assert not page(await run(t, "blocks")).message.mention_everyone


async def test_the_longest_reasons_fit_into_every_answer(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        longest = "*" * 300
        for number in range(12):
            member = t.guild.add_member(t.env.create_user(f"member{number}"))
            assert "can't make clips" in await mod(t, "block", user=member, reason=longest)
            assert "can't make clips" in await mod(t, "block", user=member, reason="_" * 300)
        assert (await mod(t, "blocks")).count("until a moderator") == 8
        assert (await mod(t, "audit")).count("blocked") == 10


async def test_those_who_are_blocked_are_listed_by_pages_also_after_a_restart(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path) as t:
        members = [t.guild.add_member(t.env.create_user(f"member{n}")) for n in range(10)]
        for member in members:
            t.clock.forward(1)
            await mod(t, "block", user=member, lasting="1w", reason=f"by {member.name}")
        result = await run(t, "blocks")
        shown = text_of(result)
        assert "page 1 of 2" in shown
        assert [each.id for each in members if f"<@{each.id}>" in shown] == [
            each.id for each in members[2:]
        ]
        assert f"by <@{t.moderator.id}>" in shown
        # Discord shows names for mentions in a message's text, but for few of those in its embeds.
        assert f"<@{members[9].id}>" in page(result).content
        await t.restart()
        await t.moderator.click(page(result), label="More ▶")
        shown = text_of(result)
        assert "page 2 of 2" in shown
        assert f"<@{members[0].id}>" in shown
        assert f"<@{members[2].id}>" not in shown
        await t.moderator.click(page(result), label="◀ Back")
        assert "page 1 of 2" in text_of(result)
        for member in members[:2]:
            await mod(t, "unblock", user=member)
        # The page that this button leads to has disappeared, because its blocks were lifted.
        await t.moderator.click(page(result), label="More ▶")
        assert f"<@{members[9].id}>" in text_of(result)
        assert button_labels(page(result)) == []


async def test_the_audit_log_tells_who_changed_what_from_what_to_what(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        await mod(t, "quota set", clips=3)
        await mod(t, "quota set", clips=4)
        await mod(t, "block", user=t.alice, reason="spam")
        await mod(t, "unblock", user=t.alice)
        audit_log = await mod(t, "audit")
        by = f"by <@{t.moderator.id}>"
        assert re.search(rf"server · {by}\nnone → 3 clips in 24 hours", audit_log)
        assert re.search(rf"server · {by}\n3 clips in 24 hours → 4 clips in 24 hours", audit_log)
        assert re.search(rf"<@{t.alice.id}> · {by}\nnone → until lifted: spam", audit_log)
        assert re.search(rf"<@{t.alice.id}> · {by}\nuntil lifted: spam → none", audit_log)
        assert audit_log.index("spam → none") < audit_log.index("none → until")
        about = await mod(t, "audit", user=t.alice)
        assert f"By or about <@{t.alice.id}>" in about
        assert "clips" not in about
        assert "spam" in about
        assert "Nothing was changed" in await mod(t, "audit", user=t.bob)
        assert "4 clips" in await mod(t, "audit", user=t.moderator)


async def test_the_audit_log_shows_mentions_and_names_all_that_are_in_it(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        await mod(t, "budget set", usd=5, channel=t.channel)
        await mod(t, "block", user=t.alice, reason=f"rude to <@{t.bob.id}>")
        result = await run(t, "audit")
        assert f"warnings in <#{t.channel.id}>" in text_of(result)
        assert f"rude to <@{t.bob.id}>" in text_of(result)
        assert page(result).content == f"<@{t.alice.id}> <@{t.moderator.id}>"


async def test_the_audit_log_is_leafed_through_also_after_a_restart(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        await mod(t, "block", user=t.bob)
        for clips in range(1, 24):
            await mod(t, "quota set", target=t.alice, clips=clips)

        def shown() -> list[int]:
            audit_log = text_of(result)
            return [int(count) for count in re.findall(r"→ (\d+) clips? in", audit_log)]

        result = await run(t, "audit", user=t.alice)
        assert shown() == [*range(23, 13, -1)]
        await t.restart()
        await t.moderator.click(page(result), label="Earlier ▶")
        assert shown() == [*range(13, 3, -1)]
        await t.moderator.click(page(result), label="Earlier ▶")
        assert shown() == [3, 2, 1]
        assert f"<@{t.bob.id}>" not in text_of(result)
        with pytest.raises(simcord.SetupError):
            await t.moderator.click(page(result), label="Earlier ▶")
        await t.moderator.click(page(result), label="◀ Latest")
        assert shown() == [*range(23, 13, -1)]


async def test_exactly_one_full_page_has_no_buttons(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        for clips in range(10):
            await mod(t, "quota set", clips=clips)
        assert button_labels(page(await run(t, "audit"))) == []
        await mod(t, "quota clear")
        assert button_labels(page(await run(t, "audit"))) == ["◀ Latest", "Earlier ▶"]


async def test_who_is_no_moderator_any_more_can_leaf_no_further(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        for clips in range(12):
            await mod(t, "quota set", clips=clips)
        for number in range(9):
            await mod(t, "block", user=t.guild.add_member(t.env.create_user(f"member{number}")))
        audit_log, blocks = await run(t, "audit"), await run(t, "blocks")
        keepers = t.guild.roles["Keepers"]
        t.env.backend.remove_member_role(t.guild.id, t.moderator.id, keepers.id)
        await t.env.settle()
        assert (
            private_answer(await t.moderator.click(page(audit_log), label="Earlier ▶")) == REFUSED
        )
        assert private_answer(await t.moderator.click(page(blocks), label="More ▶")) == REFUSED
        with pytest.raises(simcord.SetupError):
            await run(t, "audit")


async def test_whoever_may_see_the_commands_but_not_manage_the_server_is_refused(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path) as t:
        for command in await t.app.client.tree.fetch_commands():
            if command.name == "sora-mod":
                t.guild.set_command_permissions(command, {t.guild.default_role: True})
        for command in ("block", "unblock", "audit"):
            shown = await t.bob.slash(t.channel, f"sora-mod {command}", user=t.alice)
            assert private_answer(shown) == REFUSED
        assert private_answer(await t.bob.slash(t.channel, "sora-mod blocks")) == REFUSED
        assert await generates(t, t.alice) is None


async def test_an_administrator_of_another_server_sees_and_lifts_nothing_here(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path) as t:
        await mod(t, "block", user=t.alice)
        reels, carol = await t.add_to_another_guild()
        permissions = discord.Permissions(administrator=True)
        chief = carol.guild.create_role("Chief", permissions=permissions)
        t.env.backend.add_member_role(carol.guild.id, carol.id, chief.id)
        carol.guild.add_member(t.alice.user)
        await t.env.settle()
        assert "Nobody is blocked" in private_answer(await carol.slash(reels, "sora-mod blocks"))
        assert "Nothing was changed" in private_answer(await carol.slash(reels, "sora-mod audit"))
        unblocked = await carol.slash(reels, "sora-mod unblock", user=t.alice.user)
        assert "is not blocked" in private_answer(unblocked)
        assert await generates(t, t.alice) is not None
