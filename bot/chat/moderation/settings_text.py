"""A guild's settings in words, and what moderators are told when they change them."""

from collections.abc import Sequence

from bot.chat.text import escaped
from bot.guild import GuildSettings, PostTarget, Remixers, guild_setting_records
from bot.jobs.catalogue import Catalogue, ModelSelection

CHANGED_MEANWHILE = "Somebody else has just changed that. It is shown as it is now: choose again."
NOT_OFFERED = "That is not offered any more. Choose again."
ROLE_FIRST = "Choose the role in the menu below."
#: 2026-11: all text of such a message has 4000 characters together (Discord's documentation).
_MODELS_CHARS = 1000
_TEXT_CHARS = 300
#: Settings that the sentences of `settings_text` are about.
_IN_SENTENCES = {
    *("channel_ids", "post", "gallery_channel_id", "log_channel_id"),
    *("models", "default_model", "default_seconds", "default_size"),
    *("remixers", "remix_role_id", "max_active_per_user", "max_active"),
}


def settings_text(settings: GuildSettings, catalogue: Catalogue) -> str:
    """Return all settings of a guild that the panel changes, group by group.

    catalogue  all that the operator offers.
    """
    return "\n".join(
        (
            "### Settings of this server",
            *_channel_lines(settings),
            *_model_lines(settings, catalogue),
            f"**Remixes** of others' clips: {_remixers(settings)}",
            f"**At a time** {_active_limits(settings)}",
            *_plain_lines(settings),
        )
    )


def _plain_lines(settings: GuildSettings) -> list[str]:
    """Return a line for each setting that no sentence of its own is about."""
    lines: list[str] = []
    for name, record in guild_setting_records().items():
        if record.control is not None and name not in _IN_SENTENCES:
            value: object = getattr(settings, name)
            words = record.audit_format.format(escaped(str(value), _TEXT_CHARS))
            lines.append(
                f"**{record.control.title}** {record.audit_none if value is None else words}"
            )
    return lines


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
