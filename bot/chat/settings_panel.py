"""`/sora-mod settings`: one message that shows a server's rules, and menus that change them.

It works after a restart: a menu's id says which setting it is about and, as a mark, which value its
user saw. Each press looks at the rules anew, changes one setting, and shows the message again.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Self, cast

import discord

from bot.chat.answer import SafeItem, answer
from bot.chat.serving import jobs_of
from bot.chat.settings_choice import chosen, mark
from bot.chat.settings_form import LIMITS_FORM, limits_modal, with_numbers
from bot.chat.settings_menus import check_channels, menu
from bot.chat.settings_words import CHANGED, SETTINGS, Page, in_words
from bot.chat.sheet import PLAIN
from bot.chat.viewers import viewer_of
from bot.errors import ModeratorsOnlyError, RefusedError
from bot.jobs.catalogue import Catalogue
from bot.server import HouseRules


class SettingsTab(
    SafeItem[discord.ui.Button[Any]],
    template=r"sora:set:page:(?P<page>where|models|remixes|limits)",
):
    """Shows the menus of other settings."""

    def __init__(self, page: Page, *, is_open: bool = False) -> None:
        style = discord.ButtonStyle.primary if is_open else discord.ButtonStyle.secondary
        super().__init__(
            discord.ui.Button(
                label=page.capitalize(), style=style, custom_id=f"sora:set:page:{page}"
            )
        )
        self.page = page

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction, _item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(Page(match["page"]))

    async def pressed(self, interaction: discord.Interaction) -> None:
        await interaction.response.edit_message(view=await settings_panel(interaction, self.page))


class SettingsMenu(
    SafeItem["discord.ui.Item[Any]"],
    template=r"sora:set:(?P<what>channels|post|gallery|log|models|model|seconds|size|remixers|role)"
    r":(?P<mark>[0-9a-f]{1,8}):\d{1,20}",
):
    """A menu about one setting.

    seen  the mark of the value that it shows.
    """

    def __init__(self, what: str, seen: str, menu: discord.ui.Item[Any]) -> None:
        super().__init__(menu)
        self.what = what
        self.seen = seen

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction, item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(match["what"], match["mark"], item)

    async def pressed(self, interaction: discord.Interaction) -> None:
        data = cast("dict[str, Any]", interaction.data or {})
        values = [str(each) for each in data.get("values", ())]
        catalogue, guild = jobs_of(interaction).catalogue, _guild(interaction)

        def change(rules: HouseRules) -> HouseRules:
            after = chosen(rules, self.what, values, catalogue, guild.id)
            if self.what in ("channels", "gallery", "log"):
                known = rules.channel_ids if self.what == "channels" else ()
                check_channels(guild, set(map(int, values)) - set(known))
            return after

        await _change_rules(interaction, self.what, self.seen, change)


class LimitsButton(
    SafeItem[discord.ui.Button[Any]], template=r"sora:set:limits:(?P<mark>[0-9a-f]{1,8})"
):
    """Opens the form with the numbers."""

    def __init__(self, seen: str) -> None:
        super().__init__(
            discord.ui.Button(
                label="Change the numbers",
                style=discord.ButtonStyle.secondary,
                custom_id=f"sora:set:limits:{seen}",
            )
        )

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction, _item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(match["mark"])

    async def pressed(self, interaction: discord.Interaction) -> None:
        rules = await _rules(interaction)
        # What was typed is held against the numbers that the form shows, not the button's.
        await interaction.response.send_modal(limits_modal(rules, mark(rules, "limits")))


async def settings_panel(
    interaction: discord.Interaction[Any], page: Page = Page.WHERE
) -> discord.ui.LayoutView:
    """Return the server's rules as they are now, with the menus of one page.

    Raises ModeratorsOnlyError.
    """
    rules = await _rules(interaction)
    catalogue, guild = jobs_of(interaction).catalogue, _guild(interaction)
    box: discord.ui.Container[Any] = discord.ui.Container(accent_colour=PLAIN)
    box.add_item(discord.ui.TextDisplay(in_words(rules, catalogue)))
    box.add_item(discord.ui.Separator())
    for what, setting in SETTINGS.items():
        if setting.page is page:
            box.add_item(discord.ui.TextDisplay(f"**{setting.title}**\n-# {setting.hint}"))
            box.add_item(_row(_item(what, interaction, rules, catalogue, guild)))
    box.add_item(discord.ui.Separator())
    box.add_item(_row(*(SettingsTab(each, is_open=each is page) for each in Page)))
    view = discord.ui.LayoutView(timeout=None)
    view.add_item(box)
    return view


async def limits_sent(interaction: discord.Interaction[Any]) -> None:
    """Act on the form with the numbers, and on no other; its sender reads what goes wrong.

    Never raises.
    """
    data = cast("dict[str, Any]", interaction.data or {})
    form = LIMITS_FORM.fullmatch(str(data.get("custom_id")))
    if form is None:
        return
    try:
        await _change_rules(
            interaction,
            "limits",
            form["mark"],
            lambda rules: with_numbers(rules, data.get("components")),
        )
    except Exception as error:  # noqa: BLE001 - this is the door
        await answer(interaction, error)


async def _change_rules(
    interaction: discord.Interaction[Any],
    what: str,
    seen: str,
    change: Callable[[HouseRules], HouseRules],
) -> None:
    """Change one setting and show the message again, also when it was refused.

    seen  the mark of the value that the user saw.
    Raises RefusedError: what `change` raises, or that somebody else was faster.
    """
    rules = await _rules(interaction)
    refusal: RefusedError | None = None
    try:
        if mark(rules, what) != seen:
            raise RefusedError(CHANGED)
        after = change(rules)
        await jobs_of(interaction).keeper.change_rules(viewer_of(interaction), after, seen=rules)
    except RefusedError as error:
        refusal = error
    panel = await settings_panel(interaction, SETTINGS[what].page)
    await interaction.response.edit_message(view=panel)
    if refusal is not None:
        raise refusal


def _item(
    what: str,
    interaction: discord.Interaction[Any],
    rules: HouseRules,
    catalogue: Catalogue,
    guild: discord.Guild,
) -> SafeItem[Any]:
    """Return what changes a setting."""
    seen = mark(rules, what)
    if what == "limits":
        return LimitsButton(seen)
    # Another id each time, so that apps show a menu anew after a refusal, too.
    custom_id = f"sora:set:{what}:{seen}:{interaction.id}"
    return SettingsMenu(what, seen, menu(what, custom_id, rules, catalogue, guild))


def _row(*items: SafeItem[Any]) -> discord.ui.ActionRow[Any]:
    row: discord.ui.ActionRow[Any] = discord.ui.ActionRow()
    for item in items:
        row.add_item(item)
    return row


async def _rules(interaction: discord.Interaction[Any]) -> HouseRules:
    """Return the rules of the moderator's server. Raises ModeratorsOnlyError."""
    viewer = viewer_of(interaction)
    if viewer.guild_id is None or not viewer.is_moderator:
        raise ModeratorsOnlyError
    return await jobs_of(interaction).keeper.rules(viewer.guild_id)


def _guild(interaction: discord.Interaction[Any]) -> discord.Guild:
    if interaction.guild is None:
        raise ModeratorsOnlyError
    return interaction.guild
