"""Reads the bodies of answers within limits, parses JSON, and checks addresses."""

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import cast

import httpx

from bot.errors import BadClipError, ProviderTroubleError
from bot.providers.http import error_body

_log = logging.getLogger(__name__)

_CHUNK_BYTES = 256 * 1024
# Parsing JSON blocks the event loop even from another thread: 15 MiB took half a second (measured).
_BODY_MAX_BYTES = 4 * 1024 * 1024
# 90 MiB of `[]` took 34 s and 2.5 GB (measured, 2026-11-30). Answers have some hundred values.
_MAX_JSON_VALUES = 100_000
_ERROR_BODY_MAX_BYTES = 64 * 1024
# The body of an error answer is only a detail beside its status, so reading the body is limited.
_ERROR_BODY_TIMEOUT_S = 5.0
# Larger JSON is parsed in a thread, because parsing would delay the event loop noticeably.
_PARSE_IN_THREAD_BYTES = 128 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonResponse:
    """A 2xx answer: its JSON (None for an empty body) and headers in lower case."""

    body: object = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)


async def parse_json(body: bytes) -> object:
    """Parse JSON without holding up the event loop.

    Raises ValueError, also for more than 100,000 values, which are counted before they are made.
    """
    # Commas inside strings count, too: an answer's texts have a few.
    if sum(map(body.count, (b",", b"[", b"{"))) > _MAX_JSON_VALUES:
        raise ValueError(f"JSON with more than {_MAX_JSON_VALUES} values")
    try:
        if len(body) > _PARSE_IN_THREAD_BYTES:
            return await asyncio.to_thread(json.loads, body)
        return json.loads(body)
    except RecursionError as error:
        raise ValueError("JSON that is nested too deeply") from error


async def parse_response(status: int, headers: Mapping[str, str], body: bytes) -> JsonResponse:
    """Parse a 2xx answer. Raises ValueError, with a summary of the body, when it is not JSON."""
    lowered = {name.lower(): value for name, value in headers.items()}
    try:
        value = await parse_json(body) if body.strip() else None
    except ValueError as error:
        if len(body) > _ERROR_BODY_MAX_BYTES:
            raise ValueError(f"{status}, but no JSON that I read: {error}") from None
        said = error_body.parse_body(body, lowered.get("content-type", ""))
        raise ValueError(f"{status}, but no JSON: {said}") from None
    return JsonResponse(body=value, headers=lowered)


async def read_body(response: httpx.Response, max_bytes: int | None = None) -> bytes:
    """Return the whole body of a 2xx answer; of any other answer the same as `read_error_body`.

    Raises ValueError for a compressed 2xx answer, and for one of more than `max_bytes`; None allows
    4 MiB.
    """
    if not response.is_success:
        return await read_error_body(response)
    if is_compressed(response):
        raise ValueError("compressed, though identity was requested")
    max_bytes = _BODY_MAX_BYTES if max_bytes is None else max_bytes
    body = bytearray()
    await _read_into(body, response, max_bytes)
    if len(body) > max_bytes:
        raise ValueError(f"an answer of more than {max_bytes} bytes")
    return bytes(body)


async def read_error_body(response: httpx.Response) -> bytes:
    """Return up to 64 KiB of an error answer's body, read within five seconds; never raises.

    Of a compressed body nothing is returned.
    """
    body = bytearray()
    if is_compressed(response):
        return b""
    try:
        async with asyncio.timeout(_ERROR_BODY_TIMEOUT_S):
            await _read_into(body, response, _ERROR_BODY_MAX_BYTES)
    except (httpx.HTTPError, TimeoutError) as error:
        _log.debug("the body of an error answer did not arrive: %s", describe_error(error))
    return bytes(body[:_ERROR_BODY_MAX_BYTES])


def is_compressed(response: httpx.Response) -> bool:
    """Whether an answer has a content coding, though every request asks for none.

    Such an answer is never inflated: 298 bytes became 8.2 GB (measured, 2026-11-30).
    """
    coding = response.headers.get("content-encoding", "identity")
    return coding.strip().lower() not in ("", "identity")


async def _read_into(body: bytearray, response: httpx.Response, max_bytes: int) -> None:
    async with aclosing(cast("AsyncGenerator[bytes]", response.aiter_raw(_CHUNK_BYTES))) as chunks:
        async for chunk in chunks:
            body += chunk
            if len(body) > max_bytes:
                return


async def read_raw_chunks(response: httpx.Response) -> AsyncGenerator[bytes]:
    """Yield a body in chunks as they arrive. Raises BadClipError for a body that is cut off."""
    try:
        async with aclosing(
            cast("AsyncGenerator[bytes]", response.aiter_raw(_CHUNK_BYTES))
        ) as chunks:
            async for chunk in chunks:
                yield chunk
    except httpx.RemoteProtocolError as error:
        raise BadClipError(f"truncated: {describe_error(error)}") from error


def origin_of(url: httpx.URL) -> tuple[str, str, int]:
    """Return scheme, host and port of an address; credentials go only to an equal origin."""
    return url.scheme, url.host, url.port or (443 if url.scheme == "https" else 80)


def resolve_url(address: str, base: httpx.URL) -> httpx.URL:
    """Resolve an address against `base`. Raises ProviderTroubleError for a forbidden address."""
    try:
        url = base.join(address)
    except (httpx.InvalidURL, ValueError) as error:
        raise ProviderTroubleError("an invalid address") from error
    # Host and port are checked here because sockets raise other errors for impossible ones.
    labels = url.host.rstrip(".").split(".")
    possible = all(0 < len(label) < 64 for label in labels) and (url.port or 0) < 65536
    if url.scheme not in ("http", "https") or not possible or url.userinfo:
        raise ProviderTroubleError(f"an address that must not be called: {redact_url(url)}")
    return url


def redact_url(url: httpx.URL) -> str:
    """Return an address for logs, without query, fragment and user part, which may hold secrets."""
    return str(url.copy_with(query=None, fragment=None, userinfo=b""))


def describe_error(error: BaseException) -> str:
    """Return an error's class and message, shortened."""
    return f"{type(error).__name__}: {str(error)[:200]}" if str(error) else type(error).__name__
