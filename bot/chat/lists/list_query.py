"""A page of a list as text that fits into a button's custom id: the filters and the position."""

import re
import zlib
from dataclasses import dataclass, replace

from bot.chat.lists.list_text import OUTDATED
from bot.chat.text import base36
from bot.errors import RefusedError
from bot.storage.clip_search import ClipSort, Cursor

#: A custom id holds no more characters of a search.
_MAX_SEARCH_CHARS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class ListQuery:
    """What a list shows."""

    #: Whose clips; None for all members'.
    user_id: int | None = None
    search: str = ""
    #: `model_hash` of a model's key; None for all.
    model: str | None = None
    sort: ClipSort = ClipSort.NEWEST
    cursor: Cursor | None = None

    @classmethod
    def first_page(
        cls,
        *,
        user_id: int | None = None,
        search: str | None = None,
        model: str | None = None,
        sort: ClipSort = ClipSort.NEWEST,
    ) -> "ListQuery":
        """Return the first page of a list; a search too long for a button is cut."""
        folded = " ".join((search or "").split())[:_MAX_SEARCH_CHARS].strip()
        return cls(user_id=user_id, search=folded, model=model, sort=sort)

    def with_cursor(self, cursor: Cursor) -> "ListQuery":
        """Return another page of the same list."""
        return replace(self, cursor=cursor)

    def dump(self) -> str:
        """Return what `load` reads, 80 characters at most."""
        at = ""
        if self.cursor is not None:
            way = "b" if self.cursor.is_before else "a"
            at = f"{way}{base36(self.cursor.seq)}.{base36(self.cursor.reactions)}"
        user = "" if self.user_id is None else base36(self.user_id)
        sort = "l" if self.sort is ClipSort.LOVED else "n"
        return f"{sort}:{at}:{user}:{self.model or ''}:{self.search}"

    @classmethod
    def load(cls, text: str) -> "ListQuery":
        """Read what `dump` wrote. Raises RefusedError for anything else."""
        match = re.fullmatch(
            r"(?P<sort>[nl]):(?:(?P<way>[ab])(?P<seq>[0-9a-z]+)\.(?P<reactions>[0-9a-z]+))?"
            r":(?P<user>[0-9a-z]*):(?P<model>\w*):(?P<words>.*)",
            text,
            re.ASCII,
        )
        if match is None:
            raise RefusedError(OUTDATED)
        at = None
        if match["way"]:
            at = Cursor(
                seq=int(match["seq"], 36),
                reactions=int(match["reactions"], 36),
                is_before=match["way"] == "b",
            )
        return cls(
            user_id=int(match["user"], 36) if match["user"] else None,
            search=match["words"],
            model=match["model"] or None,
            sort=ClipSort.LOVED if match["sort"] == "l" else ClipSort.NEWEST,
            cursor=at,
        )


def model_hash(model: str) -> str:
    """Return a short hash of a model's name, which may be too long for a button."""
    return base36(zlib.crc32(model.encode()))
