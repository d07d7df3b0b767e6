"""How Discord takes what the bot sends it, told to whoever counts that."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from types import SimpleNamespace

import aiohttp
import discord
from discord.http import Route

from bot.chat.transport.error_codes import ErrorCode
from bot.chat.transport.retry_policy import is_callback
from bot.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class RestInstrumentation:
    """Who is told."""

    clock: Clock
    #: Told of the first answer to each interaction: `taken`, `late` (Discord waits no longer) or
    #: `failed`, and the seconds since Discord made the interaction, by its clock and this one.
    on_first_response: Callable[[str, float], None]
    #: Told of each 429: the scope that Discord names, empty where it names none.
    on_rate_limited: Callable[[str], None]


@contextmanager
def observe_first_response(
    instrumentation: RestInstrumentation | None, route: Route
) -> Generator[None]:
    """Tell `watch` what comes of the request made inside, if it is an interaction's first answer.

    Tries and all: a receipt that got lost and was asked for again is one answer.
    """
    if instrumentation is None or route.webhook_id is None or not is_callback(route.path):
        yield
        return
    outcome = "failed"
    try:
        yield
        outcome = "taken"
    except discord.HTTPException as error:
        if error.code == ErrorCode.UNKNOWN_INTERACTION:
            outcome = "late"
        raise
    finally:
        made_at = discord.utils.snowflake_time(int(route.webhook_id))
        instrumentation.on_first_response(
            outcome, max(0.0, (instrumentation.clock.now() - made_at).total_seconds())
        )


def observe_rate_limits(trace: aiohttp.TraceConfig, instrumentation: RestInstrumentation) -> None:
    """Let a session tell `watch` of each 429: discord.py waits those out by itself."""

    async def ended(
        _session: aiohttp.ClientSession,
        _context: SimpleNamespace,
        end: aiohttp.TraceRequestEndParams,
    ) -> None:
        if end.response.status == 429:
            instrumentation.on_rate_limited(end.response.headers.get("X-RateLimit-Scope", ""))

    trace.on_request_end.append(ended)
