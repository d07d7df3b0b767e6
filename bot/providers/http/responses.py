"""Small steps of HTTP: addresses that may be used, and bodies that may be read, with their bounds."""

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
# Parsing holds up the event loop even from another thread: 15 MiB were measured at half a second.
_BODY_MAX_BYTES = 4 * 1024 * 1024
_ERROR_BODY_MAX_BYTES = 64 * 1024
# The status of a refusal is what counts; its body gets this long to explain it.
_ERROR_BODY_TIMEOUT_S = 5.0


@asynccontextmanager
async def open_response(
    client: httpx.AsyncClient, request: httpx.Request
) -> AsyncGenerator[httpx.Response]:
    """Hold the answer to a request, its body unread."""
    response = await client.send(request, stream=True)
    try:
        yield response
    finally:
        await response.aclose()


async def read_body(response: httpx.Response, max_bytes: int | None = None) -> bytes:
    """Return the whole body of a 2xx answer, and what can be had of a refusal's.

    max_bytes  of a 2xx answer; None: 4 MiB. Raises ValueError for more.
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
    """Return what can be had of a refusal's body, within five seconds; never raises."""
    body = bytearray()
    try:
        async with asyncio.timeout(_ERROR_BODY_TIMEOUT_S):
            async with aclosing(cast("AsyncGenerator[bytes]", response.aiter_bytes())) as chunks:
                async for chunk in chunks:
                    body += chunk
                    if len(body) > _ERROR_BODY_MAX_BYTES:
                        break
    except (httpx.HTTPError, TimeoutError) as error:
        _log.debug("the body of a refusal did not arrive: %s", describe_error(error))
    return bytes(body[:_ERROR_BODY_MAX_BYTES])


async def read_raw_chunks(response: httpx.Response) -> AsyncGenerator[bytes]:
    """Yield the body as it comes. Raises BadClipError for one that broke off."""
    raw = cast("AsyncGenerator[bytes]", response.aiter_raw(_CHUNK_BYTES))
    try:
        async with aclosing(raw) as pieces:
            async for piece in pieces:
                yield piece
    except httpx.RemoteProtocolError as error:
        raise BadClipError(f"truncated: {describe_error(error)}") from error


def origin_of(url: httpx.URL) -> tuple[str, str, int]:
    """Return what must be equal for credentials to go along: scheme, host and port."""
    return url.scheme, url.host, url.port or (443 if url.scheme == "https" else 80)


def resolve_url(address: str, base: httpx.URL) -> httpx.URL:
    """Return an address, relative to `base`, that can be called. Raises ProviderTroubleError."""
    try:
        url = base.join(address)
    except (httpx.InvalidURL, ValueError) as error:
        raise ProviderTroubleError("an address that is none") from error
    # The socket module answers an impossible host or port with errors of other kinds.
    labels = url.host.rstrip(".").split(".")
    possible = all(0 < len(label) < 64 for label in labels) and (url.port or 0) < 65536
    if url.scheme not in ("http", "https") or not possible or url.userinfo:
        raise ProviderTroubleError(f"an address that is not used: {redact_url(url)}")
    return url


def redact_url(url: httpx.URL) -> str:
    """Return an address fit for logs: queries hold signatures, fragments and user parts hold secrets."""
    return str(url.copy_with(query=None, fragment=None, userinfo=b""))


def describe_error(error: BaseException) -> str:
    """Return an error's kind and words, bounded."""
    return f"{type(error).__name__}: {str(error)[:200]}" if str(error) else type(error).__name__
