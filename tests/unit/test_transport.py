from __future__ import annotations

import asyncio
import json
import logging
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest

from bot.errors import (
    NotAcceptedError,
    ProviderRejectedError,
    ProviderTroubleError,
    UnknownOutcomeError,
    UnsupportedError,
)
from bot.providers.http import timeouts
from bot.providers.http.image_upload import Upload
from bot.providers.http.rate_limiter import RateLimiter
from bot.providers.http.timeouts import Timeouts
from bot.providers.http.transport import Transport
from bot.settings import Secret
from tests.wire.autojump_clock import AutojumpClock

_TIMEOUTS = Timeouts(connect_s=1, read_s=0.3, create_s=0.6, call_s=1.5)
_NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


class RawServer:
    """A server on a raw socket: sends `answers` one after the other and records the requests.

    is_mute  whether the server reads requests and never answers.
    """

    def __init__(self, *answers: bytes, is_mute: bool = False) -> None:
        self._answers = list(answers)
        self._is_mute = is_mute
        self._quiet = asyncio.Event()
        self.requests: list[bytes] = []
        self.connections = 0

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/v1"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._quiet.set()
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader, writer) -> None:
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = int(head.lower().partition(b"content-length: ")[2].split(b"\r")[0] or 0)
                self.requests.append(head + await reader.readexactly(length))
                if self._is_mute:
                    await self._quiet.wait()
                answer = self._answers.pop(0) if self._answers else b""
                writer.write(answer)
                await writer.drain()
                if not answer or b"Connection: close" in answer:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client closed the connection
        finally:
            writer.close()


def _json(text: str, *headers: str) -> bytes:
    lines = ("HTTP/1.1 200 OK", "Content-Type: application/json", *headers)
    return ("\r\n".join((*lines, f"Content-Length: {len(text)}")) + "\r\n\r\n" + text).encode()


def _transport(
    url: str, clock: AutojumpClock | None = None, *, per_minute: int | None = None, **changes
) -> Transport:
    clock = clock or AutojumpClock()
    return Transport(
        base_url=url,
        credentials={"Authorization": Secret("Bearer sk-12345678")},
        clock=clock,
        timeouts=Timeouts(**{**_fields(_TIMEOUTS), **changes}),
        rate_limiter=RateLimiter(per_minute, clock),
    )


def _fields(value):
    return {name: getattr(value, name) for name in value.__dataclass_fields__}


async def test_a_create_without_a_file_is_multipart_too():
    async with RawServer(_json('{"id": "v"}')) as server:
        transport = _transport(server.url)
        reply = await transport.create("videos", {"prompt": 'a "cat"\r\n— ピアノ', "seconds": "4"})
        await transport.close()
    [request] = server.requests
    assert reply.body == {"id": "v"}
    assert request.startswith(b"POST /v1/videos HTTP/1.1\r\n")
    assert b"Content-Type: multipart/form-data; boundary=" in request
    assert b'name="seconds"\r\n\r\n4\r\n' in request
    assert 'name="prompt"\r\n\r\na "cat"\r\n— ピアノ\r\n'.encode() in request
    assert b"Authorization: Bearer sk-12345678" in request


async def test_a_file_goes_with_its_type():
    upload = Upload(name="f", file_name="x.png", content_type="image/png", content=b"\x89PNG")
    async with RawServer(_json("{}")) as server:
        transport = _transport(server.url)
        await transport.create("videos", {}, upload)
        await transport.close()
    assert (
        b'name="f"; filename="x.png"\r\nContent-Type: image/png\r\n\r\n\x89PNG'
        in (server.requests[0])
    )


async def test_a_continuation_is_json_and_carries_the_key():
    async with RawServer(_json('{"id": "v"}')) as server:
        transport = _transport(server.url)
        reply = await transport.create_from_source(
            "videos/a/remix", {"prompt": 'a "cat"\n— ピアノ'}
        )
        await transport.close()
    [request] = server.requests
    head, _, body = request.partition(b"\r\n\r\n")
    assert reply.body == {"id": "v"}
    assert head.startswith(b"POST /v1/videos/a/remix HTTP/1.1\r\n")
    assert b"Content-Type: application/json\r\n" in head + b"\r\n"
    assert b"Authorization: Bearer sk-12345678" in head
    assert json.loads(body) == {"prompt": 'a "cat"\n— ピアノ'}


async def test_a_key_that_is_repeated_where_words_are_cut_leaves_no_part_of_itself():
    filler = "x" * 285
    said = {"message": f"{filler} sk-12345678", "code": "a" * 52 + "sk-12345678"}
    body = json.dumps({"error": said})
    refusal = _json(body).replace(b"200 OK", b"400 Bad Request")
    async with RawServer(refusal) as server:
        transport = _transport(server.url)
        with pytest.raises(ProviderRejectedError) as caught:
            await transport.create("videos", {"prompt": "p"})
        await transport.close()
    assert "sk-" not in str(caught.value)


async def test_creates_never_reuse_a_connection_and_polls_do():
    async with RawServer(*[_json("{}")] * 7) as server:
        transport = _transport(server.url)
        for _ in range(3):
            await transport.get("videos/a")
        assert server.connections == 1
        for _ in range(2):
            await transport.create("videos", {"prompt": "p"})
            await transport.create_from_source("videos/a/remix", {"prompt": "p"})
        assert server.connections == 5
        await transport.close()


async def test_cookies_are_never_sent_back():
    async with RawServer(*[_json("{}", "Set-Cookie: session=S3CRET; Path=/")] * 2) as server:
        transport = _transport(server.url)
        await transport.get("a")
        await transport.get("b")
        await transport.close()
    assert len(server.requests) == 2
    assert b"cookie" not in server.requests[1].lower()


async def test_an_answer_that_never_ends_is_given_up():
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n["
    async with RawServer(head + b"1," * 9_000_000) as server:
        transport = _transport(server.url, read_s=20, create_s=20)
        with pytest.raises(UnknownOutcomeError, match="more than"):
            await transport.create("videos", {"prompt": "p"})
        await transport.close()


async def test_json_too_deep_to_read_is_no_answer():
    async with RawServer(*[_json("[" * 100_000)] * 3) as server:
        transport = _transport(server.url)
        with pytest.raises(ProviderTroubleError, match="no JSON"):
            await transport.get("videos")
        await transport.close()
    assert len(server.requests) == 3


async def test_a_refusal_counts_though_its_body_never_comes():
    head = b"HTTP/1.1 405 No\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"
    async with RawServer(head) as server:
        transport = _transport(server.url)
        with pytest.raises(UnsupportedError):
            await transport.get("videos")
        await transport.close()


async def test_a_call_ends_in_time_whatever_the_server_does():
    async with RawServer(is_mute=True) as server:
        transport = _transport(server.url, read_s=30, call_s=0.3, create_s=0.3)
        started_s = asyncio.get_running_loop().time()
        with pytest.raises(ProviderTroubleError, match=r"no answer within 0\.3 s"):
            await transport.get("videos")
        with pytest.raises(UnknownOutcomeError):
            await transport.create("videos", {"prompt": "p"})
        assert asyncio.get_running_loop().time() - started_s < 5
        await transport.close()


_NONE_LEFT = "x-ratelimit-remaining-requests: 0"


async def test_an_order_waits_until_the_api_takes_calls_again():
    clock = AutojumpClock()
    full = _json("{}", _NONE_LEFT, "x-ratelimit-reset-requests: 5s")
    async with RawServer(full, _json('{"id": "v"}')) as server:
        transport = _transport(server.url, clock)
        await transport.get("videos")
        await transport.create("videos", {"prompt": "p"})
        await transport.close()
    assert len(server.requests) == 2
    assert sum(clock.slept_s) == pytest.approx(5, abs=1)


async def test_an_order_to_an_api_that_takes_no_calls_for_long_is_not_sent():
    clock = AutojumpClock()
    full = _json("{}", _NONE_LEFT, "x-ratelimit-reset-requests: 1m30s")
    async with RawServer(full) as server:
        transport = _transport(server.url, clock)
        await transport.get("videos")
        with pytest.raises(NotAcceptedError) as caught:
            await transport.create("videos", {"prompt": "p"})
        await transport.close()
    assert len(server.requests) == 1
    assert caught.value.retry_after_s == pytest.approx(90, abs=1)
    assert clock.slept_s == []


async def test_an_order_goes_before_polls_that_have_used_up_the_minute():
    clock = AutojumpClock()
    async with RawServer(_json("{}"), _json('{"id": "v"}')) as server:
        transport = _transport(server.url, clock, per_minute=1)
        await transport.get("videos")
        await transport.create("videos", {"prompt": "p"})
        await transport.close()
    assert sum(clock.slept_s) == 0


async def test_pauses_grow_and_differ():
    clock = AutojumpClock()
    async with RawServer() as server:
        transport = _transport(server.url, clock)
        with pytest.raises(ProviderTroubleError):
            await transport.get("videos")
        await transport.close()
    assert len(server.requests) == 3
    first_s, second_s = clock.slept_s
    assert 0.375 <= first_s <= 0.5
    assert 0.75 <= second_s <= 1.0


async def test_a_redirect_never_leaves_https():
    transport = _transport("https://api.test/v1")
    secure = httpx.URL("https://api.test/v1/videos/v/content")
    with pytest.raises(ProviderTroubleError, match="from https to http"):
        transport._redirect_target(secure, "http://api.test/clip.mp4")
    assert (
        str(transport._redirect_target(secure, "//cdn.test/clip.mp4"))
        == "https://cdn.test/clip.mp4"
    )
    assert str(transport._redirect_target(secure, "/clip.mp4")) == "https://api.test/clip.mp4"
    await transport.close()


@pytest.mark.parametrize(
    ("address", "at_home"),
    [
        ("https://api.test/elsewhere", True),
        ("https://API.test:443/x", True),
        ("http://api.test/x", False),
        ("https://api.test:8443/x", False),
        ("https://api.test.evil.test/x", False),
        ("https://evil.test/api.test", False),
        ("https://sub.api.test/x", False),
    ],
)
async def test_home_is_scheme_host_and_port(address, at_home):
    transport = _transport("https://api.test/v1")
    assert bool(transport._headers_for(httpx.URL(address))) == at_home
    await transport.close()


@pytest.mark.parametrize(
    "address",
    [
        "ftp://api.test/x",
        "file:///etc/passwd",
        "https://u:p@api.test/x",
        "https://h:99999/x",
        "https://h:port/x",
        f"https://{'h' * 70}.test/x",
        "https://a..test/x",
    ],
)
async def test_an_address_of_another_kind_is_not_called(address):
    transport = _transport("https://api.test/v1")
    with pytest.raises(ProviderTroubleError, match="address"):
        transport._redirect_target(httpx.URL("https://api.test/v1/x"), address)
    await transport.close()


async def test_httpx_itself_does_not_log_addresses():
    transport = _transport("https://api.test/v1")
    assert not logging.getLogger("httpx").isEnabledFor(logging.INFO)
    assert not logging.getLogger("httpcore").isEnabledFor(logging.DEBUG)
    await transport.close()


@pytest.mark.parametrize(
    ("headers", "hint_s"),
    [
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": " 2.5 "}, 2.5),
        ({"retry-after": format_datetime(_NOON + timedelta(seconds=30), usegmt=True)}, 30.0),
        ({"retry-after": "Sun, 06 Nov 1994 08:49:37 GMT"}, 0.0),
        ({"retry-after": "100000"}, 120.0),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after-ms": "x", "retry-after": "9"}, 9.0),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": ""}, None),
        ({}, None),
    ],
)
def test_hints_are_read_in_every_form(headers, hint_s):
    assert timeouts.retry_after_s(headers, _NOON) == hint_s
