"""Reads an API's list of renders page by page, until every render since an instant was seen."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.errors import ProviderTroubleError
from bot.providers.base import RenderStatus

_MAX_PAGES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPage:
    """One page of a list."""

    renders: Sequence[RenderStatus]
    #: Names the next page; None: this page is the last.
    next_cursor: str | None


async def renders_since(
    fetch_page: Callable[[str | None], Awaitable[ListPage]], since: datetime
) -> Sequence[RenderStatus]:
    """Return all renders created at or after `since`, and those without a time.

    fetch_page  returns the page that a cursor names, the newest one for None.
    Raises ProviderTroubleError for a list that repeats itself or has more than 100 pages, and
    whatever `fetch_page` raises.
    """
    # APIs may tell whole seconds: a render of 12:00:00.7 reads 12:00:00.
    since = since.replace(microsecond=0)
    found: dict[str, RenderStatus] = {}
    cursor: str | None = None
    used_cursors: set[str] = set()
    for _ in range(_MAX_PAGES):
        page = await fetch_page(cursor)
        for each in page.renders:
            found.setdefault(each.id, each)
        cursor = page.next_cursor
        if cursor is None or _ends_before(page.renders, since):
            return [
                each
                for each in found.values()
                if each.created_at is None or each.created_at >= since
            ]
        if cursor in used_cursors:
            raise ProviderTroubleError("the list repeats itself")
        used_cursors.add(cursor)
    raise ProviderTroubleError(f"the list goes on after {_MAX_PAGES} pages")


def _ends_before(renders: Sequence[RenderStatus], since: datetime) -> bool:
    """Whether all later pages are older, which holds if the page runs from new to old."""
    instants = [each.created_at for each in renders if each.created_at is not None]
    descends = all(a >= b for a, b in itertools.pairwise(instants))
    return len(instants) == len(renders) > 1 and descends and instants[-1] < since
