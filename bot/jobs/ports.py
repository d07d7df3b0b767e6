"""Protocols that `bot.chat` implements for `bot.jobs`, and the values that pass between them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol, TypeAlias

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
    """The parent of a remix or an extension, and how the new clip was made from it."""

    #: The parent's job; its prompt is empty once its clip is deleted.
    parent: Job
    #: Whether the provider itself remixed or extended the parent's render; if not, the prompt was
    #: composed from the parent's prompt and the change.
    is_native: bool
    #: Whether the clip begins with the parent's last frame.
    with_frame: bool
    #: The name for people of the parent's model; None when the same model makes the new clip.
    replaced_model_label: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStatus:
    """A job as a member sees it."""

    job: Job
    model_label: str
    #: The name of the job's provider; None where only one provider is configured.
    provider_label: str | None = None
    #: How many jobs are before this one in its provider's queue; set in QUEUED.
    ahead: int | None = None
    #: When the render will probably be ready; None without durations of past renders.
    ready_at: datetime | None = None
    clip: Clip | None = None
    #: The parent, where the job is a remix or an extension.
    origin: Origin | None = None
    waits_for_disk_space: bool = False
    can_extend: bool = False
    #: Where the member requested the clip; set when it is posted at another place.
    asked_in: Place | None = None

    @property
    def is_added_part_only(self) -> bool:
        """Whether an extension's file has only the added part, because joining the two failed."""
        spec = self.job.spec
        if spec.operation is not Operation.EXTEND or self.clip is None:
            return False
        return round(self.clip.duration_ms / 1000) <= spec.seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusCard:
    """A request as its public status card shows it."""

    request: Request
    #: The statuses of the request's jobs by variant; at least one.
    statuses: tuple[JobStatus, ...]
    #: Whether the bot was down for more than a minute while the request was open.
    was_resumed: bool = False

    @property
    def is_final(self) -> bool:
        """Whether all jobs of the request are final."""
        return all(status.job.state.is_final for status in self.statuses)


class ClipPublisher(Protocol):
    """Posts status cards and clips. Every method waits until the Discord client is connected.

    Every method raises DeliveryTroubleError when Discord can't be reached now: try again later.
    A removal is idempotent, and a message that can't be reached any more counts as removed.
    """

    async def show_card(self, card: StatusCard) -> None:
        """Make a card's message look like `card`; idempotent.

        Does nothing for a request without a card message, and for a message that can't be edited.
        """

    async def post_clip(
        self, status: JobStatus, path: Path, others: Sequence[JobStatus] = ()
    ) -> int:
        """Post the file at `path` at the job's place and return the message's id.

        others  variants of the same request that one message there shows already, in the order of
                their files: the file is added to that message, or posted in a message of its own
                where that is not possible.
        The nonce (the job's id) prevents a second message for a few minutes only; a file is never
        added twice to the same message. The file is read while it is sent, never whole into memory.
        An archived thread is opened again if the bot may do so. Raises ClipTooLargeError or
        PlaceClosedError where this try certainly posted nothing, and DeliveryTroubleError where the
        outcome is not known.
        """
        ...

    async def direct_messages(self, job: Job) -> Place | None:
        """Return the direct-message channel of a job's owner, if there is one; sends nothing."""

    async def mirror_clip(
        self, status: JobStatus, path: Path, channel_id: int, *, may_be_posted: bool
    ) -> int | None:
        """Post a DONE job's clip in another channel of its guild; return the message's id.

        may_be_posted  an earlier try may have succeeded: look for its message first.
        Returns None, and posts nothing, when not every member of the guild can read the channel
        that the clip was posted in. Raises as `post_clip`.
        """

    async def open_thread(self, job: Job, card_message_id: int) -> Place | None:
        """Return the thread of a request's status card, and open it first if need be; idempotent.

        Returns None where no thread can be: in a thread, a direct message, or without permission.
        """

    async def notify(self, channel_id: int, words: str, *, key: str) -> None:
        """Send a message that mentions no one to a channel. Raises PlaceClosedError.

        key  the nonce, which prevents a second message for a few minutes; at most 25 characters.
        """

    async def remove_clip(self, job: Job, remaining: Sequence[JobStatus]) -> None:
        """Remove a DONE job's clip from its message, or delete the message if it has no other clip.

        remaining  the variants that stay in that message.
        """

    async def remove_unrecorded_mirror(self, job: Job, channel_id: int) -> None:
        """Delete a clip's mirror whose message id was never stored, if there is one."""

    async def remove_message(self, channel_id: int, message_id: int) -> None:
        """Delete a message of the bot's own."""

    async def find_clip(self, job: Job) -> int | None:
        """Return the id of the message that carries a job's clip at its place.

        Returns None where there is none or the place was deleted. Raises PlaceClosedError when
        the bot may not read the place.
        """


class TaskKind(StrEnum):
    """Which of the reconciler's coroutines to start, each for one subject."""

    #: The subject of SUBMIT and DELIVER is a job's id.
    SUBMIT = "submit"
    DELIVER = "deliver"
    #: The subject of POLL is a provider's name.
    POLL = "poll"
    #: The subject of OUTBOX is an outbox message's id.
    OUTBOX = "errand"


#: Starts a coroutine of the reconciler early, or once more if it is running, and returns at once.
#: The arguments are the coroutine's kind and subject. A lost call delays a job, but never loses it.
Wake: TypeAlias = Callable[[TaskKind, str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependencies:
    """What `bot.jobs` needs from other packages; the same for the life of a process."""

    store: JobStore
    clip_search: ClipSearch
    outbox: Outbox
    guild_store: GuildSettingsStore
    archive: Archive
    publisher: ClipPublisher
    #: The configured providers by name, in the operator's order.
    providers: Mapping[str, Provider]
    health: CircuitBreakers
    quota: QuotaRule
    clock: Clock
    timings: Timings
    #: The folder that contains the folders for temporary files and thumbnails.
    data_dir: Path
    #: The size of the largest file that is downloaded from a provider, in bytes.
    max_clip_bytes: int
    #: How long a posted clip's file is kept, in days; None: forever.
    keep_days: int | None = None
    disk_space: DiskSpace = field(default_factory=DiskSpace)
