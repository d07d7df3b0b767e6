"""`python -m benchmarks.seeding FILE [JOBS]` makes a database with the data of years of use."""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
import sys
import threading
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.population import Population, PopulationGuild
from bot.model import ID_ALPHABET
from bot.storage.sqlite import search_index
from bot.storage.sqlite.jobs import SqliteJobStore
from bot.storage.sqlite.queries import Queries, Transaction

_CHUNK = 50_000
#: The number of newest jobs that are added to the search index one by one, as the bot does.
_ONE_BY_ONE = 2_000
_FIRST_AT_MS = 1_700_000_000_000
_GAP_MS = 60_000
_OPEN = 200
_MODELS = ("sora-2", "sora-2-pro", "toy", "wan-2.2", "veo-3")
#: The final states of a hundred jobs.
_STATES = ["done"] * 88 + ["failed"] * 6 + ["cancelled"] * 4 + ["kept"] * 2
_REMEMBERED = 50
_WHOLE_ID = len(ID_ALPHABET) ** 5

_GUILDS_WITH_CLIPS = """
INSERT INTO shelves (guild_id)
SELECT DISTINCT guild_id FROM jobs WHERE guild_id NOTNULL AND seq > :after AND seq <= :to
ON CONFLICT (guild_id) DO NOTHING
"""
_NEWEST = """
INSERT INTO search_newest (rowid, words, facets)
SELECT newest_key, words, facets FROM search_entries
WHERE seq > :after AND seq <= :to ORDER BY newest_key
"""
_LOVED = """
INSERT INTO search_loved (rowid, words, facets)
SELECT loved_key, words, facets FROM search_entries
WHERE loved_key NOTNULL AND seq > :after AND seq <= :to ORDER BY loved_key
"""


async def seed(path: Path, population: Population, jobs: int) -> None:
    """Create the database at `path` and fill it with `jobs` random jobs of the population.

    The project's migrations and indexes are used, but rows are written in bulk and without fsync.
    When cancelled, the function stops within seconds.
    """
    store = await SqliteJobStore.open(path)
    await store.close()
    stop = threading.Event()
    try:
        await asyncio.to_thread(_fill, path, population, jobs, stop)
    finally:
        stop.set()


def _fill(path: Path, population: Population, jobs: int, stop: threading.Event) -> None:
    conn = sqlite3.connect(path, isolation_level=None)
    conn.execute("PRAGMA synchronous = OFF")
    conn.execute("PRAGMA cache_size = -400000")
    queries = Queries.load()
    history = _history(population, jobs)
    bulk = max(0, jobs - _ONE_BY_ONE)
    for first in range(0, jobs, _CHUNK):
        if stop.is_set():
            break
        chunk = list(itertools.islice(history, _CHUNK))
        conn.execute("BEGIN")
        conn.executemany(queries["insert_request"], map(_request_of, chunk))
        conn.executemany(queries["insert_job"], chunk)
        conn.executemany(queries["append_entry"], itertools.chain(*map(_entries_of, chunk)))
        for statement in (_GUILDS_WITH_CLIPS, _NEWEST, _LOVED):
            conn.execute(statement, {"after": first, "to": min(first + _CHUNK, bulk)})
        conn.execute("COMMIT")
    for (job_id,) in conn.execute("SELECT id FROM jobs WHERE seq > ?", [bulk]).fetchall():
        conn.execute("BEGIN")
        search_index.add(Transaction(conn, queries), job_id)
        conn.execute("COMMIT")
    conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    conn.close()


def _history(population: Population, jobs: int) -> Iterator[dict[str, Any]]:
    """Yield the database columns of each job, oldest first."""
    latest: dict[int, deque[str]] = {}
    for number in range(1, jobs + 1):
        server = population.draw_guild()
        job = _job(population, server, number, is_open=number > jobs - min(_OPEN, jobs // 10))
        parents = latest.setdefault(server.guild_id, deque(maxlen=_REMEMBERED))
        if parents and population.chance.random() < 0.15:
            job["operation"] = population.chance.choice(("remix", "remix", "extend"))
            job["parent_id"] = population.chance.choice(parents)
            job["change"] = job["prompt"]
        if job["state"] == "done":
            parents.append(job["id"])
        yield job


def _job(
    population: Population, guild: PopulationGuild, number: int, *, is_open: bool
) -> dict[str, Any]:
    chance = population.chance
    state = "queued" if is_open else chance.choice(_STATES)
    channel_id = population.draw_one(guild.channel_ids)
    in_thread = chance.random() < 0.1
    created_at = _FIRST_AT_MS + number * _GAP_MS
    posted = state == "done"
    return {
        "id": job_id_of(number),
        "request_id": 4 * 10**17 + number,
        "variant": 0,
        "user_id": population.draw_one(guild.members),
        "guild_id": guild.guild_id if chance.random() < 0.97 else None,
        "channel_id": channel_id + 10**16 if in_thread else channel_id,
        "thread_of": channel_id if in_thread else None,
        "upload_limit_bytes": 10_485_760,
        "operation": "generate",
        "prompt": population.draw_prompt(),
        "change": None,
        "parent_id": None,
        "source_remote_id": None,
        "provider": "openai",
        "model": chance.choice(_MODELS),
        "seconds": chance.choice((4, 8, 12)),
        "width_px": 1280,
        "height_px": 720,
        "image": None,
        "estimate_usd_micros": 800_000,
        "seed": number,
        "state": state,
        "created_at": created_at,
        "state_at": created_at,
        "due_at": created_at if is_open else None,
        "remote_id": None if is_open else f"video_{chance.getrandbits(64):016x}{number}",
        "progress": None,
        "attempts": 0,
        "creates": 1,
        "submitted_at": None if is_open else created_at + 500,
        "deadline_at": None,
        "rendered_at": created_at + 90_000 if posted else None,
        "posting_at": created_at + 91_000 if posted else None,
        "finished_at": None if is_open else created_at + 92_000,
        "cancel_requested_at": None,
        "message_id": 5 * 10**17 + number if posted else None,
        "cost_usd_micros": None if is_open else 800_000,
        "error_code": "render_failed" if state in {"failed", "kept"} else None,
        "error_text": None,
        "refunded": 0,
        "remixable": 1,
        "reactions": int(chance.paretovariate(0.9)) if posted and chance.random() < 0.2 else 0,
        "deleted_at": None,
        "card_message_id": None,
    }


def _request_of(job: dict[str, Any]) -> dict[str, Any]:
    return {**job, "id": job["request_id"]}


def _entries_of(job: dict[str, Any]) -> Iterator[dict[str, Any]]:
    entry = {
        "job_id": job["id"],
        "user_id": job["user_id"],
        "guild_id": job["guild_id"],
        "kind": "reserve",
        "clips": 1,
        "seconds": job["seconds"],
        "usd_micros": job["estimate_usd_micros"],
        "at": job["created_at"],
        "counts_at": job["created_at"],
    }
    yield entry
    if job["finished_at"] is not None:
        yield {**entry, "kind": "settle", "clips": 0, "seconds": 0, "usd_micros": 0}


def job_id_of(number: int) -> str:
    """Return a job id of five or more characters; consecutive numbers give ids far apart."""
    rest = number * 7_919_317 % _WHOLE_ID + (number // _WHOLE_ID + 1) * _WHOLE_ID
    letters = ""
    while rest:
        rest, digit = divmod(rest, len(ID_ALPHABET))
        letters += ID_ALPHABET[digit]
    return letters[:-1] if number < _WHOLE_ID else letters


if __name__ == "__main__":
    asyncio.run(
        seed(Path(sys.argv[1]), Population(), int(sys.argv[2]) if sys.argv[2:] else 1_000_000)
    )
