"""A vendor's public keys for webhooks, fetched at most once a minute and kept for a day."""

import asyncio
import base64
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import TypeAlias

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from bot.errors import ProviderError
from bot.providers.http.json_fields import list_or_empty, object_or_empty

_log = logging.getLogger(__name__)

# 2026-11-20: fal.ai/docs (webhooks) allows caching for 24 h at most.
_MAX_AGE = timedelta(hours=24)
#: A forged webhook looks like one signed with a new key. All of them together cause one fetch in this time.
_FETCH_GAP = timedelta(seconds=60)
_KEYS_MAX = 16

#: Fetches the vendor's key set as parsed JSON within a time limit; raises ProviderError.
FetchKeySet: TypeAlias = Callable[[], Awaitable[object]]


class KeyRing:
    """The Ed25519 keys that a vendor publishes as a JSON Web Key Set.

    Fetched for the first webhook and again after a day; keys older than a day are not used, even when
    the vendor can't be reached. There is one fetch at a time, and at most one a minute.
    """

    def __init__(self, fetch: FetchKeySet) -> None:
        self._fetch = fetch
        self._keys: tuple[Ed25519PublicKey, ...] = ()
        self._fetched_at: datetime | None = None
        self._last_try_at: datetime | None = None
        self._lock = asyncio.Lock()

    async def verify(self, signature: bytes, message: bytes, now: datetime) -> bool:
        """Whether one of the vendor's keys made this signature; may wait for a fetch."""
        held = self._valid_keys(now)
        if _is_signed_by_any(held, signature, message):
            return True
        renewed = await self._refreshed_keys(held, now)
        return renewed is not held and _is_signed_by_any(renewed, signature, message)

    def _valid_keys(self, now: datetime) -> tuple[Ed25519PublicKey, ...]:
        if self._fetched_at is None or now - self._fetched_at >= _MAX_AGE:
            return ()
        return self._keys

    async def _refreshed_keys(
        self, held: tuple[Ed25519PublicKey, ...], now: datetime
    ) -> tuple[Ed25519PublicKey, ...]:
        """Return the keys after `held` did not match, fetched again if that is allowed now."""
        async with self._lock:
            good = self._valid_keys(now)
            if good is held and (
                self._last_try_at is None or now - self._last_try_at >= _FETCH_GAP
            ):
                self._last_try_at = now
                await self._refresh(now)
            return self._valid_keys(now)

    async def _refresh(self, now: datetime) -> None:
        try:
            keys = tuple(_keys_of(await self._fetch()))
        except ProviderError as error:
            _log.debug("the webhook keys can't be fetched: %s", error)
            return
        if keys:
            self._keys, self._fetched_at = keys, now
        else:
            _log.warning("the key set for webhooks has no Ed25519 key")


def _is_signed_by_any(keys: tuple[Ed25519PublicKey, ...], signature: bytes, message: bytes) -> bool:
    for key in keys:
        try:
            key.verify(signature, message)
        except InvalidSignature:
            continue
        return True
    return False


def _keys_of(document: object) -> Iterator[Ed25519PublicKey]:
    """Yield the Ed25519 keys of a key set; skip anything else."""
    listed = list_or_empty(object_or_empty(document).get("keys"))
    for each in listed[:_KEYS_MAX]:
        if key := _key_of(object_or_empty(each)):
            yield key


def _key_of(entry: Mapping[str, object]) -> Ed25519PublicKey | None:
    x = entry.get("x")
    if (entry.get("kty"), entry.get("crv")) != ("OKP", "Ed25519") or not isinstance(x, str):
        return None
    try:
        return Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(x + "=" * (-len(x) % 4)))
    except ValueError:
        return None
