"""How one vendor's API talks, told to the loopback kitchen that plays all of them.

A vendor's `Wire` lives in `tests/wire/<vendor>/wire.py`, beside the recordings that its answers are
made from and a README.md that says where each shape comes from.
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
    """A request that the vendor's documents do not allow; says what is wrong with it."""


class RenderStage(StrEnum):
    """Where the kitchen has a render, in no vendor's words."""

    QUEUED = "queued"
    RUNNING = "running"
    READY = "ready"
    FAILED = "failed"
    #: Refused after it was taken, for what it shows.
    MODERATED = "moderated"
    CANCELLED = "cancelled"
    #: A word in the answer that no document has.
    ODD = "odd"


class Step(StrEnum):
    """What a call is for."""

    CREATE = "create"
    #: A paid call that starts from an earlier render, where that is a route of its own.
    CONTINUE = "continue"
    POLL = "look"
    #: The second half of a look, where the result is a document of its own.
    RESULT = "result"
    LIST = "list"
    #: The clip's bytes from the API's own host.
    CONTENT = "content"
    CANCEL = "cancel"
    DELETE = "delete"
    #: Models, account, limits: free and harmless.
    CHECK = "check"


class Refusal(StrEnum):
    """What an API may say instead of doing it."""

    #: 400 or 422: a value is not allowed.
    REJECTED = "rejected"
    #: … because of what the prompt shows.
    MODERATED = "moderated"
    BAD_KEY = "bad_key"
    NO_BALANCE = "no_balance"
    THROTTLED = "throttled"
    #: 503 that is explicit: the API itself takes nothing now.
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
    """What goes back; a `raw` body goes before JSON."""

    status: int = 200
    json: object = None
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class PaidCall:
    """A paid call, read."""

    prompt: str
    model: str
    #: None where the vendor keeps the source's.
    seconds: int | None
    image: bytes | None = None
    operation: Operation = Operation.GENERATE
    source: str | None = None
    #: What the test may look at besides: aspect, resolution, seed …
    more: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class DoubleRender:
    """One order that the kitchen took."""

    #: As the vendor's answers name it.
    id: str
    paid_call: PaidCall
    created_at: datetime
    stage: RenderStage = RenderStage.RUNNING
    #: 0 to 100; wires whose vendor tells none leave it out.
    progress: int = 0
    #: Where the finished clip is, on another host than the API: no credential belongs there.
    media_url: str = ""


class Wire(ABC):
    """One vendor's or dialect's way to talk; pure: the kitchen keeps the renders."""

    #: The word in VIDEO_PROVIDERS.
    name: str
    #: The key as the setting has it.
    key: str = "key-loopback-0123456789"
    #: Path of the API on its host, such as `/v1`; the base address ends with it.
    prefix: str = ""
    #: Clips are on another host than the API (`Render.media_url`), so CONTENT is never called.
    is_media_elsewhere: bool = True

    @property
    @abstractmethod
    def credential(self) -> tuple[str, str]:
        """Name (lower case) and value of the header without which the kitchen answers BAD_KEY."""

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
        """Read a CREATE or CONTINUE. Raises Violation for whatever the documents do not have."""

    @abstractmethod
    def created(self, render: DoubleRender) -> Answer:
        """Answer a paid call that was taken."""

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
        """Answer a CANCEL; the kitchen has moved a render that was under way to CANCELLED."""
        raise NotImplementedError

    def deleted(self, render: DoubleRender, *, was: RenderStage) -> Answer:
        """Answer a DELETE; the kitchen has forgotten the render."""
        raise NotImplementedError

    def checked(self, call: ReceivedRequest) -> Answer:
        """Answer a CHECK."""
        raise NotImplementedError

    @abstractmethod
    def refusal(self, kind: Refusal, step: Step) -> Answer | None:
        """Return how the vendor says no, in its own shape; None where it never says so."""
