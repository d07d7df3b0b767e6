"""Webhooks of providers: each webhook makes the next poll of its render immediate."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import KW_ONLY, InitVar, dataclass, field
from datetime import datetime, timedelta
from typing import TypeAlias

from aiohttp import web

from bot.clock import Clock
from bot.providers.webhooks.verifier import (
    TIMESTAMP_TOLERANCE_S,
    BadSignatureError,
    WebhookEvent,
    WebhookVerifier,
)

_log = logging.getLogger(__name__)

BODY_MAX_BYTES = 1024 * 1024
#: How many requests of one provider are read at once; together they fill up to this many MiB.
_MAX_CONCURRENT_READS = 32
_MAX_CONCURRENT_POLLS = 256
_POLL_NOW_TIMEOUT_S = 30.0
_STOP_TIMEOUT_S = 5.0
_LOG_GAP = timedelta(hours=1)

#: A function that polls a render now, given the provider's name and its id of the render, which the
#: bot may not know.
PollNow: TypeAlias = Callable[[str, str], Awaitable[None]]


class _Endpoint:
    """The state of one provider's endpoint; a flood at one endpoint doesn't delay the others."""

    def __init__(self, name: str, verifier: WebhookVerifier) -> None:
        self.name = name
        self.verifier = verifier
        # A timestamp may be off in both directions, so a delivery is valid for twice the tolerance.
        self.replay_cache = ReplayCache(keep_s=2 * TIMESTAMP_TOLERANCE_S)
        self.rejection_log = RejectionLog(name)
        self.concurrent_reads = 0


@dataclass(eq=False)
class Webhooks:
    """POST /webhooks/{provider}: verifies a request, responds, and then polls the render.

    A lost or rejected webhook only delays the poll. Bodies and signatures are never logged.
    """

    #: The verifiers by provider's name; the server answers any other name with 404.
    verifiers: InitVar[Mapping[str, WebhookVerifier]]
    #: Called once per verified delivery; its errors are logged.
    poll_now: PollNow
    clock: Clock
    _: KW_ONLY
    #: How long a request's body may take to arrive, in seconds.
    body_s: float = 10.0
    _polls: set[asyncio.Task[None]] = field(default_factory=set, init=False)

    def __post_init__(self, verifiers: Mapping[str, WebhookVerifier]) -> None:
        self._endpoints = {name: _Endpoint(name, each) for name, each in verifiers.items()}

    async def stop(self) -> None:
        """Let polls finish for up to five seconds after the server has stopped; idempotent."""
        if self._polls:
            await asyncio.wait(self._polls, timeout=_STOP_TIMEOUT_S)
        for task in self._polls:
            task.cancel()
        await asyncio.gather(*self._polls, return_exceptions=True)

    async def receive(self, request: web.Request) -> web.Response:
        """Answer a request to /webhooks/{provider}; a verified delivery starts a poll."""
        endpoint = self._endpoints.get(request.match_info["provider"])
        if endpoint is None:
            return web.Response(status=404)
        if endpoint.concurrent_reads >= _MAX_CONCURRENT_READS:
            return web.Response(status=503, headers={"Retry-After": "5"})
        endpoint.concurrent_reads += 1
        try:
            return await self._verify_and_respond(endpoint, request)
        finally:
            endpoint.concurrent_reads -= 1

    async def _verify_and_respond(self, endpoint: _Endpoint, request: web.Request) -> web.Response:
        try:
            body = await _read_body(request, self.body_s)
        except TimeoutError:
            return web.Response(status=408)
        except (ConnectionError, web.RequestPayloadError):
            return web.Response(status=400)
        if body is None:
            return web.Response(status=413)
        headers = {name.lower(): value for name, value in request.headers.items()}
        now = self.clock.now()
        try:
            event = await endpoint.verifier.verify(headers, body, now)
        except BadSignatureError as error:
            endpoint.rejection_log.count(error, now)
            return web.Response(status=401)
        if event is not None:
            self._start_poll(endpoint, event, now)
        return web.Response(status=204)

    def _start_poll(self, endpoint: _Endpoint, event: WebhookEvent, now: datetime) -> None:
        if len(self._polls) >= _MAX_CONCURRENT_POLLS:
            text = "webhooks: too many at once; the render of %s waits for its next poll"
            _log.warning(text, endpoint.name)
        elif endpoint.replay_cache.is_first(event.delivery_id, now):
            task = asyncio.create_task(self._run_poll_now(endpoint.name, event.remote_id))
            self._polls.add(task)
            task.add_done_callback(self._polls.discard)

    async def _run_poll_now(self, provider: str, remote_id: str) -> None:
        try:
            async with asyncio.timeout(_POLL_NOW_TIMEOUT_S):
                await self.poll_now(provider, remote_id)
        except Exception:  # noqa: BLE001 - the next scheduled poll makes up for it
            _log.exception("webhooks: polling %s's render %r failed", provider, remote_id)


async def _read_body(request: web.Request, timeout_s: float) -> bytes | None:
    """Return a request's body; None for a body larger than `BODY_MAX_BYTES`.

    Raises TimeoutError, and ConnectionError or RequestPayloadError when the body breaks off.
    """
    if (request.content_length or 0) > BODY_MAX_BYTES:
        return None
    body = bytearray()
    async with asyncio.timeout(timeout_s):
        async for chunk in request.content.iter_any():
            body += chunk
            if len(body) > BODY_MAX_BYTES:
                return None
    return bytes(body)


class RejectionLog:
    """Counts a provider's rejected webhooks and logs the count at most once an hour."""

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._count = 0
        self._logged_at: datetime | None = None

    def count(self, reason: Exception, now: datetime) -> None:
        """Count a rejected webhook; `reason` is logged and must quote nothing of the request."""
        self._count += 1
        if self._logged_at is None or now - self._logged_at >= _LOG_GAP:
            text = (
                "webhooks: rejected %d that %s did not sign, the latest because %s; if its clips "
                "arrive late, check the webhook secret and the machine's clock"
            )
            _log.warning(text, self._count, self._provider, reason)
            self._count, self._logged_at = 0, now


class ReplayCache:
    """Remembers the latest `max_entries` delivery ids, each for `keep_s` seconds at most.

    Pass only ids of verified deliveries: otherwise a forger could push genuine ids out.
    """

    def __init__(self, *, keep_s: float, max_entries: int = 4096) -> None:
        self._keep = timedelta(seconds=keep_s)
        self._max_entries = max_entries
        self._received_at: OrderedDict[str, datetime] = OrderedDict()

    def __len__(self) -> int:
        return len(self._received_at)

    def is_first(self, delivery_id: str, now: datetime) -> bool:
        """Return whether a delivery id is new, and remember the id."""
        while self._received_at and now - next(iter(self._received_at.values())) > self._keep:
            self._received_at.popitem(last=False)
        if delivery_id in self._received_at:
            return False
        self._received_at[delivery_id] = now
        if len(self._received_at) > self._max_entries:
            self._received_at.popitem(last=False)
        return True
