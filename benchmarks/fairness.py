"""Measures the order of submission when one member queues fifty jobs, then twenty queue one."""

from __future__ import annotations

import asyncio
import math
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.bot_log import print_warnings
from benchmarks.figures import heading, quantiles, table, verdict
from benchmarks.processes import sorabot_variables
from tests.wire.bot_process import bot_process
from tests.wire.discord_double import LoopbackDiscord
from tests.wire.videos_api import VideosApi

_POLL_AFTER_MS = 250
_GREEDY, _MODEST = "alice", "guest"
_WITHIN_S = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FairnessConfig:
    """How much is measured."""

    #: How many jobs the first member queues before the others request any, and how many others
    #: there are.
    queued: int = 50
    others: int = 20
    slots: int = 5
    render_s: float = 1.0


async def run(config: FairnessConfig) -> None:
    """Measure and print."""
    heading(f"{config.queued} jobs of one member, then one each of {config.others} others")
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        folder = Path(name)
        # No render finishes before all members have requested their jobs.
        api = VideosApi(ready_after_s=3600, poll_after_ms=_POLL_AFTER_MS)
        async with LoopbackDiscord() as discord, api:
            for number in range(config.others):
                discord.world.add_member(f"{_MODEST}-{number}")
            variables = sorabot_variables(
                {
                    "DISCORD_TOKEN": discord.token,
                    "DISCORD_API_URL": discord.api_url,
                    "DISCORD_GATEWAY_URL": discord.gateway_url,
                    "OPENAI_API_KEY": api.key,
                    "OPENAI_BASE_URL": api.base_url,
                    "OPENAI_MAX_CONCURRENT": str(config.slots),
                }
            )
            async with bot_process(folder, variables) as bot:
                await discord.ready(60)
                await _ask(discord, config)
                began_s = await _let_go(api, config)
                served = await _served(api, config)
                print_warnings(bot)
    _print(config, served, began_s)


async def _ask(discord: LoopbackDiscord, config: FairnessConfig) -> None:
    for number in range(config.queued):
        prompt = {"prompt": f"{_GREEDY} {number}"}
        await (await discord.slash(_GREEDY, "general", "sora generate", prompt)).answered(30)
    for number in range(config.others):
        prompt = {"prompt": f"{_MODEST} {number}"}
        who = f"{_MODEST}-{number}"
        await (await discord.slash(who, "clips", "sora generate", prompt)).answered(30)


async def _let_go(api: VideosApi, config: FairnessConfig) -> float:
    """Let renders finish after `render_s` seconds from now on.

    Return the current monotonic time.
    """
    await _ordered(api, config.slots)
    api.ready_after_s = config.render_s
    now_s = time.monotonic()
    for job in api.renders.values():
        job.ready_s = now_s + config.render_s
    return now_s


async def _served(api: VideosApi, config: FairnessConfig) -> Sequence[tuple[str, float]]:
    """Return the prompt and the monotonic time of each paid call, in the order of the calls."""
    await _ordered(api, config.queued + config.others)
    return [(job.prompt, job.started_s) for job in api.renders.values()]


async def _ordered(api: VideosApi, wanted: int) -> None:
    give_up_s = time.monotonic() + _WITHIN_S
    while len(api.renders) < wanted and time.monotonic() < give_up_s:  # noqa: ASYNC110 - no event
        await asyncio.sleep(0.05)


def _print(config: FairnessConfig, served: Sequence[tuple[str, float]], began_s: float) -> None:
    rows: list[Sequence[object]] = []
    numbers: dict[str, list[int]] = {_GREEDY: [], _MODEST: []}
    waits_s: dict[str, list[float]] = {_GREEDY: [], _MODEST: []}
    for number, (prompt, at_s) in enumerate(served, start=1):
        who = prompt.split()[0]
        numbers[who].append(number)
        waits_s[who].append(max(0.0, at_s - began_s))
    firsts = {_GREEDY: (1, config.queued), _MODEST: (config.queued + 1, len(served))}
    names = {_GREEDY: f"one with {config.queued}", _MODEST: f"{config.others} with one each"}
    for who, (first, last) in firsts.items():
        waits = quantiles(waits_s[who])
        got = f"{min(numbers[who])} to {max(numbers[who])}"
        rows.append((names[who], got, f"{first} to {last}", waits.mean, waits.worst))
    table(["member", "served as number", "first come, first served", "waited s", "longest"], rows)
    last = max(numbers[_MODEST])
    # While other members wait, the member with fifty jobs gets one provider slot, like everybody.
    most = config.slots + config.others + math.ceil(config.others / (config.slots - 1))
    verdict(
        f"the others are served in turns with the one, as number {most} or before",
        is_met=len(served) == config.queued + config.others and last <= most,
        found=f"the last of them as number {last} of {len(served)}",
    )
