"""What a vendor's webhook may tell: that a render is worth asking about now."""

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
    """The request is not provably the vendor's, or not of now.

    Nobody but the log is told why. It is no part of the bot's tree of errors: no job ends with it.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookEvent:
    """What is taken from a genuine webhook; never more than a reason to ask the API."""

    #: The same for each repetition of a delivery, and covered by the signature.
    delivery_id: str
    #: The render it is about, as the provider knows it.
    remote_id: str


class WebhookVerifier(Protocol):
    """Tells one vendor's webhooks from forgeries."""

    async def verify(
        self, headers: Mapping[str, str], body: bytes, now: datetime
    ) -> WebhookEvent | None:
        """Return what a genuine webhook is about; None when it is of no interest.

        headers  names in lower case.
        body     as it came, byte for byte; it is not looked into before its signature holds.
        Cancellable, may run side by side; remembers nothing of what it read, so that replays are
        the caller's to drop. Raises BadSignatureError, and nothing else, for all that is not
        genuine or is more than `TIMESTAMP_TOLERANCE_S` away from `now`.
        """
        ...


#: Finds the id of a render in a webhook's JSON object; anything but text is "of no interest".
RenderIdFinder: TypeAlias = Callable[[Mapping[str, object]], object]


def read_header(headers: Mapping[str, str], name: str) -> str:
    """Return a header that a signature can't do without, 1 to 1,024 characters of ASCII.

    name  in lower case. Raises BadSignatureError.
    """
    value = headers.get(name, "")
    if not (0 < len(value) <= _HEADER_MAX_CHARS and value.isascii()):
        raise BadSignatureError(f"{name} is missing, too long or no ASCII")
    return value


def check_timestamp(seconds: str, now: datetime) -> None:
    """Return if this count of seconds since 1970, of a `header`, is within `TIMESTAMP_TOLERANCE_S` of `now`.

    Raises BadSignatureError.
    """
    if not (seconds.isdecimal() and len(seconds) <= 12):
        raise BadSignatureError("the timestamp is no number")
    if abs(now.timestamp() - int(seconds)) > TIMESTAMP_TOLERANCE_S:
        raise BadSignatureError("the timestamp is not of now")


def check_signature(expected: Iterable[bytes], signatures: Sequence[bytes]) -> None:
    """Raise BadSignatureError unless one of `signatures` is `expected` of one of our keys."""
    # Every comparison takes the same time, so that a forger learns nothing from it.
    if not any(hmac.compare_digest(each, sent) for each in expected for sent in signatures):
        raise BadSignatureError("no signature of a known key")


async def read_event(
    delivery_id: str, body: bytes, find_render_id: RenderIdFinder
) -> WebhookEvent | None:
    """Return the hint in a genuine webhook's body, None when there is none; never raises."""
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
