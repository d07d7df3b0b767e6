"""Settings of the test run: where temporary files are, and in which order tests start."""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

_MEMORY = Path("/dev/shm")  # noqa: S108 - tempfile gives the folders in /dev/shm random names
_MIN_FREE_BYTES = 1 << 30
_ROOT = Path(__file__).parents[1]
#: From this number of test files on, the pytest workers divide the compiling of modules.
_MANY_FILES = 50
#: Tests in this order of start, longest first: a long test started last would run alone at the end.
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
    """Keep temporary files in memory if there is enough space, unless TMPDIR is set.

    A database commit on a disk waits for the disk. Waiting protects data in a power cut, which no
    test simulates. Writing of compiled modules is switched on, because tests start hundreds of
    processes and each would compile the bot's modules again.
    """
    if "TMPDIR" not in os.environ and _has_free_space(_MEMORY):
        os.environ["TMPDIR"] = str(_MEMORY)
        tempfile.tempdir = None
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False


def pytest_collection(session: pytest.Session) -> None:
    """Have each pytest worker import a different part of the test files first.

    In a fresh checkout an import compiles the file, which takes most of the time of the collection.
    This way each worker later finds the files that the other workers have compiled.
    """
    count = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    files = _files(session.config)
    if count == 1 or len(files) < _MANY_FILES:
        return
    turn = int(os.environ["PYTEST_XDIST_WORKER"].removeprefix("gw")) * len(files) // count
    for path in files[turn:] + files[:turn]:
        # Ignore an error in a test file here: pytest's own collection reports the error.
        with contextlib.suppress(Exception):
            importlib.import_module(".".join(path.relative_to(_ROOT).with_suffix("").parts))


def pytest_collection_finish() -> None:
    """Exclude all present objects from garbage collection: they live until the tests end."""
    gc.collect()
    gc.freeze()


def pytest_xdist_auto_num_workers() -> int:
    """Run two more pytest workers than there are cores, because tests wait half of the time."""
    return (os.cpu_count() or 1) + 2


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the long tests."""
    items.sort(
        key=lambda item: next(
            turn for turn, start in enumerate(FIRST) if item.nodeid.startswith(start)
        )
    )


def _files(config: pytest.Config) -> list[Path]:
    paths = [config.invocation_params.dir / arg.partition("::")[0] for arg in config.args]
    return sorted({file for path in paths for file in path.rglob("test_*.py")})


def _has_free_space(folder: Path) -> bool:
    is_ours = folder.is_dir() and os.access(folder, os.W_OK)
    return is_ours and shutil.disk_usage(folder).free > _MIN_FREE_BYTES
