"""How long a vendor's public keys are believed, and how often it is asked for them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from bot.errors import ProviderTroubleError
from bot.providers.webhooks.key_ring import KeyRing
from bot.providers.webhooks.signatures import Ed25519Signatures
from bot.providers.webhooks.verifier import BadSignatureError
from tests.wire.webhook_senders import Fal

_NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
_SIGNED = b"four lines"


class KeyHost:
    """Publishes the keys of `vendor`; `says` stands for something else to answer."""

    def __init__(self, vendor: Fal) -> None:
        self.vendor = vendor
        self.asked = 0
        self.says: object = None
        self.is_down = False
        self.opens = asyncio.Event()
        self.opens.set()

    async def fetch(self) -> object:
        self.asked += 1
        await self.opens.wait()
        if self.is_down:
            raise ProviderTroubleError("down")
        return self.vendor.published() if self.says is None else self.says


def after(**passed: float) -> datetime:
    return _NOON + timedelta(**passed)


def signature(vendor: Fal) -> bytes:
    return vendor.key.sign(_SIGNED)


async def test_keys_are_fetched_once_a_day():
    vendor = Fal()
    host = KeyHost(vendor)
    notify = KeyRing(host.fetch)
    assert host.asked == 0
    for hours in (0, 1, 23.9):
        assert await notify.verify(signature(vendor), _SIGNED, after(hours=hours))
    assert host.asked == 1
    assert await notify.verify(signature(vendor), _SIGNED, after(hours=24))
    assert host.asked == 2


async def test_keys_older_than_a_day_are_not_believed_though_the_vendor_is_down():
    vendor = Fal()
    host = KeyHost(vendor)
    notify = KeyRing(host.fetch)
    assert await notify.verify(signature(vendor), _SIGNED, _NOON)
    host.is_down = True
    assert await notify.verify(signature(vendor), _SIGNED, after(hours=23.9))
    assert not await notify.verify(signature(vendor), _SIGNED, after(hours=24))
    host.is_down = False
    assert await notify.verify(signature(vendor), _SIGNED, after(hours=24, seconds=60))


async def test_a_key_that_was_taken_back_is_refused_once_the_keys_are_fetched_again():
    vendor, successor = Fal(), Fal()
    host = KeyHost(vendor)
    notify = KeyRing(host.fetch)
    assert await notify.verify(signature(vendor), _SIGNED, _NOON)
    host.vendor = successor
    assert await notify.verify(signature(successor), _SIGNED, after(minutes=2))
    assert not await notify.verify(signature(vendor), _SIGNED, after(minutes=3))


async def test_an_unknown_key_leads_to_one_fetch_a_minute_however_many_come():
    vendor, forger = Fal(), Fal()
    host = KeyHost(vendor)
    notify = KeyRing(host.fetch)
    assert await notify.verify(signature(vendor), _SIGNED, _NOON)
    for seconds in range(600):
        assert not await notify.verify(signature(forger), _SIGNED, after(seconds=seconds))
        assert await notify.verify(signature(vendor), _SIGNED, after(seconds=seconds))
    assert host.asked == 10


async def test_a_host_that_is_down_is_asked_once_a_minute():
    vendor = Fal()
    host = KeyHost(vendor)
    host.is_down = True
    notify = KeyRing(host.fetch)
    for seconds in range(120):
        assert not await notify.verify(signature(vendor), _SIGNED, after(seconds=seconds))
    assert host.asked == 2


async def test_all_who_wait_for_a_fetch_share_it():
    vendor = Fal()
    host = KeyHost(vendor)
    host.opens.clear()
    notify = KeyRing(host.fetch)
    waiting = [
        asyncio.create_task(notify.verify(signature(vendor), _SIGNED, _NOON)) for _ in range(20)
    ]
    await asyncio.sleep(0.01)
    host.opens.set()
    assert all(await asyncio.gather(*waiting))
    assert host.asked == 1


async def test_an_answer_without_a_usable_key_does_not_take_away_those_at_hand():
    vendor, forger = Fal(), Fal()
    host = KeyHost(vendor)
    notify = KeyRing(host.fetch)
    assert await notify.verify(signature(vendor), _SIGNED, _NOON)
    answers: tuple[object, ...] = (
        [],
        "keys",
        {},
        {"keys": None},
        {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": 7}]},
        {"keys": [{"kty": "OKP", "crv": "Ed448", "x": "AAAA"}]},
        {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "é"}]},
    )
    for minutes, answer in enumerate(answers, 1):
        host.says = answer
        now = after(minutes=minutes)
        assert not await notify.verify(signature(forger), _SIGNED, now)
        assert host.asked == minutes + 1
        assert await notify.verify(signature(vendor), _SIGNED, now)


async def test_a_key_set_without_end_is_read_to_the_sixteenth_key():
    vendor = Fal()
    host = KeyHost(vendor)
    listed = vendor.published()["keys"]
    assert isinstance(listed, list)
    host.says = {"keys": [listed[-2]] * 16 + [listed[-1]]}
    assert not await KeyRing(host.fetch).verify(signature(vendor), _SIGNED, _NOON)
    host.says = {"keys": [listed[-2]] * 15 + [listed[-1]]}
    assert await KeyRing(host.fetch).verify(signature(vendor), _SIGNED, _NOON)


async def test_nobody_is_asked_for_keys_because_of_what_cannot_be_a_signature_of_now():
    vendor = Fal()
    host = KeyHost(vendor)
    verifier = Ed25519Signatures("x-fal-webhook-", KeyRing(host.fetch), lambda _: None)
    genuine = vendor.headers(b"", _NOON)
    for name, value in (
        ("signature", "00" * 63),
        ("signature", "00" * 65),
        ("signature", "zz" * 64),
        ("timestamp", "1"),
        ("user-id", ""),
    ):
        with pytest.raises(BadSignatureError):
            await verifier.verify(genuine | {f"x-fal-webhook-{name}": value}, b"", _NOON)
    assert host.asked == 0
    assert await verifier.verify(genuine, b"", _NOON) is None
    assert host.asked == 1
