"""Starts bot processes quickly, by forking a process that has already imported all modules.

`python -m tests.wire.process_pool` reads one JSON object a line from stdin and forks a process for
each. It writes {"pid": …} when a process has started and {"pid": …, "status": …} when it has ended.
A forked process keeps only the imported modules: it runs its module as `python -m` does, and ends
like any Python process. When stdin ends, all forked processes are killed.
"""

from __future__ import annotations

import asyncio
import atexit
import ctypes
import functools
import importlib
import json
import os
import runpy
import select
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


class ForkedProcess:
    """A process that the process pool has forked, with the interface of an asyncio process."""

    def __init__(self, pid: int, ended: Future[int]) -> None:
        self.pid = pid
        self._ended = ended

    @property
    def returncode(self) -> int | None:
        """The exit code, or minus the number of the signal that ended the process.

        None while it runs.
        """
        return os.waitstatus_to_exitcode(self._ended.result()) if self._ended.done() else None

    async def wait(self) -> int:
        # Shield the future, so that a caller that stops waiting doesn't cancel it for other
        # callers.
        status = await asyncio.shield(asyncio.wrap_future(self._ended))
        return os.waitstatus_to_exitcode(status)

    def send_signal(self, number: int) -> None:
        if not self._ended.done():
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class ProcessPool:
    """Controls the process that forks others; `shared_pool()` returns this process's pool."""

    def __init__(self) -> None:
        environ = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "PYTHONWARNINGS": "ignore",
            # A fork copies only one thread, so keep the forking process single-threaded.
            "OPENBLAS_NUM_THREADS": "1",
        }
        self._process = subprocess.Popen(
            (sys.executable, "-m", "tests.wire.process_pool"),
            cwd=ROOT,
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._asked: deque[Future[ForkedProcess]] = deque()
        self._ended: dict[int, Future[int]] = {}
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    async def start(
        self,
        module: str,
        *words: str,
        folder: Path,
        environ: Mapping[str, str],
        out: Path,
        err: Path,
    ) -> ForkedProcess:
        """Run `python -m module …words` in `folder` with exactly the environment `environ`.

        out, err  the files to which the process's standard output and standard error are appended.
        """
        told = {"folder": str(folder), "out": str(out), "err": str(err)}
        command = {"module": module, "words": words, "environ": dict(environ), **told}
        started: Future[ForkedProcess] = Future()
        self._asked.append(started)
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command).encode() + b"\n")
        self._process.stdin.flush()
        return await asyncio.wrap_future(started)

    def close(self) -> None:
        """End the forking process and all processes that it has forked."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._reader.join()
        self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            told = json.loads(line)
            pid = told["pid"]
            if "status" in told:
                self._ended.pop(pid).set_result(told["status"])
            else:
                self._ended[pid] = ended = Future()
                self._asked.popleft().set_result(ForkedProcess(pid, ended))
        for each in (*self._asked, *self._ended.values()):
            each.set_exception(RuntimeError("the process pool is gone"))


@functools.cache
def shared_pool() -> ProcessPool:
    """Return this process's pool, which is created at the first call and closed at exit."""
    pool = ProcessPool()
    atexit.register(pool.close)
    return pool


def _serve() -> dict[str, Any]:
    """Fork a process for each JSON object on stdin; in the new process, return the object.

    The forking process itself exits when stdin ends.
    """
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake)
    rest = b""
    while True:
        ready, _, _ = select.select([0, woken], [], [])
        if woken in ready:
            os.read(woken, 4096)
            _tell_ended()
        if 0 not in ready:
            continue
        if not (more := os.read(0, 1 << 16)):
            sys.exit()
        *lines, rest = (rest + more).split(b"\n")
        for line in lines:
            if (pid := os.fork()) == 0:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                os.close(woken)
                os.close(wake)
                return json.loads(line)
            _tell(pid=pid)


def _tell_ended() -> None:
    with suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            _tell(pid=ended[0], status=ended[1])


def _tell(**fields: int) -> None:
    os.write(1, json.dumps(fields).encode() + b"\n")


def _become(command: dict[str, Any]) -> None:
    """Remove the forking process's environment and files from a forked process; run its module."""
    die_with_parent()
    os.environ.clear()
    os.environ.update(command["environ"])
    os.chdir(command["folder"])
    nothing = os.open(os.devnull, os.O_RDONLY)
    out, err = (
        os.open(command[name], os.O_WRONLY | os.O_CREAT | os.O_APPEND) for name in ("out", "err")
    )
    for here, there in ((nothing, 0), (out, 1), (err, 2)):
        os.dup2(here, there)
        os.close(here)
    sys.argv[1:] = command["words"]
    runpy.run_module(command["module"], run_name="__main__", alter_sys=True)


def die_with_parent() -> None:
    """Have Linux kill this process when its parent dies, so that no bot outlives killed tests."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def _import_all() -> None:
    for name in ("bot.__main__", "tests.wire.killable"):
        importlib.import_module(name)


if __name__ == "__main__":
    die_with_parent()
    _import_all()
    _become(_serve())
