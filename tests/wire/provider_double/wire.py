"""The interface by which the provider double plays one vendor's API.

A vendor's `Wire` is in `tests/wire/<vendor>/wire.py`, beside the recordings for its answers and
a README.md with their sources.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, cast

from bot.model import Operation


class Violation(Exception):  # noqa: N818 - it is not an error of the program's
    """A request that the vendor's documents do not allow; the message says why."""


class RenderStage(StrEnum):
    """The state of a render in the provider double, in words of no vendor."""

    QUEUED = "queued"
    RUNNING = "running"
    READY = "ready"
    FAILED = "failed"
    #: Accepted, and refused later for its content.
    MODERATED = "moderated"
    CANCELLED = "cancelled"
    #: Polls answer with a status word that is in no document.
    ODD = "odd"


class Step(StrEnum):
    """The purpose of a call."""

    CREATE = "create"
    #: A paid call that starts from an earlier render, where that is a route of its own.
    CONTINUE = "continue"
    POLL = "look"
    #: Fetches the result, where a poll does not include it.
    RESULT = "result"
    LIST = "list"
    #: The clip's bytes from the API's own host.
    CONTENT = "content"
    CANCEL = "cancel"
    DELETE = "delete"
    #: Models, account, limits: free and harmless.
    CHECK = "check"


class Refusal(StrEnum):
    """A way in which an API may refuse a call."""

    #: 400 or 422: a value is not allowed.
    REJECTED = "rejected"
    #: The same because of the prompt's content.
    MODERATED = "moderated"
    BAD_KEY = "bad_key"
    NO_BALANCE = "no_balance"
    THROTTLED = "throttled"
    #: 503 in which the API itself says that it is overloaded.
    OVERLOADED = "overloaded"
    UNKNOWN_ID = "unknown_id"
    CONFLICT = "conflict"
    #: 500 in the vendor's own shape.
    BROKEN = "broken"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedRequest:
    """One request as it arrived."""

    method: str
    #: Below the wire's `prefix`, still percent-encoded, without the query.
    path: str
    query: dict[str, str]
    #: Names in lower case.
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    def fields(self, *allowed: str) -> dict[str, Any]:
        """Return the JSON object in the body. Raises Violation for none, or for other names."""
        try:
            value = json.loads(self.body)
        except ValueError as error:
            raise Violation("the body is no JSON") from error
        if not isinstance(value, dict):
            raise Violation("the body is no object")
        given = cast("dict[str, Any]", value)
        if odd := sorted(given.keys() - set(allowed)):
            raise Violation(f"unknown fields {odd}")
        return given


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer; `raw`, if set, is sent instead of `json`."""

    status: int = 200
    json: object = None
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class PaidCall:
    """The contents of a paid call."""

    prompt: str
    model: str
    #: None where the vendor keeps the source's.
    seconds: int | None
    image: bytes | None = None
    operation: Operation = Operation.GENERATE
    source: str | None = None
    #: Further values that a test may check: aspect ratio, resolution, seed …
    more: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class DoubleRender:
    """A render that the provider double accepted."""

    #: As the vendor's answers name it.
    id: str
    paid_call: PaidCall
    created_at: datetime
    stage: RenderStage = RenderStage.RUNNING
    #: 0 to 100; some vendors report none.
    progress: int = 0
    #: Where the finished clip is, on another host than the API: no credential belongs there.
    media_url: str = ""


class Wire(ABC):
    """One vendor's or dialect's API. It keeps no state: the provider double has the renders."""

    #: The word in VIDEO_PROVIDERS.
    name: str
    #: The key as the setting has it.
    key: str = "key-loopback-0123456789"
    #: Path of the API on its host, such as `/v1`; the base address ends with it.
    prefix: str = ""
    #: Clips are on another host than the API (`DoubleRender.media_url`), so CONTENT is never called.
    is_media_elsewhere: bool = True

    @property
    @abstractmethod
    def credential(self) -> tuple[str, str]:
        """Name (lower case) and value of the header without which the provider double answers BAD_KEY."""

    @abstractmethod
    def environ(self, base_url: str) -> dict[str, str]:
        """Return the settings that point the vendor's group at the double, with cheap models."""

    def new_id(self, number: int) -> str:
        """Return an id as the vendor makes them."""
        return f"{self.name}-{number:08x}"

    @abstractmethod
    def recognise(self, call: ReceivedRequest) -> tuple[Step, str | None] | None:
        """Return what a call is for and the render's id in its path; None for an unknown route."""

    @abstractmethod
    def read_paid_call(self, call: ReceivedRequest) -> PaidCall:
        """Read a CREATE or CONTINUE. Raises Violation for anything that the documents do not allow."""

    @abstractmethod
    def created(self, render: DoubleRender) -> Answer:
        """Answer a paid call that was accepted."""

    @abstractmethod
    def shown(self, render: DoubleRender) -> Answer:
        """Answer a POLL."""

    def result(self, render: DoubleRender) -> Answer:
        """Answer a RESULT."""
        raise NotImplementedError

    def listed(self, renders: list[DoubleRender], call: ReceivedRequest) -> Answer:
        """Answer a LIST; `renders` from new to old."""
        raise NotImplementedError

    def cancelled(self, render: DoubleRender, *, was: RenderStage) -> Answer:
        """Answer a CANCEL; the provider double has moved a running render to CANCELLED."""
        raise NotImplementedError

    def deleted(self, render: DoubleRender, *, was: RenderStage) -> Answer:
        """Answer a DELETE; the provider double has removed the render."""
        raise NotImplementedError

    def checked(self, call: ReceivedRequest) -> Answer:
        """Answer a CHECK."""
        raise NotImplementedError

    @abstractmethod
    def refusal(self, kind: Refusal, step: Step) -> Answer | None:
        """Return the vendor's answer for a refusal; None where it has no such refusal."""
