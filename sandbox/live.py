"""Keeps the browser page in step with what the bot does by itself."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import simcord

from bot.clock import Clock

_log = logging.getLogger(__name__)
#: How often the page is looked after, in seconds.
_EVERY_S = 0.5


class LivePage:
    """Moves the simulated clock along and republishes the page whenever the bot did something.

    The simulator takes one operation at a time and turns a click away that meets another one, so
    clicks and refreshes are made to queue here. That touches one private method of the preview;
    the constructor says so if it is gone.
    """

    def __init__(self, env: simcord.Env, preview: simcord.Preview, clock: Clock) -> None:
        self._env = env
        self._preview = preview
        self._clock = clock
        self._turn = asyncio.Lock()
        self._seen = -1
        act: Callable[..., Awaitable[Any]] | None = getattr(preview, "_action", None)
        if act is None:
            raise RuntimeError("simcord's preview has changed: it has no _action to queue")

        async def in_turn(*args: Any, **kwargs: Any) -> Any:
            async with self._turn:
                return await act(*args, **kwargs)

        # An instance attribute shadows the method; the class is left alone.
        setattr(preview, "_action", in_turn)  # noqa: B010 - private by name

    async def run(self) -> None:
        """Follow the bot until cancelled."""
        while True:
            await self._clock.sleep(_EVERY_S)
            if len(self._env.http_requests) == self._seen:
                continue
            try:
                async with self._turn:
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
