"""Bring a database up to the schema that this release knows."""

import re
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from bot.errors import SchemaTooNewError, StorageError

#: Where the bot's own migrations are.
FOLDER = Path(__file__).with_name("migrations")

_FILE_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One step of the schema; `0007_what_for.sql` leads from version 6 to 7."""

    version: int
    name: str
    script: str


def read_migrations(folder: Path = FOLDER) -> tuple[Migration, ...]:
    """Return the migrations in `folder`, first to last; blocks for the disk.

    Raises ValueError when a number is missing or there twice, and for a script that does not
    bring its own transaction: `executescript` commits what stands open and then works without,
    so a script that fails half-way would stay half applied (Python 3.11.7, tried 2026-11-20).
    """
    found: list[Migration] = []
    for path in sorted(folder.glob("*.sql")):
        match = _FILE_NAME.fullmatch(path.name)
        if match is None:
            raise ValueError(f"{path.name}: not called 0001_what_for.sql")
        version, script = int(match[1]), path.read_text("utf-8")
        if version != len(found) + 1:
            raise ValueError(f"{path.name}: number {len(found) + 1} was expected")
        statements = [line for line in script.splitlines() if line.strip()]
        while statements and statements[0].startswith("--"):
            statements.pop(0)
        ends = [f"PRAGMA user_version = {version};", "COMMIT;"]
        if statements[:1] != ["BEGIN IMMEDIATE;"] or statements[-2:] != ends:
            raise ValueError(f"{path.name}: needs BEGIN IMMEDIATE; … {' '.join(ends)}")
        found.append(Migration(version=version, name=path.stem, script=script))
    return tuple(found)


def migrate(conn: sqlite3.Connection, migrations: tuple[Migration, ...]) -> int:
    """Apply what the database lacks, each step in its own transaction; return its version.

    To be run outside a transaction. Safe while a second process does the same.
    Raises SchemaTooNewError, having touched nothing, for a database of a later release, and
    StorageError for a step that failed: the database then is as the step before left it.
    """
    version = schema_version(conn)
    if version > len(migrations):
        raise SchemaTooNewError(
            f"the database has schema {version}, this release knows up to {len(migrations)}: "
            "run the later release, or restore a backup from before it"
        )
    for migration in migrations[version:]:
        try:
            conn.executescript(migration.script)
        except sqlite3.Error as error:
            if conn.in_transaction:
                conn.execute("ROLLBACK")
            # Another process may have come first while this one waited for the lock.
            if schema_version(conn) < migration.version:
                raise StorageError(f"migration {migration.name}: {error}") from error
    return schema_version(conn)


def schema_version(conn: sqlite3.Connection) -> int:
    """Return which migration was applied last; 0 for an empty database."""
    (version,) = conn.execute("PRAGMA user_version").fetchone()
    return int(version)
