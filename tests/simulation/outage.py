"""Simulates an hour in which Discord, the providers or both don't respond."""

from __future__ import annotations

import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bot.jobs.timings import Timings
from tests.simulation.environment import SimulatedEnvironment
from tests.simulation.invariants import check
from tests.simulation.members import Action, ActionKind
from tests.simulation.process import Process
from tests.simulation.program import Program
from tests.simulation.seeds import alarmed, fast_folder
from tests.simulation.world import LONGEST_IN_FLIGHT_S, SimulatedWorld

JOBS = 50
BEGINS_S = 20.0
LASTS_S = 3600.0
_ENDS_S = BEGINS_S + LASTS_S


class ProductionTimings(Program):
    """The bot without a planted defect, and with the waiting times of production."""

    def timings(self) -> Timings:
        return Timings()


@dataclass(frozen=True, slots=True, kw_only=True)
class OutageResult:
    """The outcome of an outage."""

    violations: tuple[str, ...]
    #: The number of jobs that ended in each state.
    states: Counter[str]
    #: The number of open jobs when the outage began.
    in_flight: int
    #: How many seconds after the outage the last job ended; negative if it ended during the outage.
    last_end_s: float
    #: The highest number of requests in one second, as (during the outage, after it); the first
    #: field counts requests to Discord, the second those to the providers.
    discord_peaks: tuple[int, int]
    videos_peaks: tuple[int, int]


def run_outage(*, discord: bool, videos: bool, program: Program | None = None) -> OutageResult:
    """Run fifty jobs into an outage of an hour; return how they ended."""
    random.seed(4)
    world = SimulatedWorld(4, faults={}, calm_s=0.0)
    folder = Path(tempfile.mkdtemp(prefix="sora", dir=fast_folder()))
    environment = SimulatedEnvironment(
        world,
        folder / "sorabot.db",
        program or ProductionTimings(),
        clips_per_day=1000,
        max_concurrent=40,
        deadline_s=1800.0,
    )
    for request in range(1, JOBS // 2 + 1):
        environment.members.plan(
            Action(
                at_s=request * 0.5,
                kind=ActionKind.ASK,
                request=request,
                user_id=request % 10,
                prompt=f"a fox in world {request}",
                model="relay/clip-1",
                count=2,
            )
        )
    try:
        return _run(environment, folder, discord=discord, videos=videos)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(
    environment: SimulatedEnvironment, folder: Path, *, discord: bool, videos: bool
) -> OutageResult:
    world, process = environment.world, Process(environment, folder)

    def set_down(*, down: bool) -> None:
        environment.channels.is_down = down and discord
        for each in environment.videos.values():
            each.is_down = down and videos

    with alarmed(world), process.loop:
        process.start()
        _run_to(process, BEGINS_S)
        set_down(down=True)
        in_flight = len(environment.rows("SELECT 1 FROM jobs WHERE finished_at IS NULL"))
        _run_to(process, _ENDS_S)
        set_down(down=False)
        while not environment.is_at_rest() and world.now_s < _ENDS_S + 3600:
            _run_to(process, world.now_s + 1)
        last_end_s = max(row[0] for row in environment.rows("SELECT finished_at FROM jobs")) / 1000
        _run_to(process, world.now_s + LONGEST_IN_FLIGHT_S)
        check(environment)
        states = environment.rows("SELECT state, count(*) FROM jobs GROUP BY state")
        process.kill()
    return OutageResult(
        violations=tuple(world.violations),
        states=Counter(dict(map(tuple, states))),
        in_flight=in_flight,
        last_end_s=last_end_s - world.now().timestamp() + world.now_s - _ENDS_S,
        discord_peaks=_peaks([environment.channels.requests]),
        videos_peaks=_peaks(each.requests for each in environment.videos.values()),
    )


def _run_to(process: Process, at_s: float) -> None:
    while process.loop.step(at_s):
        pass
    process.environment.world.pass_to(at_s)


def _peaks(parties: Iterable[dict[int, int]]) -> tuple[int, int]:
    """Return the highest number of requests in one second, as (during the outage, after it)."""
    seconds = [pair for requests in parties for pair in requests.items()]
    during = [count for second, count in seconds if BEGINS_S <= second < _ENDS_S]
    after = [count for second, count in seconds if second >= _ENDS_S]
    return max(during, default=0), max(after, default=0)
