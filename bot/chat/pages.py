"""A page of a list as text that fits into a button: what was looked for, and where one is."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass, replace

from bot.chat.gallery_text import OUTDATED
from bot.errors import RefusedError
from bot.storage.shelf import Cursor, Sort

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
#: A custom id has room for so many characters of what was looked for.
_WORDS_CHARS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a list shows."""

    #: Whose clips; None for everybody's.
    user_id: int | None = None
    words: str = ""
    #: `model_mark` of a model's key; None for all.
    model: str | None = None
    sort: Sort = Sort.NEWEST
    at: Cursor | None = None

    @classmethod
    def of(
        cls,
        *,
        user_id: int | None = None,
        words: str | None = None,
        model: str | None = None,
        sort: Sort = Sort.NEWEST,
    ) -> Look:
        """Return the first page of a list; what does not fit into a button is cut off."""
        folded = " ".join((words or "").split())[:_WORDS_CHARS].strip()
        return cls(user_id=user_id, words=folded, model=model, sort=sort)

    def moved(self, at: Cursor) -> Look:
        """Return another page of the same list."""
        return replace(self, at=at)

    def dump(self) -> str:
        """Return what `load` reads, 80 characters at most."""
        at = ""
        if self.at is not None:
            way = "b" if self.at.is_before else "a"
            at = f"{way}{_short(self.at.seq)}.{_short(self.at.reactions)}"
        user = "" if self.user_id is None else _short(self.user_id)
        sort = "l" if self.sort is Sort.LOVED else "n"
        return f"{sort}:{at}:{user}:{self.model or ''}:{self.words}"

    @classmethod
    def load(cls, text: str) -> Look:
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
            words=match["words"],
            model=match["model"] or None,
            sort=Sort.LOVED if match["sort"] == "l" else Sort.NEWEST,
            at=at,
        )


def model_mark(model: str) -> str:
    """Return a short stand-in for a model's name: names may be longer than a button has room for."""
    return _short(zlib.crc32(model.encode()))


def _short(number: int) -> str:
    """Return a number to the base 36."""
    digits = ""
    while number:
        number, rest = divmod(number, 36)
        digits = _DIGITS[rest] + digits
    return digits or "0"
