"""Pages of a list that grows while it is read: each is found by the entry beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bot.model import Job
from bot.storage.clip_search import ClipSort, Cursor, KeysetPage

#: How a key holds the order of acceptance and, in Sort.LOVED, reactions; `search_entries` has it.
SEQ_BITS = 32
_MAX_REACTIONS = 1023
_BELOW_ALL, _ABOVE_ALL = -1, (_MAX_REACTIONS + 1) << SEQ_BITS


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRange:
    """The entries wanted next: those with keys between two others, which are left out."""

    low: int = _BELOW_ALL
    high: int = _ABOVE_ALL
    #: From the smallest key on; else from the largest.
    is_ascending: bool = False
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyedJob:
    """A job in a list."""

    key: int
    job: Job


#: Returns entries in the order of the walk.
FetchRange = Callable[[KeyRange], Sequence[KeyedJob]]


def keyset_page(fetch: FetchRange, sort: ClipSort, cursor: Cursor | None, limit: int) -> KeysetPage:
    """Return the page beside `at`, or the first one; the list goes from large keys to small."""
    if cursor is None:
        entries = fetch(KeyRange(limit=limit + 1))
        return _page(entries[:limit], sort, before=False, after=len(entries) > limit)
    key = _key(cursor, sort)
    if cursor.is_before:
        entries = fetch(KeyRange(low=key, is_ascending=True, limit=limit + 1))
        shown = entries[:limit][::-1]
        # Where nothing is shown, the entry at the cursor itself may still be there.
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
    # Held within the list: the keys beyond are another server's.
    reactions = 0 if sort is ClipSort.NEWEST else min(max(0, cursor.reactions), _MAX_REACTIONS)
    return min(max(_BELOW_ALL + 1, (reactions << SEQ_BITS) + cursor.seq), _ABOVE_ALL - 1)


def _cursor(key: int, sort: ClipSort, *, is_before: bool) -> Cursor:
    reactions = 0 if sort is ClipSort.NEWEST else key >> SEQ_BITS
    return Cursor(seq=key - (reactions << SEQ_BITS), reactions=reactions, is_before=is_before)
