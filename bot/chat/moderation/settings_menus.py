"""The menus of the settings panel: what each offers, and what a choice changes."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import discord

from bot.chat.clips.places import check_can_post_clips
from bot.chat.moderation.settings_text import NOT_OFFERED, ROLE_FIRST
from bot.errors import MissingPermissionError, RefusedError
from bot.guild import GuildSettings, Remixers, guild_setting_records
from bot.guild_setting import Choice
from bot.jobs.catalogue import Catalogue, ModelSelection
from bot.quota.sentences import dollars

#: 2026-11: a menu has at most 25 options (Discord's documentation).
_MAX_OPTIONS = 25
_LABEL_CHARS = 100
#: The option for no default; no model, length or size has this name.
_NONE = "-"
#: Where a clip can be requested, in the channel itself or in its threads.
_CLIP_CHANNEL_TYPES = [
    discord.ChannelType.text,
    discord.ChannelType.news,
    discord.ChannelType.forum,
    discord.ChannelType.voice,
    discord.ChannelType.stage_voice,
]
_TEXT_CHANNEL_TYPES = [discord.ChannelType.text, discord.ChannelType.news]


def build_menu(
    name: str, custom_id: str, settings: GuildSettings, catalogue: Catalogue, guild: discord.Guild
) -> discord.ui.Item[Any]:
    """Return the menu of a setting, with its present value chosen.

    name       a field of GuildSettings that is not typed into a form.
    catalogue  all that the operator offers.
    """
    record, value = guild_setting_records()[name], getattr(settings, name)
    match record.choice:
        case Choice.CLIP_CHANNELS:
            return _channel_menu(custom_id, _CLIP_CHANNEL_TYPES, _MAX_OPTIONS, value, guild)
        case Choice.TEXT_CHANNEL:
            return _channel_menu(custom_id, _TEXT_CHANNEL_TYPES, 1, [value], guild)
        case Choice.ROLE:
            role = guild.get_role(value or 0)
            return discord.ui.RoleSelect(
                custom_id=custom_id,
                placeholder="None",
                default_values=[] if role is None else [role],
            )
        case _:
            options = _options(name, settings, catalogue)
            several = record.choice is Choice.MODELS
            title = "" if record.control is None else record.control.title
            return discord.ui.Select(
                custom_id=custom_id,
                placeholder="All" if several else title,
                options=options,
                min_values=0 if several else 1,
                max_values=len(options) if several else 1,
            )


def apply_choice(
    settings: GuildSettings,
    name: str,
    values: Sequence[str],
    catalogue: Catalogue,
    guild: discord.Guild,
) -> GuildSettings:
    """Return the settings after `values` were chosen in the menu of a setting.

    catalogue  all that the operator offers.
    Raises RefusedError for a value that is not offered now, and MissingPermissionError naming the
    channel where the bot may not post.
    """
    choice = guild_setting_records()[name].choice
    match choice:
        case Choice.CLIP_CHANNELS:
            value = tuple(map(int, values))
            _check_channels(guild, set(value) - set(getattr(settings, name)))
            return _with(settings, name, value)
        case Choice.TEXT_CHANNEL:
            _check_channels(guild, map(int, values))
            return _with(settings, name, _single_id(values))
        case Choice.ROLE:
            return _with_role(settings, _single_id(values), guild.id)
        case _:
            offered = {option.value for option in _options(name, settings, catalogue)}
            if not offered.issuperset(values):
                raise RefusedError(NOT_OFFERED)
    if name == "remixers":
        return _with_remixers(settings, Remixers(values[0]))
    if choice is Choice.MODELS:
        return _with(settings, name, tuple(values))
    if choice is Choice.WORDS:
        return _with(settings, name, type(getattr(settings, name))(values[0]))
    word = None if values[:1] in ([], [_NONE]) else values[0]
    return _with(settings, name, int(word) if word and choice is Choice.SECONDS else word)


def _with(settings: GuildSettings, name: str, value: object) -> GuildSettings:
    changes: dict[str, Any] = {name: value}
    return replace(settings, **changes)


def _options(
    name: str, settings: GuildSettings, catalogue: Catalogue
) -> list[discord.SelectOption]:
    """Return the options of a menu, 25 at most; the present value is chosen."""
    record, value = guild_setting_records()[name], getattr(settings, name)
    offers = catalogue.select(ModelSelection.from_settings(settings)).offers
    match record.choice:
        case Choice.WORDS:
            return [_option(each, label, each == value) for each, label in record.words.items()]
        case Choice.MODELS:
            return _model_options(catalogue, value)
        case Choice.MODEL:
            return _with_none([(offer.key, offer.model.label) for offer in offers], value)
        case Choice.SECONDS:
            lengths = sorted({each for offer in offers for each in offer.model.seconds})
            return _with_none(((str(each), f"{each} s") for each in lengths), value)
        case _:
            sizes = dict.fromkeys(str(each) for offer in offers for each in offer.model.sizes)
            return _with_none(((each, each) for each in sizes), value)


def _check_channels(guild: discord.Guild, channel_ids: Iterable[int]) -> None:
    """Raise MissingPermissionError, naming the channel, unless the bot can post clips in each."""
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
    # Discord refuses a menu in which a deleted channel is chosen.
    found = (None if each is None else guild.get_channel(each) for each in chosen_ids)
    return discord.ui.ChannelSelect(
        custom_id=custom_id,
        channel_types=types,
        placeholder="Everywhere" if max_channels > 1 else "None",
        min_values=0,
        max_values=max_channels,
        default_values=[each for each in found if each is not None],
    )


def _with_remixers(settings: GuildSettings, remixers: Remixers) -> GuildSettings:
    if remixers is not Remixers.ROLE:
        return replace(settings, remixers=remixers, remix_role_id=None)
    if settings.remix_role_id is None:
        raise RefusedError(ROLE_FIRST)
    return settings


def _with_role(settings: GuildSettings, role_id: int | None, guild_id: int) -> GuildSettings:
    # The role that every member has, @everyone, has the id of the guild.
    if role_id is None or role_id == guild_id:
        return replace(settings, remixers=Remixers.EVERYBODY, remix_role_id=None)
    return replace(settings, remixers=Remixers.ROLE, remix_role_id=role_id)


def _model_options(catalogue: Catalogue, allowed: Sequence[str]) -> list[discord.SelectOption]:
    """Return the models, allowed ones first: there may be more than a menu shows."""
    offers = sorted(catalogue.offers, key=lambda offer: bool(allowed) and offer.key not in allowed)
    found: list[discord.SelectOption] = []
    for offer in offers[:_MAX_OPTIONS]:
        model = offer.model
        price = dollars(model.price_usd_micros(model.seconds[0], model.sizes[0]))
        option = _option(offer.key, model.label, offer.key in allowed)
        option.description = f"{offer.provider} · {price} for {model.seconds[0]} s"
        found.append(option)
    return found


def _with_none(
    named: Iterable[tuple[str, str]], now: str | int | None
) -> list[discord.SelectOption]:
    found = [_option(_NONE, "No default", now is None)]
    found += [_option(value, words, value == str(now)) for value, words in named]
    return found[:_MAX_OPTIONS]


def _option(value: str, words: str, is_chosen: bool) -> discord.SelectOption:
    return discord.SelectOption(label=words[:_LABEL_CHARS], value=value, default=is_chosen)


def _single_id(values: Sequence[str]) -> int | None:
    return int(values[0]) if values else None
