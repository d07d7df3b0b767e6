"""A look at the whole database that changes nothing, beside a running bot."""

import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from bot.errors import StorageError
from bot.guild import EVERYWHERE
from bot.storage.sqlite.database import APPLICATION_ID
from bot.storage.sqlite.ledger import SqliteLedgerReader
from bot.storage.sqlite.migrate import read_migrations, schema_version
from bot.storage.sqlite.queries import Queries, Transaction

_BUSY_S = 2.0
#: So many of SQLite's steps lie between two looks at the clock.
_STEPS = 10_000
#: So many examples of each kind are named.
_MAX_EXAMPLES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegrityCheck:
    """What was found in a database."""

    schema_version: int
    #: The one that this release knows.
    newest_version: int
    size_bytes: int
    jobs: int = 0
    #: Jobs that are not final.
    under_way: int = 0
    #: What SQLite's integrity check has to say, the first few lines; empty: nothing.
    damage: tuple[str, ...] = ()
    #: Tables with rows that refer to others which are not there.
    orphans: tuple[str, ...] = ()
    #: Ids of jobs whose ledger does not agree with them, the first few.
    unbalanced: tuple[str, ...] = ()
    #: Video APIs that the operator lets have no new jobs.
    drained: tuple[str, ...] = ()
    #: False when the time ran out before all of it was read.
    is_whole: bool = True


def check_integrity(path: Path, limit_s: float) -> IntegrityCheck:
    """Read the database at `path` from end to end, for about `limit_s` seconds at most; blocks.

    The ledger is checked only when the schema is this release's. Writes nothing, and takes
    nothing away from a bot that runs on it.
    Raises StorageError when there is none, when it is another program's, or can't be read at all.
    """
    newest = len(read_migrations())
    try:
        size_bytes = path.stat().st_size
        address = f"{path.resolve().as_uri()}?mode=ro"
        with closing(
            sqlite3.connect(address, uri=True, isolation_level=None, timeout=_BUSY_S)
        ) as conn:
            conn.row_factory = sqlite3.Row
            give_up_s = time.monotonic() + limit_s
            (application_id,) = conn.execute("PRAGMA application_id").fetchone()
            version = schema_version(conn)
            if application_id != APPLICATION_ID:
                raise StorageError(f"{path} is no database of this bot")
            conn.set_progress_handler(lambda: time.monotonic() > give_up_s, _STEPS)
            return _read(conn, version, newest, size_bytes)
    except (OSError, sqlite3.Error) as error:
        raise StorageError(f"{path}: {error}") from error


def _read(conn: sqlite3.Connection, version: int, newest: int, size_bytes: int) -> IntegrityCheck:
    damage: tuple[str, ...] = ()
    orphans: tuple[str, ...] = ()
    unbalanced: tuple[str, ...] = ()
    drained: tuple[str, ...] = ()
    jobs = under_way = 0
    is_whole = True
    try:
        lines = [str(row[0]) for row in conn.execute(f"PRAGMA integrity_check({_MAX_EXAMPLES})")]
        damage = () if lines == ["ok"] else tuple(lines)
        orphans = tuple(
            dict.fromkeys(str(row["table"]) for row in conn.execute("PRAGMA foreign_key_check"))
        )
        if version == newest:
            tx = Transaction(conn, Queries.load())
            found = tx.rows("unbalanced_jobs", limit=_MAX_EXAMPLES)
            unbalanced = tuple(str(row["id"]) for row in found)
            counted = tx.rows("job_counts")[0]
            jobs, under_way = int(counted["jobs"]), int(counted["under_way"])
            drained = SqliteLedgerReader(tx).guild_settings(EVERYWHERE).drained_providers
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
            raise
        is_whole = False
    except sqlite3.DatabaseError as error:
        # A page that can't be read at all ends the look at it.
        damage = (*damage, str(error))
    except ValueError as error:
        damage = (*damage, f"the operator's choice can't be read: {error}")
    return IntegrityCheck(
        schema_version=version,
        newest_version=newest,
        size_bytes=size_bytes,
        jobs=jobs,
        under_way=under_way,
        damage=damage,
        orphans=orphans,
        unbalanced=unbalanced,
        drained=drained,
        is_whole=is_whole,
    )
