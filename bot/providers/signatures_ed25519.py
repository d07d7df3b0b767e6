"""Four headers and an Ed25519 signature that a published key made."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime

from bot.providers.signatures_keys import KeyRing
from bot.providers.webhook import (
    BadSignatureError,
    Finder,
    Hint,
    check_time,
    header,
    hint_of,
)

_SIGNATURE_BYTES = 64


class Ed25519Signatures:
    """A `Verifier` for a signature over request id, user id, timestamp and the body's SHA-256.

    prefix  what the four headers' names begin with, in lower case.
    keys    the vendor's. They are the same for all its customers: that a webhook is genuine does
            not say that it is about a render of ours.
    find    where the vendor puts the render's id.
    """

    def __init__(self, prefix: str, keys: KeyRing, find: Finder) -> None:
        self._prefix = prefix
        self._keys = keys
        self._find = find

    async def read(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Hint | None:
        delivery_id, user_id, sent_at, signature = (
            header(headers, self._prefix + name)
            for name in ("request-id", "user-id", "timestamp", "signature")
        )
        check_time(sent_at, now)
        raw = _bytes_of(signature)
        digest = hashlib.sha256(body).hexdigest()
        message = f"{delivery_id}\n{user_id}\n{sent_at}\n{digest}".encode()
        if not await self._keys.signed(raw, message, now):
            raise BadSignatureError("no signature of a known key")
        return await hint_of(delivery_id, body, self._find)


def _bytes_of(signature: str) -> bytes:
    try:
        raw = bytes.fromhex(signature)
    except ValueError as error:
        raise BadSignatureError("the signature is not hexadecimal") from error
    if len(raw) != _SIGNATURE_BYTES:
        raise BadSignatureError("the signature is of another length")
    return raw
