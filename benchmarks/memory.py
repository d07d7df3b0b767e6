"""Memory while four 40 MiB clips are downloaded and posted, beside a bot that holds them whole."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """How much is measured: so many times four clips of so many bytes, after a pause."""

    rounds: int = 4
    clip_bytes: int = 40 * _MIB
    small_bytes: int = _MIB
    settle_s: float = 2.0


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
        ours = await _ours(course, folder / "ours", large)
        ours_small = await _ours(course, folder / "small", small)
        bare = await _bare(course, folder / "bare", large)
    _print(ours, ours_small, bare)


async def _ours(course: Course, folder: Path, clip: Path) -> list[Gauge]:
    async with (
        VideosApi(content=clip, ready_after_s=2, poll_after_ms=500) as api,
        discord_process() as discord,
        sorabot(folder, discord, _way_to(api)) as bot,
    ):
        gauges = await _measure(course, discord, bot.pid, "sora generate")
        complain(bot)
        return gauges


async def _bare(course: Course, folder: Path, clip: Path) -> list[Gauge]:
    async with (
        VideosApi(content=clip, ready_after_s=2) as api,
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
        if sum(1 for post in posts if post["attachments"]) >= wanted:
            return
        await asyncio.sleep(0.2)
    raise RuntimeError(f"{wanted} clips were not posted within {_WITHIN_S:.0f} s")


def _print(ours: Sequence[Gauge], small: Sequence[Gauge], bare: Sequence[Gauge]) -> None:
    kinds = (("ours", ours), ("ours, small clips", small), ("clips held in memory", bare))
    rows: list[Sequence[object]] = []
    for name, gauges in kinds:
        growth = [f"{_growth_mb(gauge, gauges):.1f}" for gauge in gauges]
        rows.append((name, gauges[0].idle_mb, *growth))
    titles = [f"time {number}" for number in range(1, len(ours) + 1)]
    table(["peak - idle, MB", "idle MB", *titles], rows)
    worst_mb = max(_growth_mb(gauge, ours) for gauge in ours)
    worst_bare_mb = max(_growth_mb(gauge, bare) for gauge in bare)
    print(f"ours ÷ clips held in memory: {worst_mb / worst_bare_mb:.2f} ×")
    verdict(
        f"peak - idle ≤ {_LIMIT_MB:.0f} MB, idle being before the first clip ever",
        is_met=worst_mb <= _LIMIT_MB,
        found=f"{worst_mb:.1f} MB",
    )


def _growth_mb(gauge: Gauge, gauges: Sequence[Gauge]) -> float:
    return gauge.peak_mb - gauges[0].idle_mb
