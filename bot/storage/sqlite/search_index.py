"""The full-text indexes of final jobs: adding and removing jobs, and match expressions."""

import re
import unicodedata
from collections.abc import Iterable

from bot.storage.sqlite.queries import Transaction

#: Each word costs a lookup in the index; further words of a longer search are ignored.
_MAX_WORDS = 16

#: The facet of jobs whose clips were posted.
POSTED_FACET = "shown"


def add(tx: Transaction, job_id: str) -> None:
    """Add a final job to both search indexes."""
    tx.rows("create_search_partition", id=job_id)
    tx.rows("index_newest", id=job_id)
    tx.rows("index_loved", id=job_id)


def remove(tx: Transaction, job_id: str) -> None:
    """Remove a job from both indexes; its row must still be as it was when the job was added."""
    tx.rows("unindex_newest", id=job_id)
    tx.rows("unindex_loved", id=job_id)


def search_words(text: str) -> tuple[str, ...]:
    """Return the words of `text` that can be searched, each once, at most 16."""
    # NUL ends a string for SQLite; half a surrogate pair has no UTF-8.
    clean = text.encode("utf-8", "ignore").decode().replace("\0", " ")
    words = [word for word in clean.split() if any(c.isalnum() for c in word)]
    return tuple(dict.fromkeys(words))[:_MAX_WORDS]


def match_expression(
    facets: Iterable[str], words: Iterable[str], channel_ids: Iterable[int] = ()
) -> str:
    """Return the FTS5 expression for entries with all facets, all words and one of the channels.

    At least one facet, word or channel must be given. Without channels, all channels match.
    """
    asked = [f"facets : {_quoted(facet)}" for facet in facets]
    asked += [f"words : {_quoted(word)} *" for word in words]
    if among := " OR ".join(_quoted(f"r{each}") for each in sorted(channel_ids)):
        asked.append(f"facets : ({among})")
    return " AND ".join(asked)


def member_facet(user_id: int) -> str:
    """Return the facet of a member's jobs."""
    return f"u{user_id}"


def model_facet(model: str) -> str:
    """Return the facet of the clips that a model made."""
    return f"m{model.encode('utf-8', 'ignore').hex()}"


def contains_words(prompt: str, words: Iterable[str]) -> bool:
    """Return whether each of `words` begins a word of `prompt`, compared as in the indexes."""
    text = " ".join(["", *_tokens(prompt), ""])
    return all(f" {' '.join(_tokens(word))}" in text for word in words)


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _tokens(text: str) -> list[str]:
    plain = "".join(
        c for c in unicodedata.normalize("NFD", text.lower()) if not unicodedata.combining(c)
    )
    return re.findall(r"[^\W_]+", plain)
