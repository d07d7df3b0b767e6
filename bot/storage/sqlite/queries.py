"""The named queries of `queries/*.sql`."""

import re
import sqlite3
from collections.abc import Generator, Iterator
from pathlib import Path

#: Where the bot's own queries are.
FOLDER = Path(__file__).with_name("queries")

#: A paragraph: lines that say what for, `-- name: …`, one statement.
_QUERY_BLOCK = re.compile(r"(?:-- .+\n)+-- name: (?P<name>[a-z_]+)\n(?P<sql>[^;]+;)")


class Queries:
    """Statements by name, and the ways to run one.

    They run where they are called: inside a function given to `Database.read` or `write`.
    """

    def __init__(self, statements: dict[str, str]) -> None:
        self._statements = statements

    @classmethod
    def load(cls, folder: Path = FOLDER) -> "Queries":
        """Read every `.sql` file of `folder`; blocks for the disk.

        Raises ValueError for a paragraph without a purpose line or name, and for a name used twice.
        """
        statements: dict[str, str] = {}
        for path in sorted(folder.glob("*.sql")):
            for paragraph in re.split(r"\n\s*\n", path.read_text("utf-8").strip()):
                match = _QUERY_BLOCK.fullmatch(paragraph)
                if match is None:
                    raise ValueError(f"{path.name}: not a named query: {paragraph[:60]!r}")
                if match["name"] in statements:
                    raise ValueError(f"{path.name}: {match['name']!r} is there twice")
                statements[match["name"]] = match["sql"]
        return cls(statements)

    def __getitem__(self, name: str) -> str:
        return self._statements[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._statements)

    def rows(self, conn: sqlite3.Connection, name: str, **params: object) -> list[sqlite3.Row]:
        """Run a query and return all its rows."""
        # Fetched to the end: a statement left half-way would stand in the way of COMMIT.
        return conn.execute(self._statements[name], params).fetchall()

    def row(self, conn: sqlite3.Connection, name: str, **params: object) -> sqlite3.Row | None:
        """Run a query and return its first row; None when there is none."""
        rows = self.rows(conn, name, **params)
        return rows[0] if rows else None

    def iterate(
        self, conn: sqlite3.Connection, name: str, **params: object
    ) -> Generator[sqlite3.Row]:
        """Run a query and yield its rows one by one, finding no more than are taken.

        To be closed (`contextlib.closing`) when it may be left before its end.
        """
        cursor = conn.execute(self._statements[name], params)
        try:
            yield from cursor
        finally:
            cursor.close()
