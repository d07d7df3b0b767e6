"""Where video APIs say that something happened, so that nobody has to wait for the next poll."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import TypeAlias

from aiohttp import web

from bot.clock import Clock
from bot.providers.webhook import WINDOW_S, BadSignatureError, Hint, Verifier
from bot.web.refusals import Refusals
from bot.web.replays import Replays

_log = logging.getLogger(__name__)

BODY_MAX_BYTES = 1024 * 1024
#: Requests of one provider that are read at the same time: what a flood can fill is this × 1 MiB.
_AT_ONCE = 32
_WAKING_MAX = 256
_WAKE_S = 30.0
_FAREWELL_S = 5.0

#: Makes the next poll of a render immediate: the provider's name, then the id of the render there.
#: One that is not known is nobody's mistake.
Wake: TypeAlias = Callable[[str, str], Awaitable[None]]


class _Door:
    """One provider's entrance, so that no other stands in the queue of a flood."""

    def __init__(self, name: str, verifier: Verifier) -> None:
        self.name = name
        self.verifier = verifier
        # A timestamp may lie in the future as far as in the past: it is good for twice the window.
        self.replays = Replays(keep_s=2 * WINDOW_S)
        self.refusals = Refusals(name)
        self.busy = 0


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
        verifiers: Mapping[str, Verifier],
        wake: Wake,
        clock: Clock,
        *,
        body_s: float = 10.0,
    ) -> None:
        self._doors = {name: _Door(name, verifier) for name, verifier in verifiers.items()}
        self._wake = wake
        self._clock = clock
        self._body_s = body_s
        self._waking: set[asyncio.Task[None]] = set()

    def routes(self) -> list[web.RouteDef]:
        """Return what the server has to serve."""
        return [web.post("/webhooks/{provider}", self._answer)]

    async def stop(self) -> None:
        """Let wakes under way finish, for five seconds at most; idempotent.

        Call it when the server listens no more.
        """
        if self._waking:
            await asyncio.wait(self._waking, timeout=_FAREWELL_S)
        for task in self._waking:
            task.cancel()
        await asyncio.gather(*self._waking, return_exceptions=True)

    async def _answer(self, request: web.Request) -> web.Response:
        door = self._doors.get(request.match_info["provider"])
        if door is None:
            return web.Response(status=404)
        if door.busy >= _AT_ONCE:
            return web.Response(status=503, headers={"Retry-After": "5"})
        door.busy += 1
        try:
            return await self._judged(door, request)
        finally:
            door.busy -= 1

    async def _judged(self, door: _Door, request: web.Request) -> web.Response:
        try:
            body = await _read(request, self._body_s)
        except TimeoutError:
            return web.Response(status=408)
        except (ConnectionError, web.RequestPayloadError):
            return web.Response(status=400)  # most likely to nobody
        if body is None:
            return web.Response(status=413)
        headers = {name.lower(): value for name, value in request.headers.items()}
        now = self._clock.now()
        try:
            hint = await door.verifier.read(headers, body, now)
        except BadSignatureError as error:
            door.refusals.count(error, now)
            return web.Response(status=401)
        if hint is not None:
            self._take(door, hint, now)
        return web.Response(status=204)

    def _take(self, door: _Door, hint: Hint, now: datetime) -> None:
        if len(self._waking) >= _WAKING_MAX:
            _log.warning("webhooks: too many at a time; what %s said waits for a poll", door.name)
        elif door.replays.is_first(hint.delivery_id, now):
            task = asyncio.create_task(self._wake_for(door.name, hint.remote_id))
            self._waking.add(task)
            task.add_done_callback(self._waking.discard)

    async def _wake_for(self, provider: str, remote_id: str) -> None:
        try:
            async with asyncio.timeout(_WAKE_S):
                await self._wake(provider, remote_id)
        except Exception:  # noqa: BLE001 - the next poll finds out what this did not
            _log.exception(
                "webhooks: %s says that %r moved, but it can't be woken", provider, remote_id
            )


async def _read(request: web.Request, limit_s: float) -> bytes | None:
    """Return the body as it came; None when it is larger than it may be.

    Raises TimeoutError, and ConnectionError or RequestPayloadError for one that breaks off.
    """
    if (request.content_length or 0) > BODY_MAX_BYTES:
        return None
    body = bytearray()
    async with asyncio.timeout(limit_s):
        async for chunk in request.content.iter_any():
            body += chunk
            if len(body) > BODY_MAX_BYTES:
                return None
    return bytes(body)
