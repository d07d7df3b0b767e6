"""Verifies the webhooks of vendors by three schemes of signatures."""

import base64
import hashlib
import hmac
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import cast

from bot.providers.http.payloads import parse_json
from bot.providers.webhooks.key_ring import KeyRing
from bot.providers.webhooks.verifier import (
    TIMESTAMP_TOLERANCE_S,
    BadSignatureError,
    RenderIdFinder,
    WebhookEvent,
)
from bot.settings import Secret

_PREFIX = "whsec_"
_VERSION = b"v1,"
# 2026-11-20: a comma, by openrouter.ai/docs (video generation, webhooks). Other vendors with such a header
# use a dot; OpenRouter signs none like that, so only the comma is accepted.
_SEPARATOR = b","
_ED25519_BYTES = 64
_HEADER_MAX_CHARS = 1024
_REMOTE_ID_MAX_CHARS = 512


class _SignatureVerifier(ABC):
    """The base class of the `WebhookVerifier` of each scheme of signatures."""

    def __init__(self, find_render_id: RenderIdFinder) -> None:
        self._find_render_id = find_render_id

    async def verify(
        self, headers: Mapping[str, str], body: bytes, now: datetime
    ) -> WebhookEvent | None:
        delivery_id = await self._check(headers, body, now)
        try:
            event = await parse_json(body)
        except ValueError:
            return None
        if not isinstance(event, dict):
            return None
        remote_id = self._find_render_id(cast("Mapping[str, object]", event))
        if not isinstance(remote_id, str) or not 0 < len(remote_id) <= _REMOTE_ID_MAX_CHARS:
            return None
        return WebhookEvent(delivery_id=delivery_id, remote_id=remote_id)

    @abstractmethod
    async def _check(self, headers: Mapping[str, str], body: bytes, now: datetime) -> str:
        """Return the delivery id of a genuine webhook. Raises BadSignatureError for a forged one."""


class StandardWebhooks(_SignatureVerifier):
    """Verifies webhooks by three headers and an HMAC, as standardwebhooks.com says.

    secrets  the valid secrets, two while one is being replaced; each as the vendor shows it, with or
             without the prefix whsec_.
    Raises ValueError without secrets, and for a malformed secret.

    The library of the scheme (standardwebhooks 1.1, read 2026-11-20) is not used here: it reads the
    wall clock, takes only UTF-8 and raises several errors for a malformed header. Tests sign with it.
    """

    def __init__(self, secrets: Sequence[Secret], find_render_id: RenderIdFinder) -> None:
        super().__init__(find_render_id)
        self._keys = tuple(_standard_key(secret) for secret in secrets)
        if not self._keys:
            raise ValueError("no secret to check webhooks with")

    async def _check(self, headers: Mapping[str, str], body: bytes, now: datetime) -> str:
        delivery_id = _read_header(headers, "webhook-id")
        sent_at = _read_header(headers, "webhook-timestamp")
        signatures = _read_header(headers, "webhook-signature").encode().split(b" ")
        candidates = [each for each in signatures if each.startswith(_VERSION)]
        _check_timestamp(sent_at, now)
        signed = f"{delivery_id}.{sent_at}.".encode() + body
        digests = (hmac.digest(key, signed, "sha256") for key in self._keys)
        _check_signature((_VERSION + base64.b64encode(each) for each in digests), candidates)
        return delivery_id


class TimestampedSignatures(_SignatureVerifier):
    """Verifies webhooks by one header such as `t=1795176000,v1=3f…`.

    The signature is a hexadecimal HMAC-SHA256 over timestamp, comma and body.

    header_name  the header with the signature, in lower case.
    secrets      the valid secrets, two while one is being replaced.
    Raises ValueError without secrets, and for an empty secret.
    """

    def __init__(
        self, header_name: str, secrets: Sequence[Secret], find_render_id: RenderIdFinder
    ) -> None:
        super().__init__(find_render_id)
        self._header_name = header_name
        self._keys = tuple(secret.reveal().encode() for secret in secrets)
        if not self._keys or not all(self._keys):
            raise ValueError("no secret to check webhooks with")

    async def _check(self, headers: Mapping[str, str], body: bytes, now: datetime) -> str:
        parts = _read_header(headers, self._header_name).split(",")
        pairs = [part.strip().partition("=") for part in parts]
        times = [value for name, _, value in pairs if name == "t"]
        candidates = [value.lower().encode() for name, _, value in pairs if name == "v1"]
        if len(times) != 1 or not candidates:
            raise BadSignatureError("the header lacks its parts")
        _check_timestamp(times[0], now)
        signed = times[0].encode() + _SEPARATOR + body
        expected = (hmac.new(key, signed, "sha256").hexdigest().encode() for key in self._keys)
        _check_signature(expected, candidates)
        # The vendor's own delivery id is in a header that the signature does not cover.
        return hashlib.sha256(body).hexdigest()


class Ed25519Signatures(_SignatureVerifier):
    """Verifies webhooks by an Ed25519 signature over request id, user id, timestamp and body hash.

    prefix    the beginning of the four headers' names, in lower case.
    key_ring  the vendor's keys, which are the same for all its customers: a genuine webhook may be
              about another customer's render.
    """

    def __init__(self, prefix: str, key_ring: KeyRing, find_render_id: RenderIdFinder) -> None:
        super().__init__(find_render_id)
        self._prefix = prefix
        self._key_ring = key_ring

    async def _check(self, headers: Mapping[str, str], body: bytes, now: datetime) -> str:
        delivery_id, user_id, sent_at, signature = (
            _read_header(headers, self._prefix + name)
            for name in ("request-id", "user-id", "timestamp", "signature")
        )
        _check_timestamp(sent_at, now)
        try:
            raw = bytes.fromhex(signature)
        except ValueError as error:
            raise BadSignatureError("the signature is not hexadecimal") from error
        if len(raw) != _ED25519_BYTES:
            raise BadSignatureError("the signature has the wrong length")
        digest = hashlib.sha256(body).hexdigest()
        message = f"{delivery_id}\n{user_id}\n{sent_at}\n{digest}".encode()
        if not await self._key_ring.verify(raw, message, now):
            raise BadSignatureError("no signature of a known key")
        return delivery_id


def _read_header(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(name, "")
    if not (0 < len(value) <= _HEADER_MAX_CHARS and value.isascii()):
        raise BadSignatureError(f"{name} is missing, too long or not ASCII")
    return value


def _check_timestamp(seconds: str, now: datetime) -> None:
    if not (seconds.isdecimal() and len(seconds) <= 12):
        raise BadSignatureError("the timestamp is not a number")
    if abs(now.timestamp() - int(seconds)) > TIMESTAMP_TOLERANCE_S:
        raise BadSignatureError("the timestamp is too old or in the future")


def _check_signature(expected: Iterable[bytes], signatures: Sequence[bytes]) -> None:
    # `compare_digest` takes the same time for all values, so that its duration tells a forger nothing.
    if not any(hmac.compare_digest(each, sent) for each in expected for sent in signatures):
        raise BadSignatureError("no signature of a known key")


def _standard_key(secret: Secret) -> bytes:
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
