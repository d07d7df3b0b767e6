"""The interface of a provider; read this before you add one.

A provider knows one vendor's address, credentials and quirks. It keeps no state of jobs, decides
nothing about retries or refunds, and raises only the errors of `bot.errors`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from bot.errors import ProviderError
from bot.model import Operation, Size


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """What one model can do, as data."""

    #: The name the API takes.
    name: str
    #: The name members see.
    label: str
    #: Allowed lengths in whole seconds, shortest first; the first is the default.
    seconds: tuple[int, ...]
    #: Allowed sizes; the first is the default.
    sizes: tuple[Size, ...]
    #: Price of one second of video in millionths of a dollar, by size.
    usd_micros_per_second: Mapping[Size, int]
    #: What its API can do natively. The bot composes a REMIX or EXTEND that is missing here.
    operations: frozenset[Operation] = frozenset({Operation.GENERATE})
    #: Whether a REMIX may have another length or size than its source.
    remix_can_change_format: bool = False
    #: Whether it takes a reference image with the prompt.
    takes_image: bool = False
    #: Whether clips have sound.
    has_audio: bool = True
    #: Longest prompt, in characters.
    prompt_max_chars: int = 4000
    #: Whether its API counts the prompt in UTF-16 units: two for most emoji.
    counts_utf16: bool = False
    #: Where these facts were read, and when.
    facts_source: str = ""
    verified_on: date | None = None
    #: The day on which its vendor retires it; None: not known.
    retired_on: date | None = None

    def is_retired(self, now: datetime) -> bool:
        """Whether its vendor has retired it."""
        return self.retired_on is not None and self.retired_on <= now.date()

    def prompt_length(self, prompt: str) -> int:
        """Return how long `prompt` is, as its API counts."""
        pairs = sum(sign > "\uffff" for sign in prompt) if self.counts_utf16 else 0
        return len(prompt) + pairs

    def price_usd_micros(self, seconds: int, size: Size) -> int:
        """Return what one clip costs; 0 for a size without a price."""
        return self.usd_micros_per_second.get(size, 0) * seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a provider can do, as data; a provider withdraws a call that turns out to be missing."""

    models: tuple[Model, ...]
    #: Renders it takes at the same time.
    max_concurrent: int = 4
    #: Polling costs nothing and is instant, so the bot polls every second and the status card moves.
    polls_are_free: bool = False
    #: Delay of the first poll after a submit while no durations are known, in seconds.
    typical_first_poll_s: float = 15.0
    #: Limit for submit, render and download together, in seconds.
    deadline_s: float = 1800.0
    #: `recent()` works.
    can_list: bool = False
    #: Submitting the same `idempotency_key` twice makes one render, so an unknown outcome is harmless.
    submit_is_idempotent: bool = False
    #: `cancel()` stops a running render, so that it is not paid for.
    can_cancel: bool = False
    #: `delete()` removes the remote copy.
    can_delete: bool = False
    #: It keeps renders in memory, so one that it does not know is certainly lost.
    keeps_renders_in_memory: bool = False
    #: Requests ask the API for webhooks. A webhook starts the next poll early and replaces none.
    has_webhook: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderRequest:
    """One paid call."""

    #: The job's id: unique, `[A-Z0-9]+`; for logs and for providers that know idempotency.
    idempotency_key: str
    #: The prompt; for a REMIX the change, for an EXTEND what happens next.
    prompt: str
    model: str
    #: Length of what is rendered; for an EXTEND, of the added part.
    seconds: int
    size: Size
    #: 0 to 2**31-1; the same seed and prompt give the same clip where a provider takes seeds.
    seed: int
    #: PNG, JPEG or WebP on disk; never with a `source`.
    image: Path | None = None
    operation: Operation = Operation.GENERATE
    #: The finished render that a REMIX or EXTEND starts from; set exactly for those.
    source_remote_id: str | None = None


class RenderState(StrEnum):
    """What the provider says of a render. An unknown status word means RUNNING."""

    QUEUED = "queued"
    RUNNING = "running"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderStatus:
    """A render as the provider describes it."""

    id: str
    state: RenderState
    #: 0 to 100, or None when not told. 100 is no proof of success; only `state` is.
    progress: int | None = None
    #: Why it failed; set exactly when `state` is FAILED.
    error: ProviderError | None = None
    #: What the provider says it cost; None when it says nothing.
    cost_usd_micros: int | None = None
    #: Seconds to wait before the next poll, if the API asks for it.
    poll_after_s: float | None = None
    # `recover.py` recognises its request in `recent()` by these; None when not told.
    prompt: str | None = None
    model: str | None = None
    #: Of an EXTEND: the whole clip's, not the added part's.
    seconds: int | None = None
    size: Size | None = None
    created_at: datetime | None = None
    #: The render that this one was made from.
    source_remote_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """A completely downloaded file that starts like an MP4."""

    path: Path
    size_bytes: int
    #: Hex digest of the bytes on disk.
    sha256: str = field(repr=False)


class Provider(Protocol):
    """A video API. All methods are cancellable, and many tasks may call them at once."""

    @property
    def name(self) -> str:
        """The word in VIDEO_PROVIDERS, lower case; pinned on every job that it takes."""
        ...

    def capabilities(self) -> Capabilities:
        """Return what the provider can do. No I/O."""
        ...

    async def submit(self, request: ProviderRequest) -> RenderStatus:
        """Make the paid call once, without retries.

        Not idempotent unless `capabilities().submit_is_idempotent`. The outcome of a cancelled
        call is unknown.
        Raises NotAcceptedError when the request certainly was not accepted (no connection, 429, an
        explicit overload answer), ProviderRejectedError or ModerationError when the API refuses
        it, SourceGoneError when it certainly was not accepted because the API lacks its source or
        the call for its operation, ProviderAccountError for a refused key or an empty balance,
        and UnknownOutcomeError whenever the render may exist (time-out after the body was sent,
        5xx, HTML, an answer without an id).
        """
        ...

    async def poll(self, remote_ids: Sequence[str]) -> Mapping[str, RenderStatus | ProviderError]:
        """Return what is known of each id; idempotent.

        The result has every requested id. An id that could not be polled has an error as its
        value: RemoteNotFoundError for an unknown id, ProviderTroubleError for a temporary failure,
        ProviderAccountError for a refused key.
        """
        ...

    async def recent(self, since: datetime) -> Sequence[RenderStatus]:
        """Return every render of this account created at or after `since`; idempotent.

        Raises ProviderTroubleError when the list could not be read to its end, and
        UnsupportedError where the API has no list.
        """
        ...

    async def download(self, remote_id: str, target: Path, *, max_bytes: int) -> Download:
        """Stream the MP4 to `target` (its folder exists); idempotent.

        `target` appears only when the file is complete: it has the announced length, begins with
        an `ftyp` box, and its boxes end exactly at the file's end. A failure leaves no file.
        Raises BadClipError, OversizeClipError (more than `max_bytes`), RemoteNotFoundError,
        ProviderTroubleError, ProviderAccountError.
        """
        ...

    async def cancel(self, remote_id: str) -> bool:
        """Stop a render; idempotent. True when the provider says that it is not charged.

        False when it is too late to stop the render, or the API has no such call.
        Raises ProviderTroubleError when the result is not known.
        """
        ...

    async def delete(self, remote_id: str) -> bool:
        """Remove the remote copy; idempotent. False where the API has no such call."""
        ...

    async def check(self) -> str:
        """Make one free call that needs the key; return the result in a few words.

        Idempotent. Raises ProviderAccountError, ProviderTroubleError, and UnsupportedError where
        no call is free.
        """
        ...

    async def refresh(self) -> None:
        """Read again what the API can do, where it has such a call; idempotent, never raises.

        Called at the start and every hour; `capabilities()` may differ afterwards. After a failure
        they stay as they were.
        """
        ...

    async def close(self) -> None:
        """Release connections and subprocesses; `bot.app` calls it once."""
        ...
