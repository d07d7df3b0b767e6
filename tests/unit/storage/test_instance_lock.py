"""A second bot process on the same database is refused; the processes are real."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bot.errors import StorageError
from bot.storage.instance_lock import InstanceLock

#: Holds the guard, starts a child that outlives it, says so, and waits to be ended.
_HOLDER = """
import pathlib, subprocess, sys, time
from bot.storage.instance_lock import InstanceLock
lock = InstanceLock.acquire(pathlib.Path(sys.argv[1]))
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(child.pid, flush=True)
time.sleep(60)
"""


@contextmanager
def lock_holder(database: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a process that holds the instance lock and has a child process."""
    process = subprocess.Popen(  # noqa: S603 - our own words
        [sys.executable, "-c", _HOLDER, str(database)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    with process.stdout:
        child = int(process.stdout.readline())
        try:
            yield process
        finally:
            process.kill()
            process.wait()
            os.kill(child, signal.SIGKILL)


def test_a_second_process_is_refused_with_a_sentence_that_names_the_first(tmp_path: Path) -> None:
    database = tmp_path / "sorabot.db"
    with lock_holder(database) as first:
        with pytest.raises(
            StorageError, match=rf"runs on .*sorabot.db already \(process {first.pid}\)"
        ):
            InstanceLock.acquire(database)
        assert InstanceLock.is_held(database)


def test_a_killed_process_lets_go_though_its_child_lives_on(tmp_path: Path) -> None:
    database = tmp_path / "sorabot.db"
    with lock_holder(database) as first:
        first.kill()
        first.wait()
        InstanceLock.acquire(database).release()


def test_it_is_free_again_after_a_release_and_twice_is_harmless(tmp_path: Path) -> None:
    instance_lock = InstanceLock.acquire(tmp_path / "sorabot.db")
    with pytest.raises(StorageError):
        InstanceLock.acquire(tmp_path / "sorabot.db")
    instance_lock.release()
    instance_lock.release()
    assert not InstanceLock.is_held(tmp_path / "sorabot.db")
    InstanceLock.acquire(tmp_path / "sorabot.db").release()


def test_two_databases_are_two_bots(tmp_path: Path) -> None:
    guards = [InstanceLock.acquire(tmp_path / name / "sorabot.db") for name in ("a", "b")]
    for instance_lock in guards:
        instance_lock.release()


def test_a_look_at_nothing_makes_no_file(tmp_path: Path) -> None:
    assert not InstanceLock.is_held(tmp_path / "sorabot.db")
    assert list(tmp_path.iterdir()) == []


def test_where_there_can_be_no_file_it_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot lock"):
        InstanceLock.acquire(tmp_path / "file" / "sorabot.db")
    (tmp_path / "sorabot.db.lock").mkdir()
    with pytest.raises(StorageError, match="cannot lock"):
        InstanceLock.acquire(tmp_path / "sorabot.db")


def test_the_note_of_who_it_is_is_private(tmp_path: Path) -> None:
    InstanceLock.acquire(tmp_path / "sorabot.db").release()
    assert (tmp_path / "sorabot.db.lock").stat().st_mode & 0o777 == 0o600
