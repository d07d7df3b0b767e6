"""Vendors that send webhooks; they sign with other libraries than those the bot verifies with."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from standardwebhooks.webhooks import Webhook

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER_SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
RENDER = "video_68d7512d07848190b3e45da0ecbebcde004da08e1e0678d5"


def said(event: object) -> bytes:
    return json.dumps(event).encode()


#: For each vendor, the body of the webhook that says that the render `RENDER` is done.
DONE: Mapping[str, bytes] = {
    "openai": said(
        {"id": "evt_1", "object": "event", "type": "video.completed", "data": {"id": RENDER}}
    ),
    "gemini": said({"type": "interaction.completed", "version": "v1", "data": {"id": RENDER}}),
    "replicate": said({"id": RENDER, "status": "succeeded", "output": ["https://x.test/a.mp4"]}),
    "openrouter": said({"type": "video.generation.completed", "data": {"id": RENDER}}),
    "fal": said({"request_id": RENDER, "gateway_request_id": "g", "status": "OK", "payload": {}}),
}


def seconds(at: datetime) -> str:
    return str(int(at.timestamp()))


def standard(body: bytes, at: datetime, *secrets: str, delivery: str = "msg_1") -> dict[str, str]:
    """Sign with each of the secrets, as a vendor does while it replaces a secret."""
    naive = datetime.fromtimestamp(int(at.timestamp()), UTC)
    signed = (Webhook(each).sign(delivery, naive, body.decode()) for each in secrets or (SECRET,))
    return {
        "webhook-id": delivery,
        "webhook-timestamp": seconds(at),
        "webhook-signature": " ".join(signed),
    }


def timed(
    body: bytes, at: datetime, *secrets: str, joiner: str = ",", delivery: str = "k"
) -> dict[str, str]:
    def signature(secret: str) -> str:
        code = HMAC(secret.encode(), SHA256())
        code.update(f"{seconds(at)}{joiner}".encode() + body)
        return f"v1={code.finalize().hex()}"

    return {
        "x-openrouter-signature": ",".join(
            (f"t={seconds(at)}", *(signature(each) for each in secrets or (SECRET,)))
        ),
        "x-openrouter-idempotency-key": delivery,
    }


class Fal:
    """Simulates fal's webhooks: fal signs with one key and publishes others beside it."""

    def __init__(self) -> None:
        self.key = Ed25519PrivateKey.generate()

    def headers(
        self, body: bytes, at: datetime, *, delivery: str = "req_1", user: str = "user_1"
    ) -> dict[str, str]:
        lines = (delivery, user, seconds(at), hashlib.sha256(body).hexdigest())
        return {
            "x-fal-webhook-request-id": delivery,
            "x-fal-webhook-user-id": user,
            "x-fal-webhook-timestamp": seconds(at),
            "x-fal-webhook-signature": self.key.sign("\n".join(lines).encode()).hex(),
        }

    def published(self) -> dict[str, object]:
        """Return fal's key set.

        Some of its entries are invalid or other keys, which a reader must skip.
        """
        return {
            "keys": [
                None,
                {"kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "0"},
                {"kty": "OKP", "crv": "Ed25519", "x": "c2hvcnQ", "kid": "1"},
                {"kty": "OKP", "crv": "Ed25519", "x": encoded(Ed25519PrivateKey.generate())},
                {"kty": "OKP", "crv": "Ed25519", "x": encoded(self.key), "kid": "2"},
            ]
        }


def encoded(key: Ed25519PrivateKey) -> str:
    return base64.urlsafe_b64encode(key.public_key().public_bytes_raw()).decode().rstrip("=")
