"""The `ClipSearch` on SQLite."""

import json
import sqlite3
from collections.abc import Collection
from typing import final

from bot.model import Job, Viewer
from bot.storage.clip_search import ClipFilter, ClipSearch, ClipSort, Cursor, KeysetPage, Lineage
from bot.storage.sqlite import search_index
from bot.storage.sqlite.database import Database
from bot.storage.sqlite.keyset import IndexQuery, KeysetQueries, keyset_page
from bot.storage.sqlite.queries import Queries
from bot.storage.sqlite.rows import job_of_row

_EMPTY_PAGE = KeysetPage(jobs=(), previous=None, next=None)


@final
class SqliteClipSearch(ClipSearch):
    """Clips by the two full-text indexes, whose entries are in the order of the lists."""

    def __init__(self, database: Database, queries: Queries) -> None:
        """Work on an open database whose schema is up to date; closing it is up to the store."""
        self._database = database
        self._queries = queries

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
        asked = IndexQuery(
            guild_id=viewer.guild_id, facets=_facets(viewer, clip_filter), words=words
        )

        def read(conn: sqlite3.Connection) -> KeysetPage:
            walks = KeysetQueries(conn, self._queries)
            if viewer.guild_id is None:
                return keyset_page(walks.in_any_channel(asked, sort), sort, cursor, limit)
            rooms = walks.channels(viewer)
            return (
                keyset_page(walks.in_channels(asked, sort, rooms), sort, cursor, limit)
                if rooms
                else _EMPTY_PAGE
            )

        return await self._database.read(read)

    async def history(
        self, viewer: Viewer, words: str, cursor: Cursor | None, limit: int
    ) -> KeysetPage:
        asked = search_index.search_words(words)
        if words.strip() and not asked:
            return _EMPTY_PAGE

        def read(conn: sqlite3.Connection) -> KeysetPage:
            walks = KeysetQueries(conn, self._queries)
            look = walks.own_matching(viewer, asked) if asked else walks.own_jobs(viewer)
            return keyset_page(look, ClipSort.NEWEST, cursor, limit)

        return await self._database.read(read)

    async def lineage(self, job_id: str, *, children: int) -> Lineage:
        def read(conn: sqlite3.Connection) -> Lineage:
            wanted = job_id.upper()
            count = self._queries.row(conn, "child_count", id=wanted)
            return Lineage(
                ancestors=self._jobs(conn, "ancestors", id=wanted),
                children=self._jobs(conn, "children", id=wanted, limit=children),
                child_count=0 if count is None else count["children"],
            )

        return await self._database.read(read)

    async def archived(self, job_ids: Collection[str]) -> frozenset[str]:
        wanted = json.dumps(list(job_ids))
        rows = await self._database.read(
            lambda conn: self._queries.rows(conn, "archived_job_ids", ids=wanted)
        )
        return frozenset(row["job_id"] for row in rows)

    async def set_remixable(self, job_id: str, *, remixable: bool) -> Job | None:
        row = await self._database.write(
            lambda conn: self._queries.row(
                conn, "set_remixable", id=job_id.upper(), remixable=int(remixable)
            )
        )
        return None if row is None else job_of_row(row)

    async def add_reactions(self, message_id: int, delta: int) -> None:
        await self._database.write(
            lambda conn: self._change_reactions(conn, message_id, delta=delta, from_zero=False)
        )

    async def clear_reactions(self, message_id: int) -> None:
        await self._database.write(
            lambda conn: self._change_reactions(conn, message_id, delta=0, from_zero=True)
        )

    def _change_reactions(
        self, conn: sqlite3.Connection, message_id: int, *, delta: int, from_zero: bool
    ) -> None:
        for row in self._queries.rows(conn, "ids_of_message", message_id=message_id):
            self._queries.rows(conn, "unindex_loved", id=row["id"])
            self._queries.rows(conn, "set_reactions", id=row["id"], by=delta, from_zero=from_zero)
            self._queries.rows(conn, "index_loved", id=row["id"])

    def _jobs(self, conn: sqlite3.Connection, name: str, **params: object) -> tuple[Job, ...]:
        return tuple(job_of_row(row) for row in self._queries.rows(conn, name, **params))


def _facets(viewer: Viewer, clip_filter: ClipFilter) -> tuple[str, ...]:
    facets: list[str] = []
    if viewer.guild_id is None:
        facets += [search_index.POSTED_FACET, search_index.member_facet(viewer.user_id)]
    if clip_filter.user_id is not None:
        facets.append(search_index.member_facet(clip_filter.user_id))
    if clip_filter.model:
        facets.append(search_index.model_facet(clip_filter.model))
    return tuple(facets)
