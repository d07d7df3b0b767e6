"""Opens responses, reads bodies within limits, and checks addresses."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from typing import cast

import httpx

from bot.errors import BadClipError, ProviderTroubleError

_log = logging.getLogger(__name__)

_CHUNK_BYTES = 256 * 1024
# Parsing blocks the event loop even from another thread: 15 MiB took half a second (measured).
_BODY_MAX_BYTES = 4 * 1024 * 1024
_ERROR_BODY_MAX_BYTES = 64 * 1024
# The status of an error answer decides; its body is only detail, so reading it is limited.
_ERROR_BODY_TIMEOUT_S = 5.0


@asynccontextmanager
async def open_response(
    client: httpx.AsyncClient, request: httpx.Request
) -> AsyncGenerator[httpx.Response]:
    """Yield the answer to a request with its body unread; close it afterwards."""
    response = await client.send(request, stream=True)
    try:
        yield response
    finally:
        await response.aclose()


async def read_body(response: httpx.Response, max_bytes: int | None = None) -> bytes:
    """Return the whole body of a 2xx answer, or as `read_error_body` for any other.

    max_bytes  of a 2xx answer; None: 4 MiB. Raises ValueError for a larger one.
    """
    max_bytes = _BODY_MAX_BYTES if max_bytes is None else max_bytes
    if not response.is_success:
        return await read_error_body(response)
    body = bytearray()
    async with aclosing(cast("AsyncGenerator[bytes]", response.aiter_bytes())) as chunks:
        async for chunk in chunks:
            body += chunk
            if len(body) > max_bytes:
                raise ValueError(f"an answer of more than {max_bytes} bytes")
    return bytes(body)


async def read_error_body(response: httpx.Response) -> bytes:
    """Return up to 64 KiB of an error answer's body, read within five seconds; never raises."""
    body = bytearray()
    try:
        async with asyncio.timeout(_ERROR_BODY_TIMEOUT_S):
            async with aclosing(cast("AsyncGenerator[bytes]", response.aiter_bytes())) as chunks:
                async for chunk in chunks:
                    body += chunk
                    if len(body) > _ERROR_BODY_MAX_BYTES:
                        break
    except (httpx.HTTPError, TimeoutError) as error:
        _log.debug("the body of an error answer did not arrive: %s", describe_error(error))
    return bytes(body[:_ERROR_BODY_MAX_BYTES])


async def read_raw_chunks(response: httpx.Response) -> AsyncGenerator[bytes]:
    """Yield the body as it arrives. Raises BadClipError for one that is cut off."""
    raw = cast("AsyncGenerator[bytes]", response.aiter_raw(_CHUNK_BYTES))
    try:
        async with aclosing(raw) as pieces:
            async for piece in pieces:
                yield piece
    except httpx.RemoteProtocolError as error:
        raise BadClipError(f"truncated: {describe_error(error)}") from error


def origin_of(url: httpx.URL) -> tuple[str, str, int]:
    """Return scheme, host and port; credentials go only to an equal origin."""
    return url.scheme, url.host, url.port or (443 if url.scheme == "https" else 80)


def resolve_url(address: str, base: httpx.URL) -> httpx.URL:
    """Resolve an address against `base`. Raises ProviderTroubleError for one that must not be called."""
    try:
        url = base.join(address)
    except (httpx.InvalidURL, ValueError) as error:
        raise ProviderTroubleError("an invalid address") from error
    # Checked here because sockets raise other errors for an impossible host or port.
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
