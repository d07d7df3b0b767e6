"""Files that appear under their name only when they are whole."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Generator
from pathlib import Path

from bot.errors import StorageError

#: What members read when the disk refuses.
DISK_REFUSED_TEXT = "I could not save this on my disk."


def partial_path(target: Path) -> Path:
    """Return a name beside `target` that no other writer uses."""
    return target.with_name(f"{target.name}.{secrets.token_hex(4)}.part")


@contextlib.contextmanager
def atomic_write(target: Path) -> Generator[Path]:
    """Yield a path to write to; it becomes `target` if the body succeeds, and else is removed.

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
