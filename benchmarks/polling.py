"""Measures requests per clip and delay after a render is ready, beside polls every ten seconds."""

from __future__ import annotations

import itertools
import math
import random
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.figures import heading, quantiles, table, verdict
from benchmarks.replay import ReplayResult, replay
from bot.jobs.timings import Timings, first_poll_s, poll_gap_s
from bot.providers.base import Capabilities

_MEDIAN_S, _SIGMA, _SHORTEST_S, _LONGEST_S = 90.0, 0.6, 20.0, 600.0
_FIXED_S = 10.0
_FIXED = f"each one every {_FIXED_S:.0f} s"
_REMEMBERED = 50
_BUDGET_S = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PollingConfig:
    """How much is measured: clips with the real job engine, and clips simulated arithmetically."""

    #: Number of jobs in flight → number of clips that are measured with it.
    clips: Mapping[int, int] = field(default_factory=lambda: {1: 400, 5: 400, 60: 1000, 1000: 3000})
    simulated: int = 20_000


async def run(config: PollingConfig) -> None:
    """Measure and print."""
    heading("Requests per clip, and delay from ready to posted, polling")
    print(
        f"Renders: log-normal, median {_MEDIAN_S:.0f} s, sigma {_SIGMA}, "
        f"{_SHORTEST_S:.0f} to {_LONGEST_S:.0f} s; starting without experience.\n"
    )
    chance = random.Random(1)
    durations_s = [_draw_s(chance) for _ in range(max(config.clips.values()))]
    found = {_FIXED: _Comparison(_fixed(durations_s), durations_s)}
    for in_flight, clips in config.clips.items():
        drawn_s = durations_s[:clips]
        found[f"real flow, {in_flight} in flight"] = _Comparison(
            await replay(drawn_s, in_flight), drawn_s
        )
    _print(found)
    for name, beside in itertools.islice(found.items(), 1, None):
        _judge(name, beside)
    print()
    _simulate(config.simulated, chance)


class _Comparison:
    """A measured result, and the result of polling the same renders every ten seconds."""

    def __init__(self, found: ReplayResult, durations_s: Sequence[float]) -> None:
        self.found = found
        self.fixed = _fixed(durations_s)


def _simulate(clips: int, chance: random.Random) -> None:
    """Print delays and requests of the polling schedule alone, for one clip after another."""
    durations_s = [_draw_s(chance) for _ in range(clips)]
    each = list(_scheduled(durations_s))
    print(f"The schedule alone (bot.jobs.timings), {clips} clips one after another:\n")
    found = {_FIXED: _Comparison(_fixed(durations_s), durations_s)}
    edges = [edge for edge in (0, 50, 1000, 5000) if edge < clips]
    for first, last in itertools.pairwise([*edges, clips]):
        outcome = _together(each[first:last])
        found[f"clips {first + 1} to {last}"] = _Comparison(outcome, durations_s[first:last])
    _print(found)


def _scheduled(durations_s: Iterable[float]) -> Iterable[tuple[float, int]]:
    """Yield the delay in seconds and the number of polls for each clip."""
    timings, known = Timings(), deque[float](maxlen=_REMEMBERED)
    capabilities = Capabilities(models=(), typical_first_poll_s=20.0)
    for duration_s in durations_s:
        asked_s, requests = first_poll_s(known, capabilities, timings), 1
        while asked_s < duration_s:
            asked_s += poll_gap_s(1, capabilities, timings)
            requests += 1
        # The bot learns a render's duration from the poll that found it ready, which is later.
        known.append(asked_s)
        yield asked_s - duration_s, requests


def _fixed(durations_s: Iterable[float]) -> ReplayResult:
    looks = [(math.ceil(duration_s / _FIXED_S), duration_s) for duration_s in durations_s]
    return _together([(number * _FIXED_S - duration_s, number) for number, duration_s in looks])


def _together(each: Sequence[tuple[float, int]]) -> ReplayResult:
    delays_s, requests = zip(*each, strict=True)
    return ReplayResult(delays_s=delays_s, gets=sum(requests))


def _draw_s(chance: random.Random) -> float:
    drawn_s = chance.lognormvariate(math.log(_MEDIAN_S), _SIGMA)
    return min(max(drawn_s, _SHORTEST_S), _LONGEST_S)


def _print(found: Mapping[str, _Comparison]) -> None:
    rows: list[Sequence[object]] = []
    for name, beside in found.items():
        outcome = beside.found
        delay_s, requests = quantiles(outcome.delays_s), outcome.requests_per_clip
        kinds = f"{outcome.gets} + {outcome.lists}"
        ratio = f"{requests / beside.fixed.requests_per_clip:.2f} ×"
        told = (delay_s.count, delay_s.mean, delay_s.p50, delay_s.p95)
        rows.append((name, *told, kinds, requests, ratio))
    titles = ["clips", "delay s", "p50", "p95", "GETs + lists", "requests/clip", "÷ fixed"]
    table(["way", *titles], rows)


def _judge(name: str, beside: _Comparison) -> None:
    median_s = quantiles(beside.found.delays_s).p50
    mine, theirs = beside.found.requests_per_clip, beside.fixed.requests_per_clip
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
