"""The list of a server with OpenAI's Videos API, for `recent` and for polling many at once."""

import asyncio
from collections.abc import Sequence
from datetime import datetime

from bot.errors import (
    ProviderAccountError,
    ProviderTroubleError,
    RemoteNotFoundError,
    UnsupportedError,
)
from bot.providers.base import RenderStatus
from bot.providers.http.listing import ListPage, renders_since
from bot.providers.http.transport import Transport
from bot.providers.openai import wire
from bot.providers.openai.wire import VideoPage

#: Longest that one page may take while polling, its retries included, in seconds.
_PAGE_TIMEOUT_S = 20.0
_PAGE_SIZE = 100
#: Reading one more page without a wanted render is worth it to save this many single polls.
_GETS_PER_PAGE = 10


class VideoList:
    """GET /videos, page by page; `ignored_fields` as for `wire.read_video`.

    keeps_renders_in_memory  after a restart the server has an empty list, without `has_more`.
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
        """Return all renders created at or after `since`, as `Provider.recent` promises."""
        seen_ids: set[str] = set()

        async def fetch(cursor: str | None) -> ListPage:
            page = await self.fetch_page(cursor)
            if not page.videos and page.has_more:
                raise ProviderTroubleError("an empty page of a list that goes on")
            # 2026-11-20: OpenAI's specification has `has_more` in each page. A broken answer that
            # reads as an empty list would have a render created, and paid for, again.
            is_unsure = not page.videos and page.has_more is None and not seen_ids
            if is_unsure and not self._keeps_renders_in_memory:
                raise ProviderTroubleError("an empty list that does not say that it ends")
            ids = {video.id for video in page.videos}
            # 2026-11-20: SGLang answers with the whole list each time and knows no cursor.
            is_last = ids <= seen_ids if page.has_more is None else not page.has_more
            seen_ids.update(ids)
            return ListPage(renders=page.videos, next_cursor=None if is_last else page.last_id)

        return await renders_since(fetch, since)

    async def find(self, wanted: frozenset[str]) -> dict[str, RenderStatus]:
        """Return those of `wanted` that the newest pages have; the caller polls the others by id.

        A page that can't be read ends the search. Raises UnsupportedError where the server has no list.
        """
        found: dict[str, RenderStatus] = {}
        after: str | None = None
        fruitless = 0
        while True:
            try:
                async with asyncio.timeout(_PAGE_TIMEOUT_S):
                    page = await self.fetch_page(after)
            except (ProviderTroubleError, ProviderAccountError, TimeoutError):
                return found
            here = {video.id: video for video in page.videos if video.id in wanted}
            fruitless += not here.keys() - found.keys()
            found |= here
            # A page without a wanted render may be newer or older than all of them. Read on only
            # while polling the rest one by one would take many more requests.
            spare = len(wanted) - len(found) - fruitless * _GETS_PER_PAGE
            if spare <= 0 or not page.has_more or page.last_id in (None, after):
                return found
            after = page.last_id

    async def fetch_page(self, after: str | None = None) -> VideoPage:
        """Return the page after the cursor `after`; None: the newest page.

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
            # A list that answered before has failed temporarily; UnsupportedError would give up jobs.
            if after is None and not self._has_answered:
                raise UnsupportedError("this server has no list") from error
            raise ProviderTroubleError("the list broke off") from error
        except ValueError as error:
            raise ProviderTroubleError(f"the list was answered with {error}") from error
