"""The menus of a server's settings, with what holds now chosen in them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import discord

from bot.chat.clips.places import check_can_post_clips
from bot.chat.moderation.settings_text import GUILD_SETTINGS
from bot.chat.settings_choice import MAX_OPTIONS, menu_options
from bot.errors import MissingPermissionError
from bot.guild import GuildSettings
from bot.jobs.catalogue import Catalogue

#: Where a clip can be asked for, itself or in its threads.
_CLIP_CHANNEL_TYPES = [
    discord.ChannelType.text,
    discord.ChannelType.news,
    discord.ChannelType.forum,
    discord.ChannelType.voice,
    discord.ChannelType.stage_voice,
]
_TEXT_CHANNEL_TYPES = [discord.ChannelType.text, discord.ChannelType.news]


def build_menu(
    key: str, custom_id: str, settings: GuildSettings, catalogue: Catalogue, guild: discord.Guild
) -> discord.ui.Item[Any]:
    """Return the menu of a setting.

    what       a word of SETTINGS other than "limits".
    catalogue  all that the operator offers.
    """
    match key:
        case "channels":
            return _channel_menu(
                custom_id, _CLIP_CHANNEL_TYPES, MAX_OPTIONS, settings.channel_ids, guild
            )
        case "gallery":
            return _channel_menu(
                custom_id, _TEXT_CHANNEL_TYPES, 1, [settings.gallery_channel_id], guild
            )
        case "log":
            return _channel_menu(
                custom_id, _TEXT_CHANNEL_TYPES, 1, [settings.log_channel_id], guild
            )
        case "role":
            held = guild.get_role(settings.remix_role_id or 0)
            return discord.ui.RoleSelect(
                custom_id=custom_id,
                placeholder="None",
                default_values=[] if held is None else [held],
            )
        case _:
            offered = menu_options(settings, key, catalogue)
            several = key == "models"
            return discord.ui.Select(
                custom_id=custom_id,
                placeholder="All" if several else GUILD_SETTINGS[key].title,
                options=offered,
                min_values=0 if several else 1,
                max_values=len(offered) if several else 1,
            )


def check_channels(guild: discord.Guild, channel_ids: Iterable[int]) -> None:
    """Return if the bot can post there. Raises MissingPermissionError naming where and what."""
    for channel_id in channel_ids:
        channel = guild.get_channel(channel_id)
        if channel is None:
            raise MissingPermissionError(f"<#{channel_id}>: I can't see it.")
        if isinstance(channel, discord.TextChannel):
            try:
                check_can_post_clips(channel)
            except MissingPermissionError as error:
                raise MissingPermissionError(f"{channel.mention}: {error.user_text}") from error


def _channel_menu(
    custom_id: str,
    types: list[discord.ChannelType],
    max_channels: int,
    chosen_ids: Iterable[int | None],
    guild: discord.Guild,
) -> discord.ui.ChannelSelect[Any]:
    # A channel that is gone can't be shown as chosen.
    there = (None if each is None else guild.get_channel(each) for each in chosen_ids)
    return discord.ui.ChannelSelect(
        custom_id=custom_id,
        channel_types=types,
        placeholder="Everywhere" if max_channels > 1 else "None",
        min_values=0,
        max_values=max_channels,
        default_values=[each for each in there if each is not None],
    )
