"""The `ClipSearch` on SQLite."""

import json
from collections.abc import Collection
from typing import final

from bot.model import Job, Viewer
from bot.storage.clip_search import ClipFilter, ClipSearch, ClipSort, Cursor, KeysetPage, Lineage
from bot.storage.sqlite import search_index
from bot.storage.sqlite.keyset import IndexQuery, KeysetQueries, keyset_page
from bot.storage.sqlite.queries import SqliteStore, Transaction
from bot.storage.sqlite.rows import job_of_row

_EMPTY_PAGE = KeysetPage(jobs=(), previous=None, next=None)


@final
class SqliteClipSearch(SqliteStore, ClipSearch):
    """Finds clips by two full-text indexes, whose entries are in the order of the lists."""

    async def clips(
        self,
        viewer: Viewer,
        clip_filter: ClipFilter,
        sort: ClipSort,
        cursor: Cursor | None,
        limit: int,
    ) -> KeysetPage:
        words = search_index.search_words(clip_filter.words)
        if clip_filter.words.strip() and not words:
            return _EMPTY_PAGE
        facets: list[str] = []
        if viewer.guild_id is None:
            facets += [search_index.POSTED_FACET, search_index.member_facet(viewer.user_id)]
        if clip_filter.user_id is not None:
            facets.append(search_index.member_facet(clip_filter.user_id))
        if clip_filter.model:
            facets.append(search_index.model_facet(clip_filter.model))
        query = IndexQuery(guild_id=viewer.guild_id, facets=tuple(facets), words=words)

        def read(tx: Transaction) -> KeysetPage:
            lists = KeysetQueries(tx)
            if viewer.guild_id is None:
                return keyset_page(lists.in_any_channel(query, sort), sort, cursor, limit)
            channel_ids = lists.channels(viewer)
            if not channel_ids:
                return _EMPTY_PAGE
            return keyset_page(lists.in_channels(query, sort, channel_ids), sort, cursor, limit)

        return await self._read(read)

    async def history(
        self, viewer: Viewer, words: str, cursor: Cursor | None, limit: int
    ) -> KeysetPage:
        found = search_index.search_words(words)
        if words.strip() and not found:
            return _EMPTY_PAGE

        def read(tx: Transaction) -> KeysetPage:
            lists = KeysetQueries(tx)
            fetch = lists.own_matching(viewer, found) if found else lists.own_jobs(viewer)
            return keyset_page(fetch, ClipSort.NEWEST, cursor, limit)

        return await self._read(read)

    async def lineage(self, job_id: str, *, children: int) -> Lineage:
        wanted = job_id.upper()

        def read(tx: Transaction) -> Lineage:
            return Lineage(
                ancestors=tuple(map(job_of_row, tx.rows("ancestors", id=wanted))),
                children=tuple(map(job_of_row, tx.rows("children", id=wanted, limit=children))),
                child_count=tx.number("child_count", id=wanted),
            )

        return await self._read(read)

    async def archived(self, job_ids: Collection[str]) -> frozenset[str]:
        rows = await self._rows("archived_job_ids", ids=json.dumps(list(job_ids)))
        return frozenset(row["job_id"] for row in rows)

    async def set_remixable(self, job_id: str, *, remixable: bool) -> Job | None:
        rows = await self._change("set_remixable", id=job_id.upper(), remixable=int(remixable))
        return job_of_row(rows[0]) if rows else None

    async def add_reactions(self, message_id: int, delta: int) -> None:
        await self._change_reactions(message_id, delta=delta, from_zero=False)

    async def clear_reactions(self, message_id: int) -> None:
        await self._change_reactions(message_id, delta=0, from_zero=True)

    async def _change_reactions(self, message_id: int, *, delta: int, from_zero: bool) -> None:
        def change(tx: Transaction) -> None:
            for row in tx.rows("ids_of_message", message_id=message_id):
                tx.rows("unindex_loved", id=row["id"])
                tx.rows("set_reactions", id=row["id"], by=delta, from_zero=from_zero)
                tx.rows("index_loved", id=row["id"])

        await self._write(change)
