"""Writes a file so that the file appears under its name only when it is complete."""

import contextlib
import secrets
from collections.abc import Generator
from pathlib import Path

from bot.errors import StorageError

#: The sentence that members read when writing to the disk fails.
DISK_REFUSED_TEXT = "I could not save this on my disk."


def partial_path(target: Path) -> Path:
    """Return a name beside `target` that no other writer uses."""
    return target.with_name(f"{target.name}.{secrets.token_hex(4)}.part")


@contextlib.contextmanager
def atomic_write(target: Path) -> Generator[Path]:
    """Yield a path to write a file to; rename the file to `target` at the end of the block.

    Blocking. An error in the block removes the file; an OSError is raised as StorageError.
    """
    part = partial_path(target)
    try:
        yield part
        part.replace(target)
    except OSError as error:
        problem = f"cannot write {target.name}: {error}"
        raise StorageError(problem, user_text=DISK_REFUSED_TEXT) from error
    finally:
        part.unlink(missing_ok=True)
