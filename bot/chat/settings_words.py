"""A server's rules in words, and what is said about each setting of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from bot.jobs.catalogue import Catalogue, Choice
from bot.server import HouseRules, Post, Remixers

CHANGED = "Somebody else has just changed that. It is shown as it is now: choose again."
NOT_OFFERED = "That is not offered any more. Choose again."
ROLE_FIRST = "Choose the role in the menu below."
#: 2026-11: all text of such a message has 4000 characters together (Discord's documentation).
_MODELS_CHARS = 1000


class Page(StrEnum):
    """Which settings have their menus shown."""

    WHERE = "where"
    MODELS = "models"
    REMIXES = "remixes"
    LIMITS = "limits"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One thing that can be set."""

    page: Page
    #: The fields of HouseRules that it changes.
    fields: tuple[str, ...]
    title: str
    hint: str


#: By the word in the ids of their menus, in their order on a page.
SETTINGS = {
    "channels": Setting(
        page=Page.WHERE,
        fields=("channel_ids",),
        title="Channels",
        hint="Where clips may be asked for, threads included. None chosen: everywhere.",
    ),
    "post": Setting(
        page=Page.WHERE,
        fields=("post",),
        title="Posting",
        hint="A thread keeps the channel short; all variants of a request share one.",
    ),
    "gallery": Setting(
        page=Page.WHERE,
        fields=("gallery_channel_id",),
        title="Gallery",
        hint="Each clip is shown there, too. Clips from channels that not everybody here can read "
        "stay where they are.",
    ),
    "log": Setting(
        page=Page.WHERE,
        fields=("log_channel_id",),
        title="Log",
        hint="Where I tell moderators what they should know.",
    ),
    "models": Setting(
        page=Page.MODELS,
        fields=("models",),
        title="Models",
        hint="Which may be used. None chosen: all.",
    ),
    "model": Setting(
        page=Page.MODELS,
        fields=("default_model",),
        title="Default model",
        hint="For members who name none.",
    ),
    "seconds": Setting(
        page=Page.MODELS,
        fields=("default_seconds",),
        title="Default length",
        hint="For members who name none, where the model can do it.",
    ),
    "size": Setting(
        page=Page.MODELS,
        fields=("default_size",),
        title="Default size",
        hint="For members who name none, where the model can do it.",
    ),
    "remixers": Setting(
        page=Page.REMIXES,
        fields=("remixers", "remix_role_id"),
        title="Who may remix and extend others' clips",
        hint="One's own clips are always one's own. Each owner can forbid it for a clip, too.",
    ),
    "role": Setting(
        page=Page.REMIXES,
        fields=("remixers", "remix_role_id"),
        title="Role",
        hint="Choosing one lets only its members do it.",
    ),
    "limits": Setting(
        page=Page.LIMITS,
        fields=("max_active_per_user", "max_active"),
        title="Clips under way at a time",
        hint="They can only be lower than what the operator set. How much members may use in a day "
        "is for `/sora-mod quota`.",
    ),
}


def in_words(rules: HouseRules, catalogue: Catalogue) -> str:
    """Return all rules of a server, group by group.

    catalogue  all that the operator offers.
    """
    return "\n".join(
        (
            "### Settings of this server",
            *_where(rules),
            *_models(rules, catalogue),
            f"**Remixes** of others' clips: {_remixers(rules)}",
            f"**At a time** {_at_a_time(rules)}",
        )
    )


def _where(rules: HouseRules) -> tuple[str, ...]:
    channels = _channels(rules.channel_ids) if rules.channel_ids else "everywhere"
    in_thread = "in a thread for each request"
    posted = in_thread if rules.post is Post.THREAD else "where they were asked for"
    gallery, log = _channel(rules.gallery_channel_id), _channel(rules.log_channel_id)
    return (
        f"**Clips** may be asked for: {channels}",
        f"**Posted** {posted}",
        f"**Gallery** {gallery} · **Log** {log}",
    )


def _models(rules: HouseRules, catalogue: Catalogue) -> tuple[str, ...]:
    labels = {offer.key: offer.model.label for offer in catalogue.offers}
    named = [labels.get(key, f"`{key}` (not offered now)") for key in rules.models]
    listed = ", ".join(named)
    if len(listed) > _MODELS_CHARS:
        listed = f"{listed[:_MODELS_CHARS].rpartition(', ')[0]} and more"
    return (f"**Models** {listed or 'all'}", f"**Defaults** {_defaults(rules, catalogue, labels)}")


def _defaults(rules: HouseRules, catalogue: Catalogue, labels: dict[str, str]) -> str:
    defaults: list[str] = []
    if rules.default_model is not None:
        allowed = {offer.key for offer in catalogue.chosen(Choice.under(rules)).offers}
        idle = "" if rules.default_model in allowed else " (not allowed now)"
        defaults.append(f"{labels.get(rules.default_model, rules.default_model)}{idle}")
    if rules.default_seconds is not None:
        defaults.append(f"{rules.default_seconds} s")
    if rules.default_size is not None:
        defaults.append(rules.default_size)
    return " · ".join(defaults) or "none: the first model that can do it, its shortest clip"


def _remixers(rules: HouseRules) -> str:
    match rules.remixers:
        case Remixers.EVERYBODY:
            return "everybody"
        case Remixers.ROLE:
            return f"members with <@&{rules.remix_role_id}>"
        case Remixers.NOBODY:
            return "nobody"


def _at_a_time(rules: HouseRules) -> str:
    each, everybody = rules.max_active_per_user, rules.max_active
    if each is None and everybody is None:
        return "as many clips as the operator allows"
    by_operator = "as the operator set it"
    return (
        f"each member: {by_operator if each is None else each} · "
        f"the server: {by_operator if everybody is None else everybody}"
    )


def _channels(channel_ids: Sequence[int]) -> str:
    return ", ".join(f"<#{each}>" for each in channel_ids)


def _channel(channel_id: int | None) -> str:
    return "none" if channel_id is None else f"<#{channel_id}>"
