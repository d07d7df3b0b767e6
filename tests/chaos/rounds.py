"""Rounds: bots are killed at points while clips are under way, and then left to mend it all."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from tests.chaos.account import Account, open_ends, settle
from tests.chaos.asks import DOINGS, ask, ask_for_variants, cancel_late, remix
from tests.chaos.town import Life, Town

#: A point that was not reached after its doing was done so often is not reached at all.
_TRIES = 4
_REACH_S = 12.0


@dataclass(slots=True, kw_only=True)
class Kill:
    """One kill of a round."""

    at: str
    was_reached: bool
    #: Jobs that were not final when the process died.
    in_flight: int
    #: What went wrong in the doing, as it may when the bot dies under it.
    trouble: str = ""


@dataclass(slots=True, kw_only=True)
class Round:
    """What came of a round."""

    kills: list[Kill] = field(default_factory=list)
    account: Account = field(default_factory=Account)


async def play(
    town: Town,
    points: Sequence[tuple[str, str]],
    *,
    in_flight: int = 0,
    nth: int = 1,
    rest_s: float = 45.0,
) -> Round:
    """Kill one bot at each of the points, one after the other, and let the last one end it all.

    points     (point, doing); the jobs of killed bots stay under way.
    in_flight  jobs under way as each bot comes to its point.
    nth        which passage of its point each bot dies at.
    """
    result = Round()
    for at, doing in points:
        result.kills.append(await _kill(town, at, doing, in_flight, nth))
    return await rest(town, result, rest_s)


async def play_at_random(town: Town, kills: int, in_flight: int, *, rest_s: float = 60.0) -> Round:
    """Kill so many bots, each at any time from its first breath on."""
    result = Round()
    for _ in range(kills):
        wait_s = town.chance.uniform(0.0, 2.5)
        async with town.born() as life:
            busy = asyncio.ensure_future(_be_busy(town, in_flight))
            await asyncio.sleep(wait_s)
            flying = town.in_flight()
            await life.kill()
            busy.cancel()
            await asyncio.gather(busy, return_exceptions=True)
        result.kills.append(Kill(at="any time", was_reached=True, in_flight=flying))
    return await rest(town, result, rest_s)


async def _be_busy(town: Town, in_flight: int) -> None:
    await town.discord.ready(20, times=town.discord.gateway.identifies + 1)
    await fill(town, in_flight)
    while True:
        doing = town.chance.choice(list(DOINGS.values()))
        with suppress(Exception):
            await doing(town)


async def rest(town: Town, result: Round, rest_s: float) -> Round:
    """Have no more trouble, let a last bot end everything, and make up the account."""
    town.discord.faults.clear()
    for kitchen in town.kitchens.values():
        kitchen._faults.clear()
    async with town.living() as life:
        return await finish(town, life, result, rest_s)


async def finish(town: Town, life: Life, result: Round, rest_s: float) -> Round:
    """Let a bot end everything, stop it, and make up the account."""
    account = result.account
    try:
        async with asyncio.timeout(rest_s):
            while not life.dead.done() and open_ends(town) is not None:
                await asyncio.sleep(0.1)
    except TimeoutError:
        account.breach("lost", f"no end: {open_ends(town)}")
    code = await life.stop()
    if code != 0:
        account.breach("other", f"the last bot left with {code}")
    settle(town, account)
    return result


async def _kill(town: Town, at: str, doing: str, in_flight: int, nth: int) -> Kill:
    if doing == "be_born":
        return await _kill_at_birth(town, at, in_flight)
    async with town.living(at, nth) as life:
        await fill(town, in_flight)
        life.arm()
        troubles: list[str] = []
        full = asyncio.ensure_future(_keep_full(town, in_flight))
        for _ in range(_TRIES):
            troubles.append(await _do(life, town, doing))
            if life.dead.done():
                break
        flying = town.in_flight()
        full.cancel()
        await asyncio.gather(full, return_exceptions=True)
        return Kill(
            at=at, was_reached=life.was_struck, in_flight=flying, trouble=" / ".join(troubles)
        )


async def _kill_at_birth(town: Town, at: str, in_flight: int) -> Kill:
    async with town.living():
        await fill(town, max(in_flight, 2))
    async with town.born(at, is_armed=True) as life:
        await asyncio.wait((life.dead,), timeout=_REACH_S)
        return Kill(at=at, was_reached=life.was_struck, in_flight=town.in_flight())


async def _do(life: Life, town: Town, doing: str) -> str:
    """Have something done until the bot dies or it is enough; return what went wrong in it."""
    done = asyncio.ensure_future(DOINGS[doing](town))
    await asyncio.wait((done, life.dead), timeout=_REACH_S, return_when=asyncio.FIRST_COMPLETED)
    if not life.dead.done():
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(life.dead), _REACH_S / _TRIES)
    done.cancel()
    (came,) = await asyncio.gather(done, return_exceptions=True)
    return repr(came) if isinstance(came, Exception) else ""


async def _keep_full(town: Town, in_flight: int) -> None:
    while in_flight:
        await fill(town, in_flight)
        await asyncio.sleep(0.1)


async def fill(town: Town, in_flight: int) -> None:
    """Have members ask until so many jobs are under way, a remix and a cancel among them."""
    doings = [ask_for_variants, ask, remix, ask_for_variants, cancel_late, ask]
    while (lacking := in_flight - town.in_flight()) > 0:
        some = [doings[town.chance.randrange(len(doings))] for _ in range(min(lacking, 8))]
        with suppress(TimeoutError):
            await asyncio.gather(*(each(town) for each in some))
