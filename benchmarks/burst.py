"""Measures how Sorabot answers 1,000 commands in ten seconds, beside a bot that says "pong"."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from benchmarks.bot_log import jobs_by_state, print_warnings
from benchmarks.figures import heading, quantiles, table, verdict
from benchmarks.open_jobs import MEMBERS, OpenJobs, OpenJobsApi, channel_name, member_name, seed
from benchmarks.processes import sorabot_variables
from tests.wire.bot_process import BotProcess, bot_process
from tests.wire.discord_double import LoopbackDiscord
from tests.wire.discord_interactions import SentInteraction

#: Discord drops a command that the bot has not answered within this many seconds.
_WITHIN_S = 3.0
_LAST_ANSWER_S = 20.0
_PING = "bare /ping"
#: The commands that each member sends, in this order. The limit of open jobs refuses the last
#: `generate`.
_DOES = ("sora generate", "sora quota", "sora generate", "sora generate", "sora generate")
_TAKEN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class BurstConfig:
    """How much is measured: in each round, `commands` spread evenly over `within_s` seconds."""

    commands: int = 1_000
    within_s: float = 10.0
    rounds: int = 2
    open_jobs: OpenJobs = field(default_factory=lambda: OpenJobs(rendering=1_000))
    settle_s: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandResult:
    """What happened to one command. `after_s` is the time to the answer; None when none arrived."""

    kind: str
    after_s: float | None


async def run(config: BurstConfig) -> None:
    """Measure and print."""
    heading(f"{config.commands} commands in {config.within_s:.0f} s")
    found: list[tuple[int, Sequence[CommandResult], float]] = []
    for number in range(1, config.rounds + 1):
        with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
            found.append((number, *await _bare(config, Path(name) / "bare")))
            found.append((number, *await _ours(config, Path(name) / "ours")))
    _print(found)
    for number, told, _ in found:
        if told[0].kind != _PING:
            missed = sum(t.after_s is None or t.after_s > _WITHIN_S for t in told)
            verdict(
                f"round {number}: all {len(told)} commands answered in {_WITHIN_S:.0f} s",
                is_met=missed == 0,
                found=f"{missed} missed",
            )


async def _bare(config: BurstConfig, folder: Path) -> tuple[Sequence[CommandResult], float]:
    async with (
        LoopbackDiscord() as discord,
        bot_process(folder, _login(discord), module="benchmarks.bare_bot") as bot,
    ):
        await discord.ready(60)
        for number in range(MEMBERS):
            discord.world.add_member(member_name(number))
        sent, cpu_ms = await _play(config, discord, bot, ["ping"])
    return [CommandResult(kind=_PING, after_s=each.answered_after_s) for each in sent], cpu_ms


async def _ours(config: BurstConfig, folder: Path) -> tuple[Sequence[CommandResult], float]:
    api = OpenJobsApi(config.open_jobs)
    async with LoopbackDiscord() as discord, api:
        await seed(folder / "data" / "sorabot.db", discord.world, config.open_jobs)
        held = -(-config.open_jobs.jobs // MEMBERS)
        more = {
            "OPENAI_API_KEY": api.key,
            "OPENAI_BASE_URL": api.base_url,
            # The provider's slots are full, so new jobs stay queued and only the burst costs CPU
            # time.
            "OPENAI_MAX_CONCURRENT": str(max(1, config.open_jobs.rendering)),
            "MAX_ACTIVE_JOBS_PER_USER": str(held + _TAKEN),
        }
        variables = sorabot_variables(_login(discord) | more)
        async with bot_process(folder, variables) as bot:
            await discord.ready(60)
            await asyncio.sleep(config.settle_s)
            sent, cpu_ms = await _play(config, discord, bot, _DOES)
            print(f"jobs: {jobs_by_state(folder)}; violations: {len(discord.violations)}")
            print_warnings(bot)
    return [_told(each) for each in sent], cpu_ms


def _login(discord: LoopbackDiscord) -> dict[str, str]:
    return {
        "DISCORD_TOKEN": discord.token,
        "DISCORD_API_URL": discord.api_url,
        "DISCORD_GATEWAY_URL": discord.gateway_url,
    }


async def _play(
    config: BurstConfig, discord: LoopbackDiscord, bot: BotProcess, does: Sequence[str]
) -> tuple[Sequence[SentInteraction], float]:
    """Have members send the commands; return each, and the bot's CPU milliseconds per command."""
    process, began_s = psutil.Process(bot.pid), time.monotonic()
    used_s = sum(process.cpu_times()[:2])
    sent: list[SentInteraction] = []
    for number in range(config.commands):
        due_s = began_s + config.within_s * number / config.commands
        await asyncio.sleep(due_s - time.monotonic())
        command = does[number // MEMBERS % len(does)]
        options = {"prompt": f"cat {number}"} if "generate" in command else {}
        where = channel_name(number) if len(does) > 1 else "general"
        sent.append(await discord.slash(member_name(number), where, command, options))
    # Poll for the answers: waiting for a change notification in 1,000 tasks would be slow.
    give_up_s = time.monotonic() + _LAST_ANSWER_S
    while _unanswered(sent) and time.monotonic() < give_up_s:  # noqa: ASYNC110
        await asyncio.sleep(0.1)
    used_s = sum(process.cpu_times()[:2]) - used_s
    return sent, 1000 * used_s / len(sent)


def _unanswered(sent: Sequence[SentInteraction]) -> bool:
    return any(each.callback_type is None for each in sent)


def _told(sent: SentInteraction) -> CommandResult:
    command = sent.payload["data"]["options"][0]["name"]
    is_refused = command == "generate" and sent.is_ephemeral
    kind = f"/sora {command}, refused" if is_refused else f"/sora {command}"
    return CommandResult(kind=kind, after_s=sent.answered_after_s)


def _print(found: Sequence[tuple[int, Sequence[CommandResult], float]]) -> None:
    rows: list[Sequence[object]] = []
    for number, told, cpu_ms in found:
        for kind, count in Counter(each.kind for each in told).items():
            of_kind = [each.after_s for each in told if each.kind == kind]
            spread = quantiles(
                [1000 * after_s for after_s in of_kind if after_s is not None] or [0]
            )
            late = sum(after_s is None or after_s > _WITHIN_S for after_s in of_kind)
            shown = (spread.p50, spread.p95, spread.p99, spread.worst)
            rows.append((f"{number}: {kind}", count, *shown, late, cpu_ms))
    titles = ["commands", "p50 ms", "p95", "p99", "worst", "missed", "CPU ms each, all kinds"]
    table(["round", *titles], rows)
