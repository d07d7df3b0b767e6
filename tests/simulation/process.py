"""A simulated run of the bot: the real job engine and store, assembled as in `bot.app`."""

from __future__ import annotations

import asyncio
import random
import shutil
from datetime import datetime, timedelta
from pathlib import Path

from bot.archive.folder import FolderArchive
from bot.clock import Clock
from bot.jobs.assembly import Dependencies, assemble
from bot.providers.health import CircuitBreakers
from bot.providers.watched import WatchedProvider
from bot.storage.sqlite.clip_search import SqliteClipSearch
from bot.storage.sqlite.guild_settings import SqliteGuildSettingsStore
from bot.storage.sqlite.jobs import SqliteJobStore
from bot.storage.sqlite.outbox import SqliteOutbox
from tests.simulation.database import open_simulated_database, queries
from tests.simulation.environment import SimulatedEnvironment
from tests.simulation.loop import VirtualLoop
from tests.simulation.world import SimulatedWorld


class ProcessClock:
    """A clock that reads the wall clock once and then adds monotonic time, like SystemClock."""

    def __init__(self, world: SimulatedWorld) -> None:
        self._world = world
        self._anchor = world.wall()
        self._started_s = world.now_s
        world.starts_s.append((world.now_s, world.wall_offset_s))

    def now(self) -> datetime:
        return self._anchor + timedelta(seconds=self._world.now_s - self._started_s)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class Process:
    """One simulated run of the bot with the data in `folder`, from its start to its kill."""

    def __init__(self, environment: SimulatedEnvironment, folder: Path) -> None:
        world = environment.world
        self.loop = VirtualLoop(world)
        self.environment = environment
        shutil.rmtree(folder / "tmp", ignore_errors=True)
        self._database = open_simulated_database(world, self.loop, folder / "sorabot.db")
        environment.connection = self._database.connection
        clock = environment.program.clock(world, ProcessClock(world))
        self._assemble(SqliteJobStore(self._database, queries()), clock, folder)

    def _assemble(self, real: SqliteJobStore, clock: Clock, folder: Path) -> None:
        environment, program = self.environment, self.environment.program
        health = CircuitBreakers(environment.videos, clock)
        store = program.store(real)
        assembly = assemble(
            Dependencies(
                store=store,
                clip_search=SqliteClipSearch(real.database, real.queries),
                outbox=SqliteOutbox(real.database, real.queries),
                guild_store=SqliteGuildSettingsStore(real.database, real.queries),
                archive=FolderArchive(folder / "archive"),
                publisher=program.publisher(environment.publisher(), store, clock),
                providers={
                    each.name: WatchedProvider(program.provider(each, real), health)
                    for each in environment.providers()
                },
                health=health,
                quota=environment.quota(),
                clock=clock,
                timings=program.timings(),
                data_dir=folder,
                max_clip_bytes=1_000_000,
            )
        )
        self.jobs, self.scheduler = assembly.jobs, assembly.scheduler

    async def _run(self) -> None:
        """Start the scheduler, run the members' actions, and then let the scheduler run on."""
        await self.scheduler.start()
        await self.environment.members.act(self.jobs)
        await asyncio.Event().wait()

    def start(self) -> None:
        """Create the process's main task, which `loop.step` then runs."""
        self.main = self.loop.create_task(self._run())

    def kill(self) -> None:
        """Kill the process as SIGKILL does.

        The cleanup of its tasks changes neither the world outside nor the random numbers that
        follow.
        """
        dice = random.getstate()
        world_dice = self.environment.world.dice.getstate()
        self.environment.world.deaths_s.append(self.environment.world.now_s)
        self.loop.die()
        self.environment.connection = None
        self._database.close_file()
        random.setstate(dice)
        self.environment.world.dice.setstate(world_dice)
