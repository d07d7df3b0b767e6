"""Names of settings that nobody reads: most are a letter away from one that somebody does."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from bot.providers.registry import VENDORS
from bot.settings import declared

#: So alike are two names when one is taken for a slip of the other; 1 is the same.
_MIN_SIMILARITY = 0.85
#: Lines of a `.env` that are for Compose, Python or the machine, which read the same file.
_FOREIGN = re.compile(r"(COMPOSE_|DOCKER_|PYTHON|LC_).*|TZ|LANG|NO_COLOR|.*_PROXY")
#: Anything else before a `=` may be half a key, which is not repeated.
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,49}")


@dataclass(frozen=True, slots=True, kw_only=True)
class MisspeltSetting:
    """A name that is no setting's."""

    name: str
    #: The setting it is most like; empty: it is like none.
    suggestion: str

    @property
    def message(self) -> str:
        """What is wrong, for a sentence that begins with the name."""
        guess = f"; did you mean {self.suggestion}?" if self.suggestion else ""
        return f"no such setting, ignored{guess}"


def find_misspelt_settings(
    dotenv_names: Collection[str], environ_names: Iterable[str]
) -> tuple[MisspeltSetting, ...]:
    """Return the names that look like settings and are none, in the order of the alphabet.

    dotenv_names   the file is the bot's own: each name that is no setting is told.
    environ_names  shared with other programs: only those that are almost a setting are told.
    """
    known = _known_names()
    prefixes = tuple({f"{name.partition('_')[0]}_" for name in known})
    found: list[MisspeltSetting] = []
    for name in sorted({*dotenv_names, *environ_names} - known):
        upper = name.upper()
        if not _NAME.fullmatch(name) or _FOREIGN.fullmatch(upper):
            continue
        meant = next(iter(get_close_matches(upper, sorted(known), n=1, cutoff=_MIN_SIMILARITY)), "")
        if name in dotenv_names or (meant and upper.startswith(prefixes)):
            found.append(MisspeltSetting(name=name, suggestion=meant))
    return tuple(found)


def _known_names() -> frozenset[str]:
    own = (each.name.upper() for each in declared())
    theirs = (each.name for vendor in VENDORS.values() for each in vendor.variables)
    return frozenset((*own, *theirs))
