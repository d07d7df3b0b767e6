"""The kitchen smiles at nobody: what a vendor's documents do not have is a violation."""

from __future__ import annotations

import httpx
import pytest

from tests.wire.kitchen.faults import Fault
from tests.wire.kitchen.server import Kitchen
from tests.wire.kitchen.wire import Answer, Refusal, Stage, Step
from tests.wire.xai.wire import XaiWire

_ORDER = {
    "prompt": "a cat",
    "model": "m",
    "duration": 5,
    "aspect_ratio": "16:9",
    "resolution": "720p",
}


@pytest.fixture
async def kitchen():
    async with Kitchen(XaiWire()) as running:
        yield running


@pytest.fixture
async def client(kitchen):
    name, value = kitchen.wire.credential
    async with httpx.AsyncClient(
        base_url=kitchen.base_url, headers={name: value}, trust_env=False
    ) as made:
        yield made


async def test_an_order_is_taken_and_counted(kitchen, client):
    said = await client.post("/videos/generations", json=_ORDER)
    assert said.json() == {"request_id": kitchen.last.id}
    assert kitchen.creates == {"a cat": 1}
    assert kitchen.last.asked.seconds == 5
    assert kitchen.requests == {Step.CREATE: 1}
    assert kitchen.violations == []


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/videos", None),
        ("DELETE", "/videos/a3d1008e-4544-40d4-d075-000000000001", None),
        ("GET", "/videos/a3d1008e-4544-40d4-d075-000000000001?limit=3", None),
        ("POST", "/videos/generations", {**_ORDER, "size": "1280x720"}),
        ("POST", "/videos/generations", {**_ORDER, "duration": "5"}),
        ("POST", "/videos/generations", {**_ORDER, "image": "http://x"}),
        ("POST", "/videos/edits", {"prompt": "p", "model": "m"}),
    ],
)
async def test_what_no_document_has_is_refused_kept_and_logged(
    kitchen, client, method, path, body, caplog
):
    said = await client.request(method, path, json=body)
    assert said.status_code >= 400
    [what] = kitchen.violations
    assert f"VIOLATION: {what}" in caplog.messages
    assert kitchen.renders == {}


async def test_a_host_without_the_prefix_is_another_api(kitchen, client):
    assert (await client.get(kitchen.base_url.removesuffix("/v1") + "/videos")).status_code == 404
    assert len(kitchen.violations) == 1


async def test_a_missing_key_is_a_violation_and_a_wrong_one_a_refusal(kitchen, client):
    async with httpx.AsyncClient(base_url=kitchen.base_url, trust_env=False) as bare:
        assert (await bare.get("/api-key")).status_code == 400
        assert kitchen.violations == ["check: no authorization"]
        wrong = {"Authorization": "Bearer nobody"}
        assert (await bare.get("/api-key", headers=wrong)).status_code == 400
    assert len(kitchen.violations) == 1


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
async def test_a_credential_of_any_name_at_the_media_host_is_a_violation(kitchen, client, headers):
    await client.post("/videos/generations", json=_ORDER)
    async with httpx.AsyncClient(trust_env=False) as bare:
        place = kitchen.finish().media_url
        assert (await bare.get(place)).content == kitchen.content
        assert kitchen.violations == []
        await bare.get(place, headers=headers)
    assert len(kitchen.violations) == 1


async def test_an_order_is_not_taken_when_it_is_refused(kitchen, client):
    assert kitchen.refuse(Step.CREATE, Refusal.THROTTLED)
    assert (await client.post("/videos/generations", json=_ORDER)).status_code == 429
    assert (kitchen.creates.total(), kitchen.tries.total()) == (0, 1)
    kitchen.fault(Step.CREATE, Fault.html(502).but_accepted(), prompt="a cat")
    assert (await client.post("/videos/generations", json=_ORDER)).status_code == 502
    assert kitchen.creates == {"a cat": 1}


async def test_a_wire_that_has_no_such_refusal_says_so(kitchen):
    assert kitchen.refuse(Step.CREATE, Refusal.CONFLICT) is False


async def test_an_address_that_expired_is_replaced_by_the_next_look(kitchen, client):
    await client.post("/videos/generations", json=_ORDER)
    render = kitchen.finish()
    kitchen.fault(Step.CONTENT, Fault.expired(404))
    async with httpx.AsyncClient(trust_env=False) as bare:
        old = render.media_url
        assert (await bare.get(old)).status_code == 404
        seen = (await client.get(f"/videos/{render.id}")).json()
        assert seen["video"]["url"] != old
        assert (await bare.get(seen["video"]["url"])).status_code == 200
        assert (await bare.get(old)).status_code == 404


async def test_a_render_can_be_continued_only_while_it_is_there(kitchen, client):
    await client.post("/videos/generations", json=_ORDER)
    edit = {"prompt": "p", "model": "m", "video": {"url": kitchen.last.media_url}}
    assert (await client.post("/videos/edits", json=edit)).status_code >= 400
    kitchen.finish()
    assert (await client.post("/videos/edits", json=edit)).status_code == 200
    edit["video"] = {"url": "https://example.com/other.mp4"}
    assert (await client.post("/videos/edits", json=edit)).status_code == 404
    assert kitchen.creates == {"a cat": 1, "p": 1}


async def test_a_render_that_is_moved_is_shown_so(kitchen, client):
    await client.post("/videos/generations", json=_ORDER)
    render = kitchen.last
    told = {}
    for stage in Stage:
        kitchen.finish(render.id, stage)
        told[stage] = (await client.get(f"/videos/{render.id}")).json()["status"]
    assert told[Stage.READY] == told[Stage.MODERATED] == "done"
    assert told[Stage.QUEUED] == told[Stage.RUNNING] == "pending"
    assert told[Stage.FAILED] == "failed"
    assert told[Stage.ODD] not in ("done", "pending", "failed", "expired")


async def test_an_answer_of_any_make_goes_out_whole(kitchen, client):
    raw = Answer(status=418, raw=b"\0\1", content_type="image/png", headers={"X-Odd": "1"})
    kitchen.fault(Step.CHECK, Fault.answer(raw), Fault.answer(Answer(json=[1])))
    said = await client.get("/api-key")
    assert (said.status_code, said.content, said.headers["x-odd"]) == (418, b"\0\1", "1")
    assert said.headers["content-type"] == "image/png"
    assert (await client.get("/api-key")).json() == [1]
