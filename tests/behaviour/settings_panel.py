"""Helpers that open `/sora-mod settings` as the moderator, use its menus, and read its text."""

from __future__ import annotations

from typing import Any

import simcord

from bot.guild import GuildSettings
from tests.behaviour.harness import BotHarness


async def open_settings(t: BotHarness, page: str = "where") -> simcord.ResponseMessage:
    """Have the moderator open the guild settings at the page `page`; return the message."""
    opened = await t.moderator.slash(t.channel, "sora-mod settings")
    assert opened.response is not None
    assert opened.response.ephemeral
    await t.moderator.click(opened.response, custom_id=f"sora:set:page:{page}")
    return opened.response


async def choose(
    t: BotHarness, panel: simcord.ResponseMessage, what: str, *values: Any
) -> simcord.InteractionResult:
    """Have the moderator choose values (strings, channels or roles) in the menu of the setting
    `what`.
    """
    return await t.moderator.select(panel, values, custom_id=menu_of(panel, what)["custom_id"])


async def choose_gallery(t: BotHarness, channel: simcord.ChannelHandle | None) -> None:
    """Have the moderator set the guild's gallery channel, or unset it with None."""
    panel = await open_settings(t)
    await choose(t, panel, "gallery", *([] if channel is None else [channel]))


async def type_numbers(
    t: BotHarness, panel: simcord.ResponseMessage, each: str, everybody: str
) -> simcord.InteractionResult:
    """Have the moderator open the form on the page "limits" and submit new numbers of running jobs.

    each       most jobs that one member may have running.
    everybody  most jobs of all members together.
    """
    form = await t.moderator.click(panel, label="Change the numbers")
    values = {"max_active_per_user": each, "max_active": everybody}
    return await t.moderator.submit_modal(form, values)


async def guild_settings_of(t: BotHarness) -> GuildSettings:
    """Return the current settings of the first guild."""
    return await t.app.jobs.moderation.settings(t.guild.id)


def menu_of(panel: simcord.ResponseMessage, what: str) -> dict[str, Any]:
    """Return the menu or button of one setting in the settings message."""
    found = [
        each
        for each in _walk(panel.components)
        if str(each.get("custom_id")).startswith(f"sora:set:{what}:")
    ]
    assert len(found) == 1, f"{len(found)} menus for {what}"
    return found[0]


def text_of(panel: simcord.ResponseMessage) -> str:
    """Return the text of the settings message."""
    return "\n".join(each["content"] for each in _walk(panel.components) if "content" in each)


def _walk(nodes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [found for node in nodes for found in (node, *_walk(list(node.get("components") or ())))]
