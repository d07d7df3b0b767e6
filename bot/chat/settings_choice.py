"""What a choice in a menu makes of a server's rules; pure."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import replace

import discord

from bot.chat.settings_words import NOT_OFFERED, ROLE_FIRST, SETTINGS
from bot.errors import RefusedError
from bot.jobs.catalogue import Catalogue, Choice
from bot.quota.sentences import dollars
from bot.server import HouseRules, Post, Remixers

#: A menu has room for so many.
MOST_OPTIONS = 25
_LABEL_CHARS = 100
#: What stands for no default; no model, length or size is called so.
_NONE = "-"
_POSTS = {Post.PLACE: "Where they were asked for", Post.THREAD: "In a thread for each request"}
_REMIXERS = {
    Remixers.EVERYBODY: "Everybody",
    Remixers.ROLE: "Members with a role",
    Remixers.NOBODY: "Nobody",
}


def mark(rules: HouseRules, what: str) -> str:
    """Return a short stand-in for a setting's value: another value has another one."""
    values = [getattr(rules, field) for field in SETTINGS[what].fields]
    return f"{zlib.crc32(repr(values).encode()):x}"


def chosen(
    rules: HouseRules, what: str, values: Sequence[str], catalogue: Catalogue, guild_id: int
) -> HouseRules:
    """Return the rules after `values` were chosen in the menu of a setting.

    catalogue  all that the operator offers.
    Raises RefusedError for what can't be chosen, or not any more.
    """
    match what:
        case "channels":
            return replace(rules, channel_ids=tuple(map(int, values)))
        case "gallery":
            return replace(rules, gallery_channel_id=_one(values))
        case "log":
            return replace(rules, log_channel_id=_one(values))
        case "role":
            return _with_role(rules, _one(values), guild_id)
        case _:
            offered = {option.value for option in options(rules, what, catalogue)}
            if not offered.issuperset(values):
                raise RefusedError(NOT_OFFERED)
            return _worded(rules, what, values)


def options(rules: HouseRules, what: str, catalogue: Catalogue) -> list[discord.SelectOption]:
    """Return what a menu of words offers, what holds now being chosen; 25 at most."""
    offers = catalogue.chosen(Choice.under(rules)).offers
    match what:
        case "post":
            return [_option(each, words, each == rules.post) for each, words in _POSTS.items()]
        case "remixers":
            return [
                _option(each, words, each == rules.remixers) for each, words in _REMIXERS.items()
            ]
        case "models":
            return _models(catalogue, rules.models)
        case "model":
            named = [(offer.key, offer.model.label) for offer in offers]
            return _with_none(named, rules.default_model)
        case "seconds":
            lengths = sorted({each for offer in offers for each in offer.model.seconds})
            return _with_none(((str(each), f"{each} s") for each in lengths), rules.default_seconds)
        case _:
            sizes = dict.fromkeys(str(each) for offer in offers for each in offer.model.sizes)
            return _with_none(((each, each) for each in sizes), rules.default_size)


def _worded(rules: HouseRules, what: str, values: Sequence[str]) -> HouseRules:
    """Return the rules after a choice among `options`."""
    word = None if values[:1] in ([], [_NONE]) else values[0]
    match what:
        case "post":
            return replace(rules, post=Post(values[0]))
        case "remixers":
            return _with_remixers(rules, Remixers(values[0]))
        case "models":
            return replace(rules, models=tuple(values))
        case "model":
            return replace(rules, default_model=word)
        case "seconds":
            return replace(rules, default_seconds=None if word is None else int(word))
        case _:
            return replace(rules, default_size=word)


def _with_remixers(rules: HouseRules, remixers: Remixers) -> HouseRules:
    if remixers is not Remixers.ROLE:
        return replace(rules, remixers=remixers, remix_role_id=None)
    if rules.remix_role_id is None:
        raise RefusedError(ROLE_FIRST)
    return rules


def _with_role(rules: HouseRules, role_id: int | None, guild_id: int) -> HouseRules:
    # The role that everybody has bears the server's id.
    if role_id is None or role_id == guild_id:
        return replace(rules, remixers=Remixers.EVERYBODY, remix_role_id=None)
    return replace(rules, remixers=Remixers.ROLE, remix_role_id=role_id)


def _models(catalogue: Catalogue, allowed: Sequence[str]) -> list[discord.SelectOption]:
    """Return the models, allowed ones first: there may be more than a menu shows."""
    offers = sorted(catalogue.offers, key=lambda offer: bool(allowed) and offer.key not in allowed)
    found: list[discord.SelectOption] = []
    for offer in offers[:MOST_OPTIONS]:
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
    return found[:MOST_OPTIONS]


def _option(value: str, words: str, is_chosen: bool) -> discord.SelectOption:
    return discord.SelectOption(label=words[:_LABEL_CHARS], value=value, default=is_chosen)


def _one(values: Sequence[str]) -> int | None:
    return int(values[0]) if values else None
