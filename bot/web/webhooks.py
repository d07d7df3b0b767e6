"""Where video APIs say that something happened, so that nobody has to wait for the next poll."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
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
#: Requests of one provider that are read at the same time: what a flood can fill is this × 1 MiB.
_MAX_CONCURRENT_READS = 32
_MAX_CONCURRENT_POLLS = 256
_POLL_NOW_TIMEOUT_S = 30.0
_STOP_TIMEOUT_S = 5.0

#: Makes the next poll of a render immediate: the provider's name, then the id of the render there.
#: One that is not known is nobody's mistake.
PollNow: TypeAlias = Callable[[str, str], Awaitable[None]]


class _Endpoint:
    """One provider's entrance, so that no other stands in the queue of a flood."""

    def __init__(self, name: str, verifier: WebhookVerifier) -> None:
        self.name = name
        self.verifier = verifier
        # A timestamp may lie in the future as far as in the past: it is good for twice the window.
        self.replay_cache = ReplayCache(keep_s=2 * TIMESTAMP_TOLERANCE_S)
        self.rejection_log = RejectionLog(name)
        self.concurrent_reads = 0


class Webhooks:
    """POST /webhooks/{provider}: proves a request genuine, answers, and only then wakes the job.

    verifiers  by provider's name; for any other the answer is 404.
    wake       what a genuine webhook leads to, once per delivery; its errors are logged.
    body_s     how long a body may take to arrive.
    A webhook is a hint: one that is lost or refused costs the time until the next poll. Bodies and
    signatures are never logged.
    """

    def __init__(
        self,
        verifiers: Mapping[str, WebhookVerifier],
        poll_now: PollNow,
        clock: Clock,
        *,
        body_s: float = 10.0,
    ) -> None:
        self._endpoints = {name: _Endpoint(name, verifier) for name, verifier in verifiers.items()}
        self._poll_now = poll_now
        self._clock = clock
        self._body_s = body_s
        self._polls: set[asyncio.Task[None]] = set()

    def routes(self) -> list[web.RouteDef]:
        """Return what the server has to serve."""
        return [web.post("/webhooks/{provider}", self._receive)]

    async def stop(self) -> None:
        """Let wakes under way finish, for five seconds at most; idempotent.

        Call it when the server listens no more.
        """
        if self._polls:
            await asyncio.wait(self._polls, timeout=_STOP_TIMEOUT_S)
        for task in self._polls:
            task.cancel()
        await asyncio.gather(*self._polls, return_exceptions=True)

    async def _receive(self, request: web.Request) -> web.Response:
        door = self._endpoints.get(request.match_info["provider"])
        if door is None:
            return web.Response(status=404)
        if door.concurrent_reads >= _MAX_CONCURRENT_READS:
            return web.Response(status=503, headers={"Retry-After": "5"})
        door.concurrent_reads += 1
        try:
            return await self._verify_and_respond(door, request)
        finally:
            door.concurrent_reads -= 1

    async def _verify_and_respond(self, endpoint: _Endpoint, request: web.Request) -> web.Response:
        try:
            body = await _read_body(request, self._body_s)
        except TimeoutError:
            return web.Response(status=408)
        except (ConnectionError, web.RequestPayloadError):
            return web.Response(status=400)  # most likely to nobody
        if body is None:
            return web.Response(status=413)
        headers = {name.lower(): value for name, value in request.headers.items()}
        now = self._clock.now()
        try:
            hint = await endpoint.verifier.verify(headers, body, now)
        except BadSignatureError as error:
            endpoint.rejection_log.count(error, now)
            return web.Response(status=401)
        if hint is not None:
            self._start_poll(endpoint, hint, now)
        return web.Response(status=204)

    def _start_poll(self, endpoint: _Endpoint, event: WebhookEvent, now: datetime) -> None:
        if len(self._polls) >= _MAX_CONCURRENT_POLLS:
            _log.warning(
                "webhooks: too many at a time; what %s said waits for a poll", endpoint.name
            )
        elif endpoint.replay_cache.is_first(event.delivery_id, now):
            task = asyncio.create_task(self._run_poll_now(endpoint.name, event.remote_id))
            self._polls.add(task)
            task.add_done_callback(self._polls.discard)

    async def _run_poll_now(self, provider: str, remote_id: str) -> None:
        try:
            async with asyncio.timeout(_POLL_NOW_TIMEOUT_S):
                await self._poll_now(provider, remote_id)
        except Exception:  # noqa: BLE001 - the next poll finds out what this did not
            _log.exception(
                "webhooks: %s says that %r moved, but it can't be woken", provider, remote_id
            )


async def _read_body(request: web.Request, timeout_s: float) -> bytes | None:
    """Return the body as it came; None when it is larger than it may be.

    Raises TimeoutError, and ConnectionError or RequestPayloadError for one that breaks off.
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


_log = logging.getLogger(__name__)

_LOG_GAP = timedelta(hours=1)


class RejectionLog:
    """Counts a provider's refused webhooks and says so once an hour at most."""

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._count = 0
        self._logged_at: datetime | None = None

    def count(self, reason: Exception, now: datetime) -> None:
        """Count one more; `reason` is the latest, in words that hold nothing of the request."""
        self._count += 1
        if self._logged_at is None or now - self._logged_at >= _LOG_GAP:
            _log.warning(
                "webhooks: refused %d as not %s's own, the latest because %s; if its clips come "
                "late, look at the webhook secret and the machine's clock",
                self._count,
                self._provider,
                reason,
            )
            self._count, self._logged_at = 0, now


class ReplayCache:
    """Remembers the ids of deliveries, the latest `most` of them and none for longer than `keep_s`.

    Only what a signature covers belongs here: a forger could push out what is worth remembering.
    """

    def __init__(self, *, keep_s: float, max_entries: int = 4096) -> None:
        self._keep = timedelta(seconds=keep_s)
        self._max_entries = max_entries
        self._received_at: OrderedDict[str, datetime] = OrderedDict()

    def __len__(self) -> int:
        return len(self._received_at)

    def is_first(self, delivery_id: str, now: datetime) -> bool:
        """Return whether this id is not remembered, and remember it from now on."""
        while self._received_at and now - next(iter(self._received_at.values())) > self._keep:
            self._received_at.popitem(last=False)
        if delivery_id in self._received_at:
            return False
        self._received_at[delivery_id] = now
        if len(self._received_at) > self._max_entries:
            self._received_at.popitem(last=False)
        return True
