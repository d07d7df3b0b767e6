"""Measures a bot's memory while it posts four 40 MiB clips, beside a bot that reads whole files."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.bot_log import print_warnings
from benchmarks.figures import heading, table, verdict
from benchmarks.processes import DiscordProcess, bare_bot, discord_process, sorabot
from tests.wire.clips import make_clip
from tests.wire.videos_api import VideosApi

_MIB = 2**20
_LIMIT_MB = 25.0
_CLIPS = 4
_SAMPLE_S = 0.02
_WITHIN_S = 120.0
#: Sorabot with the environment variable that the container image sets: at most two glibc heaps.
_AS_IMAGE = "ours, MALLOC_ARENA_MAX=2"
_HELD = "clips held in memory"


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryConfig:
    """How much is measured: four clips of `clip_bytes` a round, after a pause of `settle_s`."""

    rounds: int = 4
    clip_bytes: int = 40 * _MIB
    small_bytes: int = _MIB
    settle_s: float = 2.0
    ready_after_s: float = 2.0
    #: Bots measured at a time.
    at_once: int = 1


@dataclass(slots=True)
class MemoryGauge:
    """Resident memory of a process before and at its peak, in MB (10⁶ bytes)."""

    pid: int
    idle_mb: float = 0.0
    peak_mb: float = 0.0

    @contextlib.asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Sample the process's memory every 20 ms while the block runs, and keep the peak."""
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


async def run(config: MemoryConfig) -> None:
    """Measure and print."""
    size_mib = config.clip_bytes / _MIB
    heading(f"Memory while {_CLIPS} clips of {size_mib:.0f} MiB are downloaded and posted")
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        folder = Path(name)
        large, small = folder / "large.mp4", folder / "small.mp4"
        await asyncio.to_thread(make_clip, large, pad_to_bytes=config.clip_bytes)
        await asyncio.to_thread(make_clip, small, pad_to_bytes=config.small_bytes)
        turns = asyncio.Semaphore(config.at_once)
        kinds = {
            "ours": _ours(turns, config, folder / "ours", large),
            _AS_IMAGE: _ours(turns, config, folder / "image", large, MALLOC_ARENA_MAX="2"),
            "ours, small clips": _ours(turns, config, folder / "small", small),
            _HELD: _bare(turns, config, folder / "bare", large),
        }
        async with asyncio.TaskGroup() as group:
            tasks = {kind: group.create_task(measured) for kind, measured in kinds.items()}
    _print({kind: task.result() for kind, task in tasks.items()})


async def _ours(
    slots: asyncio.Semaphore, config: MemoryConfig, folder: Path, clip: Path, **more: str
) -> list[MemoryGauge]:
    async with (
        slots,
        VideosApi(content=clip, ready_after_s=config.ready_after_s, poll_after_ms=500) as api,
        discord_process() as discord,
        sorabot(folder, discord, _api_variables(api), **more) as bot,
    ):
        gauges = await _measure(config, discord, bot.pid, "sora generate")
        print_warnings(bot)
        return gauges


async def _bare(
    slots: asyncio.Semaphore, config: MemoryConfig, folder: Path, clip: Path
) -> list[MemoryGauge]:
    async with (
        slots,
        VideosApi(content=clip, ready_after_s=config.ready_after_s) as api,
        discord_process() as discord,
        bare_bot(folder, discord, _api_variables(api)) as bot,
    ):
        return await _measure(config, discord, bot.pid, "clips")


def _api_variables(api: VideosApi) -> dict[str, str]:
    return {"OPENAI_API_KEY": api.key, "OPENAI_BASE_URL": api.base_url}


async def _measure(
    config: MemoryConfig, discord: DiscordProcess, pid: int, command: str
) -> list[MemoryGauge]:
    """Request four clips in each round; return the memory of the bot in each round."""
    await discord.send_command("set", upload_limit_bytes=config.clip_bytes + _MIB)
    options = {"prompt": "a calico cat", "count": _CLIPS} if " " in command else {}
    gauges: list[MemoryGauge] = []
    for number in range(1, config.rounds + 1):
        gauge = MemoryGauge(pid)
        await asyncio.sleep(config.settle_s)
        async with gauge.watching():
            await discord.send_command(
                "slash", user="alice", channel="clips", command=command, options=options
            )
            await _posted(discord, number * _CLIPS)
        gauges.append(gauge)
    return gauges


async def _posted(discord: DiscordProcess, wanted: int) -> None:
    give_up_s = time.monotonic() + _WITHIN_S
    while time.monotonic() < give_up_s:
        posts = (await discord.send_command("posts", channel="clips"))["posts"]
        if sum(len(post["attachments"]) for post in posts) >= wanted:
            return
        await asyncio.sleep(0.2)
    raise RuntimeError(f"{wanted} clips were not posted within {_WITHIN_S:.0f} s")


def _print(kinds: Mapping[str, Sequence[MemoryGauge]]) -> None:
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


def _worst_mb(gauges: Sequence[MemoryGauge]) -> float:
    return max(_growth_mb(gauge, gauges) for gauge in gauges)


def _growth_mb(gauge: MemoryGauge, gauges: Sequence[MemoryGauge]) -> float:
    return gauge.peak_mb - gauges[0].idle_mb
