"""Runs the simulated Videos API on a thread, beside the test's own event loop."""

from __future__ import annotations

import asyncio
import threading
from types import TracebackType

from tests.wire.videos_api import VideosApi


class VideosApiThread:
    """Runs a `VideosApi` on its own thread: `with VideosApiThread(VideosApi()) as api`."""

    def __init__(self, api: VideosApi) -> None:
        self._api = api
        self._started = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> VideosApi:
        self._thread.start()
        if not self._started.wait(30):
            raise TimeoutError("the loopback API did not start")
        return self._api

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)
        self._loop.close()

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        async with self._api:
            self._started.set()
            await self._stop.wait()
