"""One life of the bot: the real workshop over the real store, joined as bot.app joins them."""

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
    """The wall clock as it was at the start, carried on by the monotonic one: as SystemClock."""

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
    """A life of the bot over `folder`, from start to kill."""

    def __init__(self, environment: SimulatedEnvironment, folder: Path) -> None:
        world = environment.world
        self.loop = VirtualLoop(world)
        self.environment = environment
        shutil.rmtree(folder / "tmp", ignore_errors=True)
        self._database = open_simulated_database(world, self.loop, folder / "sorabot.db")
        environment.connection = self._database.connection
        clock = environment.program.clock(world, ProcessClock(world))
        self._join(SqliteJobStore(self._database, queries()), clock, folder)

    def _join(self, real: SqliteJobStore, clock: Clock, folder: Path) -> None:
        environment, program = self.environment, self.environment.program
        book = CircuitBreakers(environment.videos, clock)
        store = program.store(real)
        workshop = assemble(
            Dependencies(
                store=store,
                clip_search=SqliteClipSearch(real.database, real.queries),
                outbox=SqliteOutbox(real.database, real.queries),
                guild_store=SqliteGuildSettingsStore(real.database, real.queries),
                archive=FolderArchive(folder / "archive"),
                publisher=program.publisher(environment.publisher(), store, clock),
                providers={
                    each.name: WatchedProvider(program.provider(each, real), book)
                    for each in environment.providers()
                },
                health=book,
                quota=environment.quota(),
                clock=clock,
                timings=program.timings(),
                data_dir=folder,
                max_clip_bytes=1_000_000,
            )
        )
        self.jobs, self.engine = workshop.jobs, workshop.scheduler

    async def live(self) -> None:
        """Start, and let members in; the engine goes on when they are through."""
        await self.engine.start()
        await self.environment.members.act(self.jobs)
        await asyncio.Event().wait()

    def start(self) -> None:
        """Begin; `loop.step` does the rest."""
        self.main = self.loop.create_task(self.live())

    def kill(self) -> None:
        """End it as SIGKILL does: nothing of it acts any more, nor throws the dice."""
        dice = random.getstate()
        outside_dice = self.environment.world.dice.getstate()
        self.loop.die()
        self.environment.connection = None
        self._database.close_file()
        random.setstate(dice)
        self.environment.world.dice.setstate(outside_dice)
