"""The interface of webhook verifiers. A genuine webhook only makes the next poll come sooner."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeAlias, cast

from bot.providers.http.payloads import parse_json

#: How far a signed timestamp may lie in the past or in the future, in seconds.
TIMESTAMP_TOLERANCE_S = 300

_HEADER_MAX_CHARS = 1024
_REMOTE_ID_MAX_CHARS = 512


class BadSignatureError(Exception):
    """A webhook has no valid signature or timestamp.

    Only the log shows the reason. It is not in `bot.errors`, because no job ends with it.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookEvent:
    """The contents of a genuine webhook."""

    #: The same in each repetition of a delivery; covered by the signature.
    delivery_id: str
    #: The provider's id of the render.
    remote_id: str


class WebhookVerifier(Protocol):
    """Verifies the webhooks of one vendor."""

    async def verify(
        self, headers: Mapping[str, str], body: bytes, now: datetime
    ) -> WebhookEvent | None:
        """Return the event in a genuine webhook; None when it is not about a finished render.

        headers  names in lower case.
        body     byte for byte as received; parsed only after its signature is verified.
        Cancellable; calls may run at once. Stateless, so the caller must drop replays.
        Raises only BadSignatureError: for a webhook that is not genuine, or whose timestamp is
        more than `TIMESTAMP_TOLERANCE_S` away from `now`.
        """
        ...


#: Returns the render's id in a webhook's JSON object; anything but text: not about a finished render.
RenderIdFinder: TypeAlias = Callable[[Mapping[str, object]], object]


def read_header(headers: Mapping[str, str], name: str) -> str:
    """Return a required header of 1 to 1,024 ASCII characters.

    name  in lower case. Raises BadSignatureError.
    """
    value = headers.get(name, "")
    if not (0 < len(value) <= _HEADER_MAX_CHARS and value.isascii()):
        raise BadSignatureError(f"{name} is missing, too long or not ASCII")
    return value


def check_timestamp(seconds: str, now: datetime) -> None:
    """Raise BadSignatureError unless `seconds` since 1970 is near `now`.

    seconds  a header's text; near means within `TIMESTAMP_TOLERANCE_S`.
    """
    if not (seconds.isdecimal() and len(seconds) <= 12):
        raise BadSignatureError("the timestamp is not a number")
    if abs(now.timestamp() - int(seconds)) > TIMESTAMP_TOLERANCE_S:
        raise BadSignatureError("the timestamp is too old or in the future")


def check_signature(expected: Iterable[bytes], signatures: Sequence[bytes]) -> None:
    """Raise BadSignatureError unless one of `signatures` is `expected` of one of our keys."""
    # Every comparison takes the same time, so that a forger learns nothing from it.
    if not any(hmac.compare_digest(each, sent) for each in expected for sent in signatures):
        raise BadSignatureError("no signature of a known key")


async def read_event(
    delivery_id: str, body: bytes, find_render_id: RenderIdFinder
) -> WebhookEvent | None:
    """Return the event in a genuine webhook's body; None when it has no render id. Never raises."""
    try:
        event = await parse_json(body)
    except ValueError:
        return None
    if not isinstance(event, dict):
        return None
    remote_id = find_render_id(cast("Mapping[str, object]", event))
    if not isinstance(remote_id, str) or not 0 < len(remote_id) <= _REMOTE_ID_MAX_CHARS:
        return None
    return WebhookEvent(delivery_id=delivery_id, remote_id=remote_id)
