"""`/sora-mod settings`: a moderator changes each guild setting; it is shown and takes effect."""

from __future__ import annotations

from pathlib import Path

import discord
import pytest
import simcord

from bot.guild import GuildSettings, PostTarget, Remixers
from tests.behaviour.clips import generate_clip, message_of, wait_until_finished
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
from tests.wire.videos_api import VideosApi

TWO = {"OPENAI_MODELS": "sora-2; sora-2-pro", "QUOTA_USD_PER_DAY": "100"}
PRO = "openai/sora-2-pro"


async def asks(
    t: BotHarness,
    actor: simcord.MemberActor,
    channel: simcord.ChannelHandle | None = None,
    command: str = "sora generate",
    **options: object,
) -> str | None:
    """Have `actor` request a clip; return the text of the refusal, or None if there was none."""
    place = t.channel if channel is None else channel
    shown = await actor.slash(place, command, **({"prompt": "a cat"} | options))
    assert shown.response is not None
    return shown.response.content if shown.ephemeral else None


async def test_the_message_shows_all_rules_and_the_menus_of_one_page(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        panel = await open_settings(t)
        for words in ("everywhere", "where they were asked for", "everybody", "operator allows"):
            assert words in text_of(panel)
        assert "stay where they are" in text_of(panel)
        for page, whats in {
            "models": ("models", "model", "seconds", "size"),
            "remixes": ("remixers", "role"),
            "limits": ("limits",),
            "where": ("channels", "post", "gallery", "log"),
        }.items():
            await t.moderator.click(panel, custom_id=f"sora:set:page:{page}")
            for what in whats:
                assert menu_of(panel, what)
            assert "### Settings" in text_of(panel)


async def test_clips_are_made_in_the_chosen_channels_and_their_threads_only(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path) as t:
        other = t.guild.create_text_channel("other")
        thread = await t.thread()
        panel = await open_settings(t)
        await choose(t, panel, "channels", t.channel)
        assert f"asked for: <#{t.channel.id}>" in text_of(panel)
        (default,) = menu_of(panel, "channels")["default_values"]
        assert int(default["id"]) == t.channel.id
        refusal = await asks(t, t.alice, other)
        assert refusal is not None
        assert f"<#{t.channel.id}>" in refusal
        assert await t.jobs() == []
        assert await asks(t, t.alice) is None
        assert await asks(t, t.alice, thread) is None
        await choose(t, panel, "channels")
        assert (await guild_settings_of(t)).channel_ids == ()
        assert await asks(t, t.alice, other) is None


async def test_clips_are_made_in_private_threads_of_the_chosen_channels_too(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path) as t:
        await choose(t, await open_settings(t), "channels", t.channel)
        for parent, allowed in ((t.channel, True), (t.guild.create_text_channel("other"), False)):
            place = t.app.client.get_channel(parent.id)
            assert isinstance(place, discord.TextChannel)
            await place.create_thread(name="den", type=discord.ChannelType.private_thread)
            den = parent.threads[-1]
            t.env.backend.add_thread_member(den.id, t.alice.id)
            assert (await asks(t, t.alice, den) is None) is allowed


async def test_twenty_five_channels_can_be_chosen_and_are_all_named(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        channels = [t.guild.create_text_channel(f"channel-{n}") for n in range(25)]
        panel = await open_settings(t)
        await choose(t, panel, "channels", *channels)
        assert all(f"<#{each.id}>" in text_of(panel) for each in channels)
        assert len((await guild_settings_of(t)).channel_ids) == 25


async def test_only_allowed_models_are_offered_and_taken(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, TWO) as t:
        panel = await open_settings(t, "models")
        labels = [each["label"] for each in menu_of(panel, "models")["options"]]
        assert labels == ["Sora 2", "Sora 2 Pro"]
        await choose(t, panel, "models", PRO)
        assert "**Models** Sora 2 Pro\n" in text_of(panel)
        offered = await t.alice.autocomplete(t.channel, "sora generate", "model", "", prompt="x")
        assert [each["value"] for each in offered] == [PRO]
        refusal = await asks(t, t.alice, model="openai/sora-2")
        assert refusal is not None
        assert "model" in refusal
        assert (await generate_clip(t, t.alice, "a cat")).spec.model == "sora-2-pro"
        assert [each["value"] for each in menu_of(panel, "model")["options"]] == ["-", PRO]
        await choose(t, panel, "models")
        assert (await guild_settings_of(t)).models == ()
        assert await asks(t, t.alice, model="openai/sora-2") is None


async def test_defaults_hold_where_a_member_names_nothing(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, TWO) as t:
        panel = await open_settings(t, "models")
        await choose(t, panel, "model", PRO)
        await choose(t, panel, "seconds", "8")
        await choose(t, panel, "size", "720x1280")
        assert "Sora 2 Pro · 8 s · 720x1280" in text_of(panel)
        spec = (await generate_clip(t, t.alice, "a cat")).spec
        assert (spec.model, spec.seconds, str(spec.size)) == ("sora-2-pro", 8, "720x1280")
        spec = (await generate_clip(t, t.alice, "a cat", seconds=4, size="1280x720")).spec
        assert (spec.model, spec.seconds, str(spec.size)) == ("sora-2-pro", 4, "1280x720")
        spec = (await generate_clip(t, t.alice, "a cat", model="openai/sora-2")).spec
        assert (spec.model, spec.seconds, str(spec.size)) == ("sora-2", 8, "720x1280")
        for what in ("model", "seconds", "size"):
            await choose(t, panel, what, "-")
        assert await guild_settings_of(t) == GuildSettings()
        spec = (await generate_clip(t, t.alice, "a cat")).spec
        assert (spec.model, spec.seconds, str(spec.size)) == ("sora-2", 4, "1280x720")


async def test_a_default_model_that_is_not_allowed_is_said_to_be_idle(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, TWO) as t:
        panel = await open_settings(t, "models")
        await choose(t, panel, "model", PRO)
        await choose(t, panel, "models", "openai/sora-2")
        assert "Sora 2 Pro (not allowed now)" in text_of(panel)
        assert (await generate_clip(t, t.alice, "a cat")).spec.model == "sora-2"


async def test_clips_land_in_a_thread_at_their_card_variants_in_the_same(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        panel = await open_settings(t)
        await choose(t, panel, "post", "thread")
        assert (await guild_settings_of(t)).post is PostTarget.THREAD
        assert "in a thread for each request" in text_of(panel)
        await t.alice.slash(t.channel, "sora generate", prompt="a calico cat", count=3)
        jobs = await wait_until_finished(t, 3)
        (thread,) = t.channel.threads
        assert t.card().id == thread.id
        assert {job.place.channel_id for job in jobs} == {thread.id}
        assert all(message_of(t, job, thread) is not None for job in jobs)
        assert t.clips() == []
        await choose(t, panel, "post", "place")
        job = await generate_clip(t, t.alice, "a dog")
        assert message_of(t, job) is not None


async def test_each_clip_is_shown_in_the_gallery_until_none_is_chosen(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        gallery = t.guild.create_text_channel("gallery")
        await choose_gallery(t, gallery)
        panel = await open_settings(t)
        assert f"**Gallery** <#{gallery.id}>" in text_of(panel)
        await generate_clip(t, t.alice, "a cat")
        await t.until(lambda: len(t.clips(gallery)) == 1)
        await choose_gallery(t, None)
        assert (await guild_settings_of(t)).gallery_channel_id is None
        await generate_clip(t, t.alice, "a dog")
        assert len(t.clips(gallery)) == 1


async def test_the_log_channel_is_kept_and_shown(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        log = t.guild.create_text_channel("log")
        panel = await open_settings(t)
        await choose(t, panel, "log", log)
        assert f"**Log** <#{log.id}>" in text_of(panel)
        assert (await guild_settings_of(t)).log_channel_id == log.id


@pytest.mark.parametrize("what", ["channels", "gallery", "log"])
async def test_a_channel_where_the_bot_may_not_post_is_refused_by_name(
    tmp_path: Path, what: str
) -> None:
    async with bot_harness(tmp_path) as t:
        me = t.guild.me
        assert me is not None
        denied = discord.PermissionOverwrite(attach_files=False)
        closed = t.guild.create_text_channel("closed", overwrites={me: denied})
        panel = await open_settings(t)
        before = menu_of(panel, what)
        result = await choose(t, panel, what, closed)
        (refusal,) = result.followups
        assert refusal.ephemeral
        assert f"<#{closed.id}>" in refusal.content
        assert "**Attach Files**" in refusal.content
        assert await guild_settings_of(t) == GuildSettings()
        # The menu has a new custom id, so that Discord's app shows the stored value instead of the
        # refused one.
        assert menu_of(panel, what)["custom_id"] != before["custom_id"]
        assert "default_values" not in menu_of(panel, what)


async def test_nobody_remixes_others_clips_where_the_server_says_so(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        job = await generate_clip(t, t.alice, "a cat")
        panel = await open_settings(t, "remixes")
        await choose(t, panel, "remixers", "nobody")
        assert "**Remixes** of others' clips: nobody" in text_of(panel)
        for command in ("sora remix", "sora extend"):
            refusal = await asks(t, t.bob, command=command, clip=job.id)
            assert refusal is not None
            assert "only their own" in refusal
        assert await asks(t, t.alice, command="sora remix", clip=job.id) is None
        await choose(t, panel, "remixers", "everybody")
        assert await asks(t, t.bob, command="sora remix", clip=job.id) is None


async def test_a_role_may_remix_once_it_is_chosen(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        role = t.guild.create_role("Artists")
        carol = t.guild.add_member(t.env.create_user("carol"), roles=[role])
        job = await generate_clip(t, t.alice, "a cat")
        panel = await open_settings(t, "remixes")
        told = (await choose(t, panel, "remixers", "role")).followups
        assert "Choose the role" in told[0].content
        assert (await guild_settings_of(t)).remixers is Remixers.EVERYBODY
        await choose(t, panel, "role", role)
        assert f"members with <@&{role.id}>" in text_of(panel)
        refusal = await asks(t, t.bob, command="sora remix", clip=job.id)
        assert refusal is not None
        assert f"<@&{role.id}>" in refusal
        assert await asks(t, carol, command="sora remix", clip=job.id) is None
        await choose(t, panel, "role", t.guild.default_role)
        assert await guild_settings_of(t) == GuildSettings()


async def test_numbers_in_the_form_limit_what_is_under_way(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, api=VideosApi(ready_after_s=600)) as t:
        panel = await open_settings(t, "limits")
        await type_numbers(t, panel, "1", " 2 ")
        assert "each member: 1 · the server: 2" in text_of(panel)
        assert await asks(t, t.alice) is None
        assert "at a time" in str(await asks(t, t.alice))
        assert await asks(t, t.bob) is None
        assert await asks(t, t.moderator) is not None
        form = await t.moderator.click(panel, label="Change the numbers")
        assert form.modal is not None
        assert [each["component"].get("value") for each in form.modal["components"]] == ["1", "2"]
        await type_numbers(t, panel, "", "")
        assert await guild_settings_of(t) == GuildSettings()
        assert await asks(t, t.alice) is None


@pytest.mark.parametrize("wrong", ["0", "-1", "1.5", "many", "1001", "9" * 10, "١", "**9"])
async def test_a_wrong_number_is_refused_naming_its_field(tmp_path: Path, wrong: str) -> None:
    async with bot_harness(tmp_path) as t:
        panel = await open_settings(t, "limits")
        for values, field in (
            ((wrong, "3"), "Each member"),
            (("3", wrong), "The whole server"),
        ):
            result = await type_numbers(t, panel, *values)
            (refusal,) = result.followups
            assert refusal.ephemeral
            assert f"**{field}**" in refusal.content
            assert "1 to 1000" in refusal.content
        assert await guild_settings_of(t) == GuildSettings()
