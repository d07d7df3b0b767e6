"""The interface of a provider, which knows one vendor's address, credentials and quirks.

A provider keeps no state of jobs, decides nothing about retries or refunds, and raises only the
errors of `bot.errors`.
"""

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
    """Facts about one model: what its API accepts, and what its clips cost."""

    #: The model's name in the API, and the name that members see.
    name: str
    label: str
    #: Allowed lengths of a clip in whole seconds, shortest first; the first is the default.
    seconds: tuple[int, ...]
    #: Allowed sizes; the first is the default.
    sizes: tuple[Size, ...]
    #: Price of one second of video in millionths of a dollar, by size.
    usd_micros_per_second: Mapping[Size, int]
    #: Operations of the model's API. The bot composes a missing REMIX or EXTEND out of a GENERATE.
    operations: frozenset[Operation] = frozenset({Operation.GENERATE})
    #: Whether a REMIX may have another length or size than its source.
    remix_can_change_format: bool = False
    takes_image: bool = False
    has_audio: bool = True
    prompt_max_chars: int = 4000
    #: Whether the API counts a prompt's length in UTF-16 units, of which most emoji have two.
    counts_utf16: bool = False
    #: The web page with these facts about the model, and the day on which a person last read it.
    facts_source: str = ""
    verified_on: date | None = None
    #: The day on which the vendor retires the model; None when no day is known.
    retired_on: date | None = None

    def is_retired(self, now: datetime) -> bool:
        """Whether the vendor has retired the model by `now`."""
        return self.retired_on is not None and self.retired_on <= now.date()

    def prompt_length(self, prompt: str) -> int:
        """Return the length of `prompt` as the model's API counts characters."""
        pairs = sum(sign > "\uffff" for sign in prompt) if self.counts_utf16 else 0
        return len(prompt) + pairs

    def price_usd_micros(self, seconds: int, size: Size) -> int:
        """Return the price of one clip in millionths of a dollar; 0 for a size without a price."""
        return self.usd_micros_per_second.get(size, 0) * seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a provider can do; it may change when a call turns out to be missing from the API."""

    models: tuple[Model, ...]
    #: Most renders that the provider takes at the same time.
    max_concurrent: int = 4
    #: Whether a poll is free and instant: the bot then polls such a provider every second.
    polls_are_free: bool = False
    #: Seconds from a submit to its first poll while no durations of earlier renders are known.
    typical_first_poll_s: float = 15.0
    #: Limit for submit, render and download together, in seconds.
    deadline_s: float = 1800.0
    #: Whether `recent()` works.
    can_list: bool = False
    #: Whether two submits with the same `idempotency_key` make one render, so that a submit of
    #: unknown outcome can be repeated.
    submit_is_idempotent: bool = False
    #: Whether `cancel()` stops a running render so that the provider does not charge it.
    can_cancel: bool = False
    #: Whether `delete()` removes the remote copy.
    can_delete: bool = False
    #: Whether the provider keeps renders in memory, so that a render it does not know is lost.
    keeps_renders_in_memory: bool = False
    #: Whether submits ask the API for a webhook, which starts the next poll early.
    has_webhook: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderRequest:
    """One paid call."""

    #: The job's id: unique, `[A-Z0-9]+`.
    idempotency_key: str
    #: What the clip shows; for a REMIX the change, for an EXTEND what happens next.
    prompt: str
    model: str
    #: Length of the clip in seconds; for an EXTEND the length of the added part.
    seconds: int
    size: Size
    #: 0 to 2**31-1. A provider that takes seeds makes the same clip of the same seed and prompt.
    seed: int
    #: A PNG, JPEG or WebP file; None together with a `source_remote_id`.
    image: Path | None = None
    operation: Operation = Operation.GENERATE
    #: The provider's id of the finished render that a REMIX or EXTEND starts from; else None.
    source_remote_id: str | None = None


class RenderState(StrEnum):
    """The state of a render. Any status word of an API that the bot does not know means RUNNING."""

    QUEUED = "queued"
    RUNNING = "running"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderStatus:
    """A render as the provider describes it."""

    id: str
    state: RenderState
    #: Percentage from 0 to 100, None where the API tells none; 100 is no proof of success.
    progress: int | None = None
    #: Why the render failed; None unless `state` is FAILED.
    error: ProviderError | None = None
    #: The price that the provider reports; None when it reports none.
    cost_usd_micros: int | None = None
    #: Seconds that the API asks the bot to wait before the next poll; None if the API names none.
    poll_after_s: float | None = None
    # `recover.py` finds a request of unknown outcome in the result of `recent()` by the fields from
    # here on, which are None where the API does not report them.
    prompt: str | None = None
    model: str | None = None
    #: Length of the whole clip in seconds, also for an EXTEND.
    seconds: int | None = None
    size: Size | None = None
    created_at: datetime | None = None
    #: The id of the render from which a REMIX or EXTEND was made.
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
        """The provider's lower-case name in VIDEO_PROVIDERS, which each of its jobs stores."""
        ...

    def capabilities(self) -> Capabilities:
        """Return what the provider can do. No I/O."""
        ...

    async def submit(self, request: ProviderRequest) -> RenderStatus:
        """Make the paid call once, without retries.

        Not idempotent unless `capabilities().submit_is_idempotent`. The outcome of a cancelled
        call is unknown.
        Raises NotAcceptedError when the API certainly did not accept the request (no connection,
        429, an explicit overload answer), ProviderRejectedError or ModerationError when the API
        refuses the request, SourceGoneError when the API lacks the source render or the call for
        the operation and so accepted nothing, ProviderAccountError for a refused key or an empty
        balance, and UnknownOutcomeError whenever the render may exist (time-out after the body was
        sent, 5xx, HTML, an answer without an id).
        """
        ...

    async def poll(self, remote_ids: Sequence[str]) -> Mapping[str, RenderStatus | ProviderError]:
        """Return the status of each render in `remote_ids`; idempotent.

        The value of an id that could not be polled is an error: RemoteNotFoundError for an unknown
        id, ProviderTroubleError for a temporary failure, ProviderAccountError for a refused key.
        """
        ...

    async def recent(self, since: datetime) -> Sequence[RenderStatus]:
        """Return every render of this account created at or after `since`; idempotent.

        Raises ProviderTroubleError when the list could not be read to its end, and
        UnsupportedError where the API has no list.
        """
        ...

    async def download(self, remote_id: str, target: Path, *, max_bytes: int) -> Download:
        """Stream a render's MP4 to `target`, whose folder exists; idempotent.

        `target` appears only when the file is complete: the file has the announced length, begins
        with an `ftyp` box, and its boxes end exactly at the file's end. A failure leaves no file.
        Raises BadClipError, OversizeClipError (more than `max_bytes`), RemoteNotFoundError,
        ProviderTroubleError, ProviderAccountError.
        """
        ...

    async def cancel(self, remote_id: str) -> bool:
        """Stop a render; idempotent. Return whether the provider says that the render is free.

        False when the render can no longer be stopped, or the API has no call to stop one.
        Raises ProviderTroubleError when the result is not known.
        """
        ...

    async def delete(self, remote_id: str) -> bool:
        """Remove the provider's copy of a clip; idempotent. False if the API has no such call."""
        ...

    async def check(self) -> str:
        """Make one free call that needs the key; return its result in a few words. Idempotent.

        Raises ProviderAccountError, ProviderTroubleError, and UnsupportedError if no call is free.
        """
        ...

    async def refresh(self) -> None:
        """Read the capabilities from the API again, at the start and every hour; never raises.

        Idempotent. After a failure, `capabilities()` returns the same as before.
        """
        ...

    async def close(self) -> None:
        """Release connections and subprocesses; `bot.app` calls this method once."""
        ...
