"""Refreshes the sandbox's browser page when the bot does something by itself."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import simcord

from bot.clock import Clock

_log = logging.getLogger(__name__)
#: Seconds between two checks for new requests of the bot.
_EVERY_S = 0.5
#: Seconds that the simulated clock may lag behind real time while nothing happens.
_MOST_BEHIND_S = 10.0


class LivePage:
    """Advances the simulated clock and republishes the sandbox's page after the bot's requests.

    SimCord's preview page is made for tests: it takes one operation at a time, and rejects a click
    if the page was republished since the browser drew it. In the sandbox the bot works by itself,
    so clicks and refreshes wait for each other, and a click applies to the newest message, as in
    Discord. This class uses two private names of the preview; the constructor raises RuntimeError
    if SimCord no longer has them.
    """

    def __init__(self, env: simcord.Env, preview: simcord.Preview, clock: Clock) -> None:
        self._env = env
        self._preview = preview
        self._clock = clock
        self._lock = asyncio.Lock()
        self._seen = -1
        act: Callable[[str, dict[str, Any]], Awaitable[Any]] | None
        act = getattr(preview, "_action", None)
        pages: Mapping[str, Any] | None = getattr(preview, "_pages", None)
        if act is None or pages is None:
            raise RuntimeError("simcord's preview has changed: see sandbox/live_page.py")

        async def in_turn(page_id: str, body: dict[str, Any]) -> Any:
            async with self._lock:
                page = pages.get(page_id)
                if page is not None and "published_revision" in body:
                    body["published_revision"] = page.revision
                return await act(page_id, body)

        # Replace the method on this one instance of SimCord's preview; the class stays unchanged.
        setattr(preview, "_action", in_turn)  # noqa: B010 - the attribute is private

    async def run(self) -> None:
        """Refresh the page after each request of the bot, until cancelled."""
        while True:
            await self._clock.sleep(_EVERY_S)
            behind_s = (self._clock.now() - self._env.now()).total_seconds()
            if len(self._env.http_requests) == self._seen and behind_s < _MOST_BEHIND_S:
                continue
            try:
                async with self._lock:
                    self._seen = len(self._env.http_requests)
                    await catch_up(self._env, self._clock)
                    await self._preview.refresh()
            except (simcord.SetupError, TimeoutError) as error:
                # The page is busy or was just closed; the next iteration tries again.
                _log.debug("page not refreshed: %s", error)
                self._seen = -1


async def catch_up(env: simcord.Env, clock: Clock) -> None:
    """Advance SimCord's simulated clock, which stands still otherwise, to the real time."""
    behind_s = (clock.now() - env.now()).total_seconds()
    if behind_s > 0:
        await env.advance_time(behind_s)
