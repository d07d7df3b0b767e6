"""`/sora-mod settings`: one message that shows a server's rules, and menus that change them.

It works after a restart: a menu's id says which setting it is about and, as a mark, which value its
user saw. Each press looks at the rules anew, changes one setting, and shows the message again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Self, cast

import discord

from bot.chat.embed_message import DEFAULT_COLOUR
from bot.chat.moderation.settings_menus import build_menu, check_channels
from bot.chat.moderation.settings_text import (
    CHANGED_MEANWHILE,
    GUILD_SETTINGS,
    SettingsPage,
    settings_text,
)
from bot.chat.settings_choice import apply_choice, value_hash
from bot.chat.settings_form import apply_limits, limits_modal
from bot.chat.transport.error_handler import SafeItem
from bot.chat.viewers import job_service_of, viewer_of
from bot.errors import ModeratorsOnlyError, RefusedError
from bot.guild import GuildSettings
from bot.jobs.catalogue import Catalogue


class SettingsTab(
    SafeItem[discord.ui.Button[Any]],
    template=r"sora:set:page:(?P<page>where|models|remixes|limits)",
):
    """Shows the menus of other settings."""

    def __init__(self, page: SettingsPage, *, is_open: bool = False) -> None:
        style = discord.ButtonStyle.primary if is_open else discord.ButtonStyle.secondary
        super().__init__(
            discord.ui.Button(
                label=page.capitalize(), style=style, custom_id=f"sora:set:page:{page}"
            )
        )
        self.page = page

    @classmethod
    async def from_custom_id(
        cls,
        _interaction: discord.Interaction,
        _control: discord.ui.Item[Any],
        match: re.Match[str],
        /,
    ) -> Self:
        return cls(SettingsPage(match["page"]))

    async def pressed(self, interaction: discord.Interaction) -> None:
        await interaction.response.edit_message(
            view=await build_settings_panel(interaction, self.page)
        )


class SettingsMenu(
    SafeItem["discord.ui.Item[Any]"],
    template=r"sora:set:(?P<what>channels|post|gallery|log|models|model|seconds|size|remixers|role)"
    r":(?P<mark>[0-9a-f]{1,8}):\d{1,20}",
):
    """A menu about one setting.

    seen  the mark of the value that it shows.
    """

    def __init__(self, key: str, shown_hash: str, menu: discord.ui.Item[Any]) -> None:
        super().__init__(menu)
        self.key = key
        self.shown_hash = shown_hash

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction, item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(match["what"], match["mark"], item)

    async def pressed(self, interaction: discord.Interaction) -> None:
        data = cast("dict[str, Any]", interaction.data or {})
        values = [str(each) for each in data.get("values", ())]
        catalogue, guild = job_service_of(interaction).catalogue, _guild(interaction)

        def change(rules: GuildSettings) -> GuildSettings:
            after = apply_choice(rules, self.key, values, catalogue, guild.id)
            if self.key in ("channels", "gallery", "log"):
                known = rules.channel_ids if self.key == "channels" else ()
                check_channels(guild, set(map(int, values)) - set(known))
            return after

        await _change_settings(interaction, self.key, self.shown_hash, change)


class LimitsButton(
    SafeItem[discord.ui.Button[Any]], template=r"sora:set:limits:(?P<mark>[0-9a-f]{1,8})"
):
    """Opens the form with the numbers."""

    def __init__(self, shown_hash: str) -> None:
        super().__init__(
            discord.ui.Button(
                label="Change the numbers",
                style=discord.ButtonStyle.secondary,
                custom_id=f"sora:set:limits:{shown_hash}",
            )
        )

    @classmethod
    async def from_custom_id(
        cls,
        _interaction: discord.Interaction,
        _control: discord.ui.Item[Any],
        match: re.Match[str],
        /,
    ) -> Self:
        return cls(match["mark"])

    async def pressed(self, interaction: discord.Interaction) -> None:
        rules = await _read_settings(interaction)
        # What was typed is held against the numbers that the form shows, not the button's.
        await interaction.response.send_modal(limits_modal(rules, value_hash(rules, "limits")))


async def build_settings_panel(
    interaction: discord.Interaction[Any], page: SettingsPage = SettingsPage.WHERE
) -> discord.ui.LayoutView:
    """Return the server's rules as they are now, with the menus of one page.

    Raises ModeratorsOnlyError.
    """
    rules = await _read_settings(interaction)
    catalogue, guild = job_service_of(interaction).catalogue, _guild(interaction)
    box: discord.ui.Container[Any] = discord.ui.Container(accent_colour=DEFAULT_COLOUR)
    box.add_item(discord.ui.TextDisplay(settings_text(rules, catalogue)))
    box.add_item(discord.ui.Separator())
    for what, setting in GUILD_SETTINGS.items():
        if setting.page is page:
            box.add_item(discord.ui.TextDisplay(f"**{setting.title}**\n-# {setting.hint}"))
            box.add_item(_row(_control(what, interaction, rules, catalogue, guild)))
    box.add_item(discord.ui.Separator())
    box.add_item(_row(*(SettingsTab(each, is_open=each is page) for each in SettingsPage)))
    view = discord.ui.LayoutView(timeout=None)
    view.add_item(box)
    return view


async def submit_limits_modal(
    interaction: discord.Interaction[Any], form: re.Match[str], typed: Mapping[str, str]
) -> None:
    """Save the numbers of a submitted form, a match of `LIMITS_FORM`. Raises RefusedError."""
    await _change_settings(
        interaction, "limits", form["mark"], lambda rules: apply_limits(rules, typed)
    )


async def _change_settings(
    interaction: discord.Interaction[Any],
    key: str,
    shown_hash: str,
    change: Callable[[GuildSettings], GuildSettings],
) -> None:
    """Change one setting and show the message again, also when it was refused.

    seen  the mark of the value that the user saw.
    Raises RefusedError: what `change` raises, or that somebody else was faster.
    """
    rules = await _read_settings(interaction)
    refusal: RefusedError | None = None
    try:
        if value_hash(rules, key) != shown_hash:
            raise RefusedError(CHANGED_MEANWHILE)
        after = change(rules)
        await job_service_of(interaction).moderation.change_settings(
            viewer_of(interaction), after, seen=rules
        )
    except RefusedError as error:
        refusal = error
    panel = await build_settings_panel(interaction, GUILD_SETTINGS[key].page)
    await interaction.response.edit_message(view=panel)
    if refusal is not None:
        raise refusal


def _control(
    key: str,
    interaction: discord.Interaction[Any],
    settings: GuildSettings,
    catalogue: Catalogue,
    guild: discord.Guild,
) -> SafeItem[Any]:
    """Return what changes a setting."""
    seen = value_hash(settings, key)
    if key == "limits":
        return LimitsButton(seen)
    # Another id each time, so that apps show a menu anew after a refusal, too.
    custom_id = f"sora:set:{key}:{seen}:{interaction.id}"
    return SettingsMenu(key, seen, build_menu(key, custom_id, settings, catalogue, guild))


def _row(*items: SafeItem[Any]) -> discord.ui.ActionRow[Any]:
    row: discord.ui.ActionRow[Any] = discord.ui.ActionRow()
    for item in items:
        row.add_item(item)
    return row


async def _read_settings(interaction: discord.Interaction[Any]) -> GuildSettings:
    """Return the rules of the moderator's server. Raises ModeratorsOnlyError."""
    guild_id = viewer_of(interaction).moderated_guild_id()
    return await job_service_of(interaction).moderation.settings(guild_id)


def _guild(interaction: discord.Interaction[Any]) -> discord.Guild:
    if interaction.guild is None:
        raise ModeratorsOnlyError
    return interaction.guild
