"""A server's rules in words, and what is said about each setting of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from bot.guild import GuildSettings, PostTarget, Remixers
from bot.jobs.catalogue import Catalogue, ModelSelection

CHANGED_MEANWHILE = "Somebody else has just changed that. It is shown as it is now: choose again."
NOT_OFFERED = "That is not offered any more. Choose again."
ROLE_FIRST = "Choose the role in the menu below."
#: 2026-11: all text of such a message has 4000 characters together (Discord's documentation).
_MODELS_CHARS = 1000


class SettingsPage(StrEnum):
    """Which settings have their menus shown."""

    WHERE = "where"
    MODELS = "models"
    REMIXES = "remixes"
    LIMITS = "limits"


@dataclass(frozen=True, slots=True, kw_only=True)
class GuildSetting:
    """One thing that can be set."""

    page: SettingsPage
    #: The fields of GuildSettings that it changes.
    fields: tuple[str, ...]
    title: str
    hint: str


#: By the word in the ids of their menus, in their order on a page.
GUILD_SETTINGS = {
    "channels": GuildSetting(
        page=SettingsPage.WHERE,
        fields=("channel_ids",),
        title="Channels",
        hint="Where clips may be asked for, threads included. None chosen: everywhere.",
    ),
    "post": GuildSetting(
        page=SettingsPage.WHERE,
        fields=("post",),
        title="Posting",
        hint="A thread keeps the channel short; all variants of a request share one.",
    ),
    "gallery": GuildSetting(
        page=SettingsPage.WHERE,
        fields=("gallery_channel_id",),
        title="Gallery",
        hint="Each clip is shown there, too. Clips from channels that not everybody here can read "
        "stay where they are.",
    ),
    "log": GuildSetting(
        page=SettingsPage.WHERE,
        fields=("log_channel_id",),
        title="Log",
        hint="Where I tell moderators what they should know.",
    ),
    "models": GuildSetting(
        page=SettingsPage.MODELS,
        fields=("models",),
        title="Models",
        hint="Which may be used. None chosen: all.",
    ),
    "model": GuildSetting(
        page=SettingsPage.MODELS,
        fields=("default_model",),
        title="Default model",
        hint="For members who name none.",
    ),
    "seconds": GuildSetting(
        page=SettingsPage.MODELS,
        fields=("default_seconds",),
        title="Default length",
        hint="For members who name none, where the model can do it.",
    ),
    "size": GuildSetting(
        page=SettingsPage.MODELS,
        fields=("default_size",),
        title="Default size",
        hint="For members who name none, where the model can do it.",
    ),
    "remixers": GuildSetting(
        page=SettingsPage.REMIXES,
        fields=("remixers", "remix_role_id"),
        title="Who may remix and extend others' clips",
        hint="One's own clips are always one's own. Each owner can forbid it for a clip, too.",
    ),
    "role": GuildSetting(
        page=SettingsPage.REMIXES,
        fields=("remixers", "remix_role_id"),
        title="Role",
        hint="Choosing one lets only its members do it.",
    ),
    "limits": GuildSetting(
        page=SettingsPage.LIMITS,
        fields=("max_active_per_user", "max_active"),
        title="Clips under way at a time",
        hint="They can only be lower than what the operator set. How much members may use in a day "
        "is for `/sora-mod quota`.",
    ),
}


def settings_text(settings: GuildSettings, catalogue: Catalogue) -> str:
    """Return all rules of a server, group by group.

    catalogue  all that the operator offers.
    """
    return "\n".join(
        (
            "### Settings of this server",
            *_channel_lines(settings),
            *_model_lines(settings, catalogue),
            f"**Remixes** of others' clips: {_remixers(settings)}",
            f"**At a time** {_active_limits(settings)}",
        )
    )


def _channel_lines(settings: GuildSettings) -> tuple[str, ...]:
    channels = _channels(settings.channel_ids) if settings.channel_ids else "everywhere"
    in_thread = "in a thread for each request"
    posted = in_thread if settings.post is PostTarget.THREAD else "where they were asked for"
    gallery, log = _channel(settings.gallery_channel_id), _channel(settings.log_channel_id)
    return (
        f"**Clips** may be asked for: {channels}",
        f"**Posted** {posted}",
        f"**Gallery** {gallery} · **Log** {log}",
    )


def _model_lines(settings: GuildSettings, catalogue: Catalogue) -> tuple[str, ...]:
    labels = {offer.key: offer.model.label for offer in catalogue.offers}
    named = [labels.get(key, f"`{key}` (not offered now)") for key in settings.models]
    listed = ", ".join(named)
    if len(listed) > _MODELS_CHARS:
        listed = f"{listed[:_MODELS_CHARS].rpartition(', ')[0]} and more"
    return (
        f"**Models** {listed or 'all'}",
        f"**Defaults** {_defaults(settings, catalogue, labels)}",
    )


def _defaults(settings: GuildSettings, catalogue: Catalogue, labels: dict[str, str]) -> str:
    defaults: list[str] = []
    if settings.default_model is not None:
        allowed = {
            offer.key for offer in catalogue.select(ModelSelection.from_settings(settings)).offers
        }
        idle = "" if settings.default_model in allowed else " (not allowed now)"
        defaults.append(f"{labels.get(settings.default_model, settings.default_model)}{idle}")
    if settings.default_seconds is not None:
        defaults.append(f"{settings.default_seconds} s")
    if settings.default_size is not None:
        defaults.append(settings.default_size)
    return " · ".join(defaults) or "none: the first model that can do it, its shortest clip"


def _remixers(settings: GuildSettings) -> str:
    match settings.remixers:
        case Remixers.EVERYBODY:
            return "everybody"
        case Remixers.ROLE:
            return f"members with <@&{settings.remix_role_id}>"
        case Remixers.NOBODY:
            return "nobody"


def _active_limits(settings: GuildSettings) -> str:
    each, everybody = settings.max_active_per_user, settings.max_active
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
