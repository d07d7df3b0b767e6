"""What holds in one server: limits, grants, blocks, its budget and its house rules."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

#: The windows that a limit can have, by the word that moderators choose.
WINDOWS = {
    "day": timedelta(days=1),
    "week": timedelta(days=7),
    "month": timedelta(days=30),
}
#: Over which a budget counts.
BUDGET_WINDOW = WINDOWS["month"]
#: The guild id under which the operator's own choice of providers is kept: it holds in all servers
#: and direct messages.
EVERYWHERE = 0


class Unit(StrEnum):
    """What a limit counts."""

    CLIPS = "clips"
    SECONDS = "seconds"
    #: Millionths of a US dollar.
    USD_MICROS = "usd_micros"


class Scope(StrEnum):
    """Whom a limit is for; the first that has one for a unit decides about that unit."""

    USER = "user"
    #: Of several roles the most generous one.
    ROLE = "role"
    #: Everybody in the server.
    GUILD = "server"
    #: Everybody everywhere; from the operator's settings.
    BOT = "bot"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """So much of one unit in any stretch of time as long as the window."""

    unit: Unit
    #: 0 or more.
    amount: int
    window: timedelta

    @property
    def window_name(self) -> str:
        """The window in words: `24 hours` up to a day, else days."""
        hours = int(self.window.total_seconds() // 3600)
        return f"{hours} hours" if hours <= 24 else f"{hours // 24} days"


@dataclass(frozen=True, slots=True, kw_only=True)
class GuildLimit:
    """A limit that a moderator set."""

    #: USER, ROLE or SERVER.
    scope: Scope
    #: The user or role; the server itself for SERVER.
    subject_id: int
    unit: Unit
    window: timedelta
    #: 0 or more; None: no limit, which beats those of wider scopes.
    amount: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A one-off extra: every limit of its unit is higher by it while its window covers `at`."""

    guild_id: int
    user_id: int
    unit: Unit
    #: 1 or more.
    amount: int
    at: datetime
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A member who may not make clips in a server."""

    guild_id: int
    user_id: int
    at: datetime
    by_user_id: int
    #: None: until it is lifted.
    until: datetime | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What all members of a server together may spend in 30 days."""

    usd_micros: int
    #: Where it is said that 80 or 100 % are used; None: nowhere.
    alert_channel_id: int | None = None


class PostTarget(StrEnum):
    """Where clips are posted."""

    #: Where they were asked for.
    PLACE = "place"
    #: In a thread of their own, begun at the card; in threads and direct messages as PLACE.
    THREAD = "thread"


class Remixers(StrEnum):
    """Who may make something of a clip, beside its owner."""

    EVERYBODY = "everybody"
    #: Members with `GuildSettings.remix_role_id`.
    ROLE = "role"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True, kw_only=True)
class GuildSettings:
    """A server's choices; the defaults leave everything open."""

    #: Channels (and their threads) where clips may be asked for; empty: all.
    channel_ids: tuple[int, ...] = ()
    #: Model keys (`provider/model`) that may be used; empty: all.
    models: tuple[str, ...] = ()
    #: What is meant where a member names none; None: the first that can do the order.
    default_model: str | None = None
    default_seconds: int | None = None
    default_size: str | None = None
    post: PostTarget = PostTarget.PLACE
    #: Where each clip is shown, too.
    gallery_channel_id: int | None = None
    #: Where the bot tells moderators what they should know.
    log_channel_id: int | None = None
    remixers: Remixers = Remixers.EVERYBODY
    remix_role_id: int | None = None
    #: Jobs under way at a time; None: as the operator set it.
    max_active_per_user: int | None = None
    max_active: int | None = None
    #: Tried before all others; None: the operator's order.
    preferred_provider: str | None = None
    #: Get no new jobs.
    drained_providers: tuple[str, ...] = ()


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
    #: In words; empty where there was or is nothing.
    before: str
    after: str
