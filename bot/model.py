"""The domain as frozen values, and the table of allowed state changes of a job."""

from __future__ import annotations

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
    """The state of a job."""

    #: Accepted, with quota reserved; waits for a free render slot at its provider.
    QUEUED = "queued"
    #: The paid call is being made, or its outcome is not known yet.
    SUBMITTING = "submitting"
    #: The provider accepted the request; `remote_id` is set.
    RENDERING = "rendering"
    #: Rendered; the bot downloads the file.
    DOWNLOADING = "downloading"
    #: The original is in the archive; its size is checked against the channel's upload limit.
    FITTING = "fitting"
    #: About to be posted, or posted without a response yet.
    POSTING = "posting"
    #: Posted; `message_id` is set.
    DONE = "done"
    #: In the archive, but it could not be posted; the member can fetch it.
    KEPT = "kept"
    #: Ended without a clip.
    FAILED = "failed"
    #: Cancelled by its owner or a moderator.
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether the job has ended and its reservation is settled or refunded."""
        return self in _FINAL

    @property
    def holds_slot(self) -> bool:
        """Whether a job in this state occupies one of its provider's render slots."""
        return self in (State.SUBMITTING, State.RENDERING)


#: A job can be cancelled in these states: its render is not known to be complete.
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
    """A kind of render that a model can offer."""

    GENERATE = "generate"
    #: Makes a changed version of a finished clip.
    REMIX = "remix"
    #: Continues a finished clip.
    EXTEND = "extend"


class EntryKind(StrEnum):
    """The kind of a ledger row. A job has a RESERVE, any ADJUSTs, then a SETTLE or REFUND."""

    RESERVE = "reserve"
    #: Changes the reservation, because the job went to a provider with another price.
    ADJUST = "amend"
    SETTLE = "settle"
    REFUND = "refund"


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """A picture size in pixels."""

    width_px: int
    height_px: int

    @classmethod
    def parse(cls, text: str) -> Size:
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
    #: Channel, thread or direct-message channel.
    channel_id: int
    #: Largest upload that Discord accepts there, in bytes.
    upload_limit_bytes: int
    #: For a public thread its parent channel, whose readers can read the thread, too; else None.
    thread_of: int | None = None

    @property
    def access_channel_id(self) -> int:
        """The channel (or private thread) whose readers can see posts here."""
        return self.channel_id if self.thread_of is None else self.thread_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """A member for whom something is done: where they are, their roles, what they may read there."""

    user_id: int
    #: None in a direct message.
    guild_id: int | None
    #: Whether they may manage that guild.
    is_moderator: bool = False
    #: The channel that they are in and, for a thread, its parent channel.
    channel_ids: frozenset[int] = frozenset()
    #: Channels and private threads of the guild that they can read now; set only for clip searches.
    readable_channel_ids: frozenset[int] = frozenset()
    #: Their roles in the guild now.
    role_ids: frozenset[int] = frozenset()

    def moderated_guild_id(self) -> int:
        """Return the guild that they moderate. Raises ModeratorsOnlyError."""
        if self.guild_id is None or not self.is_moderator:
            raise ModeratorsOnlyError
        return self.guild_id


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderSpec:
    """What will be rendered, checked against the model's capabilities."""

    #: The whole prompt: for a remix the parent's prompt and the change.
    prompt: str
    provider: str
    model: str
    #: Whole seconds that are rendered and paid for; of an extension only the added part.
    seconds: int
    size: Size
    #: File of a checked reference image.
    image: Path | None = None
    #: Cost of one clip according to the price table.
    estimate_usd_micros: int = 0
    operation: Operation = Operation.GENERATE
    #: What the member typed for a REMIX or EXTEND; None for a GENERATE or an EXTEND without a prompt.
    change: str | None = None
    #: Whether the member left the choice of the model to the bot.
    any_model: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One command of a member: one status card, one reservation, one to four jobs."""

    #: The interaction's id: a redelivered interaction finds its jobs instead of making new ones.
    id: int
    user_id: int
    place: Place
    created_at: datetime
    #: The status card; None until it is sent.
    card_message_id: int | None = None
    #: The member's roles at the time of the request.
    role_ids: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One row of the job table, which is the only record of a clip's progress."""

    #: Short, upper case, unique for the life of the database; see `ID_ALPHABET`.
    id: str
    request_id: int
    #: Index of the variant within the request, 0 to 3.
    variant: int
    user_id: int
    place: Place
    spec: RenderSpec
    #: Seed of the render; differs between variants.
    seed: int
    state: State
    created_at: datetime
    #: When the job entered `state`.
    state_at: datetime
    #: When the scheduler handles it next; None in final states.
    due_at: datetime | None
    #: The provider's id of the render; set from RENDERING on.
    remote_id: str | None = None
    #: Percentage that the provider reported last; None when it reports none.
    progress: int | None = None
    #: Consecutive errors in this state.
    attempts: int = 0
    #: How many paid calls for this job may have reached a provider.
    creates: int = 0
    #: When the paid call was last made.
    submitted_at: datetime | None = None
    #: When submit, render and download must be finished.
    deadline_at: datetime | None = None
    #: When the bot saw that the render was finished.
    rendered_at: datetime | None = None
    #: When the job first entered POSTING for this channel.
    posting_at: datetime | None = None
    finished_at: datetime | None = None
    cancel_requested_at: datetime | None = None
    #: The message with the clip; set in DONE.
    message_id: int | None = None
    #: The real cost as far as it is known; final once the job is settled.
    cost_usd_micros: int | None = None
    #: `SorabotError.code` and the sentence that the member read; set in FAILED and KEPT.
    error_code: str | None = None
    error_text: str | None = None
    #: Whether the reservation was refunded.
    refunded: bool = False
    #: The clip that a REMIX or EXTEND starts from.
    parent_id: str | None = None
    #: The parent's id at `spec.provider`, when that provider itself remixes or extends the clip; None
    #: when the job is composed from the parent's prompt and last frame instead.
    source_remote_id: str | None = None
    #: The first provider, if that one did not accept the job; None: `spec.provider` is the first.
    failed_over_from: str | None = None
    #: Whether other members may remix, extend and repeat it.
    remixable: bool = True
    #: Reactions to its message that the bot has seen.
    reactions: int = 0
    #: When it was deleted: prompt, file and message are gone, the ledger rows stay.
    deleted_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """A finished file in the archive."""

    job_id: str
    #: Hex digest of the original bytes.
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
    """One row of the append-only ledger; the sum of a job's rows is what it counts."""

    job_id: str
    user_id: int
    guild_id: int | None
    kind: EntryKind
    #: Signed change of each unit.
    clips: int
    seconds: int
    usd_micros: int
    #: When the row was written.
    at: datetime
    #: When the job was reserved, in all its rows: rolling windows use this instant.
    counts_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a member has used or reserved in one window."""

    clips: int = 0
    seconds: int = 0
    usd_micros: int = 0
