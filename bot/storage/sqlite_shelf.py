"""The `Shelf` on SQLite."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection
from typing import final

from bot.model import Job, Viewer
from bot.storage import search
from bot.storage.paging import page
from bot.storage.queries import Queries
from bot.storage.rows import job_of_row
from bot.storage.shelf import Cursor, Filter, Lineage, Page, Shelf, Sort
from bot.storage.sqlite import Database
from bot.storage.walks import Asked, Walks

_NOTHING = Page(jobs=(), previous=None, next=None)


@final
class SqliteShelf(Shelf):
    """Clips by the two full-text indexes, whose entries are in the order of the lists."""

    def __init__(self, database: Database, queries: Queries) -> None:
        """Work on an open database whose schema is up to date; closing it is up to the store."""
        self._database = database
        self._queries = queries

    async def clips(
        self, viewer: Viewer, wanted: Filter, sort: Sort, at: Cursor | None, limit: int
    ) -> Page:
        words = search.spoken(wanted.words)
        if wanted.words.strip() and not words:
            return _NOTHING
        asked = Asked(guild_id=viewer.guild_id, facets=_facets(viewer, wanted), words=words)

        def read(conn: sqlite3.Connection) -> Page:
            walks = Walks(conn, self._queries)
            if viewer.guild_id is None:
                return page(walks.everywhere(asked, sort), sort, at, limit)
            rooms = walks.rooms(viewer)
            return page(walks.among(asked, sort, rooms), sort, at, limit) if rooms else _NOTHING

        return await self._database.read(read)

    async def history(self, viewer: Viewer, words: str, at: Cursor | None, limit: int) -> Page:
        asked = search.spoken(words)
        if words.strip() and not asked:
            return _NOTHING

        def read(conn: sqlite3.Connection) -> Page:
            walks = Walks(conn, self._queries)
            look = walks.said(viewer, asked) if asked else walks.own(viewer)
            return page(look, Sort.NEWEST, at, limit)

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

    async def filed(self, job_ids: Collection[str]) -> frozenset[str]:
        wanted = json.dumps(list(job_ids))
        rows = await self._database.read(lambda conn: self._queries.rows(conn, "filed", ids=wanted))
        return frozenset(row["job_id"] for row in rows)

    async def set_remixable(self, job_id: str, *, remixable: bool) -> Job | None:
        row = await self._database.write(
            lambda conn: self._queries.row(
                conn, "set_remixable", id=job_id.upper(), remixable=int(remixable)
            )
        )
        return None if row is None else job_of_row(row)

    async def react(self, message_id: int, by: int) -> None:
        await self._database.write(
            lambda conn: self._count(conn, message_id, by=by, from_zero=False)
        )

    async def forget_reactions(self, message_id: int) -> None:
        await self._database.write(lambda conn: self._count(conn, message_id, by=0, from_zero=True))

    def _count(
        self, conn: sqlite3.Connection, message_id: int, *, by: int, from_zero: bool
    ) -> None:
        for row in self._queries.rows(conn, "ids_of_message", message_id=message_id):
            self._queries.rows(conn, "leave_loved", id=row["id"])
            self._queries.rows(conn, "set_reactions", id=row["id"], by=by, from_zero=from_zero)
            self._queries.rows(conn, "enter_loved", id=row["id"])

    def _jobs(self, conn: sqlite3.Connection, name: str, **params: object) -> tuple[Job, ...]:
        return tuple(job_of_row(row) for row in self._queries.rows(conn, name, **params))


def _facets(viewer: Viewer, wanted: Filter) -> tuple[str, ...]:
    facets: list[str] = []
    if viewer.guild_id is None:
        facets += [search.SHOWN, search.member_facet(viewer.user_id)]
    if wanted.user_id is not None:
        facets.append(search.member_facet(wanted.user_id))
    if wanted.model:
        facets.append(search.model_facet(wanted.model))
    return tuple(facets)
