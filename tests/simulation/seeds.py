"""Runs a simulation from a seed, which determines members' actions, faults and kills."""

from __future__ import annotations

import logging
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bot.errors import StorageError
from bot.guild import GuildSettings, PostTarget
from bot.storage.guild_settings import Actor
from bot.storage.sqlite.guild_settings import SqliteGuildSettingsStore
from tests.simulation.database import open_simulated_database, queries
from tests.simulation.environment import SimulatedEnvironment
from tests.simulation.invariants import check
from tests.simulation.known_limits import KnownLimit
from tests.simulation.loop import VirtualLoop
from tests.simulation.members import GUILD_ID, Action, ActionKind
from tests.simulation.process import Process
from tests.simulation.program import Program
from tests.simulation.sites import FaultSite
from tests.simulation.world import LONGEST_IN_FLIGHT_S, SimulatedWorld

#: Members act and faults happen until this virtual second.
CALM_S = 900.0
#: By this virtual second all jobs must be final.
END_S = 6 * 3600.0
_REST_CHECK_S = 30.0
#: A process that runs more callbacks than this is in an endless loop.
_HOT_STEPS = 200_000
#: Faults that the simulation causes directly or only observes, so they have no probability.
_NOT_DRAWN = {
    FaultSite.NONCE_FORGOTTEN,
    FaultSite.CLOCK_JUMPS,
    FaultSite.CLOCK_OFF_AT_START,
    FaultSite.KILL,
    FaultSite.KILL_AT_START,
    FaultSite.LONG_DOWNTIME,
    FaultSite.REDELIVERED,
    FaultSite.ANSWER_LOST,
}
#: Factors that make some faults rarer: they are drawn at every SQL statement and would hide others.
_RARE = {FaultSite.DATABASE_LOCKED: 0.1, FaultSite.DISK_FULL: 0.1}
#: Faults that get a higher probability, because a simulation seldom comes to where they can happen.
_SELDOM = {
    FaultSite.CREATE_DUPLICATE,
    FaultSite.RENDER_STUCK,
    FaultSite.CANCEL_500,
    FaultSite.CANCEL_NO,
    FaultSite.POST_LOST,
    FaultSite.POST_LATE,
    FaultSite.HISTORY_50001,
    FaultSite.POST_413,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedResult:
    """The outcome of a seed."""

    seed: int
    violations: tuple[str, ...]
    history: tuple[str, ...]
    hits: Counter[FaultSite]
    tolerated: Counter[KnownLimit]
    kills: int
    virtual_s: float
    #: The number of jobs that ended in each state.
    states: Counter[str]


def run_seed(seed: int, program: Program | None = None) -> SeedResult:
    """Run the simulation of one seed until all jobs are final, then check the invariants."""
    random.seed(seed)
    world = SimulatedWorld(seed, faults={}, calm_s=CALM_S)
    world.faults = _faults(world)
    folder = Path(tempfile.mkdtemp(prefix="sora", dir=fast_folder()))
    environment = SimulatedEnvironment(
        world,
        folder / "sorabot.db",
        program or Program(),
        clips_per_day=world.dice.choice([2, 3, 4, 9]),
        max_active=world.dice.choice([2, 3, 4, 9]),
        provider_names=world.dice.choice(
            [("relay", "keyed")] * 3 + [("relay", "bare")] * 2 + [("relay", "bare", "keyed")]
        ),
    )
    try:
        _prepare(environment, folder)
        return Run(environment, folder, kills=world.dice.choice([0, 2, 4, 6, 8, 10])).go()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Run:
    """Runs the bot processes of one simulation, one after the other."""

    def __init__(self, environment: SimulatedEnvironment, folder: Path, *, kills: int) -> None:
        self._environment = environment
        self._world = environment.world
        self._folder = folder
        self._kills_left = kills
        self._kills = 0

    def go(self) -> SeedResult:
        """Run bot processes until all jobs are final or END_S is over.

        Then check the invariants.
        """
        world = self._world
        with alarmed(world):
            while not self._run_process():
                self._restart()
        world.pass_to(world.now_s + LONGEST_IN_FLIGHT_S)
        with self._environment.reading():
            check(self._environment)
            ends = self._environment.rows("SELECT state, count(*) FROM jobs GROUP BY state")
        world.note(" ".join(f"{count} {state}" for state, count in ends))
        return SeedResult(
            seed=world.seed,
            violations=tuple(world.violations),
            history=tuple(world.history),
            hits=world.hits,
            tolerated=world.tolerated,
            kills=self._kills,
            virtual_s=world.now_s,
            states=Counter(dict(map(tuple, ends))),
        )

    def _run_process(self) -> bool:
        """Run a bot process.

        Returns False when the process was killed or ended, True when the simulation is over.
        """
        world = self._world
        process = Process(self._environment, self._folder)
        loop = process.loop
        may_die = self._kills_left > 0 and world.now_s < CALM_S
        last_step, last_effect, more = _draw_kill_point(world)
        started_at = world.effects
        with loop:
            process.start()
            next_check_s = world.now_s + _REST_CHECK_S
            while True:
                if not loop.step(next_check_s):
                    world.pass_to(next_check_s)
                    next_check_s += _REST_CHECK_S
                    if self._environment.is_at_rest() or world.now_s > END_S:
                        process.kill()
                        return True
                if loop.steps > _HOT_STEPS:
                    world.breach("it runs without end, and time stands still")
                    process.kill()
                    return True
                if process.main.done():
                    self._failed(process)
                    process.kill()
                    return False
                if may_die:
                    if world.effects - started_at >= last_effect:
                        last_step = min(last_step, loop.steps + more)
                        last_effect = 1 << 60
                    if loop.steps >= last_step:
                        world.hit(FaultSite.KILL if loop.steps > 20 else FaultSite.KILL_AT_START)
                        process.kill()
                        self._kills += 1
                        self._kills_left -= 1
                        return False

    def _failed(self, process: Process) -> None:
        """Record why a bot process ended by itself; any error but a StorageError is a violation."""
        error = process.main.exception()
        if isinstance(error, StorageError):
            self._world.note(f"can't start: {error}")
        else:
            self._world.breach(f"the process ended: {error!r}")

    def _restart(self) -> None:
        world, dice = self._world, self._world.dice
        self._environment.members.process_died()
        down_s = dice.uniform(0.5, 10)
        if dice.random() < 0.2:
            world.hit(FaultSite.LONG_DOWNTIME)
            down_s = dice.uniform(100, 400)
        world.pass_to(world.now_s + down_s)
        if dice.random() < 0.1 and world.now_s < CALM_S:
            world.hit(FaultSite.CLOCK_OFF_AT_START)
            world.set_wall(dice.choice([-1, 1, -7200, 3600]) * dice.random())
        world.note("starts")


@contextmanager
def alarmed(world: SimulatedWorld) -> Generator[None]:
    """Record each exception in the bot's log as a violation; drop all other log lines."""
    alarm, logger = _Alarm(world), logging.getLogger("bot")
    before = logger.level, logger.propagate
    logger.setLevel(logging.ERROR)
    logger.propagate = False
    logger.addHandler(alarm)
    try:
        yield
    finally:
        logger.removeHandler(alarm)
        logger.setLevel(before[0])
        logger.propagate = before[1]


class _Alarm(logging.Handler):
    """Records logged exceptions as violations."""

    def __init__(self, world: SimulatedWorld) -> None:
        super().__init__(logging.ERROR)
        self._world = world

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and record.exc_info[1] is not None:
            self._world.breach(f"unexpected: {record.exc_info[1]!r}")


def _draw_kill_point(world: SimulatedWorld) -> tuple[int, int, int]:
    """Draw when to kill a process: after some callbacks, or after effects and more callbacks.

    Returns (callbacks, effects, more callbacks); effects are commits and requests.
    """
    dice = world.dice
    if dice.random() < 0.3:
        return int(10 ** dice.uniform(0.3, 3.5)), 1 << 60, 0
    return 1 << 60, int(10 ** dice.uniform(0, 1.8)), dice.choice([0, 0, 1, 1, 2, 3, 5, 9])


def _faults(world: SimulatedWorld) -> dict[FaultSite, float]:
    """Draw the probability of each fault in this simulation; most faults are left out."""
    dice = world.dice
    eager = dice.choice([0.1, 0.25, 0.5])
    return {
        site: dice.choice([0.3, 0.6] if site in _SELDOM else [0.02, 0.1, 0.3, 0.6])
        * _RARE.get(site, 1.0)
        for site in FaultSite
        if site not in _NOT_DRAWN and dice.random() < eager * (2 if site in _SELDOM else 1)
    }


def _prepare(environment: SimulatedEnvironment, folder: Path) -> None:
    """Plan the clock jumps, the members' actions and the guild's settings of a simulation."""
    world, dice, members = environment.world, environment.world.dice, environment.members
    for jump in range(dice.choice([0, 0, 0, 1, 2])):
        at_s, offset_s = dice.uniform(0, CALM_S), dice.uniform(-7200, 3600)
        world.note(f"clock will jump ({jump}) to {offset_s:+.0f} s")
        world.send(lambda offset_s=offset_s: world.jump(offset_s), at_s)
    left, prompt = dice.randint(3, 6), ""
    for request in range(1, 5):
        if left <= 0:
            break
        count = min(left, dice.choice([1, 1, 2, 3, 4]))
        left -= count
        if not prompt or dice.random() < 0.7:
            prompt = f"a fox in world {request}"
        ask = Action(
            at_s=dice.choice([0, 0, 5, 30, 200]) * dice.choice([1, dice.random()]),
            kind=ActionKind.ASK,
            request=request,
            user_id=dice.choice([1, 1, 2]),
            prompt=prompt,
            model=dice.choice(["relay/clip-1", "relay/clip-1", None, *environment.models()]),
            count=count,
            upload_limit_bytes=dice.choice([10_000_000] * 7 + [100]),
        )
        members.plan(ask)
        _plan_more(environment, ask)
    if dice.random() < 0.2:
        _use_threads(environment, folder)


def _plan_more(environment: SimulatedEnvironment, ask: Action) -> None:
    world, dice, members = environment.world, environment.world.dice, environment.members
    if dice.random() < 0.2:
        world.hit(FaultSite.REDELIVERED)
        members.plan(replace(ask, at_s=ask.at_s + dice.choice([0, 0.01, 3, 60])))
    if dice.random() < 0.5:
        members.plan(
            replace(
                ask,
                at_s=ask.at_s + 10 ** dice.uniform(-1, 2.3),
                kind=dice.choice([ActionKind.CANCEL, ActionKind.CANCEL, ActionKind.CANCEL_ALL]),
                variant=dice.randrange(ask.count),
            )
        )
    for _ in range(dice.choice([0, 1, 2])):
        at_s = dice.uniform(ask.at_s + 60, CALM_S + 300)
        elsewhere = dice.random() < 0.3
        members.plan(replace(ask, at_s=at_s, kind=ActionKind.FETCH, elsewhere=elsewhere))


def _use_threads(environment: SimulatedEnvironment, folder: Path) -> None:
    """Set the guild to post its clips in threads."""
    loop = VirtualLoop(SimulatedWorld(0, faults={}, calm_s=0))
    database = open_simulated_database(
        SimulatedWorld(0, faults={}, calm_s=0), loop, folder / "sorabot.db"
    )
    guild_store = SqliteGuildSettingsStore(database, queries())

    async def change() -> None:
        actor = Actor(user_id=None, at=environment.world.now())
        threads = GuildSettings(post=PostTarget.THREAD)
        await guild_store.replace_guild_settings(GUILD_ID, threads, actor, expected=GuildSettings())

    with loop:
        task = loop.create_task(change())
        while not task.done():
            loop.step(0)
        task.result()
    database.close_file()
    loop.close()


def fast_folder() -> str | None:
    """Return a folder that is kept in memory, or None if the machine has none."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108
