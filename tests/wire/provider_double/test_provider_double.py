"""Tests that the provider double records each request that the vendor's documents don't allow."""

from __future__ import annotations

import httpx
import pytest

from tests.wire.provider_double.faults import ProviderFault
from tests.wire.provider_double.server import ProviderDouble
from tests.wire.provider_double.wire import Answer, Refusal, RenderStage, Step
from tests.wire.xai.wire import XaiWire

_PAID_CALL = {
    "prompt": "a cat",
    "model": "m",
    "duration": 5,
    "aspect_ratio": "16:9",
    "resolution": "720p",
}


@pytest.fixture
async def double():
    async with ProviderDouble(XaiWire()) as running:
        yield running


@pytest.fixture
async def client(double):
    name, value = double.wire.credential
    async with httpx.AsyncClient(
        base_url=double.base_url, headers={name: value}, trust_env=False
    ) as made:
        yield made


async def test_a_paid_call_is_accepted_and_counted(double, client):
    said = await client.post("/videos/generations", json=_PAID_CALL)
    assert said.json() == {"request_id": double.last.id}
    assert double.creates == {"a cat": 1}
    assert double.last.paid_call.seconds == 5
    assert double.requests == {Step.CREATE: 1}
    assert double.violations == []


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/videos", None),
        ("DELETE", "/videos/a3d1008e-4544-40d4-d075-000000000001", None),
        ("GET", "/videos/a3d1008e-4544-40d4-d075-000000000001?limit=3", None),
        ("POST", "/videos/generations", {**_PAID_CALL, "size": "1280x720"}),
        ("POST", "/videos/generations", {**_PAID_CALL, "duration": "5"}),
        ("POST", "/videos/generations", {**_PAID_CALL, "image": "http://x"}),
        ("POST", "/videos/edits", {"prompt": "p", "model": "m"}),
    ],
)
async def test_what_no_document_has_is_refused_kept_and_logged(
    double, client, method, path, body, caplog
):
    said = await client.request(method, path, json=body)
    assert said.status_code >= 400
    [what] = double.violations
    assert f"VIOLATION: {what}" in caplog.messages
    assert double.renders == {}


async def test_a_host_without_the_prefix_is_another_api(double, client):
    assert (await client.get(double.base_url.removesuffix("/v1") + "/videos")).status_code == 404
    assert len(double.violations) == 1


async def test_a_missing_key_is_a_violation_and_a_wrong_one_a_refusal(double, client):
    async with httpx.AsyncClient(base_url=double.base_url, trust_env=False) as bare:
        assert (await bare.get("/api-key")).status_code == 400
        assert double.violations == ["check: no authorization"]
        wrong = {"Authorization": "Bearer nobody"}
        assert (await bare.get("/api-key", headers=wrong)).status_code == 400
    assert len(double.violations) == 1


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer another"},
        {"X-Goog-Api-Key": "k"},
        {"api-key": "k"},
        {"Cookie": "a=b"},
        {"X-Whatever": f"v {XaiWire.key}"},
    ],
    ids=repr,
)
async def test_a_credential_of_any_name_at_the_media_host_is_a_violation(double, client, headers):
    await client.post("/videos/generations", json=_PAID_CALL)
    async with httpx.AsyncClient(trust_env=False) as bare:
        place = double.finish().media_url
        assert (await bare.get(place)).content == double.content
        assert double.violations == []
        await bare.get(place, headers=headers)
    assert len(double.violations) == 1


async def test_a_refused_paid_call_is_not_accepted(double, client):
    assert double.refuse(Step.CREATE, Refusal.THROTTLED)
    assert (await client.post("/videos/generations", json=_PAID_CALL)).status_code == 429
    assert (double.creates.total(), double.tries.total()) == (0, 1)
    double.fault(Step.CREATE, ProviderFault.html(502).but_accepted(), prompt="a cat")
    assert (await client.post("/videos/generations", json=_PAID_CALL)).status_code == 502
    assert double.creates == {"a cat": 1}


async def test_a_wire_that_has_no_such_refusal_says_so(double):
    assert double.refuse(Step.CREATE, Refusal.CONFLICT) is False


async def test_an_address_that_expired_is_replaced_by_the_next_poll(double, client):
    await client.post("/videos/generations", json=_PAID_CALL)
    render = double.finish()
    double.fault(Step.CONTENT, ProviderFault.expired(404))
    async with httpx.AsyncClient(trust_env=False) as bare:
        old = render.media_url
        assert (await bare.get(old)).status_code == 404
        seen = (await client.get(f"/videos/{render.id}")).json()
        assert seen["video"]["url"] != old
        assert (await bare.get(seen["video"]["url"])).status_code == 200
        assert (await bare.get(old)).status_code == 404


async def test_a_render_can_be_continued_only_while_it_is_there(double, client):
    await client.post("/videos/generations", json=_PAID_CALL)
    edit = {"prompt": "p", "model": "m", "video": {"url": double.last.media_url}}
    assert (await client.post("/videos/edits", json=edit)).status_code >= 400
    double.finish()
    assert (await client.post("/videos/edits", json=edit)).status_code == 200
    edit["video"] = {"url": "https://example.com/other.mp4"}
    assert (await client.post("/videos/edits", json=edit)).status_code == 404
    assert double.creates == {"a cat": 1, "p": 1}


async def test_a_render_that_is_moved_is_shown_so(double, client):
    await client.post("/videos/generations", json=_PAID_CALL)
    render = double.last
    told = {}
    for stage in RenderStage:
        double.finish(render.id, stage)
        told[stage] = (await client.get(f"/videos/{render.id}")).json()["status"]
    assert told[RenderStage.READY] == told[RenderStage.MODERATED] == "done"
    assert told[RenderStage.QUEUED] == told[RenderStage.RUNNING] == "pending"
    assert told[RenderStage.FAILED] == "failed"
    assert told[RenderStage.ODD] not in ("done", "pending", "failed", "expired")


async def test_an_answer_of_any_make_goes_out_whole(double, client):
    raw = Answer(status=418, raw=b"\0\1", content_type="image/png", headers={"X-Odd": "1"})
    double.fault(Step.CHECK, ProviderFault.answer(raw), ProviderFault.answer(Answer(json=[1])))
    said = await client.get("/api-key")
    assert (said.status_code, said.content, said.headers["x-odd"]) == (418, b"\0\1", "1")
    assert said.headers["content-type"] == "image/png"
    assert (await client.get("/api-key")).json() == [1]
