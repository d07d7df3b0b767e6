"""The real flow over a real database, with a clock that jumps from one thing to do to the next."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from benchmarks.scripted import ScriptedClock, ScriptedCourier, ScriptedProvider
from bot.archive.folder import FolderArchive
from bot.jobs.board import Board
from bot.jobs.catalogue import Catalogue, Wish
from bot.jobs.flow import Flow
from bot.jobs.pace import Pace
from bot.jobs.ports import Kind
from bot.jobs.service import JobService
from bot.jobs.tools import Tools
from bot.model import Place, Request
from bot.quota.rule import QuotaRule
from bot.safety.gate import PromptGate
from bot.storage.store import SqliteStore
from tests.wire.clips import make_clip

_PLACE = Place(guild_id=1, channel_id=2, upload_limit_bytes=2**30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one clip: seconds from ready to posted, and polls until then."""

    delay_s: float
    requests: int


async def replay(durations_s: Sequence[float], in_flight: int) -> list[Outcome]:
    """Carry a job for each duration from command to post, `in_flight` of them at any time."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        folder = Path(name)
        clip = await asyncio.to_thread(make_clip, folder / "clip.mp4")
        clock = ScriptedClock()
        provider = ScriptedProvider(clock, durations_s, clip)
        store = await SqliteStore.open(folder / "sorabot.db")
        try:
            return await _Player(clock, provider, store, folder).play(len(durations_s), in_flight)
        finally:
            await store.close()


class _Player:
    def __init__(
        self, clock: ScriptedClock, provider: ScriptedProvider, store: SqliteStore, folder: Path
    ) -> None:
        self._clock, self._provider, self._pace = clock, provider, Pace()
        self._courier = ScriptedCourier(clock)
        self._kicked: dict[tuple[Kind, str], None] = {}
        providers = {provider.name: provider}
        catalogue = Catalogue(providers)
        self._jobs = JobService(
            store=store,
            catalogue=catalogue,
            quota=QuotaRule(limits=(), max_active=1_000_000),
            gate=PromptGate(),
            clock=clock,
            kick=self._kick,
            touch=lambda _request_id: None,
        )
        tools = Tools(
            store=store,
            clock=clock,
            providers=providers,
            archive=FolderArchive(folder / "clips"),
            courier=self._courier,
            board=Board(self._jobs.card, self._courier, clock, self._pace),
            pace=self._pace,
            temp_dir=folder / "tmp",
            max_clip_bytes=2**30,
        )
        self._flow = Flow(tools, catalogue, self._kick)

    def _kick(self, kind: Kind, subject: str) -> None:
        self._kicked[kind, subject] = None

    async def play(self, total: int, in_flight: int) -> list[Outcome]:
        asked = 0
        posted = self._courier.posted_at
        while len(posted) < total:
            while asked < total and asked - len(posted) < in_flight:
                asked += 1
                request = Request(id=asked, user_id=3, place=_PLACE, created_at=self._clock.now())
                await self._jobs.submit(Wish(prompt="a cat"), request)
                await self._work()
                # Members do not type at the same instant.
                self._clock.forward(0.7)
            next_at = await self._flow.sweep()
            await self._work()
            self._clock.forward(self._wait_s(next_at))
        return [
            Outcome(
                delay_s=(posted_at - self._provider.ready_at[job_id]).total_seconds(),
                requests=self._provider.polls[job_id],
            )
            for job_id, posted_at in posted.items()
        ]

    async def _work(self) -> None:
        """Run what was kicked, and what that kicks in turn."""
        steps = {
            Kind.SUBMIT: self._flow.submit,
            Kind.POLL: self._flow.poll,
            Kind.DELIVER: self._flow.deliver,
        }
        while self._kicked:
            kicked, self._kicked = self._kicked, {}
            for kind, subject in kicked:
                await steps[kind](subject)

    def _wait_s(self, next_at: datetime | None) -> float:
        """Wait as `bot.jobs.engine.Engine` does between two sweeps."""
        if next_at is None:
            return self._pace.idle_s
        until_s = (next_at - self._clock.now()).total_seconds()
        return min(self._pace.idle_s, max(until_s, self._pace.busy_s))
