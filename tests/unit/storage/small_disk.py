"""A disk of its own, small enough to be full, for tests that may mount one."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(folder: Path, size_bytes: int) -> Iterator[Path]:
    """Hold an empty disk of that size in `folder`; skips the test where none can be mounted."""
    folder.mkdir(parents=True, exist_ok=True)
    mount, umount = shutil.which("mount"), shutil.which("umount")
    if mount is None or umount is None or os.geteuid() != 0:
        pytest.skip("only root can mount a disk")
    options = f"size={size_bytes},mode=0700"
    made = subprocess.run(  # noqa: S603 - our own words
        [mount, "-t", "tmpfs", "-o", options, "tmpfs", str(folder)],
        capture_output=True,
        check=False,
    )
    if made.returncode:
        pytest.skip(f"no disk could be mounted: {made.stderr.decode(errors='replace').strip()}")
    try:
        yield folder
    finally:
        subprocess.run([umount, "--lazy", str(folder)], check=True)  # noqa: S603


def fill(disk: Path, *, but_bytes: int = 0) -> Path:
    """Leave only so many bytes free on a disk; return the file that has the rest."""
    hog = disk / "hog"
    free = shutil.disk_usage(disk).free - but_bytes
    with hog.open("ab") as file:
        try:
            while free > 0:
                free -= file.write(bytes(min(free, 1 << 16)))
                file.flush()
        except OSError:
            pass
    return hog
