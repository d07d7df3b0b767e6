"""Chaos tests, which run for hours: `python -m tests.chaos kill --rounds 10`.

`random --kills 1000` kills at random times, and `faults --mixtures 200` mixes faults. Each round
appends one line of JSON, with its errors, to the file `--out`; `table` prints the rounds in that
file. A round that is already in the file without errors is not run again.
"""

# ruff: noqa: T201 - a command-line program prints its results

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import random
import sys
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.chaos.bot_pool import BotPool, bot_pool
from tests.chaos.faults import STEPS, mix
from tests.chaos.harness import ChaosHarness, chaos_harness
from tests.chaos.rounds import Round, play, play_at_random
from tests.wire.crash_points import (
    CANCELLABLE_POINTS,
    DEFAULT_POINTS,
    GALLERY_POINTS,
    before_and_after,
)

_IN_FLIGHT = 20
_KILLS_A_ROUND = 20
_STEPS_A_ROUND = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundTask:
    """One round to run."""

    name: str
    seed: int
    play: Callable[[ChaosHarness], Awaitable[Round]]
    has_gallery: bool = False
    #: Whether the second provider supports cancelling a render.
    stops: bool = False


def _kill_rounds(rounds: int, only: Sequence[str]) -> list[RoundTask]:
    tasks: list[RoundTask] = []
    for number in range(rounds):
        for points in (DEFAULT_POINTS, GALLERY_POINTS, CANCELLABLE_POINTS):
            for at, action in before_and_after(points).items():
                if only and not any(each in at for each in only):
                    continue
                # A crash point that every job passes is also tested with the second and third job
                # to pass it.
                nth = 1 + number % 3 if action == "ask" and "accept" not in at else 1
                tasks.append(
                    RoundTask(
                        name=at,
                        seed=number,
                        has_gallery=points is GALLERY_POINTS,
                        stops=points is CANCELLABLE_POINTS,
                        play=lambda harness, at=at, action=action, nth=nth: play(
                            harness, [(at, action)], in_flight=_IN_FLIGHT, nth=nth
                        ),
                    )
                )
    return tasks


def _random_rounds(kills: int) -> list[RoundTask]:
    def one(seed: int, some: int) -> RoundTask:
        return RoundTask(
            name="any time",
            seed=seed,
            has_gallery=seed % 3 == 0,
            play=lambda harness: play_at_random(harness, some, _IN_FLIGHT),
        )

    starts = range(0, kills, _KILLS_A_ROUND)
    return [one(seed, min(_KILLS_A_ROUND, kills - at)) for seed, at in enumerate(starts)]


def _mixtures(rounds: int) -> list[RoundTask]:
    def one(seed: int) -> RoundTask:
        steps = random.Random(seed).choices(list(STEPS), k=_STEPS_A_ROUND)
        return RoundTask(
            name="mixture",
            seed=seed,
            has_gallery=seed % 4 == 0,
            play=lambda harness: mix(harness, steps),
        )

    return [one(seed) for seed in range(rounds)]


@asynccontextmanager
async def _prepared_harness(
    pool: BotPool, task: RoundTask, keep: Path
) -> AsyncIterator[ChaosHarness]:
    async with chaos_harness(pool, seed=task.seed, keep=keep, stops=task.stops) as harness:
        if task.has_gallery:
            await harness.set_guild_settings(gallery="gallery")
        yield harness


async def _work(tasks: list[RoundTask], out: Path, keep: Path) -> int:
    """Run the rounds in `tasks` until none is left; return how many of them failed."""
    wrong = 0
    async with bot_pool() as pool:
        while tasks:
            task = tasks.pop(0)
            began_s = time.monotonic()
            line: dict[str, Any] = {"name": task.name, "seed": task.seed}
            folder = (
                keep
                / f"{task.name.replace(' ', '-').replace(':', '-').replace('>', '-')}-{task.seed}"
            )
            try:
                async with _prepared_harness(pool, task, folder) as harness:
                    result = await task.play(harness)
                    line |= asdict(result)
                    missed = [each.at for each in result.kills if not each.was_reached]
                    assert not result.report.found, result.report.found
                    assert not missed, f"not reached: {missed}"
            except Exception as error:  # noqa: BLE001 - the other rounds still run after any error
                wrong += 1
                line["wrong"] = f"{type(error).__name__}: {error}"
                print(
                    f"WRONG {task.name} (seed {task.seed}): {line['wrong'][:2000]}",
                    flush=True,
                )
            line["took_s"] = round(time.monotonic() - began_s, 1)
            with out.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
    return wrong


def table(lines: Sequence[dict[str, Any]]) -> str:
    """Return the results of rounds as a Markdown table, one row for each crash point."""
    by_name: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in lines:
        by_name[line["name"]].append(line)
    head = (
        "| killed | rounds | kills | jobs | in flight | unknown | lost | twice | paid twice "
        "| ledger | bytes | other |"
    )
    rows = [head, "| --- |" + " --: |" * 11]
    total = [0] * 11
    for name, some in by_name.items():
        reports = [each["report"] for each in some if "report" in each]
        kills = [kill for each in some for kill in each.get("kills", ())]
        flying = [kill["in_flight"] for kill in kills]
        kinds = ("unknown", "lost", "twice", "paid_twice", "ledger", "bytes", "other")
        figures = [
            len(some),
            sum(kill["was_reached"] for kill in kills),
            sum(each["jobs"] for each in reports),
            round(sum(flying) / max(len(flying), 1)),
            *(sum(each[kind] for each in reports) for kind in kinds),
        ]
        total = [a + b for a, b in zip(total, figures, strict=True)]
        rows.append(f"| {name} | " + " | ".join(f"{each:,}" for each in figures) + " |")
    total[3] = round(total[3] / max(len(by_name), 1))
    rows.append("| **all** | " + " | ".join(f"{each:,}" for each in total) + " |")
    return "\n".join(rows)


def _lines(out: Path) -> list[dict[str, Any]]:
    """Return the rounds in a results file; for a round that was run twice, only the last run."""
    if not out.exists():
        return []
    found = [json.loads(each) for each in out.read_text(encoding="utf-8").splitlines()]
    return list({(each["name"], each["seed"]): each for each in found}.values())


async def _run(tasks: list[RoundTask], workers: int, out: Path, keep: Path) -> int:
    good = {(each["name"], each["seed"]) for each in _lines(out) if "wrong" not in each}
    tasks = [each for each in tasks if (each.name, each.seed) not in good]
    began_s, count = time.monotonic(), len(tasks)
    wrong = sum(await asyncio.gather(*(_work(tasks, out, keep) for _ in range(workers))))
    print(f"{count} rounds in {time.monotonic() - began_s:.0f} s, {wrong} of them wrong")
    return 1 if wrong else 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description="The long runs.")
    parser.add_argument("--out", type=Path, default=Path("chaos.jsonl"))
    parser.add_argument("--keep", type=Path, default=Path("chaos-wrong"))
    parser.add_argument("--workers", type=int, default=2)
    commands = parser.add_subparsers(dest="command", required=True)
    kill = commands.add_parser("kill", help="at every named point")
    kill.add_argument("--rounds", type=int, default=10)
    kill.add_argument("points", nargs="*", help="only points with one of these words")
    chance = commands.add_parser("random", help="at any time")
    chance.add_argument("--kills", type=int, default=1000)
    faults = commands.add_parser("faults", help="mixtures of all faults")
    faults.add_argument("--mixtures", type=int, default=200)
    commands.add_parser("table", help="print the rounds of --out")
    given = parser.parse_args()
    # A killed bot leaves unfinished requests, for which aiohttp would log errors.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    if given.command == "table":
        print(table(_lines(given.out)))
        return 0
    match given.command:
        case "kill":
            tasks = _kill_rounds(given.rounds, given.points)
        case "random":
            tasks = _random_rounds(given.kills)
        case _:
            tasks = _mixtures(given.mixtures)
    return asyncio.run(_run(tasks, given.workers, given.out, given.keep))


if __name__ == "__main__":
    sys.exit(main())
