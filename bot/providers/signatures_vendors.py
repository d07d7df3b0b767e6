"""Which vendor signs its webhooks how, and where it puts the id of a render."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.clock import Clock
from bot.providers.patience import Patience
from bot.providers.reading import object_or_empty
from bot.providers.signatures_ed25519 import Ed25519Signatures
from bot.providers.signatures_keys import KeyRing
from bot.providers.signatures_standard import StandardWebhooks
from bot.providers.signatures_timed import TimedSignatures
from bot.providers.transport import Transport
from bot.providers.webhook import Finder, Verifier
from bot.settings import Secret

# 2026-11-20: fal.ai/docs (webhooks).
_FAL_KEYS_URL = "https://rest.fal.ai/.well-known"
# A webhook that waits for keys is a vendor that waits for an answer: fal gives it 15 s.
_FAL_PATIENCE = Patience(connect_s=3, read_s=5, call_s=8)

# 2026-11-20: replicate.com/docs (webhooks). Start, output and logs are of no interest.
_REPLICATE_ENDS = ("succeeded", "failed", "canceled", "aborted")


def openai(secrets: Sequence[Secret]) -> Verifier:
    """For OpenAI's events video.completed and video.failed."""
    return StandardWebhooks(secrets, _data_id("video."))


def gemini(secrets: Sequence[Secret]) -> Verifier:
    """For Gemini's events about interactions, sent to an endpoint registered for the project.

    An address given with a single request is signed otherwise (an RS256 token) and not read here.
    """
    return StandardWebhooks(secrets, _data_id("interaction."))


def replicate(secrets: Sequence[Secret]) -> Verifier:
    """For Replicate's predictions that have come to an end."""
    return StandardWebhooks(secrets, _ended_prediction)


def openrouter(secrets: Sequence[Secret]) -> Verifier:
    """For OpenRouter's events video.generation.completed, failed, cancelled and expired."""
    return TimedSignatures("x-openrouter-signature", secrets, _data_id("video.generation."))


def fal(keys: Transport) -> Verifier:
    """For fal's finished requests; `keys` is a `fal_keys_transport`, which the caller closes."""

    async def fetch() -> object:
        return (await keys.get("jwks.json")).body

    return Ed25519Signatures("x-fal-webhook-", KeyRing(fetch), _request_id)


def fal_keys_transport(clock: Clock) -> Transport:
    """Return the way to fal's published keys: no credentials, little patience."""
    return Transport(base_url=_FAL_KEYS_URL, credentials={}, clock=clock, patience=_FAL_PATIENCE)


def _data_id(kind: str) -> Finder:
    """Return a finder of `data.id` in events whose type begins with `kind`."""

    def find(event: Mapping[str, object]) -> object:
        if not str(event.get("type")).startswith(kind):
            return None
        return object_or_empty(event.get("data")).get("id")

    return find


def _ended_prediction(event: Mapping[str, object]) -> object:
    return event.get("id") if event.get("status") in _REPLICATE_ENDS else None


def _request_id(event: Mapping[str, object]) -> object:
    return event.get("request_id")
