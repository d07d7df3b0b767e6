"""Keeps one client connected to Discord, and replaces it when it fails for good.

2026-11, discord.py 2.7.1: if a client's first gateway connection fails, or if it can't read an
event, `start` raises that exception, and the client can't be started again.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta

from bot.chat.client import SorabotClient
from bot.clock import Clock
from bot.errors import DeliveryTroubleError

_log = logging.getLogger(__name__)
#: Seconds before the next client, doubling each time. The longest wait keeps a day's logins below
#: the thousand that Discord allows (documentation, 2026-08).
_FIRST_WAIT_S, _LAST_WAIT_S = 1.0, 90.0
#: After a connection of this length the waits start over.
_STABLE_AFTER = timedelta(minutes=10)
#: discord.py reconnects by itself, but up to 17 minutes late after a long outage.
_LOST_AFTER_S = 300.0
_CHECK_INTERVAL_S = 5.0
#: How long uploads may take to finish on a client that was replaced.
_UPLOADS_TIMEOUT_S = 300.0
#: Limit for the close handshake: a dead gateway never answers it.
_CLOSE_TIMEOUT_S = 2.0


class GatewayConnection:
    """Keeps the connection; `client` is the current client.

    make_client     returns a client that has never been started.
    on_client_lost  called when a client is given up, before the next one logs in.
    lost_after_s    seconds without connection after which a connected client is given up.
    """

    def __init__(
        self,
        make_client: Callable[[], SorabotClient],
        clock: Clock,
        on_client_lost: Callable[[], None] = lambda: None,
        *,
        first_wait_s: float = _FIRST_WAIT_S,
        lost_after_s: float = _LOST_AFTER_S,
    ) -> None:
        self._make_client = make_client
        self._clock = clock
        self._on_client_lost = on_client_lost
        self._first_wait_s = first_wait_s
        self._lost_after_s = lost_after_s
        self._retired: set[asyncio.Task[None]] = set()
        self._is_closing = False
        self.client = make_client()

    async def run(self, token: str) -> None:
        """Stay connected until `close`, after any failure. Can be cancelled.

        Raises SettingsError when Discord rejects the token.
        """
        wait_s = self._first_wait_s
        while not self._is_closing:
            tried_at = self._clock.now()
            error = await self._run_client(token)
            if self._is_closing:
                return
            if self.client.has_logged_in and self._clock.now() - tried_at > _STABLE_AFTER:
                wait_s = self._first_wait_s
            _log.warning("%s; trying again with another client in %.0f s", error, wait_s)
            await self._clock.sleep(wait_s)
            wait_s = min(wait_s * 2, _LAST_WAIT_S)
            self._replace_client()

    async def _run_client(self, token: str) -> DeliveryTroubleError:
        """Run the current client; return why it failed. Raises SettingsError."""
        running = asyncio.create_task(self.client.start(token))
        watching = asyncio.create_task(self._wait_until_lost(self.client))
        try:
            await asyncio.wait((running, watching), return_when=asyncio.FIRST_COMPLETED)
            if not running.done():
                return DeliveryTroubleError(
                    f"no connection to Discord for {self._lost_after_s:.0f} s"
                )
            await running
        except DeliveryTroubleError as error:
            return error
        finally:
            for task in (running, watching):
                task.cancel()
            await asyncio.gather(running, watching, return_exceptions=True)
        return DeliveryTroubleError("the connection to Discord ended")

    async def _wait_until_lost(self, client: SorabotClient) -> None:
        """Return when `client` was connected and has been disconnected for too long."""
        seen_at = None
        while True:
            await self._clock.sleep(min(_CHECK_INTERVAL_S, self._lost_after_s / 2))
            now = self._clock.now()
            if client.is_connected():
                seen_at = now
            elif seen_at is not None and (now - seen_at).total_seconds() > self._lost_after_s:
                return

    def _replace_client(self) -> None:
        self._on_client_lost()
        old, self.client = self.client, self._make_client()
        task = asyncio.create_task(_retire(old))
        self._retired.add(task)
        task.add_done_callback(self._retired.discard)

    async def close(self) -> None:
        """Disconnect within seconds, aborting running requests; idempotent."""
        self._is_closing = True
        leaving = set(self._retired)
        for task in leaving:
            task.cancel()
        if not self.client.is_closed():
            leaving.add(asyncio.create_task(self.client.close()))
        if leaving:
            await asyncio.wait(leaving, timeout=_CLOSE_TIMEOUT_S)


async def _retire(client: SorabotClient) -> None:
    """Let the requests of a client that was given up finish, then close it."""
    try:
        await client.leave_gateway()
        await client.wait_until_idle(_UPLOADS_TIMEOUT_S)
    finally:
        await client.close()
