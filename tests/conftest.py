"""How tests are run: where their files are, and which begin first."""

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

_MEMORY = Path("/dev/shm")  # noqa: S108 - the folders within it have names of their own
_MIN_FREE_BYTES = 1 << 30
_ROOT = Path(__file__).parents[1]
#: From this many test files on, the workers share the compiling.
_MANY_FILES = 50
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
    Compiled modules are kept: hundreds of processes start, and each would compile the bot anew.
    """
    if "TMPDIR" not in os.environ and _has_free_space(_MEMORY):
        os.environ["TMPDIR"] = str(_MEMORY)
        tempfile.tempdir = None
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False


def pytest_collection(session: pytest.Session) -> None:
    """Let each worker import another part of the test files first.

    In a fresh checkout they are compiled then, which takes longer than all else of the collection:
    each worker finds what the others compiled meanwhile.
    """
    count = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    files = _files(session.config)
    if count == 1 or len(files) < _MANY_FILES:
        return
    turn = int(os.environ["PYTEST_XDIST_WORKER"].removeprefix("gw")) * len(files) // count
    for path in files[turn:] + files[:turn]:
        # What is wrong with a file, the collection tells.
        with contextlib.suppress(Exception):
            importlib.import_module(".".join(path.relative_to(_ROOT).with_suffix("").parts))


def pytest_collection_finish() -> None:
    """Spare the garbage collector what lives to the end: functions, and items by the thousand."""
    gc.collect()
    gc.freeze()


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


def _files(config: pytest.Config) -> list[Path]:
    paths = [config.invocation_params.dir / arg.partition("::")[0] for arg in config.args]
    return sorted({file for path in paths for file in path.rglob("test_*.py")})


def _has_free_space(folder: Path) -> bool:
    is_ours = folder.is_dir() and os.access(folder, os.W_OK)
    return is_ours and shutil.disk_usage(folder).free > _MIN_FREE_BYTES
