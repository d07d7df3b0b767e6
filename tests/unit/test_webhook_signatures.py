"""What passes for a vendor's webhook, and what does not, whatever the scheme."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.providers.webhooks import vendor_verifiers as vendors
from bot.providers.webhooks.key_ring import KeyRing
from bot.providers.webhooks.signatures import (
    Ed25519Signatures,
    StandardWebhooks,
    TimestampedSignatures,
)
from bot.providers.webhooks.verifier import BadSignatureError, WebhookVerifier
from bot.settings import Secret
from tests.wire.webhook_senders import (
    DONE,
    OTHER_SECRET,
    RENDER,
    SECRET,
    Fal,
    said,
    standard,
    timed,
)

_NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheme:
    """A vendor that signs, and the verifier that knows it."""

    name: str
    sign: Callable[..., dict[str, str]]
    verifier: WebhookVerifier


def schemes() -> list[Scheme]:
    fal = Fal()

    async def keys() -> object:
        return fal.published()

    secrets = (Secret(SECRET),)
    known = Ed25519Signatures(
        "x-fal-webhook-", KeyRing(keys), lambda event: event.get("request_id")
    )
    return [
        Scheme(name="openai", sign=standard, verifier=vendors.openai(secrets)),
        Scheme(name="gemini", sign=standard, verifier=vendors.gemini(secrets)),
        Scheme(name="replicate", sign=standard, verifier=vendors.replicate(secrets)),
        Scheme(name="openrouter", sign=timed, verifier=vendors.openrouter(secrets)),
        Scheme(name="fal", sign=fal.headers, verifier=known),
    ]


every_scheme = pytest.mark.parametrize("scheme", schemes(), ids=lambda scheme: scheme.name)


@every_scheme
async def test_a_genuine_webhook_names_its_render(scheme: Scheme):
    body = DONE[scheme.name]
    hint = await scheme.verifier.verify(scheme.sign(body, _NOON), body, _NOON)
    assert hint is not None
    assert hint.remote_id == RENDER


@every_scheme
async def test_a_body_with_one_byte_changed_is_not_genuine(scheme: Scheme):
    body = DONE[scheme.name]
    headers = scheme.sign(body, _NOON)
    for forged in (body + b" ", body[:-1], body.replace(b"video_6", b"video_7"), b""):
        with pytest.raises(BadSignatureError):
            await scheme.verifier.verify(headers, forged, _NOON)


@every_scheme
async def test_a_timestamp_is_good_for_five_minutes_before_and_after(scheme: Scheme):
    body = DONE[scheme.name]
    for late_s in (-300, 0, 300):
        sent_at = _NOON - timedelta(seconds=late_s)
        assert await scheme.verifier.verify(scheme.sign(body, sent_at), body, _NOON)
    for late_s in (-301, 301, 86_400):
        sent_at = _NOON - timedelta(seconds=late_s)
        with pytest.raises(BadSignatureError):
            await scheme.verifier.verify(scheme.sign(body, sent_at), body, _NOON)


@every_scheme
async def test_an_old_webhook_cannot_be_given_a_fresh_timestamp(scheme: Scheme):
    body = DONE[scheme.name]
    old, fresh = (scheme.sign(body, _NOON - timedelta(hours=hours)) for hours in (1, 0))
    for name, value in old.items():
        aged = old["webhook-timestamp"] if name == "webhook-timestamp" else value
        mixed = fresh | {name: aged}
        if mixed != fresh:
            with pytest.raises(BadSignatureError):
                await scheme.verifier.verify(mixed, body, _NOON)


@every_scheme
async def test_no_signed_header_can_be_missing_empty_or_changed(scheme: Scheme):
    body = DONE[scheme.name]
    headers = scheme.sign(body, _NOON)
    headers.pop("x-openrouter-idempotency-key", None)  # no signature covers it
    for name, value in headers.items():
        without = {other: kept for other, kept in headers.items() if other != name}
        for wrong in (
            without,
            *({**headers, name: v} for v in ("", value + "0", "é", "\udcff", "\ud800", "x" * 5000)),
        ):
            with pytest.raises(BadSignatureError):
                await scheme.verifier.verify(wrong, body, _NOON)


@every_scheme
async def test_the_same_delivery_has_the_same_id_and_another_has_another(scheme: Scheme):
    body = DONE[scheme.name]
    other = body.replace(b"video_6", b"video_7")
    ids: list[str] = []
    for what, delivery, at in (
        (body, "a", _NOON),
        (body, "a", _NOON + timedelta(seconds=5)),
        (other, "b", _NOON),
    ):
        headers = scheme.sign(what, at, delivery=delivery)
        hint = await scheme.verifier.verify(headers, what, _NOON)
        assert hint is not None
        ids.append(hint.delivery_id)
    assert ids[0] == ids[1] != ids[2]


@every_scheme
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"[]",
        b"null",
        b"{}",
        b"[" * 100_000,
        said({"type": "response.completed", "data": {"id": RENDER}, "id": RENDER}),
        said({"type": "video.completed", "data": [RENDER]}),
        said({"type": ["video."], "data": {"id": RENDER}}),
        said({"id": RENDER, "status": "processing"}),
        said({"id": RENDER, "status": ["succeeded"]}),
        said({"type": "interaction.completed", "data": {"id": 7}, "request_id": 7}),
        said({"type": "video.generation.failed", "data": {"id": ""}, "request_id": ""}),
        said({"type": "video.completed", "data": {"id": "x" * 600}, "request_id": "x" * 600}),
    ],
    ids=lambda body: body[:40].decode(),
)
async def test_a_genuine_webhook_about_something_else_is_of_no_interest(
    scheme: Scheme, body: bytes
):
    assert await scheme.verifier.verify(scheme.sign(body, _NOON), body, _NOON) is None


@every_scheme
async def test_a_large_genuine_body_is_read_all_the_same(scheme: Scheme):
    body = DONE[scheme.name][:-1] + b', "more": "' + b"x" * 200_000 + b'"}'
    assert await scheme.verifier.verify(scheme.sign(body, _NOON), body, _NOON)


# A server keeps bytes that are no UTF-8 as surrogates.
_ANY_HEADER = st.text(st.characters() | st.sampled_from("\udc80\udcff\ud800\x00\n,="), max_size=40)
_LIKELY = st.sampled_from(
    ["v1,", "v1,====", "v1,é", ",", " ", "t=1,v1=", "t=,v1=,", "t=²,v1=ff", "00" * 64, "0" * 128]
)


@every_scheme
@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_no_headers_make_it_raise_anything_else(scheme: Scheme, data: st.DataObject):
    body = DONE[scheme.name]
    headers = scheme.sign(body, _NOON)
    name = data.draw(st.sampled_from(sorted(headers.keys() - {"x-openrouter-idempotency-key"})))
    value = data.draw(_ANY_HEADER | _LIKELY)
    if value != headers[name]:
        with pytest.raises(BadSignatureError):
            await scheme.verifier.verify(headers | {name: value}, body, _NOON)


@pytest.mark.parametrize("name", ["openai", "fal"])
async def test_a_delivery_s_id_takes_a_bounded_place_in_memory(name: str):
    (scheme,) = (each for each in schemes() if each.name == name)
    body = DONE[name]
    longest = scheme.sign(body, _NOON, delivery="x" * 1024)
    assert await scheme.verifier.verify(longest, body, _NOON)
    with pytest.raises(BadSignatureError):
        await scheme.verifier.verify(scheme.sign(body, _NOON, delivery="x" * 1025), body, _NOON)


async def test_the_example_that_the_scheme_s_authors_publish_is_genuine():
    # 2026-11-20: github standard-webhooks/standard-webhooks, libraries/python/tests.
    sent_at = datetime.fromtimestamp(1614265330, UTC)
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    body = b'{"test": 2432232314}'
    for secret in (SECRET, SECRET + "=="):
        verifier = StandardWebhooks([Secret(secret)], lambda event: str(event.get("test")))
        hint = await verifier.verify(headers, body, sent_at)
        assert hint is not None
        assert (hint.delivery_id, hint.remote_id) == (headers["webhook-id"], "2432232314")


async def test_a_published_example_of_the_curve_holds_and_its_neighbours_do_not():
    # RFC 8032, section 7.1, test 2.
    public = "PUAXw-hDiVqStwqnTRt-vJyYLM8uxJaMwM1V8Sr0Zgw"
    signature = bytes.fromhex(
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )

    async def keys() -> object:
        return {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": public}]}

    notify = KeyRing(keys)
    assert await notify.verify(signature, b"\x72", _NOON)
    assert not await notify.verify(signature, b"\x73", _NOON)
    assert not await notify.verify(bytes(64), b"\x72", _NOON)


@pytest.mark.parametrize(
    ("sign", "make"),
    [(standard, vendors.openai), (timed, vendors.openrouter)],
    ids=["std", "timed"],
)
async def test_while_a_secret_is_replaced_either_is_good_on_either_side(
    sign: Callable[..., dict[str, str]], make: Callable[[list[Secret]], WebhookVerifier]
):
    body = DONE["openai" if sign is standard else "openrouter"]
    old, both, new = (
        make([Secret(each) for each in secrets])
        for secrets in ((SECRET,), (SECRET, OTHER_SECRET), (OTHER_SECRET,))
    )
    for verifier in (old, both, new):
        assert await verifier.verify(sign(body, _NOON, SECRET, OTHER_SECRET), body, _NOON)
        assert await verifier.verify(sign(body, _NOON, OTHER_SECRET, SECRET), body, _NOON)
    for secret in (SECRET, OTHER_SECRET):
        assert await both.verify(sign(body, _NOON, secret), body, _NOON)
    with pytest.raises(BadSignatureError):
        await new.verify(sign(body, _NOON, SECRET), body, _NOON)


async def test_signatures_of_versions_that_are_not_known_count_for_nothing():
    body, verifier = DONE["openai"], vendors.openai([Secret(SECRET)])
    genuine = standard(body, _NOON)
    (_, _, made) = genuine["webhook-signature"].partition(",")
    beside = f"v1a,{made} v2,{made} nonsense v1,{made} v1,AAAA"
    assert await verifier.verify(genuine | {"webhook-signature": beside}, body, _NOON)
    for alone in (f"v2,{made}", f"v0,{made}", made, f"V1,{made}", f"v1, {made}", f"v1={made}"):
        with pytest.raises(BadSignatureError):
            await verifier.verify(genuine | {"webhook-signature": alone}, body, _NOON)


async def test_a_body_that_is_no_text_is_checked_as_the_bytes_it_is():
    verifier = vendors.openrouter([Secret(SECRET)])
    body = b"\xff\xfe\x00"
    assert await verifier.verify(timed(body, _NOON), body, _NOON) is None


async def test_timestamp_and_body_are_joined_with_a_comma_and_nothing_else():
    body, verifier = DONE["openrouter"], vendors.openrouter([Secret(SECRET)])
    for joiner in (".", "", ":", "\n", ",,"):
        with pytest.raises(BadSignatureError):
            await verifier.verify(timed(body, _NOON, joiner=joiner), body, _NOON)


async def test_a_header_with_two_timestamps_is_refused():
    body, verifier = DONE["openrouter"], vendors.openrouter([Secret(SECRET)])
    header = timed(body, _NOON)["x-openrouter-signature"]
    for wrong in (f"t=1,{header}", f"{header},t=1"):
        with pytest.raises(BadSignatureError):
            await verifier.verify({"x-openrouter-signature": wrong}, body, _NOON)


async def test_spaces_and_capitals_in_a_timed_signature_change_nothing():
    body, verifier = DONE["openrouter"], vendors.openrouter([Secret(SECRET)])
    stamp, _, made = timed(body, _NOON)["x-openrouter-signature"].partition(",v1=")
    loose = {"x-openrouter-signature": f"{stamp}, v1={made.upper()}, v0=ff"}
    assert await verifier.verify(loose, body, _NOON)


async def test_a_secret_without_the_prefix_is_taken_as_it_is():
    body = DONE["openai"]
    verifier = vendors.openai([Secret("0123456789abcdef")])
    naive = standard(body, _NOON, "whsec_MDEyMzQ1Njc4OWFiY2RlZg==")
    assert await verifier.verify(naive, body, _NOON)


@pytest.mark.parametrize("secrets", [[], [""], ["whsec_"], ["whsec_not base64!"], [SECRET, ""]])
def test_a_secret_that_cannot_be_one_is_refused_and_not_repeated(secrets: list[str]):
    made = [Secret(each) for each in secrets]
    with pytest.raises(ValueError, match="secret") as caught:
        StandardWebhooks(made, lambda _: None)
    assert "not base64!" not in str(caught.value)
    if "" in secrets or not secrets:
        with pytest.raises(ValueError, match="secret"):
            TimestampedSignatures("x", made, lambda _: None)
