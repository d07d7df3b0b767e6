"""Reports how Discord takes the bot's answers and requests, for the metrics."""

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
    """Callbacks for the metrics."""

    clock: Clock
    #: Called for the first answer to each interaction: with `taken`, `late` (over three seconds) or
    #: `failed`, and the seconds from its creation by Discord's clock to now by this machine's.
    on_first_response: Callable[[str, float], None]
    #: Called for each 429 with the scope that Discord names, or an empty string.
    on_rate_limited: Callable[[str], None]


@contextmanager
def observe_first_response(
    instrumentation: RestInstrumentation | None, route: Route
) -> Generator[None]:
    """Report the request made inside the block if it is an interaction's first answer.

    All its tries count as one answer.
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
    """Report each 429 of a session; discord.py waits and retries by itself."""

    async def ended(
        _session: aiohttp.ClientSession,
        _context: SimpleNamespace,
        end: aiohttp.TraceRequestEndParams,
    ) -> None:
        if end.response.status == 429:
            instrumentation.on_rate_limited(end.response.headers.get("X-RateLimit-Scope", ""))

    trace.on_request_end.append(ended)
