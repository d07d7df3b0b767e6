"""A `ClipPublisher` for the simulated Discord; it can raise every error that posting can cause.

The class chooses nonces, searches the history and adds clips to messages in the same way as
`bot.chat.clips.publisher`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from bot.errors import ClipTooLargeError, DeliveryTroubleError, PlaceClosedError
from bot.jobs.ports import JobStatus, StatusCard
from bot.model import Job, Place
from tests.simulation.channels import NONCE_WINDOW_S, Channels, Message, id_at
from tests.simulation.sites import FaultSite
from tests.simulation.world import EPOCH

#: Seconds that the client waits for the response to an upload.
_UPLOAD_TIMEOUT_S = 30.0
#: The search for a clip in the history begins this many seconds before the first attempt to post.
SEARCH_SKEW_S = 600.0


class ScriptedPublisher:
    """A publisher that sends requests to `Channels`.

    They arrive even if the bot process is killed.
    """

    def __init__(self, channels: Channels) -> None:
        self.channels = channels
        self._world = channels.world

    async def show_card(self, card: StatusCard) -> None:
        if card.request.card_message_id is None:
            return
        self.channels.count()
        await self._wait()
        if self.channels.is_down or self._world.strikes(FaultSite.CARD_500):
            raise DeliveryTroubleError("500")
        states = "+".join(each.job.state for each in card.statuses)
        self._world.note(f"card {self._world.label(card.statuses[0].job.id)} {states}")

    async def post_clip(
        self, status: JobStatus, path: Path, others: Sequence[JobStatus] = ()
    ) -> int:
        job = status.job
        body = await asyncio.to_thread(path.read_bytes)
        if others:
            joined = await self._join(job, body, others)
            if joined is not None:
                return joined
        return await self._send(
            job,
            "own",
            lambda: self.channels.post(
                job.place.channel_id, self.nonce(job), {file_name(job): body}
            ),
        )

    async def direct_messages(self, job: Job) -> Place | None:
        self.channels.count()
        await self._wait()
        if self._is_mute() or self._world.strikes(FaultSite.CARD_500):
            raise DeliveryTroubleError("500")
        if self._world.strikes(FaultSite.DIRECT_CLOSED):
            return None
        return Place(guild_id=None, channel_id=900 + job.user_id, upload_limit_bytes=10_000_000)

    async def find_clip(self, job: Job) -> int | None:
        self.channels.count()
        await self._wait()
        if self._is_mute() or self._world.strikes(FaultSite.HISTORY_500):
            raise DeliveryTroubleError("500")
        if self._world.strikes(FaultSite.HISTORY_50001, self._world.label(job.id)):
            raise PlaceClosedError("50001")
        # Search since the first attempt to post, then since the request: at the attempt, the bot's
        # clock may have been ahead of Discord's.
        for earliest in (_earliest(job), job.request_id):
            for message in self.channels.after(job.place.channel_id, earliest):
                if file_name(job) in message.files:
                    if self._world.now_s - message.at_s > NONCE_WINDOW_S:
                        self._world.hit(FaultSite.NONCE_FORGOTTEN, self._world.label(job.id))
                    return message.id
        return None

    async def open_thread(self, job: Job, card_message_id: int) -> Place | None:
        self.channels.count()
        await self._wait()
        if self.channels.is_down or self._world.strikes(FaultSite.CARD_500):
            raise DeliveryTroubleError("500")
        return replace(job.place, channel_id=card_message_id, thread_of=job.place.channel_id)

    async def mirror_clip(
        self, status: JobStatus, path: Path, channel_id: int, *, may_be_posted: bool
    ) -> int | None:
        return None

    async def notify(self, channel_id: int, words: str, *, key: str) -> None:
        """Do nothing, because no test reads these notifications."""

    async def remove_clip(self, job: Job, remaining: Sequence[JobStatus]) -> None:
        """Do nothing, because simulated members delete no clips."""

    async def remove_unrecorded_mirror(self, job: Job, channel_id: int) -> None:
        """Do nothing, because simulated members delete no clips."""

    async def remove_message(self, channel_id: int, message_id: int) -> None:
        """Do nothing, because simulated members delete no clips."""

    def nonce(self, job: Job) -> str:
        """Return the nonce of a job's clip, by which Discord prevents a second message."""
        return f"sora-{job.id}"

    async def _join(self, job: Job, body: bytes, others: Sequence[JobStatus]) -> int | None:
        self.channels.count()
        await self._wait()
        if self.channels.is_down or self._world.strikes(FaultSite.HISTORY_500):
            raise DeliveryTroubleError("500")
        message = self.channels.messages.get(others[0].job.message_id or 0)
        if message is None:
            return None
        if file_name(job) in message.files:
            return message.id
        kept = list(message.files)
        return await self._send(
            job, "join", lambda: self.channels.edit(message.id, kept, {file_name(job): body})
        )

    async def _send(self, job: Job, way: str, effect: Callable[[], Message]) -> int:
        """Send a clip to Discord by running `effect` after a delay.

        Raise an error if a fault is drawn.
        """
        world, about = self._world, self._world.label(job.id)
        self.channels.count()
        if self.channels.is_down:
            await self._wait()
            raise DeliveryTroubleError("no connection", is_unknown=False)
        refusals: tuple[tuple[FaultSite, Exception], ...] = (
            (FaultSite.POST_429, DeliveryTroubleError("429", is_unknown=False)),
            (FaultSite.POST_500, DeliveryTroubleError("500")),
            (FaultSite.POST_50001, PlaceClosedError("50001")),
            (FaultSite.POST_50083, PlaceClosedError("50083")),
            (FaultSite.POST_413, ClipTooLargeError("413")),
        )
        for site, error in refusals:
            if world.strikes(site, about):
                await self._wait()
                raise error
        world.sent.setdefault(job.id, set()).add((way, job.place.channel_id))
        if world.strikes(FaultSite.POST_LATE, about):
            world.send(effect, _UPLOAD_TIMEOUT_S + world.dice.uniform(0, 30))
            await self._wait(_UPLOAD_TIMEOUT_S)
            raise DeliveryTroubleError("timed out")
        sent = world.send(effect, world.dice.uniform(0.05, 0.9))
        await self._wait(1.0)
        if world.strikes(FaultSite.POST_LOST, about):
            # The network failure that lost the response may last, so reads of the history fail for
            # a while.
            self.channels.mute_until_s = world.now_s + world.dice.choice([0, 300, 300])
            raise DeliveryTroubleError("connection reset")
        return sent.answer().id

    def _is_mute(self) -> bool:
        return self.channels.is_down or self._world.now_s < self.channels.mute_until_s

    async def _wait(self, seconds: float | None = None) -> None:
        await asyncio.sleep(self._world.dice.uniform(0.05, 0.9) if seconds is None else seconds)


def file_name(job: Job) -> str:
    """Return the file name that a job's clip has in a message."""
    return f"sora-{job.id}.mp4"


def _earliest(job: Job) -> int:
    """Return the message id from which on the history is searched for a job's clip."""
    tried = 0
    if job.posting_at is not None:
        tried = id_at((job.posting_at - EPOCH).total_seconds() - SEARCH_SKEW_S)
    return max(job.request_id, tried)
