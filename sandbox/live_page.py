"""Keeps the browser page in step with what the bot does by itself."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import simcord

from bot.clock import Clock

_log = logging.getLogger(__name__)
#: How often the page is looked after, in seconds.
_EVERY_S = 0.5
#: How far the simulated clock may be behind while nothing happens, in seconds.
_MOST_BEHIND_S = 10.0


class LivePage:
    """Moves the simulated clock along and republishes the page whenever the bot did something.

    Made for tests, the preview takes one operation at a time and turns away a click on a page that
    was republished since it was drawn. Here the bot works by itself, so clicks and refreshes
    queue, and a click means what it means in Discord: the message as it is now. That touches two
    private names of the preview; the constructor says so if they are gone.
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

        # An instance attribute shadows the method; the class is left alone.
        setattr(preview, "_action", in_turn)  # noqa: B010 - private by name

    async def run(self) -> None:
        """Follow the bot until cancelled."""
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
                # The page was busy or just closed; the next round shows the same.
                _log.debug("page not refreshed: %s", error)
                self._seen = -1


async def catch_up(env: simcord.Env, clock: Clock) -> None:
    """Move the simulated clock, which stands still by itself, to the real one."""
    behind_s = (clock.now() - env.now()).total_seconds()
    if behind_s > 0:
        await env.advance_time(behind_s)
