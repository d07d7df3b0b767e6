"""What holds in one guild: limits, grants, blocks, its budget and its settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Concatenate, ParamSpec

from bot.guild_setting import Choice, GuildSetting, PanelControl, SettingsPage

#: The windows that a limit can have, by the word that moderators choose.
WINDOWS = {"day": timedelta(days=1), "week": timedelta(days=7), "month": timedelta(days=30)}
#: Over which a budget counts.
BUDGET_WINDOW = WINDOWS["month"]
#: The guild id under which the operator's choice of providers is stored; it holds in all guilds and
#: in direct messages.
EVERYWHERE = 0


class Unit(StrEnum):
    """What a limit counts."""

    CLIPS = "clips"
    SECONDS = "seconds"
    #: Millionths of a US dollar.
    USD_MICROS = "usd_micros"

    @property
    def option(self) -> str:
        """The option of commands, and the argument of the command line, that gives an amount."""
        match self:
            case Unit.CLIPS:
                return "clips"
            case Unit.SECONDS:
                return "seconds"
            case Unit.USD_MICROS:
                return "usd"


class Scope(StrEnum):
    """Whom a limit is for; the first scope that has a limit for a unit decides about that unit."""

    USER = "user"
    #: Of several roles the most generous one.
    ROLE = "role"
    #: Everybody in the guild.
    GUILD = "server"
    #: Everybody in all guilds; from the operator's settings.
    BOT = "bot"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """At most `amount` of one unit in any `window`, which rolls."""

    unit: Unit
    #: 0 or more.
    amount: int
    window: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class GuildLimit:
    """A limit that a moderator set."""

    #: USER, ROLE or GUILD.
    scope: Scope
    #: The id of the user, of the role, or of the guild itself for GUILD.
    subject_id: int
    unit: Unit
    window: timedelta
    #: 0 or more; None: no limit, also where a wider scope has one.
    amount: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A one-off extra: raises every limit of its unit while the limit's window covers `at`."""

    guild_id: int
    user_id: int
    unit: Unit
    #: 1 or more.
    amount: int
    at: datetime
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A member who may not make clips in a guild."""

    guild_id: int
    user_id: int
    at: datetime
    by_user_id: int
    #: None: until a moderator lifts it.
    until: datetime | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What all members of a guild together may spend in 30 days."""

    usd_micros: int
    #: The channel that is told when 80 or 100 % are used; None: the log channel, if there is one.
    alert_channel_id: int | None = None


class PostTarget(StrEnum):
    """Where clips are posted."""

    #: In the channel where the member requested them.
    PLACE = "place"
    #: In a thread that starts at the status card; in threads and direct messages as PLACE.
    THREAD = "thread"


class Remixers(StrEnum):
    """Who may remix and extend a clip, beside its owner."""

    EVERYBODY = "everybody"
    #: Members with `GuildSettings.remix_role_id`.
    ROLE = "role"
    NOBODY = "nobody"


_P = ParamSpec("_P")


def _field_with(record: Callable[_P, GuildSetting]) -> Callable[Concatenate[Any, _P], Any]:
    def declare(default: Any, *parts: _P.args, **named: _P.kwargs) -> Any:
        return field(default=default, metadata={"setting": record(*parts, **named)})

    return declare


#: Declares a field of GuildSettings: takes its default value, then the parts of its GuildSetting.
_setting = _field_with(GuildSetting)


_ACTIVE_LIMITS = PanelControl(
    key="limits",
    page=SettingsPage.LIMITS,
    title="Clips under way at a time",
    hint="They can only be lower than what the operator set. How much members may use in a day "
    "is for `/sora-mod quota`.",
    button="Change the numbers",
)
_REMIXER_FIELDS = ("remixers", "remix_role_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class GuildSettings:
    """What moderators chose in a guild; the defaults leave everything open.

    Each field holds the record of its setting: docs/how-to/add-a-guild-setting.md.
    """

    #: Channels (and their threads) where clips may be requested; empty: all.
    channel_ids: tuple[int, ...] = _setting(
        (),
        audit_label="channels",
        audit_none="all",
        audit_format="<#{}>",
        choice=Choice.CLIP_CHANNELS,
        control=PanelControl(
            key="channels",
            page=SettingsPage.WHERE,
            title="Channels",
            hint="Where clips may be asked for, threads included. None chosen: everywhere.",
        ),
    )
    #: Model keys (`provider/model`) that may be used; empty: all.
    models: tuple[str, ...] = _setting(
        (),
        audit_label="models",
        audit_none="all",
        choice=Choice.MODELS,
        control=PanelControl(
            key="models",
            page=SettingsPage.MODELS,
            title="Models",
            hint="Which may be used. None chosen: all.",
        ),
    )
    #: For members who name none; None: the first that can do what they ask for.
    default_model: str | None = _setting(
        None,
        audit_label="default model",
        choice=Choice.MODEL,
        control=PanelControl(
            key="model",
            page=SettingsPage.MODELS,
            title="Default model",
            hint="For members who name none.",
        ),
    )
    default_seconds: int | None = _setting(
        None,
        audit_label="default length",
        audit_format="{} s",
        choice=Choice.SECONDS,
        control=PanelControl(
            key="seconds",
            page=SettingsPage.MODELS,
            title="Default length",
            hint="For members who name none, where the model can do it.",
        ),
    )
    default_size: str | None = _setting(
        None,
        audit_label="default size",
        choice=Choice.SIZE,
        control=PanelControl(
            key="size",
            page=SettingsPage.MODELS,
            title="Default size",
            hint="For members who name none, where the model can do it.",
        ),
    )
    post: PostTarget = _setting(
        PostTarget.PLACE,
        audit_label="posted",
        choice=Choice.WORDS,
        words={"place": "Where they were asked for", "thread": "In a thread for each request"},
        control=PanelControl(
            key="post",
            page=SettingsPage.WHERE,
            title="Posting",
            hint="A thread keeps the channel short; all variants of a request share one.",
        ),
    )
    #: Where each clip is shown, too.
    gallery_channel_id: int | None = _setting(
        None,
        audit_label="gallery",
        audit_format="<#{}>",
        choice=Choice.TEXT_CHANNEL,
        control=PanelControl(
            key="gallery",
            page=SettingsPage.WHERE,
            title="Gallery",
            hint="Each clip is shown there, too. Clips from channels that not everybody "
            "here can read stay where they are.",
        ),
    )
    #: Where the bot tells moderators what they should know.
    log_channel_id: int | None = _setting(
        None,
        audit_label="log",
        audit_format="<#{}>",
        choice=Choice.TEXT_CHANNEL,
        control=PanelControl(
            key="log",
            page=SettingsPage.WHERE,
            title="Log",
            hint="Where I tell moderators what they should know.",
        ),
    )
    remixers: Remixers = _setting(
        Remixers.EVERYBODY,
        audit_label="remixers",
        choice=Choice.WORDS,
        words={"everybody": "Everybody", "role": "Members with a role", "nobody": "Nobody"},
        control=PanelControl(
            key="remixers",
            page=SettingsPage.REMIXES,
            title="Who may remix and extend others' clips",
            hint="One's own clips are always one's own. Each owner can forbid it for a clip, too.",
            changes=_REMIXER_FIELDS,
        ),
    )
    #: Whose members may remix, for Remixers.ROLE.
    remix_role_id: int | None = _setting(
        None,
        audit_label="remixing role",
        audit_format="<@&{}>",
        choice=Choice.ROLE,
        control=PanelControl(
            key="role",
            page=SettingsPage.REMIXES,
            title="Role",
            hint="Choosing one lets only its members do it.",
            changes=_REMIXER_FIELDS,
        ),
    )
    #: Jobs under way at a time; None: as the operator set it.
    max_active_per_user: int | None = _setting(
        None,
        audit_label="under way for each member",
        audit_none="as the operator set it",
        choice=Choice.NUMBER,
        control=_ACTIVE_LIMITS,
        form_label="Each member",
        form_hint="Leave it empty for what the operator set.",
        maximum=1000,
    )
    max_active: int | None = _setting(
        None,
        audit_label="under way in the server",
        audit_none="as the operator set it",
        choice=Choice.NUMBER,
        control=_ACTIVE_LIMITS,
        form_label="The whole server",
        form_hint="Leave it empty for what the operator set.",
        maximum=1000,
    )
    #: Tried before all others; None: the operator's order. Set by `/sora-mod provider`.
    preferred_provider: str | None = _setting(
        None, audit_label="provider tried first", audit_none="as the operator set it"
    )
    #: Get no new jobs. Set by `/sora-mod provider`.
    drained_providers: tuple[str, ...] = _setting((), audit_label="drained providers")


def guild_setting_records() -> Mapping[str, GuildSetting]:
    """Return the record of each field of GuildSettings, in their order."""
    return {each.name: each.metadata["setting"] for each in fields(GuildSettings)}


#: What an entry of the audit log holds: data, and words in entries that a release before stored.
#: A mapping has the fields of GuildSettings that differ; "" is nothing.
AuditValue = str | tuple[GuildLimit, ...] | Grant | Budget | Block | Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One change that a moderator or operator made; append-only."""

    id: int
    guild_id: int
    at: datetime
    #: None: the operator, from the shell.
    by_user_id: int | None
    #: Such as "limit set", "blocked", "settings".
    what: str
    #: Whom or what it was about, as chat shows it: `<@…>`, `<@&…>`, "server", "everywhere".
    subject: str
    before: AuditValue
    after: AuditValue
