"""Tracks whether a request to Discord may have succeeded, over all its tries."""

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from types import SimpleNamespace

import aiohttp

_OUTCOME: ContextVar["RequestOutcome | None"] = ContextVar("request_outcome", default=None)


@dataclass(slots=True)
class RequestOutcome:
    """The outcome of one request, over all its tries."""

    #: A try may have succeeded although Discord's response didn't say so.
    is_unknown: bool = False
    #: The request must not be repeated once a try may have succeeded.
    once_only: bool = False


@contextmanager
def track_outcome(*, once_only: bool) -> Generator[RequestOutcome]:
    """Track the outcome of the one request that this task makes inside the block.

    once_only  refuse a further try, also one by discord.py, once the outcome is unknown.
    """
    outcome = RequestOutcome(once_only=once_only)
    token = _OUTCOME.set(outcome)
    try:
        yield outcome
    finally:
        _OUTCOME.reset(token)


def outcome_trace_config() -> aiohttp.TraceConfig:
    """Return a trace that records the outcomes of a session's requests.

    discord.py repeats some requests by itself, so only the session sees every try.
    """
    trace = aiohttp.TraceConfig()
    trace.on_request_start.append(_started)
    trace.on_request_end.append(_ended)
    trace.on_request_exception.append(_broken)
    return trace


async def _started(
    _session: aiohttp.ClientSession,
    _context: SimpleNamespace,
    _start: aiohttp.TraceRequestStartParams,
) -> None:
    outcome = _OUTCOME.get()
    if outcome is not None and outcome.is_unknown and outcome.once_only:
        raise aiohttp.ClientConnectionError("not sent again: the first try may have succeeded")


async def _ended(
    _session: aiohttp.ClientSession, _context: SimpleNamespace, end: aiohttp.TraceRequestEndParams
) -> None:
    outcome = _OUTCOME.get()
    if outcome is not None and end.response.status >= 500:
        outcome.is_unknown = True


async def _broken(
    _session: aiohttp.ClientSession,
    _context: SimpleNamespace,
    broken: aiohttp.TraceRequestExceptionParams,
) -> None:
    outcome = _OUTCOME.get()
    # Without a connection nothing was sent.
    if outcome is not None and not isinstance(broken.exception, aiohttp.ClientConnectorError):
        outcome.is_unknown = True
