"""One life of the bot: the real workshop over the real store, joined as bot.app joins them."""

from __future__ import annotations

import asyncio
import random
import shutil
from datetime import datetime, timedelta
from pathlib import Path

from bot.archive.folder import FolderArchive
from bot.clock import Clock
from bot.jobs.workshop import Ports, build_workshop
from bot.providers.health import HealthBook
from bot.providers.watched import WatchedProvider
from bot.storage.sqlite_errands import SqliteErrands
from bot.storage.sqlite_keeping import SqliteKeeping
from bot.storage.sqlite_shelf import SqliteShelf
from bot.storage.store import SqliteStore
from tests.simulation.database import open_line, queries
from tests.simulation.loop import VirtualLoop
from tests.simulation.outside import Outside
from tests.simulation.world import World


class ProcessClock:
    """The wall clock as it was at the start, carried on by the monotonic one: as SystemClock."""

    def __init__(self, world: World) -> None:
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

    def __init__(self, outside: Outside, folder: Path) -> None:
        world = outside.world
        self.loop = VirtualLoop(world)
        self.outside = outside
        shutil.rmtree(folder / "tmp", ignore_errors=True)
        self._line, database = open_line(world, self.loop, folder / "sorabot.db")
        outside.connection = self._line.raw
        clock = outside.program.clock(world, ProcessClock(world))
        self._join(SqliteStore(database, queries()), clock, folder)

    def _join(self, real: SqliteStore, clock: Clock, folder: Path) -> None:
        outside, program = self.outside, self.outside.program
        book = HealthBook(outside.videos, clock)
        store = program.store(real)
        workshop = build_workshop(
            Ports(
                store=store,
                shelf=SqliteShelf(real.database, real.queries),
                errands=SqliteErrands(real.database, real.queries),
                keeping=SqliteKeeping(real.database, real.queries),
                archive=FolderArchive(folder / "archive"),
                courier=program.courier(outside.courier(), store, clock),
                providers={
                    each.name: WatchedProvider(program.provider(each, real), book)
                    for each in outside.providers()
                },
                health=book,
                quota=outside.quota(),
                clock=clock,
                pace=program.pace(),
                data_dir=folder,
                max_clip_bytes=1_000_000,
            )
        )
        self.jobs, self.engine = workshop.jobs, workshop.engine

    async def live(self) -> None:
        """Start, and let members in; the engine goes on when they are through."""
        await self.engine.start()
        await self.outside.members.act(self.jobs)
        await asyncio.Event().wait()

    def start(self) -> None:
        """Begin; `loop.step` does the rest."""
        self.main = self.loop.create_task(self.live())

    def kill(self) -> None:
        """End it as SIGKILL does: nothing of it acts any more, nor throws the dice."""
        dice = random.getstate()
        outside_dice = self.outside.world.dice.getstate()
        self.loop.die()
        self.outside.connection = None
        self._line.close()
        random.setstate(dice)
        self.outside.world.dice.setstate(outside_dice)
