"""Answers that are small on the wire and huge in memory are refused before they are opened."""

from __future__ import annotations

import gzip
import tracemalloc
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from bot.errors import ProviderError, ProviderTroubleError, UnknownOutcomeError
from bot.providers.http.payloads import parse_json
from bot.providers.http.transport import Transport
from bot.settings import Secret
from tests.unit.test_transport import RawServer
from tests.wire.autojump_clock import AutojumpClock

_MIB = 1 << 20
#: 200 MiB of zeros, compressed twice, is some hundred bytes.
_BOMB = gzip.compress(gzip.compress(bytes(200 * _MIB)))


def answer(status: str, body: bytes, *headers: str) -> bytes:
    lines = (f"HTTP/1.1 {status}", "Content-Type: application/json", *headers)
    return "\r\n".join((*lines, f"Content-Length: {len(body)}", "", "")).encode() + body


@asynccontextmanager
async def transport_to(server: RawServer) -> AsyncGenerator[Transport]:
    key = {"Authorization": Secret("Bearer sk-12345678")}
    transport = Transport(base_url=server.url, credentials=key, clock=AutojumpClock())
    try:
        yield transport
    finally:
        await transport.close()


def bomb(status: str) -> bytes:
    return answer(status, _BOMB, "Content-Encoding: gzip, gzip")


@pytest.mark.parametrize("status", ["200 OK", "400 Bad Request", "503 Service Unavailable"])
async def test_a_compressed_answer_to_a_poll_is_never_inflated(status: str) -> None:
    async with RawServer(*[bomb(status)] * 4) as server, transport_to(server) as transport:
        tracemalloc.start()
        try:
            with pytest.raises(ProviderError):
                await transport.get("videos/1")
            _, peak_bytes = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak_bytes < 8 * _MIB


async def test_a_compressed_answer_to_a_create_leaves_its_outcome_unknown() -> None:
    async with RawServer(bomb("200 OK")) as server, transport_to(server) as transport:
        with pytest.raises(UnknownOutcomeError, match="compressed"):
            await transport.create_json("videos", {"prompt": "a cat"})


async def test_json_of_many_tiny_values_is_refused_unparsed() -> None:
    flood = b"[" + b"[]," * 1_000_000 + b"[]]"
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="more than 100000 values"):
            await parse_json(flood)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # A million lists would take 56 MB.
    assert peak_bytes < _MIB


async def test_json_that_is_nested_without_end_is_refused() -> None:
    with pytest.raises(ValueError, match=r"nested|values"):
        await parse_json(b"[" * 90_000)


async def test_a_poll_answered_with_a_flood_of_values_is_trouble_of_the_api() -> None:
    flood = answer("200 OK", b"[" + b"1," * 200_000 + b"1]")
    async with RawServer(*[flood] * 4) as server, transport_to(server) as transport:
        with pytest.raises(ProviderTroubleError, match="values"):
            await transport.get("videos/1")
