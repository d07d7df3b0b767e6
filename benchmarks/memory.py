"""Memory while four 40 MiB clips are downloaded and posted, beside a bot that holds them whole."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.botlog import complain
from benchmarks.figures import heading, table, verdict
from benchmarks.stage import Discord, bare_bot, discord_process, sorabot
from tests.wire.clips import make_clip
from tests.wire.videos_api import VideosApi

_MIB = 2**20
_LIMIT_MB = 25.0
_CLIPS = 4
_SAMPLE_S = 0.02
_WITHIN_S = 120.0
#: The container image sets it: glibc keeps memory in no more than two arenas.
_AS_IMAGE = "ours, MALLOC_ARENA_MAX=2"
_HELD = "clips held in memory"


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """How much is measured: so many times four clips of so many bytes, after a pause."""

    rounds: int = 4
    clip_bytes: int = 40 * _MIB
    small_bytes: int = _MIB
    settle_s: float = 2.0
    ready_after_s: float = 2.0
    #: Bots measured at a time.
    at_once: int = 1


@dataclass(slots=True)
class Gauge:
    """Resident memory of a process, read from outside; in MB (10⁶ bytes)."""

    pid: int
    idle_mb: float = 0.0
    peak_mb: float = 0.0

    @contextlib.asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Keep the peak of what is read every 20 ms while the block runs."""
        process = psutil.Process(self.pid)
        self.peak_mb = self.idle_mb = process.memory_info().rss / 1e6

        async def watch() -> None:
            while True:
                self.peak_mb = max(self.peak_mb, process.memory_info().rss / 1e6)
                await asyncio.sleep(_SAMPLE_S)

        task = asyncio.create_task(watch())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def run(course: Course) -> None:
    """Measure and print."""
    size_mib = course.clip_bytes / _MIB
    heading(f"Memory while {_CLIPS} clips of {size_mib:.0f} MiB are downloaded and posted")
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        folder = Path(name)
        large, small = folder / "large.mp4", folder / "small.mp4"
        await asyncio.to_thread(make_clip, large, pad_to_bytes=course.clip_bytes)
        await asyncio.to_thread(make_clip, small, pad_to_bytes=course.small_bytes)
        turns = asyncio.Semaphore(course.at_once)
        kinds = {
            "ours": _ours(turns, course, folder / "ours", large),
            _AS_IMAGE: _ours(turns, course, folder / "image", large, MALLOC_ARENA_MAX="2"),
            "ours, small clips": _ours(turns, course, folder / "small", small),
            _HELD: _bare(turns, course, folder / "bare", large),
        }
        async with asyncio.TaskGroup() as group:
            tasks = {kind: group.create_task(measured) for kind, measured in kinds.items()}
    _print({kind: task.result() for kind, task in tasks.items()})


async def _ours(
    turns: asyncio.Semaphore, course: Course, folder: Path, clip: Path, **more: str
) -> list[Gauge]:
    async with (
        turns,
        VideosApi(content=clip, ready_after_s=course.ready_after_s, poll_after_ms=500) as api,
        discord_process() as discord,
        sorabot(folder, discord, _way_to(api), **more) as bot,
    ):
        gauges = await _measure(course, discord, bot.pid, "sora generate")
        complain(bot)
        return gauges


async def _bare(turns: asyncio.Semaphore, course: Course, folder: Path, clip: Path) -> list[Gauge]:
    async with (
        turns,
        VideosApi(content=clip, ready_after_s=course.ready_after_s) as api,
        discord_process() as discord,
        bare_bot(folder, discord, _way_to(api)) as bot,
    ):
        return await _measure(course, discord, bot.pid, "clips")


def _way_to(api: VideosApi) -> dict[str, str]:
    return {"OPENAI_API_KEY": api.key, "OPENAI_BASE_URL": api.base_url}


async def _measure(course: Course, discord: Discord, pid: int, command: str) -> list[Gauge]:
    """Have four clips made again and again, and return what each round took."""
    await discord.ask("set", upload_limit_bytes=course.clip_bytes + _MIB)
    options = {"prompt": "a calico cat", "count": _CLIPS} if " " in command else {}
    gauges: list[Gauge] = []
    for number in range(1, course.rounds + 1):
        gauge = Gauge(pid)
        await asyncio.sleep(course.settle_s)
        async with gauge.watching():
            await discord.ask(
                "slash", user="alice", channel="clips", command=command, options=options
            )
            await _posted(discord, number * _CLIPS)
        gauges.append(gauge)
    return gauges


async def _posted(discord: Discord, wanted: int) -> None:
    give_up_s = time.monotonic() + _WITHIN_S
    while time.monotonic() < give_up_s:
        posts = (await discord.ask("posts", channel="clips"))["posts"]
        if sum(len(post["attachments"]) for post in posts) >= wanted:
            return
        await asyncio.sleep(0.2)
    raise RuntimeError(f"{wanted} clips were not posted within {_WITHIN_S:.0f} s")


def _print(kinds: Mapping[str, Sequence[Gauge]]) -> None:
    rows: list[Sequence[object]] = []
    for name, gauges in kinds.items():
        growth = [f"{_growth_mb(gauge, gauges):.1f}" for gauge in gauges]
        rows.append((name, gauges[0].idle_mb, *growth))
    titles = [f"time {number}" for number in range(1, len(rows[0]) - 1)]
    table(["peak - idle, MB", "idle MB", *titles], rows)
    held_mb = _worst_mb(kinds[_HELD])
    for name in ("ours", _AS_IMAGE):
        worst_mb = _worst_mb(kinds[name])
        verdict(
            f"{name}: peak - idle ≤ {_LIMIT_MB:.0f} MB, idle being before the first clip ever",
            is_met=worst_mb <= _LIMIT_MB,
            found=f"{worst_mb:.1f} MB, {worst_mb / held_mb:.2f} × {_HELD}",
        )


def _worst_mb(gauges: Sequence[Gauge]) -> float:
    return max(_growth_mb(gauge, gauges) for gauge in gauges)


def _growth_mb(gauge: Gauge, gauges: Sequence[Gauge]) -> float:
    return gauge.peak_mb - gauges[0].idle_mb
