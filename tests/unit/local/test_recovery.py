from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from pathlib import Path

import psutil

from bot.clock import SystemClock
from bot.providers.base import RenderState
from bot.providers.vendors.local import LocalProvider
from tests.unit.local.orders import endless, order, renderers, until

PARENT = """
import asyncio, pathlib, sys
from bot.clock import SystemClock
from bot.providers.base import RenderState
from bot.providers.vendors.local import LocalProvider
from tests.unit.local.orders import endless, until

async def main():
    provider = LocalProvider(pathlib.Path(sys.argv[1]), SystemClock())
    remote = await provider.submit(endless())
    await until(provider, remote.id, RenderState.RUNNING)
    print("running", flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


async def test_a_render_left_behind_is_started_again_by_the_next_poll(tmp_path: Path):
    first = LocalProvider(tmp_path, SystemClock())
    whole = await first.submit(order("AA"))
    await until(first, whole.id, RenderState.READY)
    left = await first.submit(order("BB"))
    await first.close()
    (tmp_path / left.id / "clip.mp4.99999.part").write_bytes(b"half a clip")

    second = LocalProvider(tmp_path, SystemClock())
    try:
        await until(second, left.id, RenderState.READY)
    finally:
        await second.close()
    assert {p.name for p in (tmp_path / left.id).iterdir()} == {"order.json", "clip.mp4"}
    clips = [(tmp_path / i / "clip.mp4").read_bytes() for i in (whole.id, left.id)]
    assert clips[0] == clips[1]


async def test_polls_that_race_start_a_render_once(tmp_path: Path):
    first = LocalProvider(tmp_path, SystemClock())
    left = await first.submit(endless())
    await first.close()

    second = LocalProvider(tmp_path, SystemClock(), max_concurrent=4)
    try:
        await asyncio.gather(*(second.poll([left.id]) for _ in range(8)))
        await until(second, left.id, RenderState.RUNNING)
        assert len(renderers()) == 1
    finally:
        await second.close()


async def test_a_renderer_that_crashes_is_tried_twice_and_then_the_render_failed(tmp_path: Path):
    tries = tmp_path / "tries"
    crash = f"open({str(tries)!r}, 'a').write('x'); raise SystemExit('out of paint')"
    provider = LocalProvider(
        tmp_path / "renders", SystemClock(), command=(sys.executable, "-c", crash)
    )
    try:
        remote = await provider.submit(order())
        failed = await until(provider, remote.id, RenderState.FAILED)
        assert "out of paint" in str(failed.error)
        await provider.poll([remote.id])
    finally:
        await provider.close()
    assert tries.read_text() == "xx"


async def test_a_renderer_that_says_it_is_done_but_made_no_file_failed(tmp_path: Path):
    command = (sys.executable, "-c", "print('{\"progress\": 99}')")
    provider = LocalProvider(tmp_path, SystemClock(), command=command)
    try:
        remote = await provider.submit(order())
        assert (await until(provider, remote.id, RenderState.FAILED)).error is not None
    finally:
        await provider.close()


async def test_a_renderer_that_hangs_is_killed_when_its_time_is_up(tmp_path: Path):
    command = (sys.executable, "-c", "import time; time.sleep(600)")
    provider = LocalProvider(tmp_path, SystemClock(), command=command, time_limit_s=0.3)
    try:
        remote = await provider.submit(order())
        failed = await until(provider, remote.id, RenderState.FAILED)
        assert "took more than" in str(failed.error)
        assert psutil.Process().children() == []
    finally:
        await provider.close()


async def test_a_chatty_renderer_neither_hangs_nor_confuses_the_provider(tmp_path: Path):
    chatter = (
        "import sys; print('x' * 200000); print('[]'); print('{\"progress\": \"no\"}');"
        "sys.stderr.write('y' * 300000); sys.exit(2)"
    )
    provider = LocalProvider(tmp_path, SystemClock(), command=(sys.executable, "-c", chatter))
    try:
        remote = await provider.submit(order())
        assert (await until(provider, remote.id, RenderState.FAILED)).error is not None
    finally:
        await provider.close()


async def test_the_renderer_does_not_outlive_a_parent_that_was_killed(tmp_path: Path):
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    assert (await parent.stdout.readline()).strip() == b"running"
    (child,) = renderers(parent.pid)

    parent.send_signal(signal.SIGKILL)
    await parent.wait()

    ends = time.monotonic() + 10
    while child.is_running() and child.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < ends, "the renderer lives on"
        await asyncio.sleep(0.05)


async def test_the_renderer_sees_none_of_the_bots_environment(tmp_path: Path):
    seen = tmp_path / "environment"
    spy = f"import os, json; open({str(seen)!r}, 'w').write(json.dumps(sorted(os.environ)))"
    provider = LocalProvider(
        tmp_path / "renders", SystemClock(), command=(sys.executable, "-c", spy)
    )
    try:
        remote = await provider.submit(order())
        await until(provider, remote.id, RenderState.FAILED)
    finally:
        await provider.close()
    names = set(json.loads(seen.read_text()))
    assert names <= {
        "PATH", "PYTHONPATH", "PYTHONUTF8", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS",
        "LC_CTYPE", "__CF_USER_TEXT_ENCODING",
    }  # fmt: skip


async def test_the_renderer_gives_way_to_the_bot_and_has_a_memory_limit(tmp_path: Path):
    provider = LocalProvider(tmp_path, SystemClock())
    try:
        remote = await provider.submit(endless())
        await until(provider, remote.id, RenderState.RUNNING)
        ends = time.monotonic() + 20
        while not (found := renderers()) or found[0].rlimit(psutil.RLIMIT_AS)[0] < 0:
            assert time.monotonic() < ends, "no limit"
            await asyncio.sleep(0.05)
        assert found[0].nice() == 10
        assert found[0].rlimit(psutil.RLIMIT_AS)[0] <= 3 * 1024**3
    finally:
        await provider.close()
