"""One bot on one database: the second is told to leave."""

import contextlib
import os
import sys
import time
from pathlib import Path

from bot.errors import StorageError

#: Somebody who only looks whether it is held holds it for a moment.
_ACQUIRE_TIMEOUT_S = 0.3
_RETRY_INTERVAL_S = 0.02
_MAX_PID_BYTES = 20


class InstanceLock:
    """A lock on a file beside the database, held for as long as the bot runs.

    The system lets go of it when the process ends, however that happens. Child processes don't
    have it. The file stays: what counts is the lock on it.
    It is flock(2): on one machine it always holds. Between machines that share a network file
    system it holds only where that passes locks on; SQLite's write-ahead log does not work there
    anyhow. There is none on Windows, where nothing is locked.
    """

    def __init__(self, file: int) -> None:
        """Take over an open file with the lock on it; `InstanceLock.hold` is the way to get here."""
        self._file: int | None = file

    @classmethod
    def acquire(cls, database: Path) -> "InstanceLock":
        """Return the guard of a database, which need not be there yet; blocks, half a second at most.

        Raises StorageError when another process has it, and when there can be no file.
        """
        path = _lock_path(database)
        give_up_s = time.monotonic() + _ACQUIRE_TIMEOUT_S
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                while not _try_lock(file, exclusive=True):
                    if time.monotonic() > give_up_s:
                        raise _already_running(database, file)
                    time.sleep(_RETRY_INTERVAL_S)
                os.truncate(file, 0)
                os.write(file, str(os.getpid()).encode())
            except BaseException:  # whatever it was, the file must not stay open
                os.close(file)
                raise
        except OSError as error:
            raise StorageError(f"cannot lock {path}: {error.strerror}") from error
        return cls(file)

    @staticmethod
    def is_held(database: Path) -> bool:
        """Return whether a bot runs on a database; makes no file. Raises StorageError."""
        path = _lock_path(database)
        try:
            file = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise StorageError(f"cannot look at {path}: {error.strerror}") from error
        try:
            return not _try_lock(file, exclusive=False)
        finally:
            os.close(file)

    def release(self) -> None:
        """Let another process have it; idempotent."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                os.close(self._file)
            self._file = None


def _lock_path(database: Path) -> Path:
    return database.with_name(f"{database.name}.lock")


def _already_running(database: Path, file: int) -> StorageError:
    note = os.pread(file, _MAX_PID_BYTES, 0).decode("ascii", "replace").strip()
    who = f"process {note}" if note.isdigit() else "another process"
    return StorageError(
        f"a bot runs on {database} already ({who}); stop that one first, "
        "or give this one a DATA_DIR of its own"
    )


def _try_lock(file: int, *, exclusive: bool) -> bool:
    """Try to lock an open file; an OSError is anything but "somebody else has it"."""
    if sys.platform == "win32":
        return True
    import fcntl  # noqa: PLC0415 - there is none on Windows

    try:
        fcntl.flock(file, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
