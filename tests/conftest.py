"""How tests are run: where their files are, and which begin first."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

_MEMORY = Path("/dev/shm")  # noqa: S108 - the folders within it have names of their own
_MIN_FREE_BYTES = 1 << 30
#: What takes long, the longest first: with one of these begun last, one worker would be left alone.
FIRST = (
    "tests/simulation/test_seeds.py",
    "tests/simulation/test_outage.py",
    "tests/wire/test_sandbox_page.py",
    "tests/wire/test_faults.py",
    "tests/wire/test_kill.py",
    "tests/wire/test_disk.py",
    "tests/wire/test_client_process.py",
    "tests/unit/test_benchmarks_load.py",
    "tests/wire/",
    "tests/simulation/",
    "",
)


def pytest_configure() -> None:
    """Keep the tests' files in memory where there is room for them; TMPDIR keeps its say.

    A commit waits for the disk, which only a power cut could tell, and none is tested.
    """
    if "TMPDIR" not in os.environ and _has_free_space(_MEMORY):
        os.environ["TMPDIR"] = str(_MEMORY)
        tempfile.tempdir = None


def pytest_xdist_auto_num_workers() -> int:
    """Run two more at once than there are cores: half the time, tests wait."""
    return (os.cpu_count() or 1) + 2


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the long tests."""
    items.sort(
        key=lambda item: next(
            turn for turn, start in enumerate(FIRST) if item.nodeid.startswith(start)
        )
    )


def _has_free_space(folder: Path) -> bool:
    is_ours = folder.is_dir() and os.access(folder, os.W_OK)
    return is_ours and shutil.disk_usage(folder).free > _MIN_FREE_BYTES
