"""Limits, grants, blocks, budget and settings of a guild, and entries of its audit log."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Concatenate, ParamSpec

from bot.guild_setting import Choice, GuildSetting, PanelControl, SettingsPage

#: The windows that a limit can have, by the word that moderators choose for them.
WINDOWS = {"day": timedelta(days=1), "week": timedelta(days=7), "month": timedelta(days=30)}
#: The rolling window over which a budget counts.
BUDGET_WINDOW = WINDOWS["month"]
#: The guild id under which the operator's choice of providers is stored; it holds in all guilds and
#: in direct messages.
EVERYWHERE = 0


class Unit(StrEnum):
    """The unit that a quota limit counts."""

    CLIPS = "clips"
    SECONDS = "seconds"
    #: Millionths of a US dollar.
    USD_MICROS = "usd_micros"

    @property
    def option(self) -> str:
        """The name of the Discord option and of the command-line argument for an amount of the unit."""
        match self:
            case Unit.CLIPS:
                return "clips"
            case Unit.SECONDS:
                return "seconds"
            case Unit.USD_MICROS:
                return "usd"


class Scope(StrEnum):
    """Whom a limit is for; the first scope that has a limit for a unit decides about the unit."""

    USER = "user"
    #: A role; of a member's roles with limits, the most generous one decides.
    ROLE = "role"
    #: Everybody in the guild.
    GUILD = "server"
    #: Everybody in all guilds; these limits are the operator's settings.
    BOT = "bot"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A limit: at most `amount` of one unit in a rolling `window`."""

    unit: Unit
    #: 0 or more.
    amount: int
    window: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class GuildLimit:
    """A limit that a moderator or the operator set in a guild."""

    #: USER, ROLE or GUILD.
    scope: Scope
    #: The id of the user or of the role; for GUILD the id of the guild.
    subject_id: int
    unit: Unit
    window: timedelta
    #: 0 or more; None lifts the limit, also where a wider scope has one.
    amount: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A one-off extra for a member: raises each limit of a unit while its window covers `at`."""

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
    """The amount that all members of a guild together may spend in 30 days."""

    usd_micros: int
    #: The channel for the warnings at 80 and 100 % of the budget; None: the log channel, if any.
    alert_channel_id: int | None = None


class PostTarget(StrEnum):
    """Where clips are posted."""

    #: Clips are posted in the channel where the member requested them.
    PLACE = "place"
    #: Clips are posted in a thread at the status card; in threads and direct messages as for PLACE.
    THREAD = "thread"


class Remixers(StrEnum):
    """The members who may remix and extend a clip, beside the clip's owner."""

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
    """The settings that moderators chose in a guild; the defaults restrict nothing.

    Each field holds a GuildSetting, the record of its setting: docs/how-to/add-a-guild-setting.md.
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
    #: The model for members who name none; None: the first model that can make the requested clip.
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
    #: A channel in which the bot also shows each clip; None: no gallery.
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
    #: The channel for the bot's messages to moderators; None: no such channel.
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
    #: The role whose members may remix others' clips, for Remixers.ROLE.
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
    #: Most jobs of one member under way at a time; None: the operator's setting.
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
    #: The provider that is tried first; None: the operator's order. Set by `/sora-mod provider`.
    preferred_provider: str | None = _setting(
        None, audit_label="provider tried first", audit_none="as the operator set it"
    )
    #: Providers that get no new jobs. Set by `/sora-mod provider`.
    drained_providers: tuple[str, ...] = _setting((), audit_label="drained providers")


def guild_setting_records() -> Mapping[str, GuildSetting]:
    """Return the record of each field of GuildSettings by name, in the order of the fields."""
    return {each.name: each.metadata["setting"] for each in fields(GuildSettings)}


#: The value before or after a change in the audit log; an older release stored words instead of data.
#: A mapping has the fields of GuildSettings that changed; "" means no value.
AuditValue = str | tuple[GuildLimit, ...] | Grant | Budget | Block | Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One change by a moderator or the operator, in the append-only audit log."""

    id: int
    guild_id: int
    at: datetime
    #: The moderator; None: the operator, who used the command line.
    by_user_id: int | None
    #: The kind of change, such as "limit set", "blocked", "settings".
    what: str
    #: The subject of the change, as chat shows it: `<@…>`, `<@&…>`, "server", "everywhere".
    subject: str
    before: AuditValue
    after: AuditValue
