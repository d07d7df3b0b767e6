"""Runs the real job engine, database and OpenAI provider with a clock that skips all waits."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from benchmarks.scripted import ScriptedApi, ScriptedClock, TimedPublisher
from bot.archive.folder import FolderArchive
from bot.jobs.assembly import Dependencies, assemble
from bot.jobs.catalogue import ClipOptions
from bot.jobs.ports import TaskKind
from bot.jobs.timings import Timings
from bot.model import Place, Request, Viewer
from bot.providers.health import CircuitBreakers
from bot.providers.openai.provider import OPENAI, OpenAIProvider
from bot.quota.rule import QuotaRule
from bot.storage.sqlite.clip_search import SqliteClipSearch
from bot.storage.sqlite.guild_settings import SqliteGuildSettingsStore
from bot.storage.sqlite.jobs import SqliteJobStore
from bot.storage.sqlite.outbox import SqliteOutbox
from tests.wire.clips import make_clip

_VIEWER = Viewer(user_id=3, guild_id=1)
_PLACE = Place(guild_id=1, channel_id=2, upload_limit_bytes=2**30)
#: Seconds between two commands; less if that gap would not keep enough jobs in flight.
_TYPING_S = 0.7
_RAMP_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayResult:
    """The seconds from ready to posted for each clip, and the number of video API requests."""

    delays_s: Sequence[float]
    #: `gets` counts polls of a single render; `lists` counts pages of the list of renders.
    gets: int
    lists: int = 0

    @property
    def requests_per_clip(self) -> float:
        return (self.gets + self.lists) / len(self.delays_s)


async def replay(durations_s: Sequence[float], in_flight: int) -> ReplayResult:
    """For each render duration, run a job from command to post; `in_flight` run at a time."""
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
            provider = OpenAIProvider(OPENAI.read_account(environ, clock))
            store = await SqliteJobStore.open(folder / "sorabot.db")
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
        store: SqliteJobStore,
        folder: Path,
    ) -> None:
        self._clock, self._api, self._timings = clock, api, Timings()
        self._publisher = TimedPublisher(clock, api)
        self._woken: dict[tuple[TaskKind, str], None] = {}
        providers = {provider.name: provider}
        dependencies = Dependencies(
            store=store,
            clip_search=SqliteClipSearch(store.database, store.queries),
            outbox=SqliteOutbox(store.database, store.queries),
            guild_store=SqliteGuildSettingsStore(store.database, store.queries),
            archive=FolderArchive(folder / "clips"),
            publisher=self._publisher,
            providers=providers,
            health=CircuitBreakers(providers, clock),
            quota=QuotaRule(
                defaults=(),
                max_active=1_000_000,
                max_active_in_guild=1_000_000,
                guild_budget_usd_micros=None,
            ),
            clock=clock,
            timings=self._timings,
            data_dir=folder,
            max_clip_bytes=2**30,
        )
        engine = assemble(dependencies, self._wake)
        self._jobs, self._reconciler = engine.jobs, engine.reconciler

    def _wake(self, kind: TaskKind, subject: str) -> None:
        self._woken[kind, subject] = None

    async def play(self, total: int, in_flight: int) -> ReplayResult:
        asked, ask_gap_s, ask_at = 0, min(_TYPING_S, _RAMP_S / in_flight), self._clock.now()
        posted = self._publisher.delays_s
        while len(posted) < total:
            if asked < min(total, len(posted) + in_flight) and self._clock.now() >= ask_at:
                asked += 1
                request = Request(id=asked, user_id=3, place=_PLACE, created_at=self._clock.now())
                await self._jobs.submit(ClipOptions(prompt="a cat"), _VIEWER, request)
                ask_at = self._clock.now() + timedelta(seconds=ask_gap_s)
            wait_s = self._wait_s(await self._settle())
            if asked < min(total, len(posted) + in_flight):
                wait_s = min(wait_s, max((ask_at - self._clock.now()).total_seconds(), 0.0))
            self._clock.forward(wait_s)
        requests = self._api.requests
        return ReplayResult(delays_s=posted, gets=requests["retrieve"], lists=requests["list"])

    async def _settle(self) -> datetime | None:
        """Reconcile and run woken tasks until none is left; return when to reconcile next.

        The real scheduler does the same, since each finished step wakes its loop. Steps take no
        time on the scripted clock.
        """
        steps = {
            TaskKind.SUBMIT: self._reconciler.submit,
            TaskKind.POLL: self._reconciler.poll,
            TaskKind.DELIVER: self._reconciler.deliver,
        }
        while True:
            next_at = await self._reconciler.reconcile()
            if not self._woken:
                return next_at
            while self._woken:
                kind, subject = next(iter(self._woken))
                del self._woken[kind, subject]
                await steps[kind](subject)

    def _wait_s(self, next_at: datetime | None) -> float:
        """Return the seconds until the next reconcile, computed as in `bot.jobs.scheduler`."""
        if next_at is None:
            return self._timings.reconcile_max_gap_s
        until_s = (next_at - self._clock.now()).total_seconds()
        return min(
            self._timings.reconcile_max_gap_s, max(until_s, self._timings.reconcile_min_gap_s)
        )
