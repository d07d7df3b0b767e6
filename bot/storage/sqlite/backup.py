"""A copy of the database, made beside a running bot."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bot.errors import StorageError
from bot.storage.sqlite.database import APPLICATION_ID
from bot.storage.sqlite.migrate import schema_version

#: 1 MiB of pages at a time.
_PAGES_AT_A_TIME = 256
_PAUSE_S = 0.001
_BUSY_S = 5.0
_MAX_COMPLAINTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """A copy that was made, checked and is on its disk."""

    path: Path
    size_bytes: int
    #: The release of the tables in it.
    schema_version: int
    #: Jobs in it.
    jobs: int


def back_up(database: Path, target: Path, *, force: bool = False, spare_bytes: int = 0) -> Backup:
    """Copy the database to `target` as it is at one instant; blocks.

    The bot may run: it goes on reading and writing. The copy is one file (mode 0600) that appears
    under its name only when it is whole, has passed SQLite's integrity check and is on the disk.

    force        replace a file that is there.
    spare_bytes  refused where less than that would be left on the target's disk.
    Raises StorageError when there is no database, `target` is there already or is the database
    itself, the disk refuses, or the copy does not pass; what was at `target` then still is.
    """
    try:
        size_bytes = _size_of(database)
        _check_target(database, target, force=force)
        free_bytes = shutil.disk_usage(target.parent).free
        if free_bytes < size_bytes + spare_bytes:
            raise StorageError(
                f"{target} needs {size_bytes >> 20} MiB, and {spare_bytes >> 20} MiB shall stay "
                f"free; {free_bytes >> 20} MiB are free there"
            )
        with _partial_file(target) as part:
            _copy(database, part)
            version, jobs = _check(part)
            _fsync(part)
            _move_into_place(part, target, force=force)
        _fsync(target.parent)
        return Backup(
            path=target, size_bytes=target.stat().st_size, schema_version=version, jobs=jobs
        )
    except (OSError, sqlite3.Error) as error:
        raise StorageError(f"no backup to {target}: {error}") from error


def _size_of(database: Path) -> int:
    """Return what a copy may take, with what is only in the write-ahead log so far."""
    log = database.with_name(f"{database.name}-wal")
    return database.stat().st_size + (log.stat().st_size if log.exists() else 0)


def _check_target(database: Path, target: Path, *, force: bool) -> None:
    if target.exists() and target.samefile(database):
        raise StorageError(f"{target} is the database itself")
    if target.exists() and not (force and target.is_file()):
        raise StorageError(f"{target} is there already; --force replaces a file")


@contextmanager
def _partial_file(target: Path) -> Generator[Path]:
    """Hold an empty private file beside `target`; it is gone afterwards."""
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    part.unlink(missing_ok=True)
    try:
        os.close(os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        yield part
    finally:
        for each in (part, part.with_name(f"{part.name}-journal")):
            each.unlink(missing_ok=True)


def _copy(database: Path, part: Path) -> None:
    address = f"{database.resolve().as_uri()}?mode=rw"
    with (
        closing(sqlite3.connect(address, uri=True, isolation_level=None, timeout=_BUSY_S)) as there,
        closing(sqlite3.connect(part, isolation_level=None)) as here,
    ):
        (application_id,) = there.execute("PRAGMA application_id").fetchone()
        if application_id != APPLICATION_ID:
            raise StorageError(f"{database} is no database of this bot")
        # Held open to the end: each step alone would begin the copy anew whenever the bot had
        # written meanwhile. In WAL mode nobody waits for a reader.
        there.execute("BEGIN")
        there.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        there.backup(here, pages=_PAGES_AT_A_TIME, sleep=_PAUSE_S)
        there.execute("ROLLBACK")
        # One file, with no log beside it; the bot that opens it turns the log on again.
        here.execute("PRAGMA journal_mode = DELETE")


def _check(part: Path) -> tuple[int, int]:
    """Return the copy's schema version and count of jobs. Raises StorageError for a bad one."""
    with closing(sqlite3.connect(part, isolation_level=None)) as conn:
        told = [str(row[0]) for row in conn.execute(f"PRAGMA integrity_check({_MAX_COMPLAINTS})")]
        told += [f"{row[0]} refers to nothing" for row in conn.execute("PRAGMA foreign_key_check")]
        if told != ["ok"]:
            damage = "; ".join(each for each in told[: _MAX_COMPLAINTS + 1] if each != "ok")
            raise StorageError(f"the copy is damaged, as the database may be: {damage}")
        (jobs,) = conn.execute("SELECT count(*) FROM jobs").fetchone()
        return schema_version(conn), int(jobs)


def _fsync(path: Path) -> None:
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _move_into_place(part: Path, target: Path, *, force: bool) -> None:
    if not force:
        try:
            # Unlike a rename, it never replaces a file that came meanwhile.
            os.link(part, target)
        except FileExistsError as error:
            raise StorageError(f"{target} is there already; --force replaces a file") from error
        except OSError:
            pass  # a file system without hard links
        else:
            return
    part.replace(target)
