"""What the workshop needs of the floors above it, as promises; it knows no chat system."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from bot.model import Clip, Job, Operation, Place, Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What a remix or an extension was made from, and how."""

    #: A deleted one has no words any more.
    parent: Job
    #: The video service itself changed or continued the parent; else it was composed from the
    #: parent's words.
    is_native: bool
    #: Composed with the parent's last frame, too.
    with_frame: bool
    #: The parent's model, for people, where another one makes this clip.
    replaced_model_label: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStatus:
    """A job as a member sees it."""

    job: Job
    #: The model's name for people.
    model_label: str
    #: Which video service makes it; None where there is only one.
    provider_label: str | None = None
    #: Jobs that go before it at its provider; set in QUEUED.
    ahead: int | None = None
    #: When its render will probably be ready; None when there is nothing to go by.
    ready_at: datetime | None = None
    #: The finished file; set from FITTING on.
    clip: Clip | None = None
    #: Set for a remix or an extension.
    origin: Origin | None = None
    #: Its clip can't be fetched before there is room on our disk.
    waits_for_disk_space: bool = False
    #: Whether the clip can be continued.
    can_extend: bool = False
    #: Where it was asked for; set as it is posted at another place.
    asked_in: Place | None = None

    @property
    def is_added_part_only(self) -> bool:
        """Whether the file is an extension's added part only: it could not be joined."""
        order = self.job.spec
        if order.operation is not Operation.EXTEND or self.clip is None:
            return False
        return round(self.clip.duration_ms / 1000) <= order.seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusCard:
    """A request as its public card shows it."""

    request: Request
    #: By variant; at least one.
    statuses: tuple[JobStatus, ...]
    #: The bot was away for more than a minute while it was under way.
    was_resumed: bool = False

    @property
    def is_final(self) -> bool:
        """Whether nothing on the card will change by itself any more."""
        return all(status.job.state.is_final for status in self.statuses)


class ClipPublisher(Protocol):
    """Carries cards and clips to where members see them. Waits until it is connected."""

    async def show_card(self, card: StatusCard) -> None:
        """Make the card's message look like `card`; idempotent.

        Without a card message nothing happens. What can't be edited is given up silently: the
        card is a courtesy, the clip is the delivery.
        Raises DeliveryTroubleError when trying again later makes sense.
        """
        ...

    async def post_clip(
        self, status: JobStatus, path: Path, others: Sequence[JobStatus] = ()
    ) -> int:
        """Post the file at `path` where the job asked for it and return the message's id.

        others  variants of the same request that one message there shows already, in the order of
                their files: the file joins that message at its end, or goes into one of its own
                where that is not possible.
        Not idempotent for ever: the nonce (the job's id) holds off a second message only for a
        few minutes; a file that has joined a message is not added twice. The file is read as it is
        sent, never whole into memory. An archived thread is opened again if that is allowed.
        Raises ClipTooLargeError or PlaceClosedError where this try certainly posted nothing, and
        DeliveryTroubleError where that is not known.
        """
        ...

    async def direct_messages(self, job: Job) -> Place | None:
        """Return the direct messages with a job's owner as a place; nothing is said there.

        None when there can be none. Idempotent. Raises DeliveryTroubleError.
        """
        ...

    async def mirror_clip(
        self, status: JobStatus, path: Path, channel_id: int, *, may_be_posted: bool
    ) -> int | None:
        """Post a DONE job's clip in another channel of its server, too; return the message's id.

        look_first  an earlier try may have got through: adopt its message.
        None when it shall not be seen there: not everybody in the server may read where it came
        from. Raises as `post_clip`.
        """
        ...

    async def open_thread(self, job: Job, card_message_id: int) -> Place | None:
        """Return the thread of a request's card, opened if need be, as the place of its clips.

        None where there can be none: in a thread, a direct message, without permission. Idempotent.
        Raises DeliveryTroubleError.
        """
        ...

    async def notify(self, channel_id: int, words: str, *, key: str) -> None:
        """Say something in a channel; pings nobody.

        key  as a nonce it holds off a second message for a few minutes; at most 25 characters.
        Raises PlaceClosedError or DeliveryTroubleError.
        """
        ...

    async def remove_clip(self, job: Job, remaining: Sequence[JobStatus]) -> None:
        """Take a DONE job's clip out of its message, and delete the message with the last one.

        left  the variants that stay in that message. Idempotent; what can't be reached any more
              counts as removed. Raises DeliveryTroubleError.
        """
        ...

    async def remove_unrecorded_mirror(self, job: Job, channel_id: int) -> None:
        """Delete the message with a job's clip in another channel, if one got there; idempotent.

        What can't be reached any more counts as removed. Raises DeliveryTroubleError.
        """
        ...

    async def remove_message(self, channel_id: int, message_id: int) -> None:
        """Delete a message of the bot's own; idempotent, as `remove_clip`."""
        ...

    async def find_clip(self, job: Job) -> int | None:
        """Return the id of the message that carries this job's clip, if one was posted at its place.

        A place that was deleted carries nothing. Raises PlaceClosedError when the place can't be
        read and DeliveryTroubleError when it can't be read now.
        """
        ...


class TaskKind(StrEnum):
    """Which coroutine of the flow a kick starts early."""

    #: `subject` is a job id.
    SUBMIT = "submit"
    #: `subject` is a provider's name.
    POLL = "poll"
    #: `subject` is a job id.
    DELIVER = "deliver"
    #: `subject` is an errand's number.
    OUTBOX = "errand"


class Wake(Protocol):
    """Starts a coroutine of the flow early; a lost kick costs time, never a job."""

    def __call__(self, kind: TaskKind, subject: str) -> None:
        """Return at once; a coroutine that is running already is started again after its end."""
        ...
