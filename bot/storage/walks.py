"""The ways to walk a list of jobs, in either direction, inside one read transaction."""

from __future__ import annotations

import contextlib
import itertools
import json
import sqlite3
from collections.abc import Collection, Generator, Sequence
from dataclasses import dataclass

from bot.model import Viewer
from bot.storage import search
from bot.storage.paging import SEQ_BITS, Entry, Look, Stretch
from bot.storage.queries import Queries
from bot.storage.rows import job_of_row
from bot.storage.shelf import Sort

#: So many rooms are always named; of more those that show no clip are left out at first.
_FEW_ROOMS = 48
#: So many matching clips are looked at for their room at most, before the rooms are named.
_HITS = 1000
#: After so many it is seen whether the others will do.
_SAMPLE = 100
#: Below the bits of the shelf in a key of `search_entries`.
_SHELF_BIT = 42

#: The query that walks by this order in this direction (up?).
_WALKS = {
    (Sort.NEWEST, False): "newest_down",
    (Sort.NEWEST, True): "newest_up",
    (Sort.LOVED, False): "loved_down",
    (Sort.LOVED, True): "loved_up",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the entries of a list have in common."""

    #: None: direct messages.
    guild_id: int | None
    facets: tuple[str, ...]
    words: tuple[str, ...] = ()


class Walks:
    """Walks over an open transaction; of no use after it, nor on another thread."""

    def __init__(self, conn: sqlite3.Connection, queries: Queries) -> None:
        self._conn = conn
        self._queries = queries

    def rooms(self, viewer: Viewer) -> Collection[int]:
        """Return the viewer's rooms; of many, those that show a clip at all."""
        if len(viewer.rooms) <= _FEW_ROOMS:
            return viewer.rooms
        rows = self._queries.rows(
            self._conn,
            "rooms_that_show",
            guild_id=viewer.guild_id,
            rooms=json.dumps(sorted(viewer.rooms)),
        )
        return {row["room_id"] for row in rows}

    def everywhere(self, asked: Asked, sort: Sort) -> Look:
        """Walk what was asked for."""
        return lambda stretch: self._entries(self._keys(asked, sort, stretch))

    def among(self, asked: Asked, sort: Sort, rooms: Collection[int]) -> Look:
        """Walk what was asked for in one or more rooms.

        Rooms that are named cost time each; rooms that are compared cost time for each clip in
        another room. Many rooms are compared, as long as that promises to fill the page soon.
        """

        def look(stretch: Stretch) -> Sequence[Entry]:
            keys = None
            if len(rooms) > _FEW_ROOMS:
                keys = self._compared(asked, sort, rooms, stretch)
            if keys is None:
                keys = self._keys(asked, sort, stretch, rooms)
            return self._entries(keys)

        return look

    def own(self, viewer: Viewer) -> Look:
        """Walk all that a member asked for in a server."""

        def look(stretch: Stretch) -> Sequence[Entry]:
            rows = self._queries.rows(
                self._conn,
                "history_up" if stretch.is_up else "history_down",
                user_id=viewer.user_id,
                guild_id=viewer.guild_id,
                low=stretch.low,
                high=stretch.high,
                limit=stretch.limit,
            )
            return [Entry(key=row["seq"], job=job_of_row(row)) for row in rows]

        return look

    def said(self, viewer: Viewer, words: tuple[str, ...]) -> Look:
        """Walk what a member asked for in certain words; only final jobs are in the index."""
        facets = (search.member_facet(viewer.user_id),)
        asked = Asked(guild_id=viewer.guild_id, facets=facets, words=words)
        final = self.everywhere(asked, Sort.NEWEST)

        def look(stretch: Stretch) -> Sequence[Entry]:
            rows = self._queries.rows(
                self._conn,
                "open_history",
                user_id=viewer.user_id,
                guild_id=viewer.guild_id,
                low=stretch.low,
                high=stretch.high,
            )
            entries = [
                Entry(key=row["seq"], job=job_of_row(row))
                for row in rows
                if search.speaks(f"{row['prompt']} {row['id']}", words)
            ]
            entries.extend(final(stretch))
            entries.sort(key=lambda entry: entry.key, reverse=not stretch.is_up)
            return entries[: stretch.limit]

        return look

    def _compared(
        self, asked: Asked, sort: Sort, rooms: Collection[int], stretch: Stretch
    ) -> list[int] | None:
        """Return the keys in some rooms; None when a thousand hits will not tell or do not."""
        found: list[int] = []
        with contextlib.closing(self._hits(asked, sort, stretch)) as hits:
            for number, hit in enumerate(hits):
                if number == _SAMPLE and len(found) * _HITS < stretch.limit * _SAMPLE:
                    return None
                if number == _HITS:
                    return None
                if hit["room_id"] in rooms:
                    found.append(hit["key"])
                    if len(found) == stretch.limit:
                        break
        return found

    def _keys(
        self, asked: Asked, sort: Sort, stretch: Stretch, rooms: Collection[int] = ()
    ) -> list[int]:
        with contextlib.closing(self._hits(asked, sort, stretch, rooms)) as hits:
            return [hit["key"] for hit in itertools.islice(hits, stretch.limit)]

    def _hits(
        self, asked: Asked, sort: Sort, stretch: Stretch, rooms: Collection[int] = ()
    ) -> Generator[sqlite3.Row]:
        """Yield key and room (None: not shown) of what matches, in the order of the walk."""
        shelf = self._shelf(asked.guild_id)
        if shelf is None:
            return
        # Each facet costs time: this one only where nothing else is asked for.
        facets = asked.facets or (() if asked.words or rooms else (search.SHOWN,))
        yield from self._queries.walk(
            self._conn,
            _WALKS[sort, stretch.is_up],
            match=search.match(facets, asked.words, rooms),
            low=(shelf << _SHELF_BIT) + stretch.low,
            high=(shelf << _SHELF_BIT) + stretch.high,
        )

    def _shelf(self, guild_id: int | None) -> int | None:
        if guild_id is None:
            return 0
        row = self._queries.row(self._conn, "shelf_of", guild_id=guild_id)
        return None if row is None else row["id"]

    def _entries(self, keys: Sequence[int]) -> list[Entry]:
        seqs = [key & ((1 << SEQ_BITS) - 1) for key in keys]
        rows = self._queries.rows(self._conn, "jobs_of_seqs", seqs=json.dumps(seqs))
        jobs = {row["seq"]: job_of_row(row) for row in rows}
        in_list = (1 << _SHELF_BIT) - 1
        return [
            Entry(key=key & in_list, job=jobs[seq]) for key, seq in zip(keys, seqs, strict=True)
        ]
