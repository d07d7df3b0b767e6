"""What is known of one request to Discord while it is tried again and again."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from types import SimpleNamespace

import aiohttp

_OUTCOME: ContextVar[RequestOutcome | None] = ContextVar("fate", default=None)


@dataclass(slots=True)
class RequestOutcome:
    """What is known of one request, tries and all."""

    #: Discord may have done what it asks, though it did not say so.
    is_unknown: bool = False
    #: A second one of unknown fate may do it a second time.
    once_only: bool = False


@contextmanager
def track_outcome(*, once_only: bool) -> Generator[RequestOutcome]:
    """Hold the fate of the one request that this task makes inside, tries and all.

    once_only  it goes out no more once its fate is unknown, whoever would repeat it.
    """
    outcome = RequestOutcome(once_only=once_only)
    token = _OUTCOME.set(outcome)
    try:
        yield outcome
    finally:
        _OUTCOME.reset(token)


def outcome_trace_config() -> aiohttp.TraceConfig:
    """Return what makes a session write down the fates of its requests.

    discord.py repeats some requests by itself: only the session sees every try.
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
        raise aiohttp.ClientConnectionError("not sent twice: the first may have got through")


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
    # Where no connection came about nothing was sent.
    if outcome is not None and not isinstance(broken.exception, aiohttp.ClientConnectorError):
        outcome.is_unknown = True
