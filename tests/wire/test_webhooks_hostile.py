"""Tests that too large, slow, broken or many webhook bodies don't block the other webhooks."""

from __future__ import annotations

import asyncio
import gzip
import time
from collections.abc import AsyncIterator

import pytest

from bot.web.webhooks import BODY_MAX_BYTES
from tests.wire.webhook_harness import webhook_harness
from tests.wire.webhook_senders import DONE, OTHER_SECRET, standard, timed


async def test_a_compressed_body_is_checked_as_it_was_sent():
    async with webhook_harness() as here:
        bomb = gzip.compress(DONE["openrouter"] + b" " * 50_000_000)
        headers = timed(bomb, here.clock.now()) | {"Content-Encoding": "gzip"}
        assert await here.post("openrouter", bomb, headers) == 204  # genuine, but no JSON
        headers = timed(DONE["openrouter"], here.clock.now()) | {"Content-Encoding": "gzip"}
        assert await here.post("openrouter", gzip.compress(DONE["openrouter"]), headers) == 401
        assert here.woken == []


async def test_a_body_of_a_mebibyte_is_read_and_one_byte_more_is_not():
    async with webhook_harness() as here:
        full = DONE["openai"].ljust(BODY_MAX_BYTES)
        assert await here.post("openai", full, standard(full, here.clock.now())) == 204
        over = full + b" "
        assert await here.post("openai", over, standard(over, here.clock.now())) == 413

        async def pieces() -> AsyncIterator[bytes]:
            for _ in range(17):
                yield b" " * 65_536

        signed = standard(over, here.clock.now())
        async with here.client.post("/webhooks/openai", data=pieces(), headers=signed) as answer:
            assert answer.status == 413
        await here.settled(1)


async def test_a_body_that_never_ends_arriving_is_given_up_and_holds_up_nobody():
    async with webhook_harness(body_s=0.3) as here:
        slow = [await here.open() for _ in range(10)]
        for _, writer in slow:
            writer.write(b"POST /webhooks/openai HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n")
        for _ in range(2):
            await asyncio.sleep(0.05)
            for _, writer in slow:
                writer.write(b"x")
        assert await here.send() == 204
        for reader, writer in slow:
            status = await asyncio.wait_for(reader.readline(), 3)
            assert status.startswith(b"HTTP/1.1 408 ")
            writer.close()
        await here.settled(1)


async def test_a_body_that_breaks_off_is_none_and_leaves_its_place_to_the_next(
    caplog: pytest.LogCaptureFixture,
):
    async with webhook_harness() as here:
        head = b"POST /webhooks/openai HTTP/1.1\r\nHost: x\r\n"
        chunked = head + b"Transfer-Encoding: chunked\r\n\r\n"
        for start, more in (
            (head + b"Content-Length: 99\r\n\r\n{", b""),
            (chunked + b"5\r\n{", b""),
            (chunked, b"zz\r\n"),
            (chunked + b"zz\r\n", b""),
            (b"\x16\x03\x01", b"\x02\x00\x01"),
        ):
            opened = [await here.open() for _ in range(33)]
            for piece in (start, more):
                for _, writer in opened:
                    writer.write(piece)
                await asyncio.sleep(0.03)
            for _, writer in opened:
                writer.close()
        await asyncio.sleep(0.1)
        assert await here.send() == 204
        await here.settled(1)
    assert caplog.text == ""


async def test_more_than_can_be_read_at_a_time_come_back_later_and_other_doors_stay_open():
    async with webhook_harness() as here:
        slow = [await here.open() for _ in range(32)]
        for _, writer in slow:
            writer.write(b"POST /webhooks/openai HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n")
        await asyncio.sleep(0.1)
        body = DONE["openai"]
        headers = standard(body, here.clock.now())
        async with here.client.post("/webhooks/openai", data=body, headers=headers) as answer:
            assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
        assert await here.send("replicate") == 204
        async with here.client.get("/livez") as answer:
            assert answer.status == 200
        for _, writer in slow:
            writer.close()
        await asyncio.sleep(0.1)
        assert await here.send() == 204
        await here.settled(2)


async def test_forgeries_by_the_hundred_cost_little_and_do_not_fill_the_log(
    caplog: pytest.LogCaptureFixture,
):
    async with webhook_harness() as here:
        body = b"x" * 10_000
        forged = standard(body, here.clock.now(), OTHER_SECRET)
        began_s = time.process_time()
        for _ in range(20):
            answers = await asyncio.gather(*(here.post("openai", body, forged) for _ in range(20)))
            assert set(answers) == {401}
        assert time.process_time() - began_s < 4
        assert await here.send() == 204
        await here.settled(1)
    assert sum("webhooks: rejected" in record.getMessage() for record in caplog.records) == 1
