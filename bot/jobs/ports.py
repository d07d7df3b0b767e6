"""Protocols that `bot.chat` implements for `bot.jobs`, and the values that pass between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from bot.archive.base import Archive
from bot.clock import Clock
from bot.jobs.timings import Timings
from bot.model import Clip, Job, Operation, Place, Request
from bot.providers.base import Provider
from bot.providers.health import CircuitBreakers
from bot.quota.rule import QuotaRule
from bot.storage.base import JobStore
from bot.storage.clip_search import ClipSearch
from bot.storage.disk_space import DiskSpace
from bot.storage.guild_settings import GuildSettingsStore
from bot.storage.outbox import Outbox


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What a remix or an extension was made from, and how."""

    #: The job of the parent; it has no prompt once the clip is deleted.
    parent: Job
    #: Whether the provider itself remixed or extended the parent's render; else the prompt was
    #: composed from the parent's.
    is_native: bool
    #: Whether the clip begins with the parent's last frame.
    with_frame: bool
    #: The parent's model as people read it, where another model makes this clip.
    replaced_model_label: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStatus:
    """A job as a member sees it."""

    job: Job
    #: The model's name for people.
    model_label: str
    #: The provider that makes it; None where only one is configured.
    provider_label: str | None = None
    #: Jobs before it in its provider's queue; set in QUEUED.
    ahead: int | None = None
    #: When its render will probably be ready; None without past durations.
    ready_at: datetime | None = None
    #: The finished file; set from FITTING on.
    clip: Clip | None = None
    #: Set for a remix or an extension.
    origin: Origin | None = None
    #: Whether the download waits for disk space.
    waits_for_disk_space: bool = False
    #: Whether the clip can be continued.
    can_extend: bool = False
    #: Where the member asked for it; set when it is posted at another place.
    asked_in: Place | None = None

    @property
    def is_added_part_only(self) -> bool:
        """Whether the file is only the added part of an extension, which could not be joined."""
        spec = self.job.spec
        if spec.operation is not Operation.EXTEND or self.clip is None:
            return False
        return round(self.clip.duration_ms / 1000) <= spec.seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusCard:
    """A request as its public card shows it."""

    request: Request
    #: By variant; at least one.
    statuses: tuple[JobStatus, ...]
    #: Whether the bot was down for more than a minute while the request was open.
    was_resumed: bool = False

    @property
    def is_final(self) -> bool:
        """Whether all of its jobs are final."""
        return all(status.job.state.is_final for status in self.statuses)


class ClipPublisher(Protocol):
    """Posts status cards and clips. Every method waits until the client is connected."""

    async def show_card(self, card: StatusCard) -> None:
        """Make the card's message look like `card`; idempotent.

        Does nothing for a request without a card message, and for one that can't be edited.
        Raises DeliveryTroubleError when trying again later makes sense.
        """
        ...

    async def post_clip(
        self, status: JobStatus, path: Path, others: Sequence[JobStatus] = ()
    ) -> int:
        """Post the file at `path` where the job asked for it and return the message's id.

        others  variants of the same request that one message there shows already, in the order of
                their files: the file is added to that message, or posted in a message of its own
                where that is not possible.
        Idempotent for a few minutes only: for that long the nonce (the job's id) prevents a second
        message. A file that was added to a message is never added twice. The file is read while it
        is sent, never whole into memory. An archived thread is opened again if that is allowed.
        Raises ClipTooLargeError or PlaceClosedError where this try certainly posted nothing, and
        DeliveryTroubleError where that is not known.
        """
        ...

    async def direct_messages(self, job: Job) -> Place | None:
        """Return the direct-message channel of a job's owner as a place; sends nothing.

        None when there can be none. Idempotent. Raises DeliveryTroubleError.
        """
        ...

    async def mirror_clip(
        self, status: JobStatus, path: Path, channel_id: int, *, may_be_posted: bool
    ) -> int | None:
        """Post a DONE job's clip in another channel of its guild; return the message's id.

        may_be_posted  an earlier try may have succeeded: look for its message first.
        Returns None, and posts nothing, when not every member of the guild can read the channel
        that the clip was posted in. Raises as `post_clip`.
        """
        ...

    async def open_thread(self, job: Job, card_message_id: int) -> Place | None:
        """Return the thread of a request's status card as the place of its clips; open it if need be.

        None where there can be none: in a thread, a direct message, without permission. Idempotent.
        Raises DeliveryTroubleError.
        """
        ...

    async def notify(self, channel_id: int, words: str, *, key: str) -> None:
        """Send a message that mentions no one to a channel.

        key  the nonce, which prevents a second message for a few minutes; at most 25 characters.
        Raises PlaceClosedError or DeliveryTroubleError.
        """
        ...

    async def remove_clip(self, job: Job, remaining: Sequence[JobStatus]) -> None:
        """Remove a DONE job's clip from its message, or delete the message if it has no other clip.

        remaining  the variants that stay in that message.
        Idempotent; a message that can't be reached any more counts as removed.
        Raises DeliveryTroubleError.
        """
        ...

    async def remove_unrecorded_mirror(self, job: Job, channel_id: int) -> None:
        """Delete a mirror whose message id was never stored, if there is one; idempotent.

        A message that can't be reached any more counts as removed. Raises DeliveryTroubleError.
        """
        ...

    async def remove_message(self, channel_id: int, message_id: int) -> None:
        """Delete a message of the bot's own; idempotent, as `remove_clip`."""
        ...

    async def find_clip(self, job: Job) -> int | None:
        """Return the id of the message that carries this job's clip, if one was posted at its place.

        Returns None where the place was deleted. Raises PlaceClosedError when the place can't be
        read and DeliveryTroubleError when it can't be read now.
        """
        ...


class TaskKind(StrEnum):
    """Which of the reconciler's coroutines to start."""

    #: `subject` is a job id.
    SUBMIT = "submit"
    #: `subject` is a provider's name.
    POLL = "poll"
    #: `subject` is a job id.
    DELIVER = "deliver"
    #: `subject` is the id of an outbox message.
    OUTBOX = "errand"


class Wake(Protocol):
    """Starts a coroutine of the reconciler early; a lost call delays a job, but never loses it."""

    def __call__(self, kind: TaskKind, subject: str) -> None:
        """Return at once; a coroutine that is running is started again after its end."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependencies:
    """What this package needs from the others; the same for the life of a process."""

    store: JobStore
    clip_search: ClipSearch
    outbox: Outbox
    guild_store: GuildSettingsStore
    archive: Archive
    publisher: ClipPublisher
    #: By name, in the operator's order.
    providers: Mapping[str, Provider]
    health: CircuitBreakers
    quota: QuotaRule
    clock: Clock
    timings: Timings
    #: Folder that contains the folders for temporary files and thumbnails.
    data_dir: Path
    #: Largest file that is downloaded from a provider, in bytes.
    max_clip_bytes: int
    #: How long a posted clip's file is kept, in days; None: forever.
    keep_days: int | None = None
    #: Free disk space; by default there is always enough.
    disk_space: DiskSpace = field(default_factory=DiskSpace)
