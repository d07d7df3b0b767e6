"""`/sora-mod settings`: one message that shows a guild's settings, and menus that change them.

It works after a restart: the custom id of a menu names its setting and holds a hash of the value
that the moderator saw. Each press reads the settings again, changes one of them, and shows the
message again.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Mapping
from typing import Any, Self, cast

import discord

from bot.chat.embed_message import DEFAULT_COLOUR
from bot.chat.moderation.settings_form import (
    apply_form,
    build_form,
    form_fields,
    form_key,
)
from bot.chat.moderation.settings_menus import apply_choice, build_menu
from bot.chat.moderation.settings_text import CHANGED_MEANWHILE, NOT_OFFERED, settings_text
from bot.chat.transport.error_handler import SafeItem
from bot.chat.viewers import job_service_of, viewer_of
from bot.errors import ModeratorsOnlyError, RefusedError
from bot.guild import GuildSettings, guild_setting_records
from bot.guild_setting import Choice, PanelControl, SettingsPage
from bot.jobs.catalogue import Catalogue


class SettingsTab(
    SafeItem[discord.ui.Button[Any]],
    template=r"sora:set:page:(?P<page>[a-z]+)",
):
    """Shows the menus of another page."""

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
    template=r"sora:set:(?P<key>[a-z]+):(?P<mark>[0-9a-f]{1,8}):\d{1,20}",
):
    """A menu about one setting.

    shown_hash  the hash of the value that it shows.
    """

    def __init__(self, key: str, shown_hash: str, menu: discord.ui.Item[Any]) -> None:
        super().__init__(menu)
        self.key = key
        self.shown_hash = shown_hash

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction, item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(match["key"], match["mark"], item)

    async def pressed(self, interaction: discord.Interaction) -> None:
        data = cast("dict[str, Any]", interaction.data or {})
        values = [str(each) for each in data.get("values", ())]
        catalogue, guild = job_service_of(interaction).catalogue, _guild(interaction)

        (name,) = form_fields(self.key)

        def change(settings: GuildSettings) -> GuildSettings:
            return apply_choice(settings, name, values, catalogue, guild)

        await _change_settings(interaction, self.key, self.shown_hash, change)


class SettingsFormButton(
    SafeItem[discord.ui.Button[Any]],
    template=r"sora:set:(?P<key>(?!page:)[a-z]+):(?P<mark>[0-9a-f]{1,8})",
):
    """Opens the form of a control."""

    def __init__(self, key: str, shown_hash: str) -> None:
        self.control = _control_named(key)
        super().__init__(
            discord.ui.Button(
                label=self.control.button,
                style=discord.ButtonStyle.secondary,
                custom_id=f"sora:set:{key}:{shown_hash}",
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
        return cls(match["key"], match["mark"])

    async def pressed(self, interaction: discord.Interaction) -> None:
        settings = await _read_settings(interaction)
        # The form shows the present values, which may be others than those of the button's message.
        shown_hash = value_hash(settings, self.control)
        await interaction.response.send_modal(build_form(self.control, settings, shown_hash))


async def build_settings_panel(
    interaction: discord.Interaction[Any], page: SettingsPage = SettingsPage.WHERE
) -> discord.ui.LayoutView:
    """Return the guild's settings as they are now, with the menus of one page.

    Raises ModeratorsOnlyError.
    """
    settings = await _read_settings(interaction)
    catalogue, guild = job_service_of(interaction).catalogue, _guild(interaction)
    box: discord.ui.Container[Any] = discord.ui.Container(accent_colour=DEFAULT_COLOUR)
    box.add_item(discord.ui.TextDisplay(settings_text(settings, catalogue)))
    box.add_item(discord.ui.Separator())
    for control in panel_controls().values():
        if control.page is page:
            box.add_item(discord.ui.TextDisplay(f"**{control.title}**\n-# {control.hint}"))
            box.add_item(_row(_item(control, interaction, settings, catalogue, guild)))
    box.add_item(discord.ui.Separator())
    box.add_item(_row(*(SettingsTab(each, is_open=each is page) for each in SettingsPage)))
    view = discord.ui.LayoutView(timeout=None)
    view.add_item(box)
    return view


async def submit_settings_modal(
    interaction: discord.Interaction[Any], form: re.Match[str], typed: Mapping[str, str]
) -> None:
    """Save what was typed into a form of the panel, a match of `FORM_ID`. Raises RefusedError."""
    key = form_key(form)
    await _change_settings(
        interaction, key, form["mark"], lambda settings: apply_form(settings, key, typed)
    )


async def _change_settings(
    interaction: discord.Interaction[Any],
    key: str,
    shown_hash: str,
    change: Callable[[GuildSettings], GuildSettings],
) -> None:
    """Change one setting and show the message again, also when the change is refused.

    shown_hash  the hash of the value that the moderator saw.
    Raises RefusedError: what `change` raises, or that another moderator changed it meanwhile.
    """
    settings, control = await _read_settings(interaction), _control_named(key)
    refusal: RefusedError | None = None
    try:
        if value_hash(settings, control) != shown_hash:
            raise RefusedError(CHANGED_MEANWHILE)
        after = change(settings)
        await job_service_of(interaction).moderation.change_settings(
            viewer_of(interaction), after, seen=settings
        )
    except RefusedError as error:
        refusal = error
    panel = await build_settings_panel(interaction, control.page)
    await interaction.response.edit_message(view=panel)
    if refusal is not None:
        raise refusal


def panel_controls() -> dict[str, PanelControl]:
    """Return the menus and buttons of the panel by key, in their order."""
    controls = (each.control for each in guild_setting_records().values())
    return {each.key: each for each in controls if each is not None}


def value_hash(settings: GuildSettings, control: PanelControl) -> str:
    """Return a hash of the values that a control shows."""
    values = [getattr(settings, name) for name in control.changes or form_fields(control.key)]
    # Menus that release 0.1.0 posted have hashes in which PostTarget was called Post.
    return f"{zlib.crc32(repr(values).replace('<PostTarget.', '<Post.').encode()):x}"


def _control_named(key: str) -> PanelControl:
    """Return the control with a key. Raises RefusedError for one that this release lacks."""
    control = panel_controls().get(key)
    if control is None:
        raise RefusedError(NOT_OFFERED)
    return control


def _item(
    control: PanelControl,
    interaction: discord.Interaction[Any],
    settings: GuildSettings,
    catalogue: Catalogue,
    guild: discord.Guild,
) -> SafeItem[Any]:
    """Return the menu, or the button of the form, of a control."""
    shown_hash = value_hash(settings, control)
    name, record = next(iter(form_fields(control.key).items()))
    if record.choice in (Choice.NUMBER, Choice.TEXT):
        return SettingsFormButton(control.key, shown_hash)
    # A new id each time makes Discord's apps show the stored value again after a refusal.
    custom_id = f"sora:set:{control.key}:{shown_hash}:{interaction.id}"
    menu = build_menu(name, custom_id, settings, catalogue, guild)
    return SettingsMenu(control.key, shown_hash, menu)


def _row(*items: SafeItem[Any]) -> discord.ui.ActionRow[Any]:
    row: discord.ui.ActionRow[Any] = discord.ui.ActionRow()
    for item in items:
        row.add_item(item)
    return row


async def _read_settings(interaction: discord.Interaction[Any]) -> GuildSettings:
    """Return the settings of the moderator's guild. Raises ModeratorsOnlyError."""
    guild_id = viewer_of(interaction).moderated_guild_id()
    return await job_service_of(interaction).moderation.settings(guild_id)


def _guild(interaction: discord.Interaction[Any]) -> discord.Guild:
    if interaction.guild is None:
        raise ModeratorsOnlyError
    return interaction.guild
