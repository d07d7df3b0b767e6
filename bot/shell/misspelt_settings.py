"""Finds misspelt names of settings."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from bot.providers.registry import VENDORS
from bot.settings import declared

#: Similarity of two names above which one counts as a misspelling of the other; 1 is identical.
_MIN_SIMILARITY = 0.85
#: Variables in a `.env` that Compose, Python or the system reads.
_FOREIGN = re.compile(r"(COMPOSE_|DOCKER_|PYTHON|LC_).*|TZ|LANG|NO_COLOR|.*_PROXY")
#: Any other text before a `=` may be part of a key and is not printed.
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,49}")


@dataclass(frozen=True, slots=True, kw_only=True)
class MisspeltSetting:
    """A name that is not a setting."""

    name: str
    #: The most similar setting; empty when none is similar.
    suggestion: str

    @property
    def message(self) -> str:
        """The problem, to be printed after the name."""
        guess = f"; did you mean {self.suggestion}?" if self.suggestion else ""
        return f"no such setting, ignored{guess}"


def find_misspelt_settings(
    dotenv_names: Collection[str], environ_names: Iterable[str]
) -> tuple[MisspeltSetting, ...]:
    """Return the names that look like settings and are not, sorted.

    dotenv_names   names in `.env`; each one that is not a setting is returned.
    environ_names  names in the environment; only those that resemble a setting are returned.
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
