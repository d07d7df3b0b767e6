"""A clock, a video API and a publisher whose timing is set in advance."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bot.jobs.ports import JobStatus, StatusCard
from bot.model import Job
from tests.unit.jobs.partial_publisher import PartialPublisher
from tests.wire.videos_api import VideosApi
from tests.wire.videos_render import LoopbackRender


class ScriptedClock:
    """A `Clock` whose time advances only when `forward` or `sleep` is called."""

    def __init__(self) -> None:
        self._now = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self._now

    async def sleep(self, seconds: float) -> None:
        self.forward(seconds)

    def forward(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)


@dataclass(kw_only=True)
class ScriptedRender(LoopbackRender):
    """A render whose progress follows a `ScriptedClock`."""

    clock: ScriptedClock
    taken_at: datetime
    takes_s: float

    @property
    def ready_at(self) -> datetime:
        return self.taken_at + timedelta(seconds=self.takes_s)

    def describe(self) -> dict[str, Any]:
        gone_s = (self.clock.now() - self.taken_at).total_seconds()
        self.started_s = time.monotonic() - gone_s
        self.ready_s = self.started_s + self.takes_s
        return super().describe()


class ScriptedApi(VideosApi):
    """A video API on loopback; by the scripted clock, its n-th render takes `durations_s[n]`."""

    def __init__(self, clock: ScriptedClock, durations_s: Sequence[float], clip: Path) -> None:
        super().__init__(content=clip.read_bytes())
        self._clock = clock
        self._durations_s = iter(durations_s)

    def add_render(self, texts: dict[str, str], **changes: Any) -> LoopbackRender:
        now = self._clock.now()
        taken = super().add_render(texts, created_at=int(now.timestamp()), **changes)
        render = ScriptedRender(
            **asdict(taken), clock=self._clock, taken_at=now, takes_s=next(self._durations_s)
        )
        self.renders[render.id] = render
        return render

    def ready_at(self, remote_id: str) -> datetime:
        """Return the scripted time at which a render is ready.

        Raises KeyError if it was deleted.
        """
        render = self.renders[remote_id]
        assert isinstance(render, ScriptedRender)
        return render.ready_at


class TimedPublisher(PartialPublisher):
    """A publisher that records, for each clip, the seconds from the render's end to the post."""

    def __init__(self, clock: ScriptedClock, api: ScriptedApi) -> None:
        self._clock = clock
        self._api = api
        self.delays_s: list[float] = []

    async def show_card(self, card: StatusCard) -> None:
        del card

    async def post_clip(
        self, status: JobStatus, path: Path, others: Sequence[JobStatus] = ()
    ) -> int:
        del path, others
        assert status.job.remote_id is not None
        late = self._clock.now() - self._api.ready_at(status.job.remote_id)
        self.delays_s.append(late.total_seconds())
        return len(self.delays_s)

    async def find_clip(self, job: Job) -> int | None:
        del job
        return None
