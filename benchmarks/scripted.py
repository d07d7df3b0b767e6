"""A provider, a courier and a clock of which everything is known beforehand."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.errors import ProviderError, UnsupportedError
from bot.jobs.ports import Card, JobStatus
from bot.model import Job, Size
from bot.providers.base import Capabilities, Download, Model, Remote, RemoteState, RenderOrder

_SIZE = Size(width_px=1280, height_px=720)


class ScriptedClock:
    """A `Clock` that goes on only when it is told to."""

    def __init__(self) -> None:
        self._now = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self._now

    async def sleep(self, seconds: float) -> None:
        self.forward(seconds)

    def forward(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)


class ScriptedProvider:
    """A `Provider` whose n-th render takes `durations_s[n]`; counts what it is asked."""

    name = "scripted"

    def __init__(self, clock: ScriptedClock, durations_s: Sequence[float], clip: Path) -> None:
        self._clock = clock
        self._durations_s = iter(durations_s)
        self._clip = clip.read_bytes()
        self.ready_at: dict[str, datetime] = {}
        self.polls: Counter[str] = Counter()

    def capabilities(self) -> Capabilities:
        model = Model(
            name="model",
            label="Model",
            seconds=(4,),
            sizes=(_SIZE,),
            usd_micros_per_second={_SIZE: 1},
        )
        # As the OpenAI family says of itself.
        return Capabilities(models=(model,), max_concurrent=1000, typical_first_poll_s=20.0)

    async def submit(self, order: RenderOrder) -> Remote:
        duration = timedelta(seconds=next(self._durations_s))
        self.ready_at[order.key] = self._clock.now() + duration
        return Remote(id=order.key, state=RemoteState.QUEUED)

    async def poll(self, remote_ids: Sequence[str]) -> Mapping[str, Remote | ProviderError]:
        self.polls.update(remote_ids)
        return {each: self._remote(each) for each in remote_ids}

    def _remote(self, remote_id: str) -> Remote:
        is_ready = self._clock.now() >= self.ready_at[remote_id]
        return Remote(id=remote_id, state=RemoteState.READY if is_ready else RemoteState.RUNNING)

    async def recent(self, since: datetime) -> Sequence[Remote]:
        raise UnsupportedError(f"no list since {since}")

    async def download(self, remote_id: str, target: Path, *, max_bytes: int) -> Download:
        del remote_id, max_bytes
        target.write_bytes(self._clip)  # noqa: ASYNC240 - a few kilobytes, and nobody else waits
        digest = hashlib.sha256(self._clip).hexdigest()
        return Download(path=target, size_bytes=len(self._clip), sha256=digest)

    async def cancel(self, remote_id: str) -> bool:
        del remote_id
        return False

    async def delete(self, remote_id: str) -> bool:
        del remote_id
        return False

    async def close(self) -> None:
        """Nothing is open."""


class ScriptedCourier:
    """A `Courier` that notes when each clip was posted; cards go nowhere."""

    def __init__(self, clock: ScriptedClock) -> None:
        self._clock = clock
        self.posted_at: dict[str, datetime] = {}

    async def show_card(self, card: Card) -> None:
        del card

    async def post_clip(self, status: JobStatus, path: Path) -> int:
        del path
        self.posted_at[status.job.id] = self._clock.now()
        return len(self.posted_at)

    async def find_clip(self, job: Job) -> int | None:
        del job
        return None
