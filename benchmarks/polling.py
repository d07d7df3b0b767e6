"""Requests per clip and delay after ready, beside a loop that asks every ten seconds."""

from __future__ import annotations

import itertools
import math
import random
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benchmarks.figures import heading, quantiles, table, verdict
from benchmarks.replay import Outcome, replay
from bot.jobs.pace import Pace
from bot.jobs.schedule import first_poll_s, poll_gap_s
from bot.providers.base import Capabilities

_MEDIAN_S, _SIGMA, _SHORTEST_S, _LONGEST_S = 90.0, 0.6, 20.0, 600.0
_FIXED_S = 10.0
_REMEMBERED = 50
_BUDGET_S = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """How much is measured: clips through the real flow at each load, and through arithmetic."""

    clips: int = 400
    in_flight: tuple[int, ...] = (1, 5, 60)
    simulated: int = 20_000


async def run(course: Course) -> None:
    """Measure and print."""
    heading("Requests per clip, and delay from ready to posted, polling")
    print(
        f"Renders: log-normal, median {_MEDIAN_S:.0f} s, sigma {_SIGMA}, "
        f"{_SHORTEST_S:.0f} to {_LONGEST_S:.0f} s; starting without experience.\n"
    )
    chance = random.Random(1)
    durations_s = [_draw_s(chance) for _ in range(course.clips)]
    fixed = [_fixed(duration_s) for duration_s in durations_s]
    found = {f"fixed {_FIXED_S:.0f} s loop": fixed}
    for in_flight in course.in_flight:
        name = f"real flow, {in_flight} in flight"
        found[name] = await replay(durations_s, in_flight)
    _print(found, fixed)
    for name, outcomes in itertools.islice(found.items(), 1, None):
        _judge(name, outcomes, fixed)
    print()
    _simulate(course.simulated, chance)


def _simulate(clips: int, chance: random.Random) -> None:
    """Print how the schedule does in the long run, one clip after another."""
    durations_s = [_draw_s(chance) for _ in range(clips)]
    outcomes = list(_scheduled(durations_s))
    fixed = [_fixed(duration_s) for duration_s in durations_s]
    print(f"The schedule alone (bot.jobs.schedule), {clips} clips one after another:\n")
    found = {f"fixed {_FIXED_S:.0f} s loop": fixed}
    edges = [edge for edge in (0, 50, 1000, 5000) if edge < clips]
    for first, last in itertools.pairwise([*edges, clips]):
        found[f"clips {first + 1} to {last}"] = outcomes[first:last]
    _print(found, fixed)


def _scheduled(durations_s: Iterable[float]) -> Iterable[Outcome]:
    pace, known = Pace(), deque[float](maxlen=_REMEMBERED)
    capabilities = Capabilities(models=(), typical_first_poll_s=20.0)
    for duration_s in durations_s:
        asked_s, requests = first_poll_s(known, capabilities, pace), 1
        while asked_s < duration_s:
            asked_s += poll_gap_s(1, capabilities, pace)
            requests += 1
        # What the engine sees is when it heard, not when the render ended.
        known.append(asked_s)
        yield Outcome(delay_s=asked_s - duration_s, requests=requests)


def _fixed(duration_s: float) -> Outcome:
    requests = math.ceil(duration_s / _FIXED_S)
    return Outcome(delay_s=requests * _FIXED_S - duration_s, requests=requests)


def _draw_s(chance: random.Random) -> float:
    drawn_s = chance.lognormvariate(math.log(_MEDIAN_S), _SIGMA)
    return min(max(drawn_s, _SHORTEST_S), _LONGEST_S)


def _requests(outcomes: Sequence[Outcome]) -> float:
    return sum(outcome.requests for outcome in outcomes) / len(outcomes)


def _print(found: dict[str, list[Outcome]], fixed: Sequence[Outcome]) -> None:
    rows: list[Sequence[object]] = []
    for name, outcomes in found.items():
        delay_s, requests = quantiles(o.delay_s for o in outcomes), _requests(outcomes)
        ratio = requests / _requests(fixed)
        rows.append((name, delay_s.mean, delay_s.p50, delay_s.p95, requests, f"{ratio:.2f} ×"))
    table(["way", "delay s", "p50", "p95", "requests/clip", "÷ fixed"], rows)


def _judge(name: str, outcomes: Sequence[Outcome], fixed: Sequence[Outcome]) -> None:
    median_s = quantiles(o.delay_s for o in outcomes).p50
    mine, theirs = _requests(outcomes), _requests(fixed)
    verdict(
        f"{name}: median delay ≤ {_BUDGET_S:.0f} s",
        is_met=median_s <= _BUDGET_S,
        found=f"{median_s:.1f} s",
    )
    verdict(
        f"{name}: fewer requests than every {_FIXED_S:.0f} s",
        is_met=mine < theirs,
        found=f"{mine:.1f} against {theirs:.1f}",
    )
