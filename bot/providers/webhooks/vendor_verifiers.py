"""Makes the webhook verifier of each vendor: its scheme of signatures and the place of the render id."""

from collections.abc import Mapping, Sequence

from bot.clock import Clock
from bot.providers.http.json_fields import object_or_empty
from bot.providers.http.timeouts import Timeouts
from bot.providers.http.transport import Transport
from bot.providers.webhooks.key_ring import KeyRing
from bot.providers.webhooks.signatures import (
    Ed25519Signatures,
    StandardWebhooks,
    TimestampedSignatures,
)
from bot.providers.webhooks.verifier import RenderIdFinder, WebhookVerifier
from bot.settings import Secret

# 2026-11-20: fal.ai/docs (webhooks).
_FAL_KEYS_URL = "https://rest.fal.ai/.well-known"
# fal waits 15 s for the answer to a webhook, and the answer waits for this fetch.
_FAL_TIMEOUTS = Timeouts(connect_s=3, read_s=5, call_s=8)

# 2026-11-20: replicate.com/docs (webhooks). Webhooks for start, output and logs are ignored.
_REPLICATE_FINAL_STATUSES = ("succeeded", "failed", "canceled", "aborted")


def openai(secrets: Sequence[Secret]) -> WebhookVerifier:
    """Return the verifier for OpenAI's webhooks video.completed and video.failed."""
    return StandardWebhooks(secrets, _data_id("video."))


def gemini(secrets: Sequence[Secret]) -> WebhookVerifier:
    """Return the verifier for Gemini's interaction events at an endpoint registered for the project.

    The verifier rejects webhooks to an address that one request named: an RS256 token signs those.
    """
    return StandardWebhooks(secrets, _data_id("interaction."))


def replicate(secrets: Sequence[Secret]) -> WebhookVerifier:
    """Return the verifier for Replicate's finished predictions."""
    return StandardWebhooks(secrets, _final_prediction_id)


def openrouter(secrets: Sequence[Secret]) -> WebhookVerifier:
    """Return the verifier for OpenRouter's video.generation.completed, failed, cancelled, expired."""
    return TimestampedSignatures("x-openrouter-signature", secrets, _data_id("video.generation."))


def fal(keys: Transport) -> WebhookVerifier:
    """Return the verifier for fal's finished requests.

    keys  a `fal_keys_transport`; the caller closes it.
    """

    async def fetch() -> object:
        return (await keys.get("jwks.json")).body

    return Ed25519Signatures(
        "x-fal-webhook-", KeyRing(fetch), lambda event: event.get("request_id")
    )


def fal_keys_transport(clock: Clock) -> Transport:
    """Return the transport to fal's published keys, without credentials and with short time limits."""
    return Transport(base_url=_FAL_KEYS_URL, credentials={}, clock=clock, timeouts=_FAL_TIMEOUTS)


def _data_id(kind: str) -> RenderIdFinder:
    """Return a function that finds `data.id` in events whose type begins with `kind`."""

    def find(event: Mapping[str, object]) -> object:
        if not str(event.get("type")).startswith(kind):
            return None
        return object_or_empty(event.get("data")).get("id")

    return find


def _final_prediction_id(event: Mapping[str, object]) -> object:
    return event.get("id") if event.get("status") in _REPLICATE_FINAL_STATUSES else None
