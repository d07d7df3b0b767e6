"""Keeps what the bot stores from other users of the machine."""

import logging
import os
import stat
from pathlib import Path

_log = logging.getLogger(__name__)
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def keep_files_private() -> None:
    """Have this process and its children make files and folders that only their owner can open."""
    os.umask(_OTHERS)


def is_open_to_others(path: Path) -> bool:
    """Whether the mode of a file or folder lets other users in; on Windows modes say nothing."""
    return os.name == "posix" and path.exists() and bool(path.stat().st_mode & _OTHERS)


def make_private(folder: Path) -> None:
    """Make a folder, or take other users' rights to an existing one and all within it; blocks.

    A folder that belongs to another user keeps its mode, which the log says. Raises OSError when
    the folder can't be made.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not is_open_to_others(folder):
        return
    try:
        # Closing the folder closes the way to all within it; the files may be moved out later.
        folder.chmod(0o700)
        for path in folder.rglob("*"):
            if not path.is_symlink():
                path.chmod(0o700 if path.is_dir() else 0o600)
    except OSError as error:
        _log.warning("other users can read %s: %s", folder, error)
