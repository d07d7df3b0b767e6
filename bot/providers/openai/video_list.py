"""The list of an OpenAI-shaped server: what is recent there, and many renders with one request."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from datetime import datetime

from bot.errors import (
    ProviderAccountError,
    ProviderTroubleError,
    RemoteNotFoundError,
    UnsupportedError,
)
from bot.providers.base import RenderStatus
from bot.providers.http.transport import Transport
from bot.providers.openai import wire
from bot.providers.openai.wire import VideoPage

#: Longest that one page may take while polling, its retries included, in seconds.
_PAGE_TIMEOUT_S = 20.0
_PAGE_SIZE = 100
#: A page without one of ours is read past while it may save so many requests.
_GETS_PER_PAGE = 10
_MAX_PAGES = 100


class VideoList:
    """GET /videos, page by page; `ignored_fields` as for `openai_wire.read_video`.

    may_forget  after a restart the server has nothing to list, and need not say more.
    """

    def __init__(
        self,
        transport: Transport,
        ignored_fields: frozenset[str],
        *,
        keeps_renders_in_memory: bool = False,
    ) -> None:
        self._transport = transport
        self._ignored_fields = ignored_fields
        self._keeps_renders_in_memory = keeps_renders_in_memory
        self._has_answered = False

    async def since(self, since: datetime) -> Sequence[RenderStatus]:
        """Return all that was created at or after `since`, as `Provider.recent` promises."""
        # The API tells whole seconds: a render of 12:00:00.7 reads 12:00:00.
        floor_at = since.replace(microsecond=0)
        found: dict[str, RenderStatus] = {}
        after: str | None = None
        for _ in range(_MAX_PAGES):
            page = await self.fetch_page(after)
            fresh = [video for video in page.videos if video.id not in found]
            found.update((video.id, video) for video in fresh)
            # 2026-11-20: SGLang gives everything at once and knows no cursor.
            whole = not fresh and page.has_more is None
            if not page.videos and page.has_more:
                raise ProviderTroubleError("an empty page of a list that goes on")
            # 2026-11-20: OpenAI's specification has `has_more` in each page. Half an answer that
            # says "nothing" would have an order made, and paid for, again.
            if (
                not found
                and not page.videos
                and page.has_more is None
                and not self._keeps_renders_in_memory
            ):
                raise ProviderTroubleError("an empty list that does not say that it ends")
            if whole or not page.videos or page.has_more is False or _ends_before(page, floor_at):
                return [video for video in found.values() if _is_since(video, floor_at)]
            if not fresh:
                raise ProviderTroubleError("the list repeats itself")
            after = page.last_id
        raise ProviderTroubleError(f"the list goes on after {_MAX_PAGES} pages")

    async def find(self, wanted: frozenset[str]) -> dict[str, RenderStatus]:
        """Return what the newest pages say of `wanted`; what is left out is to be asked for by id.

        Trouble leaves out the more. Raises UnsupportedError where the server has no list.
        """
        found: dict[str, RenderStatus] = {}
        after: str | None = None
        barren = 0
        while True:
            try:
                async with asyncio.timeout(_PAGE_TIMEOUT_S):
                    page = await self.fetch_page(after)
            except (ProviderTroubleError, ProviderAccountError, TimeoutError):
                return found
            here = {video.id: video for video in page.videos if video.id in wanted}
            barren += not here.keys() - found.keys()
            found |= here
            # A page without one of ours may be all newer than ours, or all older: reading on is
            # worth it while requests one by one would be many more.
            spare = len(wanted) - len(found) - barren * _GETS_PER_PAGE
            if spare <= 0 or not page.has_more or page.last_id in (None, after):
                return found
            after = page.last_id

    async def fetch_page(self, after: str | None = None) -> VideoPage:
        """Return the page that follows `after`, the newest without one.

        Raises UnsupportedError where the server has no list, ProviderTroubleError and
        ProviderAccountError.
        """
        query = {"limit": str(_PAGE_SIZE), "order": "desc"}
        if after is not None:
            query["after"] = after
        try:
            reply = await self._transport.get("videos", query)
            self._has_answered = True
            return wire.read_page(reply.body, ignored_fields=self._ignored_fields)
        except (RemoteNotFoundError, UnsupportedError) as error:
            # A list that was there once has stumbled: to say that there is none gives up jobs.
            if after is None and not self._has_answered:
                raise UnsupportedError("this server has no list") from error
            raise ProviderTroubleError("the list broke off") from error
        except ValueError as error:
            raise ProviderTroubleError(f"the list was answered with {error}") from error


def _is_since(video: RenderStatus, floor_at: datetime) -> bool:
    return video.created_at is None or video.created_at >= floor_at


def _ends_before(page: VideoPage, floor_at: datetime) -> bool:
    """Whether all that follows the page is older, which holds if it runs from new to old."""
    instants = [video.created_at for video in page.videos if video.created_at is not None]
    descends = all(a >= b for a, b in itertools.pairwise(instants))
    return len(instants) == len(page.videos) > 1 and descends and instants[-1] < floor_at
