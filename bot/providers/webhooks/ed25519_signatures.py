"""Verifies webhooks with four headers and an Ed25519 signature of a published key."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime

from bot.providers.webhooks.key_ring import KeyRing
from bot.providers.webhooks.verifier import (
    BadSignatureError,
    RenderIdFinder,
    WebhookEvent,
    check_timestamp,
    read_event,
    read_header,
)

_SIGNATURE_BYTES = 64


class Ed25519Signatures:
    """A `WebhookVerifier` for a signature over request id, user id, timestamp and the body's SHA-256.

    prefix          the beginning of the four headers' names, in lower case.
    key_ring        the vendor's keys, which are the same for all its customers: a genuine webhook
                    may be about another customer's render.
    find_render_id  finds the render's id in the body.
    """

    def __init__(self, prefix: str, key_ring: KeyRing, find_render_id: RenderIdFinder) -> None:
        self._prefix = prefix
        self._key_ring = key_ring
        self._find_render_id = find_render_id

    async def verify(
        self, headers: Mapping[str, str], body: bytes, now: datetime
    ) -> WebhookEvent | None:
        delivery_id, user_id, sent_at, signature = (
            read_header(headers, self._prefix + name)
            for name in ("request-id", "user-id", "timestamp", "signature")
        )
        check_timestamp(sent_at, now)
        raw = _decode_signature(signature)
        digest = hashlib.sha256(body).hexdigest()
        message = f"{delivery_id}\n{user_id}\n{sent_at}\n{digest}".encode()
        if not await self._key_ring.verify(raw, message, now):
            raise BadSignatureError("no signature of a known key")
        return await read_event(delivery_id, body, self._find_render_id)


def _decode_signature(signature: str) -> bytes:
    try:
        raw = bytes.fromhex(signature)
    except ValueError as error:
        raise BadSignatureError("the signature is not hexadecimal") from error
    if len(raw) != _SIGNATURE_BYTES:
        raise BadSignatureError("the signature has the wrong length")
    return raw
