"""The nouns of the bot, as frozen values, and the table of moves that a job may make."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

#: Letters and digits of job ids: none that reads like another (no 0 O, 1 I L, U V).
ID_ALPHABET = "23456789ABCDEFGHJKMNPQRSTWXYZ"


class State(StrEnum):
    """Where a job stands."""

    #: Accepted and reserved; waits for a free slot at its provider.
    QUEUED = "queued"
    #: The paid call is being made, or its outcome is not known yet.
    SUBMITTING = "submitting"
    #: The provider took the order; `remote_id` is set.
    RENDERING = "rendering"
    #: Rendered; the file is on its way to this machine.
    DOWNLOADING = "downloading"
    #: The original is in the archive; it is checked against the place's upload limit.
    FITTING = "fitting"
    #: About to be posted, or posted with the answer still missing.
    POSTING = "posting"
    #: Posted; `message_id` is set.
    DONE = "done"
    #: Rendered and in the archive, but it could not be posted: the member can fetch it.
    KEPT = "kept"
    #: Ended without a clip.
    FAILED = "failed"
    #: Ended by its owner or a moderator.
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether the ledger has closed over this job."""
        return self in _FINAL

    @property
    def holds_slot(self) -> bool:
        """Whether a job in this state occupies one of its provider's render slots."""
        return self in (State.SUBMITTING, State.RENDERING)


#: A job can be cancelled in these states: its render is not known to be complete.
CANCELLABLE_STATES = frozenset({State.QUEUED, State.SUBMITTING, State.RENDERING})
_FINAL = frozenset({State.DONE, State.KEPT, State.FAILED, State.CANCELLED})

#: Every move a job may make. KEPT → POSTING is a member fetching a clip that could not be posted;
#: POSTING → POSTING goes on to another place.
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
    """What a model can be asked to do."""

    GENERATE = "generate"
    #: A finished clip again, with a change.
    REMIX = "remix"
    #: A finished clip goes on.
    EXTEND = "extend"


class EntryKind(StrEnum):
    """What a ledger row says of its job: one RESERVE, any AMENDs, then one SETTLE or REFUND."""

    RESERVE = "reserve"
    #: The reservation became dearer or cheaper: the job went to another provider.
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
    """Where a clip was asked for and will be posted."""

    #: Server; None in a direct message.
    guild_id: int | None
    #: Channel, thread or direct-message channel.
    channel_id: int
    #: Largest upload Discord said it takes there, in bytes.
    upload_limit_bytes: int
    #: The channel whose readers read a public thread too; None for anything else.
    thread_of: int | None = None

    @property
    def access_channel_id(self) -> int:
        """The channel (or private thread) whose readers see what is posted here."""
        return self.channel_id if self.thread_of is None else self.thread_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """Who asks, and from where."""

    user_id: int
    #: None in a direct message.
    guild_id: int | None
    #: Whether they keep order in that server.
    is_moderator: bool = False
    #: The channel that they are in, and the one that it is a thread of.
    channel_ids: frozenset[int] = frozenset()
    #: Channels and private threads there that they can read at this moment; only where clips are
    #: looked for.
    readable_channel_ids: frozenset[int] = frozenset()
    #: Their roles there at this moment.
    role_ids: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderSpec:
    """What a member asks for, checked against the model that will do it."""

    #: All that the clip shall show: for a remix the parent's prompt and the change.
    prompt: str
    provider: str
    model: str
    #: Length of what is rendered and paid for, whole seconds: of an extension the added part.
    seconds: int
    size: Size
    #: A checked reference picture on this machine's disk.
    image: Path | None = None
    #: What the price table says one clip of this order costs.
    estimate_usd_micros: int = 0
    operation: Operation = Operation.GENERATE
    #: What the member wrote about the parent; None for a GENERATE, or an EXTEND without words.
    change: str | None = None
    #: Which model makes it was left to the bot.
    any_model: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One use of a command: one card, one reservation, one to four jobs."""

    #: The interaction's id: a redelivered interaction finds its jobs instead of making more.
    id: int
    user_id: int
    place: Place
    created_at: datetime
    #: The public card; None until it was sent.
    card_message_id: int | None = None
    #: The asker's roles when they asked.
    role_ids: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One clip on its way; a row of the job table, which is the truth."""

    #: Short, unambiguous, upper case, unique for the life of the database.
    id: str
    request_id: int
    #: 0 to 3: which variant of the request.
    variant: int
    user_id: int
    place: Place
    spec: RenderSpec
    #: Drives what the renderer draws; differs between variants.
    seed: int
    state: State
    created_at: datetime
    #: When the job entered `state`.
    state_at: datetime
    #: When the engine looks at it next; None for final states.
    due_at: datetime | None
    #: The provider's handle; set from RENDERING on.
    remote_id: str | None = None
    #: 0 to 100, as the provider said last; None when it says nothing.
    progress: int | None = None
    #: Errors in a row in this state.
    attempts: int = 0
    #: When the paid call was (last) made.
    submitted_at: datetime | None = None
    #: Until when submit, render and download must be through.
    deadline_at: datetime | None = None
    #: When the provider was seen to be ready.
    rendered_at: datetime | None = None
    #: When POSTING was first entered at this place.
    posting_at: datetime | None = None
    finished_at: datetime | None = None
    cancel_requested_at: datetime | None = None
    #: The message with the clip; set in DONE.
    message_id: int | None = None
    #: What the render really cost, as far as is known; certain once the ledger closed.
    cost_usd_micros: int | None = None
    #: `SorabotError.code` and the sentence the member read; set in FAILED and KEPT.
    error_code: str | None = None
    error_text: str | None = None
    #: Whether the reservation went back to the member.
    refunded: bool = False
    #: The clip that a REMIX or EXTEND starts from.
    parent_id: str | None = None
    #: The parent's handle at `order.provider`, while the provider itself shall remix or extend it;
    #: None when the order is composed from the parent's words and picture instead.
    source_remote_id: str | None = None
    #: The provider that it went to first, and that did not take it; None: `order.provider`.
    failed_over_from: str | None = None
    #: Whether others may remix, extend and repeat it.
    remixable: bool = True
    #: Reactions to its message, as far as they were seen.
    reactions: int = 0
    #: When it was removed: its words, file and message are gone, its account stays.
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
    #: Where the archive keeps it.
    archive_key: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """One append-only row; a job's rows sum to what it finally counts."""

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
    #: The reservation's instant: rolling windows go by this, for all rows of a job.
    counts_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a member used or holds in one window."""

    clips: int = 0
    seconds: int = 0
    usd_micros: int = 0
