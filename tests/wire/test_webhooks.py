"""Tests of POST /webhooks/{provider}: which webhooks are accepted, their effects, and responses."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta

import pytest
from aiohttp import ClientSession

from bot.errors import StorageError
from bot.providers.http.timeouts import Timeouts
from bot.providers.http.transport import Transport
from bot.providers.webhooks import vendor_verifiers as vendors
from bot.web.health import HealthServer
from tests.wire.autojump_clock import AutojumpClock
from tests.wire.webhook_harness import key_host, webhook_harness
from tests.wire.webhook_senders import DONE, OTHER_SECRET, RENDER, SECRET, Fal, standard, timed


async def test_a_genuine_webhook_wakes_its_render_once():
    async with webhook_harness() as here:
        for name in ("openai", "replicate", "openrouter"):
            assert await here.send(name) == 204
        await here.settled(3)
        assert sorted(here.woken) == [(n, RENDER) for n in ("openai", "openrouter", "replicate")]


async def test_fal_s_webhook_is_checked_with_the_keys_that_it_publishes():
    vendor, clock = Fal(), AutojumpClock()
    async with key_host(vendor) as (address, asked):
        keys = Transport(base_url=address, credentials={}, clock=clock, timeouts=Timeouts(call_s=2))
        async with webhook_harness(fal=vendors.fal(keys)) as here:
            body = DONE["fal"]
            genuine = vendor.headers(body, here.clock.now())
            forged = Fal().headers(body, here.clock.now())
            assert await here.post("fal", body, genuine) == 204
            for _ in range(20):
                assert await here.post("fal", body, forged) == 401
            await here.settled(1)
            assert here.woken == [("fal", RENDER)]
            assert len(asked) == 1
            assert not {"authorization", "cookie"} & {name.lower() for name in asked[0]}
        await keys.close()


async def test_fal_s_webhook_is_not_believed_while_its_keys_cannot_be_had():
    vendor, clock = Fal(), AutojumpClock()
    keys = Transport(
        base_url="http://127.0.0.1:9", credentials={}, clock=clock, timeouts=Timeouts(call_s=2)
    )
    async with webhook_harness(fal=vendors.fal(keys)) as here:
        body = DONE["fal"]
        assert await here.post("fal", body, vendor.headers(body, here.clock.now())) == 401
        assert here.woken == []
    await keys.close()


async def test_a_replay_is_answered_alike_and_wakes_nobody():
    async with webhook_harness() as here:
        for _ in range(5):
            assert await here.send() == 204
            await here.clock.sleep(60)
        await here.settled(1)
        assert await here.send(delivery="msg_2") == 204
        await here.settled(2)


async def test_the_same_request_again_is_a_replay_whatever_stands_in_unsigned_headers():
    async with webhook_harness() as here:
        body = DONE["openrouter"]
        headers = timed(body, here.clock.now())
        for number in range(3):
            headers["x-openrouter-idempotency-key"] = str(number)
            assert await here.post("openrouter", body, headers) == 204
        await here.settled(1)


async def test_a_webhook_from_the_future_cannot_be_replayed_when_its_time_has_come():
    async with webhook_harness() as here:
        body = DONE["openai"]
        headers = standard(body, here.clock.now() + timedelta(seconds=299))
        assert await here.post("openai", body, headers) == 204
        await here.clock.sleep(595)
        assert await here.post("openai", body, headers) == 204
        await here.settled(1)
        await here.clock.sleep(10)
        assert await here.post("openai", body, headers) == 401


async def test_one_provider_s_deliveries_are_not_another_s():
    async with webhook_harness() as here:
        assert await here.send("openai", delivery="same") == 204
        assert await here.send("replicate", delivery="same") == 204
        await here.settled(2)


async def test_a_forged_webhook_leaves_no_id_behind_that_would_drop_the_genuine_one():
    async with webhook_harness() as here:
        assert await here.send("openai", OTHER_SECRET) == 401
        assert await here.send("openai") == 204
        await here.settled(1)


@pytest.mark.parametrize("path", ["/webhooks/nobody", "/webhooks/", "/webhooks/openai/x", "/x"])
async def test_an_unknown_provider_is_404(path: str):
    async with webhook_harness() as here:
        body = DONE["openai"]
        headers = standard(body, here.clock.now())
        async with here.client.post(path, data=body, headers=headers) as answer:
            assert answer.status == 404
        async with here.client.get("/webhooks/openai") as answer:
            assert answer.status == 405


async def test_a_refusal_says_nothing_about_its_reason(caplog: pytest.LogCaptureFixture):
    body = DONE["openai"]
    with caplog.at_level(logging.DEBUG):
        async with webhook_harness() as here:
            genuine = standard(body, here.clock.now())
            for headers in (
                {},
                {name: value for name, value in genuine.items() if name != "webhook-id"},
                standard(body, here.clock.now() - timedelta(seconds=301)),
                standard(body, here.clock.now() + timedelta(seconds=301)),
                standard(body, here.clock.now(), OTHER_SECRET),
                genuine | {"webhook-signature": "v1,\udcff"},
            ):
                assert await here.post("openai", body, headers) == 401
            assert await here.post("openai", body + b" ", genuine) == 401
            assert here.woken == []
    for hidden in (RENDER, SECRET, genuine["webhook-signature"][3:], "Traceback"):
        assert hidden not in caplog.text


async def test_neither_body_nor_secret_of_a_genuine_webhook_is_logged(
    caplog: pytest.LogCaptureFixture,
):
    with caplog.at_level(logging.DEBUG):
        async with webhook_harness() as here:
            assert await here.send() == 204
            await here.settled(1)
    for hidden in ("evt_1", SECRET, "v1,"):
        assert hidden not in caplog.text


async def test_what_kind_of_content_is_announced_does_not_matter():
    async with webhook_harness() as here:
        body = DONE["openai"]
        for number, kind in enumerate(("text/plain", "application/x-www-form-urlencoded", "é", "")):
            headers = standard(body, here.clock.now(), delivery=str(number))
            assert await here.post("openai", body, headers | {"Content-Type": kind}) == 204
        await here.settled(4)


async def test_the_answer_does_not_wait_for_the_work():
    async with webhook_harness() as here:
        here.may_wake.clear()
        assert await asyncio.wait_for(here.send(), 1) == 204
        assert here.woken == []
        here.may_wake.set()
        await here.settled(1)


async def test_a_wake_that_fails_is_logged_and_not_the_vendor_s_business(
    caplog: pytest.LogCaptureFixture,
):
    async with webhook_harness() as here:
        here.trouble = StorageError("the disk is away")
        assert await here.send() == 204
        await here.settled(1)
        here.trouble = None
        assert await here.send(delivery="msg_2") == 204
        await here.settled(2)
    (record,) = [each for each in caplog.records if each.levelno >= logging.ERROR]
    assert "openai" in record.getMessage()
    assert "the disk is away" in caplog.text


async def test_wakes_under_way_finish_before_the_server_has_stopped():
    async with webhook_harness() as here:
        here.wake_s = 0.2
        assert await here.send() == 204
    assert here.woken == [("openai", RENDER)]


async def test_without_webhooks_the_health_pages_are_all_there_is():
    async def ready() -> bool:
        return True

    server = HealthServer("127.0.0.1", 0, ready)
    await server.start()
    async with ClientSession(f"http://127.0.0.1:{server.port}") as client:
        async with client.get("/readyz") as answer:
            assert answer.status == 200
        async with client.post("/webhooks/openai", data=b"") as answer:
            assert answer.status == 404
    await server.stop()
