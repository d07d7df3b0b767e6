"""The search indexes: which final jobs they hold, and what is asked of them."""

import re
import unicodedata
from collections.abc import Iterable

from bot.storage.sqlite.queries import Transaction

#: Each word costs a look into the index; the rest of a longer question is left unread.
_MAX_WORDS = 16

#: The facet of jobs whose clips were posted.
POSTED_FACET = "shown"


def add(tx: Transaction, job_id: str) -> None:
    """Let a job that is final by now be found."""
    tx.rows("create_search_partition", id=job_id)
    tx.rows("index_newest", id=job_id)
    tx.rows("index_loved", id=job_id)


def remove(tx: Transaction, job_id: str) -> None:
    """Let a job be found no more; to be called while its row is as it was when it entered."""
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
    """Return the full-text question for entries with all `facets`, all `words`, one of `rooms`.

    There must be one of anything. No rooms leave all.
    """
    asked = [f"facets : {_quoted(facet)}" for facet in facets]
    asked += [f"words : {_quoted(word)} *" for word in words]
    if among := " OR ".join(_quoted(f"r{room}") for room in sorted(channel_ids)):
        asked.append(f"facets : ({among})")
    return " AND ".join(asked)


def member_facet(user_id: int) -> str:
    """Return the facet of a member's jobs."""
    return f"u{user_id}"


def model_facet(model: str) -> str:
    """Return the facet of the clips that a model made."""
    return f"m{model.encode('utf-8', 'ignore').hex()}"


def contains_words(prompt: str, words: Iterable[str]) -> bool:
    """Return whether `prompt` holds each of `words` from its beginning, as the indexes see it."""
    text = " ".join(["", *_tokens(prompt), ""])
    return all(f" {' '.join(_tokens(word))}" in text for word in words)


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _tokens(text: str) -> list[str]:
    plain = "".join(
        c for c in unicodedata.normalize("NFD", text.lower()) if not unicodedata.combining(c)
    )
    return re.findall(r"[^\W_]+", plain)
