"""The real flow between a real database and the real OpenAI provider, with a clock that jumps."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from benchmarks.scripted import ScriptedApi, ScriptedClock, ScriptedCourier
from bot.archive.folder import FolderArchive
from bot.jobs.catalogue import Wish
from bot.jobs.pace import Pace
from bot.jobs.ports import Kind
from bot.jobs.workshop import Ports, build_workshop
from bot.model import Place, Request, Viewer
from bot.providers.health import HealthBook
from bot.providers.openai import OPENAI, OpenAIProvider
from bot.quota.rule import QuotaRule
from bot.storage.sqlite_errands import SqliteErrands
from bot.storage.sqlite_keeping import SqliteKeeping
from bot.storage.sqlite_shelf import SqliteShelf
from bot.storage.store import SqliteStore
from tests.wire.clips import make_clip

_VIEWER = Viewer(user_id=3, guild_id=1)
_PLACE = Place(guild_id=1, channel_id=2, upload_limit_bytes=2**30)
#: Members ask this long after one another, or faster where that would not keep as many in flight.
_TYPING_S = 0.7
_RAMP_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of the clips: seconds from ready to posted, and requests for all of them."""

    delays_s: Sequence[float]
    #: Requests about one render, and for a page of the list.
    gets: int
    lists: int = 0

    @property
    def requests_per_clip(self) -> float:
        return (self.gets + self.lists) / len(self.delays_s)


async def replay(durations_s: Sequence[float], in_flight: int) -> Outcome:
    """Carry a job for each duration from command to post, `in_flight` of them at any time."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        folder = Path(name)
        clip = await asyncio.to_thread(make_clip, folder / "clip.mp4")
        clock = ScriptedClock()
        async with ScriptedApi(clock, durations_s, clip) as api:
            environ = {
                "OPENAI_API_KEY": api.key,
                "OPENAI_BASE_URL": api.base_url,
                "OPENAI_MODELS": "sora-2",
                "OPENAI_MAX_CONCURRENT": str(in_flight),
            }
            provider = OpenAIProvider(OPENAI.account(environ, clock))
            store = await SqliteStore.open(folder / "sorabot.db")
            try:
                player = _Player(clock, api, provider, store, folder)
                return await player.play(len(durations_s), in_flight)
            finally:
                await store.close()
                await provider.close()


class _Player:
    def __init__(
        self,
        clock: ScriptedClock,
        api: ScriptedApi,
        provider: OpenAIProvider,
        store: SqliteStore,
        folder: Path,
    ) -> None:
        self._clock, self._api, self._pace = clock, api, Pace()
        self._courier = ScriptedCourier(clock, api)
        self._kicked: dict[tuple[Kind, str], None] = {}
        providers = {provider.name: provider}
        ports = Ports(
            store=store,
            shelf=SqliteShelf(store.database, store.queries),
            errands=SqliteErrands(store.database, store.queries),
            keeping=SqliteKeeping(store.database, store.queries),
            archive=FolderArchive(folder / "clips"),
            courier=self._courier,
            providers=providers,
            health=HealthBook(providers, clock),
            quota=QuotaRule(
                defaults=(),
                max_active=1_000_000,
                max_active_in_server=1_000_000,
                server_budget_usd_micros=None,
            ),
            clock=clock,
            pace=self._pace,
            data_dir=folder,
            max_clip_bytes=2**30,
        )
        workshop = build_workshop(ports, self._kick)
        self._jobs, self._flow = workshop.jobs, workshop.flow

    def _kick(self, kind: Kind, subject: str) -> None:
        self._kicked[kind, subject] = None

    async def play(self, total: int, in_flight: int) -> Outcome:
        asked, ask_gap_s, ask_at = 0, min(_TYPING_S, _RAMP_S / in_flight), self._clock.now()
        posted = self._courier.delays_s
        while len(posted) < total:
            if asked < min(total, len(posted) + in_flight) and self._clock.now() >= ask_at:
                asked += 1
                request = Request(id=asked, user_id=3, place=_PLACE, created_at=self._clock.now())
                await self._jobs.submit(Wish(prompt="a cat"), _VIEWER, request)
                ask_at = self._clock.now() + timedelta(seconds=ask_gap_s)
            wait_s = self._wait_s(await self._settle())
            if asked < min(total, len(posted) + in_flight):
                wait_s = min(wait_s, max((ask_at - self._clock.now()).total_seconds(), 0.0))
            self._clock.forward(wait_s)
        requests = self._api.requests
        return Outcome(delays_s=posted, gets=requests["retrieve"], lists=requests["list"])

    async def _settle(self) -> datetime | None:
        """Sweep and run what is kicked until nothing is; return when to sweep again.

        As in the engine, where the end of every step wakes the loop. Steps take no time here.
        """
        steps = {
            Kind.SUBMIT: self._flow.submit,
            Kind.POLL: self._flow.poll,
            Kind.DELIVER: self._flow.deliver,
        }
        while True:
            next_at = await self._flow.sweep()
            if not self._kicked:
                return next_at
            while self._kicked:
                kind, subject = next(iter(self._kicked))
                del self._kicked[kind, subject]
                await steps[kind](subject)

    def _wait_s(self, next_at: datetime | None) -> float:
        """Wait as `bot.jobs.engine.Engine` does between two sweeps."""
        if next_at is None:
            return self._pace.idle_s
        until_s = (next_at - self._clock.now()).total_seconds()
        return min(self._pace.idle_s, max(until_s, self._pace.busy_s))
