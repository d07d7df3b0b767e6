"""Back up the database while the bot runs."""

import os
import shutil
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import aiosqlite

from bot.errors import StorageError
from bot.storage.sqlite.database import APPLICATION_ID

#: 1 MiB, with pages of 4 KiB.
_PAGES_AT_A_TIME = 256
_PAUSE_S = 0.001
_BUSY_S = 5.0
_MAX_COMPLAINTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """A finished, checked copy."""

    path: Path
    size_bytes: int
    schema_version: int
    jobs: int


async def back_up(
    database: Path, target: Path, *, force: bool = False, spare_bytes: int = 0
) -> Backup:
    """Copy the database to `target` as it is at one instant; the file system calls block.

    A running bot goes on reading and writing. The copy is one file (mode 0600). It gets its name
    only after it passed SQLite's integrity check and is on the disk.

    force        replace an existing file.
    spare_bytes  how much must stay free on the target's disk.
    Raises StorageError when there is no database, `target` exists or is the database itself, the
    disk has too little space or fails, or the copy is damaged. A file at `target` stays then.
    """
    try:
        size_bytes = _size_of(database)
        _check_target(database, target, force=force)
        free_bytes = shutil.disk_usage(target.parent).free
        if free_bytes < size_bytes + spare_bytes:
            raise StorageError(
                f"{target} needs {size_bytes >> 20} MiB, and {spare_bytes >> 20} MiB must stay "
                f"free; {free_bytes >> 20} MiB are free there"
            )
        with _partial_file(target) as part:
            await _copy(database, part)
            version, jobs = await _check(part)
            _fsync(part)
            _move_into_place(part, target, force=force)
        _fsync(target.parent)
        return Backup(path=target, size_bytes=_size_of(target), schema_version=version, jobs=jobs)
    except (OSError, sqlite3.Error) as error:
        raise StorageError(f"no backup to {target}: {error}") from error


def _size_of(database: Path) -> int:
    """Return the most bytes that a copy can take: the database and its write-ahead log."""
    log = database.with_name(f"{database.name}-wal")
    return database.stat().st_size + (log.stat().st_size if log.exists() else 0)


def _check_target(database: Path, target: Path, *, force: bool) -> None:
    if target.exists() and target.samefile(database):
        raise StorageError(f"{target} is the database itself")
    if target.exists() and not (force and target.is_file()):
        raise StorageError(f"{target} exists already; --force replaces a file")


@contextmanager
def _partial_file(target: Path) -> Generator[Path]:
    """Yield an empty private file beside `target`, and delete it afterwards."""
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    part.unlink(missing_ok=True)
    try:
        os.close(os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        yield part
    finally:
        for each in (part, part.with_name(f"{part.name}-journal")):
            each.unlink(missing_ok=True)


async def _copy(database: Path, part: Path) -> None:
    async with (
        aiosqlite.connect(
            _address(database), uri=True, isolation_level=None, timeout=_BUSY_S
        ) as source,
        aiosqlite.connect(part, isolation_level=None) as copy,
    ):
        ((application_id,),) = await source.execute_fetchall("PRAGMA application_id")
        if application_id != APPLICATION_ID:
            raise StorageError(f"{database} is no database of this bot")
        # One read transaction around the whole copy. Without it, each write of the bot would make
        # the copy start over. In WAL mode writers don't wait for a reader.
        await source.execute_fetchall("BEGIN")
        await source.execute_fetchall("SELECT count(*) FROM sqlite_schema")
        await source.backup(copy, pages=_PAGES_AT_A_TIME, sleep=_PAUSE_S)
        await source.execute_fetchall("ROLLBACK")
        # One file, without a log beside it; the bot that opens it turns the log on again.
        await copy.execute_fetchall("PRAGMA journal_mode = DELETE")


def _address(database: Path) -> str:
    return f"{database.resolve().as_uri()}?mode=rw"


async def _check(part: Path) -> tuple[int, int]:
    """Return the copy's schema version and count of jobs. Raises StorageError for a damaged one."""
    async with aiosqlite.connect(part, isolation_level=None) as conn:
        lines = await conn.execute_fetchall(f"PRAGMA integrity_check({_MAX_COMPLAINTS})")
        damage = [str(row[0]) for row in lines if row[0] != "ok"]
        orphans = await conn.execute_fetchall("PRAGMA foreign_key_check")
        damage += [f"{row[0]} has a row that refers to a missing one" for row in orphans]
        if damage:
            found = "; ".join(damage[:_MAX_COMPLAINTS])
            raise StorageError(f"the copy is damaged, as the database may be: {found}")
        ((version,),) = await conn.execute_fetchall("PRAGMA user_version")
        ((jobs,),) = await conn.execute_fetchall("SELECT count(*) FROM jobs")
        return int(version), int(jobs)


def _fsync(path: Path) -> None:
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _move_into_place(part: Path, target: Path, *, force: bool) -> None:
    if not force:
        try:
            # Unlike a rename, a link never replaces a file that was created meanwhile.
            os.link(part, target)
        except FileExistsError as error:
            raise StorageError(f"{target} exists already; --force replaces a file") from error
        except OSError:
            pass  # a file system without hard links
        else:
            return
    part.replace(target)
