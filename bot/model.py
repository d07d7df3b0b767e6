"""The domain as immutable values, and the table of allowed state changes of a job."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from bot.errors import ModeratorsOnlyError

#: Characters of job ids, without those that look alike (no 0 O, 1 I L, U V).
ID_ALPHABET = "23456789ABCDEFGHJKMNPQRSTWXYZ"


class State(StrEnum):
    """The state of a job, from accepted to ended."""

    #: The job is accepted, its quota is reserved, and it waits for a free slot at its provider.
    QUEUED = "queued"
    #: The paid call to the provider is being made, or its outcome is not known yet.
    SUBMITTING = "submitting"
    #: The provider accepted the paid call and renders the clip; `remote_id` is set.
    RENDERING = "rendering"
    #: The render is complete, and the bot downloads the file.
    DOWNLOADING = "downloading"
    #: The file is in the archive; its size is checked against the channel's upload limit.
    FITTING = "fitting"
    #: The clip is about to be posted, or Discord has not responded to the post yet.
    POSTING = "posting"
    #: The clip is posted; `message_id` is set.
    DONE = "done"
    #: The clip is in the archive but could not be posted; the member can fetch it.
    KEPT = "kept"
    #: The job ended without a clip.
    FAILED = "failed"
    #: The owner or a moderator cancelled the job.
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether the job has ended and its reservation is settled or refunded."""
        return self in _FINAL

    @property
    def holds_slot(self) -> bool:
        """Whether a job in this state occupies one of its provider's render slots."""
        return self in (State.SUBMITTING, State.RENDERING)


#: States in which a job can be cancelled, because its render is not known to be complete.
CANCELLABLE_STATES = frozenset({State.QUEUED, State.SUBMITTING, State.RENDERING})
_FINAL = frozenset({State.DONE, State.KEPT, State.FAILED, State.CANCELLED})

#: The states that may follow each state. KEPT → POSTING: the member fetches a clip that could not
#: be posted. POSTING → POSTING: the clip goes to another channel.
MOVES: Mapping[State, frozenset[State]] = {
    State.QUEUED: frozenset({State.SUBMITTING, State.FAILED, State.CANCELLED}),
    State.SUBMITTING: frozenset({State.RENDERING, State.QUEUED, State.FAILED, State.CANCELLED}),
    State.RENDERING: frozenset({State.DOWNLOADING, State.FAILED, State.CANCELLED}),
    State.DOWNLOADING: frozenset({State.FITTING, State.FAILED, State.CANCELLED}),
    State.FITTING: frozenset({State.POSTING, State.KEPT, State.FAILED, State.CANCELLED}),
    State.POSTING: frozenset(
        {State.POSTING, State.DONE, State.KEPT, State.FAILED, State.CANCELLED}
    ),
    State.DONE: frozenset(),
    State.KEPT: frozenset({State.POSTING}),
    State.FAILED: frozenset(),
    State.CANCELLED: frozenset(),
}


class Operation(StrEnum):
    """A kind of render that a video model can offer."""

    GENERATE = "generate"
    #: Makes a changed version of a finished clip.
    REMIX = "remix"
    #: Continues a finished clip.
    EXTEND = "extend"


class EntryKind(StrEnum):
    """The kind of a ledger row. A job has a RESERVE, any ADJUSTs, then a SETTLE or REFUND."""

    RESERVE = "reserve"
    #: Changes a reservation, because the job went to a provider with another price.
    ADJUST = "amend"
    SETTLE = "settle"
    REFUND = "refund"


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """A picture size in pixels."""

    width_px: int
    height_px: int

    @classmethod
    def parse(cls, text: str) -> "Size":
        """Read `"1280x720"` (also with `×`, spaces or a capital X); ValueError otherwise."""
        match = re.fullmatch(r"\s*(\d{2,5})\s*[xX×]\s*(\d{2,5})\s*", text)
        if match is None:
            raise ValueError(f"not a size: {text!r}")
        return cls(width_px=int(match[1]), height_px=int(match[2]))

    def __str__(self) -> str:
        return f"{self.width_px}x{self.height_px}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a clip was requested and will be posted."""

    #: None in a direct message.
    guild_id: int | None
    #: The id of a channel, a thread or a direct-message channel.
    channel_id: int
    #: Largest upload that Discord accepts in the channel, in bytes.
    upload_limit_bytes: int
    #: The parent channel of a public thread, whose readers can read the thread, too; else None.
    thread_of: int | None = None

    @property
    def access_channel_id(self) -> int:
        """The channel or private thread whose readers can see posts in this place."""
        return self.channel_id if self.thread_of is None else self.thread_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """The member who gave a command: where they are, their roles, and what they may read."""

    user_id: int
    #: None in a direct message.
    guild_id: int | None
    #: Whether the member may manage the guild.
    is_moderator: bool = False
    #: The channel where the command was given and, for a thread, its parent channel.
    channel_ids: frozenset[int] = frozenset()
    #: Channels and private threads that the member can read now; set only for clip searches.
    readable_channel_ids: frozenset[int] = frozenset()
    #: The present roles of the member in the guild.
    role_ids: frozenset[int] = frozenset()

    def moderated_guild_id(self) -> int:
        """Return the guild that the member moderates. Raises ModeratorsOnlyError."""
        if self.guild_id is None or not self.is_moderator:
            raise ModeratorsOnlyError
        return self.guild_id


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderSpec:
    """What a provider will render, checked against the model's capabilities."""

    #: The whole prompt; for a remix the parent clip's prompt and the change.
    prompt: str
    provider: str
    model: str
    #: Seconds that are rendered and paid for; for an extension only the added ones.
    seconds: int
    size: Size
    #: The file of a reference image that passed the checks; None without one.
    image: Path | None = None
    #: Cost of one clip according to the price table, in millionths of a dollar.
    estimate_usd_micros: int = 0
    operation: Operation = Operation.GENERATE
    #: The text of the member for a REMIX or EXTEND; None for a GENERATE or an EXTEND without text.
    change: str | None = None
    #: Whether the member left the choice of the model to the bot.
    any_model: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One command of a member: one status card, one reservation, one to four jobs."""

    #: The id of the interaction, so that a redelivered interaction finds its jobs again.
    id: int
    user_id: int
    place: Place
    created_at: datetime
    #: The message id of the status card; None until the card is sent.
    card_message_id: int | None = None
    #: The member's roles at the time of the request.
    role_ids: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One row of the job table, the only record of how far a clip has come."""

    #: A short id in upper case, unique for the life of the database; see `ID_ALPHABET`.
    id: str
    request_id: int
    #: Index of the job among the variants of its request, 0 to 3.
    variant: int
    user_id: int
    place: Place
    spec: RenderSpec
    #: Seed of the render; each variant of a request has a different one.
    seed: int
    state: State
    created_at: datetime
    #: When the job entered `state`.
    state_at: datetime
    #: When the scheduler handles the job next; None in final states.
    due_at: datetime | None
    #: The provider's id of the render, known from RENDERING on.
    remote_id: str | None = None
    #: Progress in percent that the provider reported last; None without a report.
    progress: int | None = None
    #: Number of consecutive errors in the present state.
    attempts: int = 0
    #: How many paid calls for this job may have reached a provider.
    creates: int = 0
    #: When the paid call was last made.
    submitted_at: datetime | None = None
    #: When the job must have been submitted, rendered and downloaded.
    deadline_at: datetime | None = None
    #: When the bot first saw that the render is complete.
    rendered_at: datetime | None = None
    #: When the job first entered POSTING for its present channel.
    posting_at: datetime | None = None
    finished_at: datetime | None = None
    cancel_requested_at: datetime | None = None
    #: The id of the message with the clip; set in DONE.
    message_id: int | None = None
    #: The real cost of the job as far as known; final once the job is settled.
    cost_usd_micros: int | None = None
    #: `SorabotError.code` of the error, and the sentence for the member; set in FAILED and KEPT.
    error_code: str | None = None
    error_text: str | None = None
    #: Whether the quota reservation of the job was refunded.
    refunded: bool = False
    #: The clip that a REMIX or EXTEND starts from.
    parent_id: str | None = None
    #: The parent clip's id at the provider, when that provider itself remixes or extends the clip;
    #: None when the bot composes the job from the parent's prompt and last frame.
    source_remote_id: str | None = None
    #: The first provider, if it did not accept the job; None: `spec.provider` is the first one.
    failed_over_from: str | None = None
    #: Whether other members may remix, extend and repeat the clip.
    remixable: bool = True
    #: How many reactions to the clip's message the bot has seen.
    reactions: int = 0
    #: When the clip was deleted: prompt, file and message are gone, and the ledger rows stay.
    deleted_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """The file of a finished clip in the archive."""

    job_id: str
    #: SHA-256 of the downloaded file, in hex.
    sha256: str
    size_bytes: int
    width_px: int
    height_px: int
    duration_ms: int
    #: Key of the file in the archive.
    archive_key: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """One row of the append-only ledger; the sum of a job's rows is the usage of the job."""

    job_id: str
    user_id: int
    guild_id: int | None
    kind: EntryKind
    #: Change of the usage in each unit, with its sign.
    clips: int
    seconds: int
    usd_micros: int
    #: When the ledger row was written.
    at: datetime
    #: When the job was reserved, the same in all its rows: rolling windows use this instant.
    counts_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """An amount of each quota unit that a member has used or reserved, or that a request needs."""

    clips: int = 0
    seconds: int = 0
    usd_micros: int = 0
