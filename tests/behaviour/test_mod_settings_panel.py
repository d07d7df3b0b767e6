"""The message of `/sora-mod settings`: who may use it, two open at the same time, and after a
restart.
"""

from __future__ import annotations

from pathlib import Path

import discord

from bot.guild import AuditEntry, GuildSettings, PostTarget, Remixers
from bot.model import State, Viewer
from tests.behaviour.clips import private_answer
from tests.behaviour.harness import BotHarness, bot_harness
from tests.behaviour.settings_panel import (
    choose,
    choose_gallery,
    guild_settings_of,
    menu_of,
    open_settings,
    text_of,
    type_numbers,
)

TWO = {"OPENAI_MODELS": "sora-2; sora-2-pro", "QUOTA_USD_PER_DAY": "100"}
PRO = "openai/sora-2-pro"


async def take_moderator_role(t: BotHarness) -> None:
    """Remove the role that gives the moderator their permissions."""
    role = t.guild.roles["Keepers"]
    t.env.backend.remove_member_role(t.guild.id, t.moderator.id, role.id)
    await t.env.settle()


async def audited(t: BotHarness) -> list[AuditEntry]:
    """Return every change, latest first."""
    viewer = Viewer(user_id=t.moderator.id, guild_id=t.guild.id, is_moderator=True)
    return list(await t.app.jobs.moderation.audit(viewer, None))


async def test_of_two_moderators_the_slower_one_sees_what_the_other_chose(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        first, second = (t.guild.create_text_channel(name) for name in ("first", "second"))
        old, panel = await open_settings(t), await open_settings(t)
        await choose(t, panel, "gallery", first)
        (refusal,) = (await choose(t, old, "gallery", second)).followups
        assert "Somebody else has just changed" in refusal.content
        assert f"**Gallery** <#{first.id}>" in text_of(old)
        assert (await guild_settings_of(t)).gallery_channel_id == first.id
        await choose(t, old, "gallery", second)
        assert (await guild_settings_of(t)).gallery_channel_id == second.id
        # Changing a setting in an outdated message does not reset another setting.
        await choose(t, panel, "post", "thread")
        assert f"**Gallery** <#{second.id}>" in text_of(panel)
        assert (await guild_settings_of(t)).post is PostTarget.THREAD


async def test_numbers_typed_over_others_are_not_taken(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        panel = await open_settings(t, "limits")
        form = await t.moderator.click(panel, label="Change the numbers")
        await type_numbers(t, panel, "5", "9")
        values = {"max_active_per_user": "7", "max_active": "8"}
        (refusal,) = (await t.moderator.submit_modal(form, values)).followups
        assert "Somebody else" in refusal.content
        assert "each member: 5 · the server: 9" in text_of(panel)


async def test_who_is_a_moderator_no_longer_can_neither_look_nor_change(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        panel, limits = await open_settings(t), await open_settings(t, "limits")
        form = await t.moderator.click(limits, label="Change the numbers")
        seen = text_of(panel)
        await take_moderator_role(t)
        results = [
            await choose(t, panel, "post", "thread"),
            await t.moderator.click(panel, label="Models"),
            await t.moderator.click(limits, label="Change the numbers"),
            await t.moderator.submit_modal(form, {"max_active_per_user": "1", "max_active": ""}),
        ]
        assert all("may manage this server" in private_answer(each) for each in results)
        assert text_of(panel) == seen
        assert await guild_settings_of(t) == GuildSettings()
        assert await audited(t) == []


async def test_members_see_no_such_command_and_are_refused_where_it_is_opened(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path) as t:
        assert not [c for c in t.bob.available_commands(t.channel) if c.startswith("sora-mod")]
        commands = await t.app.client.tree.fetch_commands()
        (opened,) = [each for each in commands if each.name == "sora-mod"]
        t.guild.set_command_permissions(opened, {t.bob: True})
        for command in ("settings", "jobs", "usage"):
            refused = await t.bob.slash(t.channel, f"sora-mod {command}")
            assert "may manage this server" in private_answer(refused)


async def test_menus_buttons_and_forms_outlive_a_restart(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        panel = await open_settings(t)
        limits = await open_settings(t, "limits")
        form = await t.moderator.click(limits, label="Change the numbers")
        await t.restart()
        await choose(t, panel, "post", "thread")
        await t.moderator.click(panel, label="Remixes")
        await choose(t, panel, "remixers", "nobody")
        await t.moderator.submit_modal(form, {"max_active_per_user": "3", "max_active": ""})
        assert await guild_settings_of(t) == GuildSettings(
            post=PostTarget.THREAD, remixers=Remixers.NOBODY, max_active_per_user=3
        )
        await t.restart()
        await t.moderator.click(panel, label="Where")
        assert "in a thread for each request" in text_of(panel)


async def test_each_change_is_in_the_audit_and_what_changes_nothing_is_not(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        panel = await open_settings(t)
        await choose(t, panel, "post", "thread")
        await choose(t, panel, "post", "thread")
        (entry,) = await audited(t)
        assert entry.by_user_id == t.moderator.id
        assert "thread" in str(entry.after)


async def test_a_model_that_went_with_a_restart_is_refused_and_channels_that_went_are_not_chosen(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path, TWO) as t:
        gallery = t.guild.create_text_channel("gallery")
        await choose_gallery(t, gallery)
        panel = await open_settings(t, "models")
        await choose(t, panel, "models", PRO)
        await t.restart(OPENAI_MODELS="sora-2")
        (refusal,) = (await choose(t, panel, "model", PRO)).followups
        assert "not offered any more" in refusal.content
        assert f"`{PRO}` (not offered now)" in text_of(panel)
        place = t.app.client.get_channel(gallery.id)
        assert isinstance(place, discord.TextChannel)
        await place.delete()
        await t.env.settle()
        panel = await open_settings(t)
        assert "default_values" not in menu_of(panel, "gallery")


async def test_another_server_keeps_its_own_rules(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        reels, carol = await t.add_to_another_guild()
        panel = await open_settings(t)
        await choose(t, panel, "channels", t.channel)
        await carol.slash(reels, "sora generate", prompt="a cat")
        job = await t.job()
        assert job.place.channel_id == reels.id
        assert job.state is not State.FAILED
        assert reels.guild is not None
        assert await t.app.jobs.moderation.settings(reels.guild.id) == GuildSettings()
