"""Checks the bot's token and its guilds with a few REST calls, without the gateway; for `doctor`."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, cast

import aiohttp
import discord
from discord.http import HTTPClient, Route

from bot.chat.client import needed_intents
from bot.chat.transport.invite import PERMISSIONS
from bot.settings import Secret

_CALL_TIMEOUT_S = 5.0
#: Flags of an application that allow a privileged intent: for a verified bot, and for a small one
#: (Discord's documentation of the application object, 2026-08).
_INTENT_FLAGS = {
    "presences": (1 << 12) | (1 << 13),
    "members": (1 << 14) | (1 << 15),
    "message_content": (1 << 18) | (1 << 19),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class GuildCheck:
    """What the bot found out about one guild."""

    id: int
    #: None: the bot is not in it, or could not find out.
    name: str | None = None
    #: Permissions that the bot needs and has from no role, as Discord's settings name them.
    missing_permissions: tuple[str, ...] = ()
    #: Why it could not be checked; empty if it was.
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscordCheck:
    """What the calls showed."""

    #: When Discord answered, by its clock, in whole seconds; None if it didn't.
    answered_at: datetime | None = None
    #: Why nothing more is known; empty if all calls succeeded.
    error: str = ""
    #: Discord does not accept the token.
    is_token_rejected: bool = False
    bot_name: str = ""
    application_id: int | None = None
    #: Privileged intents that the bot requests and the developer portal doesn't allow.
    missing_intents: tuple[str, ...] = ()
    #: Discord sends interactions to a URL of the application's, not to the bot.
    has_interactions_endpoint: bool = False
    #: Remaining gateway logins today; None if unknown.
    session_starts_left: int | None = None
    #: The guilds that were asked for.
    guilds: tuple[GuildCheck, ...] = ()


async def check_discord(
    token: Secret | None, guild_ids: Sequence[int], *, api_url: str | None, timeout_s: float
) -> DiscordCheck:
    """Check a token and the bot's permissions in guilds. Never raises for failed calls.

    token      None checks only whether Discord answers.
    api_url    base URL as in DISCORD_API_URL; None is Discord's own.
    timeout_s  for all calls together.
    """
    dates: list[datetime] = []
    calls = _RestCalls(Route.BASE if api_url is None else api_url, token, dates.append)
    try:
        async with asyncio.timeout(timeout_s), calls:
            found = await _collect(calls, guild_ids)
    except _StatusError as error:
        found = DiscordCheck(is_token_rejected=error.status == 401, error=str(error))
    except TimeoutError:
        found = DiscordCheck(error="no answer in time")
    except (aiohttp.ClientError, OSError, ValueError, KeyError, TypeError) as error:
        found = DiscordCheck(error=f"{type(error).__name__}: {error}")
    return replace(found, answered_at=dates[-1] if dates else None)


class _StatusError(Exception):
    """Discord answered with a status other than 200."""

    def __init__(self, path: str, status: int) -> None:
        super().__init__(f"status {status} for {path}")
        self.status = status


class _RestCalls:
    """GET calls with the bot's token; `on_date` gets the date of every response."""

    def __init__(
        self, base_url: str, token: Secret | None, on_date: Callable[[datetime], None]
    ) -> None:
        self._base_url = base_url
        self._on_date = on_date
        self.has_token = token is not None
        # Discord rejects unknown user agents, so discord.py's is sent.
        headers = {"User-Agent": HTTPClient(asyncio.get_running_loop()).user_agent}
        if token is not None:
            headers["Authorization"] = f"Bot {token.reveal()}"
        self._session = aiohttp.ClientSession(
            headers=headers, timeout=aiohttp.ClientTimeout(total=_CALL_TIMEOUT_S)
        )

    async def __aenter__(self) -> None:
        return

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def get(self, path: str) -> dict[str, Any]:
        address = f"{self._base_url}{path}"
        async with self._session.get(address, allow_redirects=False) as response:
            # An unreadable date is ignored.
            with contextlib.suppress(ValueError):
                date = parsedate_to_datetime(response.headers.get("Date", ""))
                self._on_date(date.astimezone(UTC))
            if response.status != 200:
                raise _StatusError(path, response.status)
            body: object = await response.json(content_type=None)
        if not isinstance(body, dict):
            raise ValueError(f"no object for {path}")  # noqa: TRY004 - the answer is wrong
        return cast("dict[str, Any]", body)


async def _collect(calls: _RestCalls, guild_ids: Sequence[int]) -> DiscordCheck:
    if not calls.has_token:
        await calls.get("/gateway")
        return DiscordCheck()
    me = await calls.get("/users/@me")
    about, gateway = await asyncio.gather(calls.get("/applications/@me"), calls.get("/gateway/bot"))
    guilds = await asyncio.gather(*(_check_guild(calls, each, str(me["id"])) for each in guild_ids))
    left = cast("dict[str, Any]", gateway.get("session_start_limit") or {}).get("remaining")
    return DiscordCheck(
        bot_name=str(me.get("username", "")),
        application_id=int(about["id"]),
        missing_intents=tuple(_missing_intents(int(about.get("flags") or 0))),
        has_interactions_endpoint=bool(about.get("interactions_endpoint_url")),
        session_starts_left=left if isinstance(left, int) else None,
        guilds=tuple(guilds),
    )


def _missing_intents(flags: int) -> list[str]:
    wanted = dict(needed_intents())
    return [
        intent for intent, allows in _INTENT_FLAGS.items() if wanted[intent] and not flags & allows
    ]


async def _check_guild(calls: _RestCalls, guild_id: int, user_id: str) -> GuildCheck:
    try:
        guild = await calls.get(f"/guilds/{guild_id}")
        member = await calls.get(f"/guilds/{guild_id}/members/{user_id}")
    except _StatusError as error:
        if error.status in (403, 404):
            return GuildCheck(id=guild_id)
        return GuildCheck(id=guild_id, error=str(error))
    held = _granted_permissions(guild, member)
    missing = discord.Permissions(PERMISSIONS.value & ~held.value)
    if held.administrator:
        missing = discord.Permissions.none()
    return GuildCheck(
        id=guild_id,
        name=str(guild.get("name", "")),
        missing_permissions=tuple(
            name.replace("_", " ").title() for name, lacks in missing if lacks
        ),
    )


def _granted_permissions(guild: dict[str, Any], member: dict[str, Any]) -> discord.Permissions:
    """Return the permissions that a member has from its roles in the whole guild."""
    # Every member has the role @everyone, whose id is the guild's, without listing it.
    has = {str(guild["id"]), *(str(each) for each in member["roles"])}
    held = 0
    for role in cast("list[dict[str, Any]]", guild["roles"]):
        if str(role["id"]) in has:
            held |= int(role["permissions"])
    return discord.Permissions(held)
