"""What a choice in a menu makes of a server's rules; pure."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import replace

import discord

from bot.chat.moderation.settings_text import GUILD_SETTINGS, NOT_OFFERED, ROLE_FIRST
from bot.errors import RefusedError
from bot.guild import GuildSettings, PostTarget, Remixers
from bot.jobs.catalogue import Catalogue, ModelSelection
from bot.quota.sentences import dollars

#: A menu has room for so many.
MAX_OPTIONS = 25
_LABEL_CHARS = 100
#: What stands for no default; no model, length or size is called so.
_NONE = "-"
_POST_LABELS = {
    PostTarget.PLACE: "Where they were asked for",
    PostTarget.THREAD: "In a thread for each request",
}
_REMIXER_LABELS = {
    Remixers.EVERYBODY: "Everybody",
    Remixers.ROLE: "Members with a role",
    Remixers.NOBODY: "Nobody",
}


def value_hash(settings: GuildSettings, key: str) -> str:
    """Return a short stand-in for a setting's value: another value has another one."""
    values = [getattr(settings, field) for field in GUILD_SETTINGS[key].fields]
    return f"{zlib.crc32(repr(values).encode()):x}"


def apply_choice(
    settings: GuildSettings, key: str, values: Sequence[str], catalogue: Catalogue, guild_id: int
) -> GuildSettings:
    """Return the rules after `values` were chosen in the menu of a setting.

    catalogue  all that the operator offers.
    Raises RefusedError for what can't be chosen, or not any more.
    """
    match key:
        case "channels":
            return replace(settings, channel_ids=tuple(map(int, values)))
        case "gallery":
            return replace(settings, gallery_channel_id=_single_id(values))
        case "log":
            return replace(settings, log_channel_id=_single_id(values))
        case "role":
            return _with_role(settings, _single_id(values), guild_id)
        case _:
            offered = {option.value for option in menu_options(settings, key, catalogue)}
            if not offered.issuperset(values):
                raise RefusedError(NOT_OFFERED)
            return _apply_word(settings, key, values)


def menu_options(
    settings: GuildSettings, key: str, catalogue: Catalogue
) -> list[discord.SelectOption]:
    """Return what a menu of words offers, what holds now being chosen; 25 at most."""
    offers = catalogue.select(ModelSelection.from_settings(settings)).offers
    match key:
        case "post":
            return [
                _option(each, words, each == settings.post) for each, words in _POST_LABELS.items()
            ]
        case "remixers":
            return [
                _option(each, words, each == settings.remixers)
                for each, words in _REMIXER_LABELS.items()
            ]
        case "models":
            return _model_options(catalogue, settings.models)
        case "model":
            named = [(offer.key, offer.model.label) for offer in offers]
            return _with_none(named, settings.default_model)
        case "seconds":
            lengths = sorted({each for offer in offers for each in offer.model.seconds})
            return _with_none(
                ((str(each), f"{each} s") for each in lengths), settings.default_seconds
            )
        case _:
            sizes = dict.fromkeys(str(each) for offer in offers for each in offer.model.sizes)
            return _with_none(((each, each) for each in sizes), settings.default_size)


def _apply_word(settings: GuildSettings, key: str, values: Sequence[str]) -> GuildSettings:
    """Return the rules after a choice among `options`."""
    word = None if values[:1] in ([], [_NONE]) else values[0]
    match key:
        case "post":
            return replace(settings, post=PostTarget(values[0]))
        case "remixers":
            return _with_remixers(settings, Remixers(values[0]))
        case "models":
            return replace(settings, models=tuple(values))
        case "model":
            return replace(settings, default_model=word)
        case "seconds":
            return replace(settings, default_seconds=None if word is None else int(word))
        case _:
            return replace(settings, default_size=word)


def _with_remixers(settings: GuildSettings, remixers: Remixers) -> GuildSettings:
    if remixers is not Remixers.ROLE:
        return replace(settings, remixers=remixers, remix_role_id=None)
    if settings.remix_role_id is None:
        raise RefusedError(ROLE_FIRST)
    return settings


def _with_role(settings: GuildSettings, role_id: int | None, guild_id: int) -> GuildSettings:
    # The role that everybody has bears the server's id.
    if role_id is None or role_id == guild_id:
        return replace(settings, remixers=Remixers.EVERYBODY, remix_role_id=None)
    return replace(settings, remixers=Remixers.ROLE, remix_role_id=role_id)


def _model_options(catalogue: Catalogue, allowed: Sequence[str]) -> list[discord.SelectOption]:
    """Return the models, allowed ones first: there may be more than a menu shows."""
    offers = sorted(catalogue.offers, key=lambda offer: bool(allowed) and offer.key not in allowed)
    found: list[discord.SelectOption] = []
    for offer in offers[:MAX_OPTIONS]:
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
    return found[:MAX_OPTIONS]


def _option(value: str, words: str, is_chosen: bool) -> discord.SelectOption:
    return discord.SelectOption(label=words[:_LABEL_CHARS], value=value, default=is_chosen)


def _single_id(values: Sequence[str]) -> int | None:
    return int(values[0]) if values else None
