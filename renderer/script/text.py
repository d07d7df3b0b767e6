"""Searches a text for known words and phrases."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

#: A preposition applies to this many words after it: "in a small neon CITY".
_REACH = 4


class PromptText:
    """A text as a list of lower-case words without punctuation."""

    def __init__(self, text: str) -> None:
        self._words = re.findall(r"[\w'’]+", text.lower())
        self._line = f" {' '.join(self._words)} "

    def __len__(self) -> int:
        return len(self._words)

    def first(self, entry: str) -> int | None:
        """Return the position of a word or phrase in the text, or None if it does not occur.

        A plural in the text ("cats") matches the singular.
        """
        phrase = re.escape(re.sub(r"[-_]", " ", entry))
        match = re.search(rf" {phrase}(?:e?s)? ", self._line)
        return None if match is None else match.start()

    def score(self, entries: Iterable[str]) -> tuple[int, int, int]:
        """Return how well the text matches a list of words; a greater tuple is a better match.

        The tuple is: the number of entries found, the hyphens in the longest one found, and the
        negative position of the first one.
        """
        found = [(at, entry) for entry in entries if (at := self.first(entry)) is not None]
        longest = max((entry.count("-") for _, entry in found), default=0)
        return len(found), longest, -min((at for at, _ in found), default=0)

    def has(self, *entries: str) -> bool:
        """Return whether any of the words or phrases occurs in the text."""
        return self.score(entries)[0] > 0

    def best(self, table: Mapping[str, str]) -> str | None:
        """Return the key of the table whose words match the text best; None if no word occurs.

        The most words win, then the longest phrase, then the earliest position.
        """
        scores = {key: self.score(entries.split()) for key, entries in table.items()}
        key = max(scores, key=lambda name: scores[name])
        return key if scores[key][0] else None

    def without(self, dropped: Iterable[str]) -> PromptText:
        """Return the text without the words in `dropped`."""
        gone = frozenset(dropped)
        return PromptText(" ".join(word for word in self._words if word not in gone))

    def after_any(self, leads: Iterable[str]) -> PromptText:
        """Return only the words of the text that come shortly after a word in `leads`."""
        wanted = frozenset(leads)
        kept = [
            word
            for at, word in enumerate(self._words)
            if word not in wanted and wanted.intersection(self._words[max(0, at - _REACH) : at])
        ]
        return PromptText(" ".join(kept))

    def next_to(self, word: str) -> tuple[frozenset[str], str | None]:
        """Return the words directly before all occurrences of `word`, and the one after the last.

        The latter is None if no word follows.
        """
        places = [at for at, here in enumerate(self._words) if here == word]
        before = frozenset(self._words[at - 1] for at in places if at > 0)
        last = places[-1] + 1 if places else len(self._words)
        return before, self._words[last] if last < len(self._words) else None
