"""A publisher for tests that need only some of its calls."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bot.jobs.ports import ClipPublisher, JobStatus, StatusCard
from bot.model import Job, Place


class PartialPublisher(ClipPublisher):
    """A publisher that raises at each call; subclasses implement the calls that their test expects."""

    async def show_card(self, card: StatusCard) -> None:
        raise NotImplementedError

    async def post_clip(
        self, status: JobStatus, path: Path, others: Sequence[JobStatus] = ()
    ) -> int:
        raise NotImplementedError

    async def direct_messages(self, job: Job) -> Place | None:
        raise NotImplementedError

    async def mirror_clip(
        self, status: JobStatus, path: Path, channel_id: int, *, may_be_posted: bool
    ) -> int | None:
        raise NotImplementedError

    async def open_thread(self, job: Job, card_message_id: int) -> Place | None:
        raise NotImplementedError

    async def notify(self, channel_id: int, words: str, *, key: str) -> None:
        raise NotImplementedError

    async def remove_clip(self, job: Job, remaining: Sequence[JobStatus]) -> None:
        raise NotImplementedError

    async def remove_unrecorded_mirror(self, job: Job, channel_id: int) -> None:
        raise NotImplementedError

    async def remove_message(self, channel_id: int, message_id: int) -> None:
        raise NotImplementedError

    async def find_clip(self, job: Job) -> int | None:
        raise NotImplementedError
