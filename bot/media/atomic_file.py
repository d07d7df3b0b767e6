"""Writing a file so that it appears under its name only when it is complete."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Generator
from pathlib import Path

from bot.errors import StorageError

#: What members read when writing to the disk fails.
DISK_REFUSED_TEXT = "I could not save this on my disk."


def partial_path(target: Path) -> Path:
    """Return a name beside `target` that no other writer uses."""
    return target.with_name(f"{target.name}.{secrets.token_hex(4)}.part")


@contextlib.contextmanager
def atomic_write(target: Path) -> Generator[Path]:
    """Yield a path to write to; rename it to `target` after the body, or remove it on an error.

    Blocking. Raises StorageError for an OSError of the body.
    """
    part = partial_path(target)
    try:
        yield part
        part.replace(target)
    except OSError as error:
        raise StorageError(
            f"cannot write {target.name}: {error}", user_text=DISK_REFUSED_TEXT
        ) from error
    finally:
        part.unlink(missing_ok=True)
