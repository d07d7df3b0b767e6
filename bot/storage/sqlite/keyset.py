"""Pages of lists of jobs, each found by the key of the entry beside it (keyset paging)."""

import contextlib
import itertools
import json
import sqlite3
from collections.abc import Callable, Collection, Generator, Sequence
from dataclasses import dataclass

from bot.model import Job, Viewer
from bot.storage.clip_search import ClipSort, Cursor, KeysetPage
from bot.storage.sqlite import search_index
from bot.storage.sqlite.queries import Transaction
from bot.storage.sqlite.rows import job_of_row

#: A key of `search_entries` holds a job's `seq` in its lowest bits and, in ClipSort.LOVED, the
#: number of reactions above them.
SEQ_BITS = 32
_MAX_REACTIONS = 1023
_BELOW_ALL, _ABOVE_ALL = -1, (_MAX_REACTIONS + 1) << SEQ_BITS
#: Up to this many channels are named in a search; of more, only those with a clip are.
_MAX_NAMED_CHANNELS = 48
#: At most this many matching clips are compared with the viewer's channels one by one.
_MAX_HITS = 1000
#: After this many compared clips the search decides whether to go on comparing.
_SAMPLE_SIZE = 100
#: The bit of a key of `search_entries` from which on the guild's partition stands.
_PARTITION_BIT = 42

#: The query for each order, ascending or not.
_QUERY_NAMES = {
    (ClipSort.NEWEST, False): "newest_descending",
    (ClipSort.NEWEST, True): "newest_ascending",
    (ClipSort.LOVED, False): "loved_descending",
    (ClipSort.LOVED, True): "loved_ascending",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRange:
    """The entries with keys between `low` and `high`, both excluded; at most `limit` of them."""

    low: int = _BELOW_ALL
    high: int = _ABOVE_ALL
    #: Whether the smallest key comes first.
    is_ascending: bool = False
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyedJob:
    """A job in a list."""

    key: int
    job: Job


#: Returns the entries of a key range, in the range's order.
FetchRange = Callable[[KeyRange], Sequence[KeyedJob]]


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexQuery:
    """What all entries of a list match: a guild, facets such as the member, and words."""

    #: None: direct messages.
    guild_id: int | None
    facets: tuple[str, ...]
    words: tuple[str, ...] = ()


class KeysetQueries:
    """Reads lists inside an open transaction; not usable after it or on another thread."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    def channels(self, viewer: Viewer) -> Collection[int]:
        """Return the channels that the viewer can read; of more than 48, only those with a clip."""
        if len(viewer.readable_channel_ids) <= _MAX_NAMED_CHANNELS:
            return viewer.readable_channel_ids
        rows = self._tx.rows(
            "channels_with_clips",
            guild_id=viewer.guild_id,
            rooms=json.dumps(sorted(viewer.readable_channel_ids)),
        )
        return {row["room_id"] for row in rows}

    def in_any_channel(self, query: IndexQuery, sort: ClipSort) -> FetchRange:
        """Return the reader of all entries that match a query."""
        return lambda wanted: self._keyed_jobs(self._keys(query, sort, wanted))

    def in_channels(
        self, query: IndexQuery, sort: ClipSort, channel_ids: Collection[int]
    ) -> FetchRange:
        """Return the reader of the matching entries of some channels.

        Naming channels in the search costs time for each channel; comparing clips with the
        channels costs time for each clip elsewhere. Many channels are compared as long as a sample
        promises that the page is soon full.
        """

        def fetch(wanted: KeyRange) -> Sequence[KeyedJob]:
            keys = None
            if len(channel_ids) > _MAX_NAMED_CHANNELS:
                keys = self._keys_of_hits(query, sort, channel_ids, wanted)
            if keys is None:
                keys = self._keys(query, sort, wanted, channel_ids)
            return self._keyed_jobs(keys)

        return fetch

    def own_jobs(self, viewer: Viewer) -> FetchRange:
        """Return the reader of all jobs of a member in a guild."""

        def fetch(wanted: KeyRange) -> Sequence[KeyedJob]:
            rows = self._tx.rows(
                "history_ascending" if wanted.is_ascending else "history_descending",
                user_id=viewer.user_id,
                guild_id=viewer.guild_id,
                low=wanted.low,
                high=wanted.high,
                limit=wanted.limit,
            )
            return [KeyedJob(key=row["seq"], job=job_of_row(row)) for row in rows]

        return fetch

    def own_matching(self, viewer: Viewer, words: tuple[str, ...]) -> FetchRange:
        """Return the reader of a member's jobs that contain words; the index has only final jobs."""
        facets = (search_index.member_facet(viewer.user_id),)
        asked = IndexQuery(guild_id=viewer.guild_id, facets=facets, words=words)
        final = self.in_any_channel(asked, ClipSort.NEWEST)

        def fetch(wanted: KeyRange) -> Sequence[KeyedJob]:
            rows = self._tx.rows(
                "open_history",
                user_id=viewer.user_id,
                guild_id=viewer.guild_id,
                low=wanted.low,
                high=wanted.high,
            )
            entries = [
                KeyedJob(key=row["seq"], job=job_of_row(row))
                for row in rows
                if search_index.contains_words(f"{row['prompt']} {row['id']}", words)
            ]
            entries.extend(final(wanted))
            entries.sort(key=lambda entry: entry.key, reverse=not wanted.is_ascending)
            return entries[: wanted.limit]

        return fetch

    def _keys_of_hits(
        self, query: IndexQuery, sort: ClipSort, channel_ids: Collection[int], key_range: KeyRange
    ) -> list[int] | None:
        """Return the keys of clips in some channels; None when comparing clips would take too long."""
        found: list[int] = []
        with contextlib.closing(self._hits(query, sort, key_range)) as hits:
            for number, hit in enumerate(hits):
                if (
                    number == _SAMPLE_SIZE
                    and len(found) * _MAX_HITS < key_range.limit * _SAMPLE_SIZE
                ):
                    return None
                if number == _MAX_HITS:
                    return None
                if hit["room_id"] in channel_ids:
                    found.append(hit["key"])
                    if len(found) == key_range.limit:
                        break
        return found

    def _keys(
        self,
        query: IndexQuery,
        sort: ClipSort,
        key_range: KeyRange,
        channel_ids: Collection[int] = (),
    ) -> list[int]:
        with contextlib.closing(self._hits(query, sort, key_range, channel_ids)) as hits:
            return [hit["key"] for hit in itertools.islice(hits, key_range.limit)]

    def _hits(
        self,
        query: IndexQuery,
        sort: ClipSort,
        key_range: KeyRange,
        channel_ids: Collection[int] = (),
    ) -> Generator[sqlite3.Row]:
        """Yield key and channel (None for a clip not posted) of each match, in the range's order."""
        clip_search = self._partition(query.guild_id)
        if clip_search is None:
            return
        # Each facet costs time, so the facet of all posted clips is used only without any other.
        facets = query.facets or (
            () if query.words or channel_ids else (search_index.POSTED_FACET,)
        )
        yield from self._tx.iterate(
            _QUERY_NAMES[sort, key_range.is_ascending],
            match=search_index.match_expression(facets, query.words, channel_ids),
            low=(clip_search << _PARTITION_BIT) + key_range.low,
            high=(clip_search << _PARTITION_BIT) + key_range.high,
        )

    def _partition(self, guild_id: int | None) -> int | None:
        if guild_id is None:
            return 0
        row = self._tx.row("search_partition", guild_id=guild_id)
        return None if row is None else row["id"]

    def _keyed_jobs(self, keys: Sequence[int]) -> list[KeyedJob]:
        seqs = [key & ((1 << SEQ_BITS) - 1) for key in keys]
        rows = self._tx.rows("jobs_of_seqs", seqs=json.dumps(seqs))
        jobs = {row["seq"]: job_of_row(row) for row in rows}
        in_list = (1 << _PARTITION_BIT) - 1
        return [
            KeyedJob(key=key & in_list, job=jobs[seq]) for key, seq in zip(keys, seqs, strict=True)
        ]


def keyset_page(fetch: FetchRange, sort: ClipSort, cursor: Cursor | None, limit: int) -> KeysetPage:
    """Return the page beside `cursor`, or the first page; lists go from large keys to small."""
    if cursor is None:
        entries = fetch(KeyRange(limit=limit + 1))
        return _page(entries[:limit], sort, before=False, after=len(entries) > limit)
    key = _key(cursor, sort)
    if cursor.is_before:
        entries = fetch(KeyRange(low=key, is_ascending=True, limit=limit + 1))
        shown = entries[:limit][::-1]
        # With no entry before the cursor, the entry at the cursor itself may still exist.
        edge = shown[-1].key if shown else key + 1
        after = bool(fetch(KeyRange(high=edge, limit=1)))
        return _page(shown, sort, before=len(entries) > limit, after=after, empty_at=key)
    entries = fetch(KeyRange(high=key, limit=limit + 1))
    edge = entries[0].key if entries else key - 1
    before = bool(fetch(KeyRange(low=edge, is_ascending=True, limit=1)))
    return _page(entries[:limit], sort, before=before, after=len(entries) > limit, empty_at=key)


def _page(
    entries: Sequence[KeyedJob], sort: ClipSort, *, before: bool, after: bool, empty_at: int = 0
) -> KeysetPage:
    first = entries[0].key if entries else empty_at - 1
    last = entries[-1].key if entries else empty_at + 1
    return KeysetPage(
        jobs=tuple(entry.job for entry in entries),
        previous=_cursor(first, sort, is_before=True) if before else None,
        next=_cursor(last, sort, is_before=False) if after else None,
    )


def _key(cursor: Cursor, sort: ClipSort) -> int:
    # The key stays within the guild's partition: keys beyond belong to another guild.
    reactions = 0 if sort is ClipSort.NEWEST else min(max(0, cursor.reactions), _MAX_REACTIONS)
    return min(max(_BELOW_ALL + 1, (reactions << SEQ_BITS) + cursor.seq), _ABOVE_ALL - 1)


def _cursor(key: int, sort: ClipSort, *, is_before: bool) -> Cursor:
    reactions = 0 if sort is ClipSort.NEWEST else key >> SEQ_BITS
    return Cursor(seq=key - (reactions << SEQ_BITS), reactions=reactions, is_before=is_before)
