"""Chaos rounds: bots are killed while jobs are in progress, and a last bot must finish all jobs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from tests.chaos.actions import ACTIONS, ask, ask_for_variants, cancel_late, remix
from tests.chaos.harness import ChaosHarness, PooledBot
from tests.chaos.round_report import RoundReport, check_round, unfinished

#: A crash point counts as not reached after its action was run this many times.
_TRIES = 4
_REACH_S = 12.0


@dataclass(slots=True, kw_only=True)
class Kill:
    """One kill of a round."""

    at: str
    was_reached: bool
    #: The number of jobs that were not final when the process died.
    in_flight: int
    #: The error of the action; errors are expected when the bot dies during the action.
    trouble: str = ""


@dataclass(slots=True, kw_only=True)
class Round:
    """The result of a chaos round: its kills and its report."""

    kills: list[Kill] = field(default_factory=list)
    report: RoundReport = field(default_factory=RoundReport)


async def play(
    harness: ChaosHarness,
    points: Sequence[tuple[str, str]],
    *,
    in_flight: int = 0,
    nth: int = 1,
    rest_s: float = 45.0,
) -> Round:
    """Kill a bot at each of the crash points in turn; a last bot then finishes all jobs.

    points     pairs (crash point, action that brings the bot there). A killed bot's jobs stay open.
    in_flight  the number of open jobs when each bot reaches its crash point.
    nth        each bot is killed the nth time it passes its crash point.
    """
    result = Round()
    for at, action in points:
        result.kills.append(await _kill(harness, at, action, in_flight, nth))
    return await rest(harness, result, rest_s)


async def play_at_random(
    harness: ChaosHarness, kills: int, in_flight: int, *, rest_s: float = 60.0
) -> Round:
    """Kill `kills` bots one after the other, each 0 to 2.5 s after its start."""
    result = Round()
    for _ in range(kills):
        wait_s = harness.chance.uniform(0.0, 2.5)
        async with harness.started_bot() as bot:
            busy = asyncio.ensure_future(_be_busy(harness, in_flight))
            await asyncio.sleep(wait_s)
            in_flight_then = harness.in_flight()
            await bot.kill()
            busy.cancel()
            await asyncio.gather(busy, return_exceptions=True)
        result.kills.append(Kill(at="any time", was_reached=True, in_flight=in_flight_then))
    return await rest(harness, result, rest_s)


async def _be_busy(harness: ChaosHarness, in_flight: int) -> None:
    await harness.discord.ready(20, times=harness.discord.gateway.identifies + 1)
    await fill(harness, in_flight)
    while True:
        action = harness.chance.choice(list(ACTIONS.values()))
        with suppress(Exception):
            await action(harness)


async def rest(harness: ChaosHarness, result: Round, rest_s: float) -> Round:
    """Remove all faults, have one more bot finish all jobs, and fill in the report."""
    harness.discord.faults.clear()
    for provider in harness.providers.values():
        provider._faults.clear()
    async with harness.connected_bot() as bot:
        return await finish(harness, bot, result, rest_s)


async def finish(harness: ChaosHarness, bot: PooledBot, result: Round, rest_s: float) -> Round:
    """Wait until the bot has finished all jobs, stop the bot, and fill in the report."""
    report = result.report
    try:
        async with asyncio.timeout(rest_s):
            while not bot.exited.done() and unfinished(harness) is not None:
                await asyncio.sleep(0.1)
    except TimeoutError:
        report.breach("lost", f"no end: {unfinished(harness)}")
    code = await bot.stop()
    if code != 0:
        report.breach("other", f"the last bot left with {code}")
    check_round(harness, report)
    return result


async def _kill(harness: ChaosHarness, at: str, action: str, in_flight: int, nth: int) -> Kill:
    if action == "start":
        return await _kill_at_start(harness, at, in_flight)
    async with harness.connected_bot(at, nth) as bot:
        await fill(harness, in_flight)
        bot.arm()
        troubles: list[str] = []
        full = asyncio.ensure_future(_keep_full(harness, in_flight))
        for _ in range(_TRIES):
            troubles.append(await _do(bot, harness, action))
            if bot.exited.done():
                break
        in_flight_then = harness.in_flight()
        full.cancel()
        await asyncio.gather(full, return_exceptions=True)
        return Kill(
            at=at,
            was_reached=bot.was_killed,
            in_flight=in_flight_then,
            trouble=" / ".join(troubles),
        )


async def _kill_at_start(harness: ChaosHarness, at: str, in_flight: int) -> Kill:
    async with harness.connected_bot():
        await fill(harness, max(in_flight, 2))
    async with harness.started_bot(at, is_armed=True) as bot:
        await asyncio.wait((bot.exited,), timeout=_REACH_S)
        return Kill(at=at, was_reached=bot.was_killed, in_flight=harness.in_flight())


async def _do(bot: PooledBot, harness: ChaosHarness, action: str) -> str:
    """Run an action until it ends, the bot dies or time is up; return the action's error, or ""."""
    done = asyncio.ensure_future(ACTIONS[action](harness))
    await asyncio.wait((done, bot.exited), timeout=_REACH_S, return_when=asyncio.FIRST_COMPLETED)
    if not bot.exited.done():
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(bot.exited), _REACH_S / _TRIES)
    done.cancel()
    (came,) = await asyncio.gather(done, return_exceptions=True)
    return repr(came) if isinstance(came, Exception) else ""


async def _keep_full(harness: ChaosHarness, in_flight: int) -> None:
    while in_flight:
        await fill(harness, in_flight)
        await asyncio.sleep(0.1)


async def fill(harness: ChaosHarness, in_flight: int) -> None:
    """Have members send commands, remixes and cancels until `in_flight` jobs are open."""
    actions = [ask_for_variants, ask, remix, ask_for_variants, cancel_late, ask]
    while (lacking := in_flight - harness.in_flight()) > 0:
        some = [actions[harness.chance.randrange(len(actions))] for _ in range(min(lacking, 8))]
        with suppress(TimeoutError):
            await asyncio.gather(*(each(harness) for each in some))
