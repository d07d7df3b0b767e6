"""The named queries of `queries/*.sql`, and the classes that run them."""

import re
import sqlite3
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from bot.storage.sqlite.database import Database

#: The folder of the bot's own queries.
FOLDER = Path(__file__).with_name("queries")

#: A paragraph of a query file: comment lines on its purpose, `-- name: …`, one statement.
_QUERY_BLOCK = re.compile(r"(?:-- .+\n)+-- name: (?P<name>[a-z_]+)\n(?P<sql>[^;]+;)")

_T = TypeVar("_T")


class Queries(dict[str, str]):
    """SQL statements by name."""

    @classmethod
    def load(cls, folder: Path = FOLDER) -> "Queries":
        """Read every `.sql` file of `folder`; blocks for the disk.

        Raises ValueError for a paragraph without a purpose line or name, and for a name used twice.
        """
        statements = cls()
        for path in sorted(folder.glob("*.sql")):
            for paragraph in re.split(r"\n\s*\n", path.read_text("utf-8").strip()):
                match = _QUERY_BLOCK.fullmatch(paragraph)
                if match is None:
                    raise ValueError(f"{path.name}: not a named query: {paragraph[:60]!r}")
                if match["name"] in statements:
                    raise ValueError(f"{path.name}: {match['name']!r} is there twice")
                statements[match["name"]] = match["sql"]
        return statements


@dataclass(frozen=True, slots=True)
class Transaction:
    """Runs named queries inside one open transaction, on the thread of the database only."""

    conn: sqlite3.Connection
    queries: Queries

    def rows(self, name: str, **params: object) -> list[sqlite3.Row]:
        """Run a query and return all its rows."""
        # All rows are fetched, because a statement that is left half-way blocks the COMMIT.
        return self.conn.execute(self.queries[name], params).fetchall()

    def row(self, name: str, **params: object) -> sqlite3.Row | None:
        """Run a query and return its first row; None when there is none."""
        rows = self.rows(name, **params)
        return rows[0] if rows else None

    def one(self, make: Callable[[sqlite3.Row], _T], name: str, **params: object) -> _T | None:
        """Run a query and return `make` of its first row; None when there is no row."""
        rows = self.rows(name, **params)
        return make(rows[0]) if rows else None

    def number(self, name: str, **params: object) -> int:
        """Run a query and return the first column of its first row; 0 when there is no row."""
        rows = self.rows(name, **params)
        return int(rows[0][0]) if rows else 0

    def iterate(self, name: str, **params: object) -> Generator[sqlite3.Row]:
        """Run a query and yield its rows one by one; SQLite finds only the rows that are taken.

        The caller must close the generator (`contextlib.closing`) unless it takes all rows.
        """
        cursor = self.conn.execute(self.queries[name], params)
        try:
            yield from cursor
        finally:
            cursor.close()


class SqliteStore:
    """What all stores on SQLite share: an open database, up to date, that the caller closes."""

    def __init__(self, database: Database, queries: Queries) -> None:
        self.database = database
        self.queries = queries

    async def _read(self, fn: Callable[[Transaction], _T]) -> _T:
        return await self.database.read(lambda conn: fn(Transaction(conn, self.queries)))

    async def _write(self, fn: Callable[[Transaction], _T], *, is_new_work: bool = False) -> _T:
        return await self.database.write(
            lambda conn: fn(Transaction(conn, self.queries)), is_new_work=is_new_work
        )

    async def _change(self, name: str, **params: object) -> list[sqlite3.Row]:
        """Run one query that writes."""
        return await self._write(lambda tx: tx.rows(name, **params))

    async def _rows(self, name: str, **params: object) -> list[sqlite3.Row]:
        return await self._read(lambda tx: tx.rows(name, **params))

    async def _one(
        self, make: Callable[[sqlite3.Row], _T], name: str, **params: object
    ) -> _T | None:
        return await self._read(lambda tx: tx.one(make, name, **params))

    async def _number(self, name: str, **params: object) -> int:
        return await self._read(lambda tx: tx.number(name, **params))
