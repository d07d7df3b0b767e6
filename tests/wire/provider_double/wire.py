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


class Violation(Exception):  # noqa: N818 - it does not stand for an error in the program
    """Raised for a request that the vendor's documents do not allow; the message says why."""


class RenderStage(StrEnum):
    """The stage of a render in the provider double, independent of any vendor's words."""

    QUEUED = "queued"
    RUNNING = "running"
    READY = "ready"
    FAILED = "failed"
    #: The API accepted the paid call, and later stopped the render because of its content.
    MODERATED = "moderated"
    CANCELLED = "cancelled"
    #: Polls get a response with a status word that is in no document.
    ODD = "odd"


class Step(StrEnum):
    """The purpose of a call."""

    CREATE = "create"
    #: A paid call that starts from an earlier render, if the API has a separate route for that.
    CONTINUE = "continue"
    POLL = "look"
    #: A request for a render's result, if the vendor doesn't include it in the response to a poll.
    RESULT = "result"
    LIST = "list"
    #: A download of a clip from the API's own host.
    CONTENT = "content"
    CANCEL = "cancel"
    DELETE = "delete"
    #: Free requests that change nothing, such as those for models, account or limits.
    CHECK = "check"


class Refusal(StrEnum):
    """A way in which an API may refuse a call."""

    #: 400 or 422: the request contains a value that is not allowed.
    REJECTED = "rejected"
    #: 400 or 422: the prompt's content is not allowed.
    MODERATED = "moderated"
    BAD_KEY = "bad_key"
    NO_BALANCE = "no_balance"
    THROTTLED = "throttled"
    #: 503 in which the API itself says that it is overloaded.
    OVERLOADED = "overloaded"
    UNKNOWN_ID = "unknown_id"
    CONFLICT = "conflict"
    #: 500 with an error object in the vendor's own format.
    BROKEN = "broken"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedRequest:
    """One request as it arrived."""

    method: str
    #: The request's path after the wire's `prefix`, still percent-encoded and without the query.
    path: str
    query: dict[str, str]
    #: Names in lower case.
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    def fields(self, *allowed: str) -> dict[str, Any]:
        """Return the JSON object in the body.

        Raises Violation if there is no object, or if it has fields other than `allowed`.
        """
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
    """A response of the simulated vendor; its body is `raw` if that is set, otherwise `json`."""

    status: int = 200
    json: object = None
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class PaidCall:
    """The values in a paid call."""

    prompt: str
    model: str
    #: None if the vendor takes the length from the source clip.
    seconds: int | None
    image: bytes | None = None
    operation: Operation = Operation.GENERATE
    source: str | None = None
    #: Further values that a test may check, such as aspect ratio, resolution or seed.
    more: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class DoubleRender:
    """A render that the provider double accepted."""

    #: The render's id as in the vendor's responses.
    id: str
    paid_call: PaidCall
    created_at: datetime
    stage: RenderStage = RenderStage.RUNNING
    #: The progress in per cent; some vendors report none.
    progress: int = 0
    #: The clip's address on another host than the API; requests there must contain no API key.
    media_url: str = ""


class Wire(ABC):
    """The API of one vendor or dialect. It has no state: the provider double keeps the renders."""

    #: The word in VIDEO_PROVIDERS.
    name: str
    #: The API key, with the value that the bot's setting has.
    key: str = "key-loopback-0123456789"
    #: The path of the API on its host, such as `/v1`; the base address ends with it.
    prefix: str = ""
    #: Whether clips are on another host (`DoubleRender.media_url`), so that CONTENT is no route of
    #: the API.
    is_media_elsewhere: bool = True

    @property
    @abstractmethod
    def credential(self) -> tuple[str, str]:
        """The header (name in lower case, value) without which a request is refused as BAD_KEY."""

    @abstractmethod
    def environ(self, base_url: str) -> dict[str, str]:
        """Return the settings with which the bot uses this vendor at `base_url`."""

    def new_id(self, number: int) -> str:
        """Return an id in the format of the vendor's ids."""
        return f"{self.name}-{number:08x}"

    @abstractmethod
    def recognise(self, call: ReceivedRequest) -> tuple[Step, str | None] | None:
        """Return the purpose of a request, and the render's id if the path contains one.

        Returns None for an unknown route.
        """

    @abstractmethod
    def read_paid_call(self, call: ReceivedRequest) -> PaidCall:
        """Parse a CREATE or CONTINUE. Raises Violation if the vendor's documents don't allow it."""

    @abstractmethod
    def created(self, render: DoubleRender) -> Answer:
        """Return the response to a paid call that was accepted."""

    @abstractmethod
    def shown(self, render: DoubleRender) -> Answer:
        """Answer a POLL."""

    def result(self, render: DoubleRender) -> Answer:
        """Answer a RESULT."""
        raise NotImplementedError

    def listed(self, renders: list[DoubleRender], call: ReceivedRequest) -> Answer:
        """Return the response to a LIST; `renders` begins with the newest."""
        raise NotImplementedError

    def cancelled(self, render: DoubleRender, *, was: RenderStage) -> Answer:
        """Return the response to a CANCEL.

        The provider double has already set a running render to CANCELLED.
        """
        raise NotImplementedError

    def deleted(self, render: DoubleRender, *, was: RenderStage) -> Answer:
        """Return the response to a DELETE.

        If it is a success, the provider double then removes the render.
        """
        raise NotImplementedError

    def checked(self, call: ReceivedRequest) -> Answer:
        """Answer a CHECK."""
        raise NotImplementedError

    @abstractmethod
    def refusal(self, kind: Refusal, step: Step) -> Answer | None:
        """Return the vendor's response for a kind of refusal; None if it has no such refusal."""
