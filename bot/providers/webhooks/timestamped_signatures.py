"""Verifies webhooks with a timestamp and an HMAC in one header: `t=1795176000,v1=3f…`."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime

from bot.providers.webhooks.verifier import (
    BadSignatureError,
    RenderIdFinder,
    WebhookEvent,
    check_signature,
    check_timestamp,
    read_event,
    read_header,
)
from bot.settings import Secret

# 2026-11-20: a comma, by openrouter.ai/docs (video generation, webhooks). Other vendors with such a header
# use a dot; OpenRouter signs none like that, so only the comma is accepted.
_SEPARATOR = b","


class TimestampedSignatures:
    """A `WebhookVerifier` for an HMAC-SHA256 in hex over timestamp, comma and body.

    header_name     the header with the signature, in lower case.
    secrets         the valid ones, two while one is being replaced.
    find_render_id  finds the render's id in the body.
    Raises ValueError without secrets, and for an empty one.
    """

    def __init__(
        self, header_name: str, secrets: Sequence[Secret], find_render_id: RenderIdFinder
    ) -> None:
        self._header_name = header_name
        self._keys = tuple(secret.reveal().encode() for secret in secrets)
        self._find_render_id = find_render_id
        if not self._keys or not all(self._keys):
            raise ValueError("no secret to check webhooks with")

    async def verify(
        self, headers: Mapping[str, str], body: bytes, now: datetime
    ) -> WebhookEvent | None:
        pairs = [
            part.strip().partition("=")
            for part in read_header(headers, self._header_name).split(",")
        ]
        times = [value for name, _, value in pairs if name == "t"]
        candidates = [value.lower().encode() for name, _, value in pairs if name == "v1"]
        if len(times) != 1 or not candidates:
            raise BadSignatureError("the header lacks its parts")
        check_timestamp(times[0], now)
        signed = times[0].encode() + _SEPARATOR + body
        expected = (hmac.new(key, signed, "sha256").hexdigest().encode() for key in self._keys)
        check_signature(expected, candidates)
        # The vendor's own delivery id is in a header that the signature does not cover.
        return await read_event(hashlib.sha256(body).hexdigest(), body, self._find_render_id)
