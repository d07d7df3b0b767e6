"""Verifies Standard Webhooks: three headers, and an HMAC by any of several keys."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime

from bot.providers.webhooks.verifier import (
    RenderIdFinder,
    WebhookEvent,
    check_signature,
    check_timestamp,
    read_event,
    read_header,
)
from bot.settings import Secret

_PREFIX = "whsec_"
_VERSION = b"v1,"


class StandardWebhooks:
    """A `WebhookVerifier` for vendors that sign as standardwebhooks.com says.

    secrets         the valid ones, two while one is being replaced; each as the vendor shows it,
                    with or without the prefix whsec_.
    find_render_id  finds the render's id in the body.
    Raises ValueError without secrets, and for a malformed one.

    The scheme's own library (standardwebhooks 1.1, read 2026-11-20) uses the wall clock, takes only
    UTF-8 and raises several errors for a malformed header. The bot needs one HMAC of it; the tests
    use the library to sign what they send.
    """

    def __init__(self, secrets: Sequence[Secret], find_render_id: RenderIdFinder) -> None:
        self._keys = tuple(_key(secret) for secret in secrets)
        self._find_render_id = find_render_id
        if not self._keys:
            raise ValueError("no secret to check webhooks with")

    async def verify(
        self, headers: Mapping[str, str], body: bytes, now: datetime
    ) -> WebhookEvent | None:
        delivery_id = read_header(headers, "webhook-id")
        sent_at = read_header(headers, "webhook-timestamp")
        signatures = read_header(headers, "webhook-signature").encode().split(b" ")
        candidates = [each for each in signatures if each.startswith(_VERSION)]
        check_timestamp(sent_at, now)
        signed = f"{delivery_id}.{sent_at}.".encode() + body
        check_signature((_sign(key, signed) for key in self._keys), candidates)
        return await read_event(delivery_id, body, self._find_render_id)


def _sign(key: bytes, signed: bytes) -> bytes:
    return _VERSION + base64.b64encode(hmac.digest(key, signed, "sha256"))


def _key(secret: Secret) -> bytes:
    raw = secret.reveal()
    if not raw.startswith(_PREFIX):
        # 2026-08-21: the same as github openai/openai-python (lib/_webhooks.py).
        key = raw.encode()
    else:
        encoded = raw.removeprefix(_PREFIX).rstrip("=")
        try:
            key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
        except ValueError as error:
            raise ValueError(f"a webhook secret that is not base64 after {_PREFIX}") from error
    if not key:
        raise ValueError("an empty webhook secret")
    return key
