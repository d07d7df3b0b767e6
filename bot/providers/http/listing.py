"""Reads an API's list of renders page by page, back to a given instant."""

import itertools
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.errors import ProviderTroubleError
from bot.providers.base import RenderStatus

_MAX_PAGES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPage:
    """One page of a list of renders."""

    renders: Sequence[RenderStatus]
    #: The cursor of the next page; None on the last page.
    next_cursor: str | None


async def renders_since(
    fetch_page: Callable[[str | None], Awaitable[ListPage]], since: datetime
) -> Sequence[RenderStatus]:
    """Return all renders created at or after `since`, and those without a time.

    fetch_page  returns the page of a cursor; for None the page with the newest renders.
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
            if each.created_at is None or each.created_at >= since:
                found.setdefault(each.id, each)
        cursor = page.next_cursor
        if cursor is None or _ends_before(page.renders, since):
            return list(found.values())
        if cursor in used_cursors:
            raise ProviderTroubleError("the list repeats itself")
        used_cursors.add(cursor)
    raise ProviderTroubleError(f"the list goes on after {_MAX_PAGES} pages")


def _ends_before(renders: Sequence[RenderStatus], since: datetime) -> bool:
    """Whether a page runs from new to old and ends before `since`, so that later pages do too."""
    instants = [each.created_at for each in renders if each.created_at is not None]
    descends = all(a >= b for a, b in itertools.pairwise(instants))
    return len(instants) == len(renders) > 1 and descends and instants[-1] < since
