"""Measures the time from a member's command to the bot's answer, beside a bare discord.py bot.

Both bots run all the time, each with its own simulated Discord. Short rounds alternate between the
two bots, so that other load on the machine affects both.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from benchmarks.bot_log import jobs_by_state, print_warnings
from benchmarks.figures import heading, quantiles, table, verdict
from benchmarks.processes import (
    DiscordProcess,
    api_process,
    bare_bot,
    discord_process,
    encoder,
    sorabot,
)
from tests.wire.bot_process import BotProcess
from tests.wire.clips import make_clip

_PER_S = 50
_MEMBERS = ("alice", "bob", "moderator", "owner")
_CHANNELS = ("general", "clips", "film-club", "general")
_PING, _QUOTA, _GENERATE = "ping", "sora quota", "sora generate"
_SETTLE_S = 5.0
_P99_TIMES, _P99_MS = 3.0, 250.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyConfig:
    """How much is measured: `rounds` × `commands` of each kind, sent at 50 commands a second.

    In the two phases around the encoder's start, fewer `/sora generate` are sent: together exactly
    as many as the provider has slots.
    """

    rounds: int = 4
    commands: int = 250
    #: How long the idle bot is measured: a multiple of ten seconds, the gap between two polls.
    rest_s: float = 20.0
    with_encoder: bool = True

    @property
    def early(self) -> int:
        """The number of `/sora generate` in each round before the encoder runs."""
        return self.commands * 3 // 5

    @property
    def slots(self) -> int:
        """The number of jobs that the provider accepts at the same time."""
        return self.rounds * self.commands


@dataclass(slots=True)
class LatencyMeasurement:
    """Two bots, each with its own simulated Discord, and the answer times by phase and command."""

    ours: DiscordProcess
    bare: DiscordProcess
    bot: BotProcess
    config: LatencyConfig
    found: defaultdict[tuple[str, str], list[float | None]] = field(
        default_factory=lambda: defaultdict(list)
    )

    async def send_commands(self, phase: str, commands: Mapping[str, int]) -> None:
        """Have members send each command as often as `commands` says, in every round."""
        for number in range(self.config.rounds):
            for command, count in commands.items():
                discord = self.bare if command == _PING else self.ours
                answer = await discord.send_command(
                    "slash",
                    user=_MEMBERS[number % len(_MEMBERS)],
                    channel=_CHANNELS[number % len(_CHANNELS)],
                    command=command,
                    options={"prompt": "a calico cat"} if command == _GENERATE else {},
                    count=count,
                    per_s=_PER_S,
                )
                self.found[phase, command] += answer["answered_after_s"]

    async def measure_idle(self, name: str) -> tuple[str, float, float]:
        """Return `name` and what the idle bot uses: per cent of a CPU core, and memory in MB."""
        process = psutil.Process(self.bot.pid)
        await asyncio.sleep(min(self.config.rest_s, _SETTLE_S))
        before_s, started_s = sum(process.cpu_times()[:2]), time.monotonic()
        await asyncio.sleep(self.config.rest_s)
        used_s = sum(process.cpu_times()[:2]) - before_s
        share = 100 * used_s / (time.monotonic() - started_s)
        return name, share, process.memory_info().rss / 1e6


async def run(config: LatencyConfig) -> None:
    """Measure and print."""
    heading(f"Command → answer, {_PER_S} commands a second")
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        folder = Path(name)
        clip = await asyncio.to_thread(make_clip, folder / "clip.mp4")
        async with AsyncExitStack() as stack:
            enter = stack.enter_async_context
            api = await enter(api_process(ready_after_s=3600, content=clip))
            ours, bare = await enter(discord_process()), await enter(discord_process())
            await enter(bare_bot(folder / "bare", bare))
            slots = str(config.slots)
            bot = await enter(sorabot(folder / "ours", ours, api, OPENAI_MAX_CONCURRENT=slots))
            stage = LatencyMeasurement(ours, bare, bot, config)
            await _phases(stack, stage, folder / "ours")
            print_warnings(bot)


async def _phases(stack: AsyncExitStack, measurement: LatencyMeasurement, folder: Path) -> None:
    config = measurement.config
    n, early, slots = config.commands, config.early, config.slots
    middle = early * config.rounds
    first, second = "no jobs", f"0 to {middle} jobs"
    third, fourth = f"{middle} to {slots} jobs", f"{slots} jobs and a queue"
    rest = [await measurement.measure_idle(first)]
    await measurement.send_commands(first, {_PING: n, _QUOTA: n})
    await measurement.send_commands(second, {_PING: n, _GENERATE: early})
    if config.with_encoder:
        await stack.enter_async_context(encoder())
    await measurement.send_commands(third, {_PING: n, _QUOTA: n, _GENERATE: n - early})
    rest.append(await measurement.measure_idle(f"{slots} jobs"))
    await measurement.send_commands(fourth, {_PING: n, _GENERATE: n, _QUOTA: n})
    rest.append(await measurement.measure_idle(fourth))
    _print_answers(measurement)
    print(f"{config.rounds} rounds of {n} commands each; jobs: {jobs_by_state(folder)}")
    encoding = "while x264 encodes" if config.with_encoder else "without an encoder"
    print(f'From "{third}" on {encoding}.\n')
    _judge(measurement, (third, fourth))
    table(["our bot while nobody types", "% of one core", "memory MB"], rest)


def _print_answers(measurement: LatencyMeasurement) -> None:
    rows: list[Sequence[object]] = []
    for (phase, command), answers in measurement.found.items():
        told = quantiles(_answered_ms(answers))
        base = quantiles(_answered_ms(measurement.found[phase, _PING]))
        shown = "bare /ping" if command == _PING else f"/{command}"
        times = "" if command == _PING else f"{told.p99 / base.p99:.1f} ×"
        missing = len(answers) - told.count
        rows.append(
            (phase, shown, told.p50, told.p95, told.p99, told.worst, missing, times),
        )
    table(["phase", "command", "p50 ms", "p95", "p99", "worst", "missing", "p99 ÷ bare"], rows)


def _judge(measurement: LatencyMeasurement, phases: Sequence[str]) -> None:
    for (phase, command), answers in measurement.found.items():
        if phase not in phases or command == _PING:
            continue
        ours_ms = quantiles(_answered_ms(answers)).p99
        bare_ms = quantiles(_answered_ms(measurement.found[phase, _PING])).p99
        verdict(
            f"/{command}, {phase}: p99 ≤ {_P99_TIMES:.0f} × bare and < {_P99_MS:.0f} ms",
            is_met=ours_ms <= _P99_TIMES * bare_ms and ours_ms < _P99_MS and None not in answers,
            found=f"{ours_ms / bare_ms:.1f} ×, {ours_ms:.0f} ms",
        )
    print(flush=True)


def _answered_ms(answers: Sequence[float | None]) -> list[float]:
    return [1000 * answer_s for answer_s in answers if answer_s is not None]
