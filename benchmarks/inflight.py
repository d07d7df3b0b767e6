"""Measures CPU time and memory of a bot process with 10,000 open jobs, beside one with none."""

from __future__ import annotations

import asyncio
import re
import socket
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil

from benchmarks.bot_log import jobs_by_state, print_warnings
from benchmarks.figures import heading, table, verdict
from benchmarks.open_jobs import OpenJobs, OpenJobsApi, seed
from benchmarks.processes import sorabot_variables
from tests.wire.bot_process import BotProcess, bot_process
from tests.wire.discord_double import LoopbackDiscord

_CORE_PERCENT, _MEMORY_MB, _STALL_MS = 25.0, 200.0, 50.0
_EDIT = ("PATCH", "/channels/{channel}/messages/{message}")
_BUCKET = re.compile(r'^sora_loop_lag_seconds_bucket\{le="([^"]+)"\} (\S+)$', re.MULTILINE)
#: The highest number of jobs that a provider's setting for concurrent jobs allows.
_SLOTS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class InFlightConfig:
    """How much is measured: each number of open jobs for `watch_s`, after a pause of `settle_s`."""

    loads: Sequence[OpenJobs] = field(
        default_factory=lambda: (
            OpenJobs(rendering=0),
            OpenJobs(rendering=1_000),
            OpenJobs(rendering=1_000, queued=9_000),
            OpenJobs(rendering=10_000),
        )
    )
    settle_s: float = 30.0
    watch_s: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadCost:
    """CPU time, memory and requests of the bot process with one number of open jobs."""

    open_jobs: OpenJobs
    ready_s: float
    core_percent: float
    memory_mb: float
    pages_per_s: float
    #: Mean time between two polls of the same render; 0 without renders.
    heard_every_s: float
    edits_per_s: float
    #: The longest delay of the event loop, as the upper bound of its histogram bucket.
    stall_ms: float


async def run(config: InFlightConfig) -> None:
    """Measure and print."""
    heading("Thousands of jobs in flight")
    costs = [await _cost(config, open_jobs) for open_jobs in config.loads]
    print(f"Watched for {config.watch_s:.0f} s each, after {config.settle_s:.0f} s.\n")
    _print(costs)
    for cost in costs:
        _judge(cost)


async def _cost(config: InFlightConfig, open_jobs: OpenJobs) -> LoadCost:
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        folder, api = Path(name), OpenJobsApi(open_jobs)
        async with LoopbackDiscord() as discord, api:
            await seed(folder / "data" / "sorabot.db", discord.world, open_jobs)
            port = _free_port()
            place = {
                "DISCORD_TOKEN": discord.token,
                "DISCORD_API_URL": discord.api_url,
                "DISCORD_GATEWAY_URL": discord.gateway_url,
                "OPENAI_API_KEY": api.key,
                "OPENAI_BASE_URL": api.base_url,
                # All provider slots are taken, so queued jobs stay queued.
                "OPENAI_MAX_CONCURRENT": str(max(1, min(open_jobs.rendering, _SLOTS))),
                "HTTP_BIND": f"127.0.0.1:{port}",
            }
            started_s = time.monotonic()
            async with bot_process(folder, sorabot_variables(place)) as bot:
                await discord.ready(120)
                ready_s = time.monotonic() - started_s
                await asyncio.sleep(config.settle_s)
                cost = await _watched(config, open_jobs, (discord, api, bot), port, ready_s)
                print(
                    f"{open_jobs.rendering} + {open_jobs.queued}: {jobs_by_state(folder)}",
                    flush=True,
                )
                print_warnings(bot)
                return cost


async def _watched(
    config: InFlightConfig,
    open_jobs: OpenJobs,
    parts: tuple[LoopbackDiscord, OpenJobsApi, BotProcess],
    port: int,
    ready_s: float,
) -> LoadCost:
    discord, api, bot = parts
    process = psutil.Process(bot.pid)
    lag = await _lag(port)
    edits, told, pages = len(discord.called(*_EDIT)), api.told, api.requests["list"]
    used_s, began_s = _used_s(process), time.monotonic()
    peak_mb = 0.0
    while (left_s := began_s + config.watch_s - time.monotonic()) > 0:
        await asyncio.sleep(min(1.0, left_s))
        peak_mb = max(peak_mb, process.memory_info().rss / 1e6)
    took_s = time.monotonic() - began_s
    heard = (api.told - told) / took_s
    return LoadCost(
        open_jobs=open_jobs,
        ready_s=ready_s,
        core_percent=100 * (_used_s(process) - used_s) / took_s,
        memory_mb=peak_mb,
        pages_per_s=(api.requests["list"] - pages) / took_s,
        heard_every_s=open_jobs.rendering / heard if heard else 0.0,
        edits_per_s=(len(discord.called(*_EDIT)) - edits) / took_s,
        stall_ms=1000 * _worst_s(lag, await _lag(port)),
    )


def _used_s(process: psutil.Process) -> float:
    return sum(process.cpu_times()[:2])


async def _lag(port: int) -> Mapping[float, float]:
    """Return the event loop's lag histogram: upper bound in seconds → number of lags up to that."""
    async with httpx.AsyncClient(timeout=30) as client:
        page = (await client.get(f"http://127.0.0.1:{port}/metrics")).text
    return {float(edge): float(count) for edge, count in _BUCKET.findall(page)}


def _worst_s(before: Mapping[float, float], after: Mapping[float, float]) -> float:
    """Return the upper bound of the highest histogram bucket that grew between two readings."""
    counts = {edge: after[edge] - before.get(edge, 0.0) for edge in sorted(after)}
    most = max(counts.values(), default=0.0)
    return next((edge for edge, count in counts.items() if count >= most), sys.float_info.max)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _print(costs: Sequence[LoadCost]) -> None:
    titles = ["% of a core", "MB", "to READY s", "pages/s", "heard of every s", "edits/s"]
    rows: list[Sequence[object]] = [
        (
            _name(cost.open_jobs),
            cost.core_percent,
            cost.memory_mb,
            cost.ready_s,
            cost.pages_per_s,
            cost.heard_every_s,
            cost.edits_per_s,
            f"≤ {cost.stall_ms:.0f}",
        )
        for cost in costs
    ]
    table(["jobs", *titles, "loop late by ms"], rows)


def _name(open_jobs: OpenJobs) -> str:
    if not open_jobs.jobs:
        return "none (baseline)"
    return f"{open_jobs.rendering:,} rendering, {open_jobs.queued:,} queued"


def _judge(cost: LoadCost) -> None:
    verdict(
        f"{_name(cost.open_jobs)}: < {_CORE_PERCENT:.0f} % of a core and < {_MEMORY_MB:.0f} MB",
        is_met=cost.core_percent < _CORE_PERCENT and cost.memory_mb < _MEMORY_MB,
        found=f"{cost.core_percent:.0f} %, {cost.memory_mb:.0f} MB",
    )
    verdict(
        f"{_name(cost.open_jobs)}: the event loop is late by ≤ {_STALL_MS:.0f} ms",
        is_met=cost.stall_ms <= _STALL_MS,
        found=f"≤ {cost.stall_ms:.0f} ms",
    )
