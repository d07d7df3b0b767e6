"""HTTP calls to paid APIs: a create is sent once, and keys are sent to one origin only."""

import asyncio
import functools
import logging
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import httpx

from bot.clock import Clock
from bot.errors import (
    BadClipError,
    NotAcceptedError,
    ProviderError,
    ProviderTroubleError,
    RemoteNotFoundError,
    UnknownOutcomeError,
)
from bot.providers.base import Download
from bot.providers.http import clip_file, error_body, error_mapping
from bot.providers.http.error_body import ErrorBody
from bot.providers.http.image_upload import Upload
from bot.providers.http.payloads import (
    JsonResponse,
    describe_error,
    is_compressed,
    origin_of,
    parse_response,
    read_body,
    read_error_body,
    read_raw_chunks,
    redact_url,
    resolve_url,
)
from bot.providers.http.rate_limiter import RateLimiter
from bot.providers.http.timeouts import Timeouts, pauses_s, retry_after_s
from bot.settings import Secret

_log = logging.getLogger(__name__)
_ResultT = TypeVar("_ResultT")
#: One part of a multipart form: its name, then file name, content and content type.
_Part: TypeAlias = tuple[str, tuple[str | None, str | bytes, str | None]]

_MAX_REDIRECTS = 5
# These errors prove that a request was not sent; after others the API may have received it.
_NOT_SENT_ERRORS = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)


class Transport:
    """Calls to one API at one origin, with credentials that are sent to no other origin.

    base_url      scheme, host, port and path prefix; every relative path is appended to it.
    credentials   header names and their values, sent to exactly this scheme, host and port.
    headers       other headers that every request to that origin carries.
    rate_limiter  spaces the calls; None: no limit.
    Nothing connects before the first call. All methods are cancellable and may run side by side.
    """

    def __init__(
        self,
        *,
        base_url: str,
        credentials: Mapping[str, Secret],
        clock: Clock,
        timeouts: Timeouts | None = None,
        headers: Mapping[str, str] | None = None,
        rate_limiter: RateLimiter | None = None,
    ) -> None:
        self._base_url = httpx.URL(base_url.rstrip("/") + "/")
        self._credentials = dict(credentials)
        self._clock = clock
        self._timeouts = timeouts or Timeouts()
        self._headers = dict(headers or {})
        self._rate_limiter = rate_limiter or RateLimiter(None, clock)
        # httpx logs every address at INFO with its query, which may hold a signature.
        for chatty in ("httpx", "httpcore"):
            logging.getLogger(chatty).setLevel(logging.WARNING)
        self._client = self._make_client(httpx.Limits(max_connections=32))
        # A kept-alive connection can close while a create is sent, which leaves the create's
        # outcome unknown, so each create opens a connection of its own.
        self._paid_client = self._make_client(httpx.Limits(max_keepalive_connections=0))

    def _make_client(self, limits: httpx.Limits) -> httpx.AsyncClient:
        waits = self._timeouts
        return httpx.AsyncClient(
            verify=_ssl_context(),
            limits=limits,
            timeout=httpx.Timeout(waits.read_s, connect=waits.connect_s, pool=waits.connect_s),
            follow_redirects=False,
            trust_env=False,  # a .netrc would add credentials of its own
            # Cookies are credentials that are not bound to a port, so none are kept.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            headers={"User-Agent": "sorabot", "Accept-Encoding": "identity"},
        )

    async def create(
        self, path: str, fields: Mapping[str, str], upload: Upload | None = None
    ) -> JsonResponse:
        """POST a multipart form exactly once.

        Not idempotent; never retried, never redirected.
        Raises NotAcceptedError, ProviderRejectedError, ModerationError, ProviderAccountError and
        UnknownOutcomeError as `Provider.submit` promises.
        """
        parts: list[_Part] = [(name, (None, value, None)) for name, value in fields.items()]
        if upload is not None:
            parts.append((upload.name, (upload.file_name, upload.content, upload.content_type)))
        return await self._send_paid_once(path, error_mapping.map_create_error, files=parts)

    async def create_json(self, path: str, body: Mapping[str, object]) -> JsonResponse:
        """POST JSON that makes a render, exactly once; otherwise as `create`."""
        return await self._send_paid_once(path, error_mapping.map_create_error, json=dict(body))

    async def create_from_source(self, path: str, body: Mapping[str, object]) -> JsonResponse:
        """POST JSON that makes a render out of an earlier render, exactly once.

        As `create`, with two more errors, which also prove that no render was made:
        RemoteNotFoundError when the API lacks the earlier render, and UnsupportedError when the
        API lacks the call.
        """
        mapper = error_mapping.map_create_from_source_error
        return await self._send_paid_once(path, mapper, json=dict(body))

    async def get(
        self, path: str, query: Mapping[str, str] | None = None, *, max_bytes: int | None = None
    ) -> JsonResponse:
        """GET JSON; idempotent, retried after errors that may pass.

        max_bytes  size of the largest answer that is read; None: 4 MiB.
        Raises RemoteNotFoundError, ProviderAccountError, UnsupportedError for a call that the API
        does not have, and ProviderTroubleError for everything else.
        """
        url = self._resolve(path)
        url = url.copy_merge_params(dict(query)) if query else url
        return await self._send_with_retries("GET", url, max_bytes=max_bytes)

    async def delete(self, path: str) -> JsonResponse:
        """Send a DELETE; idempotent, retried like `get`, with the same errors."""
        return await self._send_with_retries("DELETE", self._resolve(path))

    async def send_idempotent(
        self, method: str, path: str, body: Mapping[str, object] | None = None
    ) -> JsonResponse:
        """Send a POST or PUT that is safe to repeat, such as a cancel; otherwise as `get`."""
        return await self._send_with_retries(method, self._resolve(path), body)

    async def download(self, location: str, target: Path, *, max_bytes: int) -> Download:
        """Stream an MP4 to `target`; idempotent, not retried once data has arrived.

        location  a path under the base address, or an absolute http(s) address. Redirects are
                  followed up to five times, never from https to http; hosts other than the API's
                  own are sent no credentials.
        Raises what `Provider.download` promises, and StorageError when the disk refuses.
        """
        url, waits = self._resolve(location), self._timeouts
        idle = httpx.Timeout(waits.idle_s, connect=waits.connect_s, pool=waits.idle_s)

        async def attempt() -> Download | ProviderTroubleError:
            async with self._send_following_redirects("GET", url, waits=idle) as response:
                if response.status_code == 200:
                    return await self._save_clip(response, target, max_bytes)
                return self._transient_error(response, await read_error_body(response))

        return await self._repeat("GET", url, attempt, waits.download_s, "clip")

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()
        await self._paid_client.aclose()

    async def _send_paid_once(
        self, path: str, map_error: error_mapping.ErrorMapper, **content: Any
    ) -> JsonResponse:
        url = self._resolve(path)
        headers = self._headers_for(url)
        request = self._paid_client.build_request("POST", url, headers=headers, **content)
        # A create counts against the rate limit but doesn't wait for it, so it precedes polls.
        wait_s = self._rate_limiter.blocked_s()
        if wait_s > self._timeouts.max_retry_after_s:
            raise NotAcceptedError("not sent: too many calls a minute", retry_after_s=wait_s)
        self._rate_limiter.take()
        await self._clock.sleep(wait_s)
        try:
            async with (
                asyncio.timeout(self._timeouts.create_s),
                aclosing(await self._paid_client.send(request, stream=True)) as response,
            ):
                self._rate_limiter.update_from_headers(response.headers)
                body = await read_body(response)
                if response.is_success:
                    return await parse_response(response.status_code, response.headers, body)
        except _NOT_SENT_ERRORS as error:
            failure = NotAcceptedError(f"not sent: {describe_error(error)}")
            raise self._log_failure("POST", url, failure) from error
        except (httpx.HTTPError, TimeoutError, ValueError) as error:
            failure = UnknownOutcomeError(f"sent, but no usable answer: {describe_error(error)}")
            raise self._log_failure("POST", url, failure) from error
        failure = map_error(response.status_code, self._read_error(response, body))
        raise self._log_failure("POST", url, failure, response)

    async def _send_with_retries(
        self,
        method: str,
        url: httpx.URL,
        body: Mapping[str, object] | None = None,
        *,
        max_bytes: int | None = None,
    ) -> JsonResponse:
        async def attempt() -> JsonResponse | ProviderTroubleError:
            try:
                if wait_s := self._rate_limiter.take():
                    await self._clock.sleep(wait_s)
                async with self._send_following_redirects(method, url, body=body) as response:
                    self._rate_limiter.update_from_headers(response.headers)
                    content = await read_body(response, max_bytes)
                    if response.is_success:
                        return await parse_response(response.status_code, response.headers, content)
                    return self._transient_error(response, content)
            except (httpx.HTTPError, ValueError) as error:
                failure = ProviderTroubleError(describe_error(error))
                failure.__cause__ = error
                return failure

        return await self._repeat(method, url, attempt, self._timeouts.call_s, "answer")

    async def _repeat(
        self,
        method: str,
        url: httpx.URL,
        attempt: Callable[[], Awaitable[_ResultT | ProviderTroubleError]],
        limit_s: float,
        result: str,
    ) -> _ResultT:
        """Repeat `attempt` with growing pauses while `attempt` returns an error that may pass.

        Logs and raises the last error; ProviderTroubleError without a `result` in `limit_s`.
        """
        pauses = pauses_s(self._timeouts.backoff_s)
        try:
            async with asyncio.timeout(limit_s):
                while isinstance(got := await attempt(), ProviderTroubleError):
                    pause_s, wait_s = next(pauses, None), got.retry_after_s
                    if pause_s is None or (wait_s or 0) > self._timeouts.max_retry_after_s:
                        raise got
                    _log.debug("trying again: %s", got)
                    await self._clock.sleep(pause_s if wait_s is None else wait_s)
                return got
        except (TimeoutError, httpx.HTTPError) as error:
            why = f"no {result} within {limit_s:g} s"
            if isinstance(error, httpx.HTTPError):
                why = f"the download broke off: {describe_error(error)}"
            raise self._log_failure(method, url, ProviderTroubleError(why)) from error
        except ProviderError as error:
            self._log_failure(method, url, error)
            raise

    @asynccontextmanager
    async def _send_following_redirects(
        self,
        method: str,
        url: httpx.URL,
        *,
        body: Mapping[str, object] | None = None,
        waits: httpx.Timeout | None = None,
    ) -> AsyncGenerator[httpx.Response]:
        """Send a request, with credentials to the API's origin only; follow a GET's redirects."""
        content = None if body is None else dict(body)
        timeout = waits or httpx.USE_CLIENT_DEFAULT
        for _ in range(_MAX_REDIRECTS + 1):
            headers = self._headers_for(url)
            async with self._client.stream(
                method, url, headers=headers, json=content, timeout=timeout
            ) as response:
                if method != "GET" or not response.has_redirect_location:
                    yield response
                    return
                url = self._redirect_target(url, response.headers["location"])
        raise ProviderTroubleError(f"more than {_MAX_REDIRECTS} redirects")

    async def _save_clip(self, response: httpx.Response, target: Path, max_bytes: int) -> Download:
        content_type = response.headers.get("content-type", "").lower()
        if "html" in content_type or "json" in content_type or content_type.startswith("text/"):
            said = self._read_error(response, await read_error_body(response))
            raise BadClipError(f"not a clip: {said}")
        if is_compressed(response):
            raise BadClipError("compressed, though identity was requested")
        length = response.headers.get("content-length", "")
        announced = int(length) if length.isascii() and length.isdigit() else None
        async with aclosing(read_raw_chunks(response)) as chunks:
            return await clip_file.save(
                chunks, target, max_bytes=max_bytes, announced_bytes=announced
            )

    def _transient_error(self, response: httpx.Response, body: bytes) -> ProviderTroubleError:
        """Return the error of an answer if a retry may succeed; raise any other error."""
        status, said = response.status_code, self._read_error(response, body)
        failure = error_mapping.map_call_error(status, said)
        if isinstance(failure, ProviderTroubleError) and error_mapping.is_transient(status, said):
            return failure
        raise failure

    def _read_error(self, response: httpx.Response, body: bytes) -> ErrorBody:
        """Parse an error answer and mask credentials, which some gateways repeat in the body."""
        # Mask before the text is shortened, because a truncated key would not match.
        for secret in self._credentials.values():
            for word in (each for each in secret.reveal().split() if len(each) >= 8):
                body = body.replace(word.encode(), b"***")
        said = error_body.parse_body(body, response.headers.get("content-type", ""))
        wait_s = retry_after_s(response.headers, self._clock.now())
        return said if wait_s is None else replace(said, retry_after_s=wait_s)

    def _headers_for(self, url: httpx.URL) -> dict[str, str]:
        if origin_of(url) != origin_of(self._base_url):
            return {}
        secrets = {name: secret.reveal() for name, secret in self._credentials.items()}
        return {**self._headers, **secrets}

    def _resolve(self, location: str) -> httpx.URL:
        absolute = location.startswith(("http://", "https://"))
        return resolve_url(location if absolute else f"{self._base_url}{location}", self._base_url)

    def _redirect_target(self, url: httpx.URL, location: str) -> httpx.URL:
        target = resolve_url(location, url)
        if url.scheme == "https" and target.scheme != "https":
            raise ProviderTroubleError(f"redirected from https to http, to {redact_url(target)}")
        return target

    def _log_failure(
        self,
        method: str,
        url: httpx.URL,
        failure: ProviderError,
        response: httpx.Response | None = None,
    ) -> ProviderError:
        """Log a failed call in one line, without the API's message; return `failure`."""
        level = logging.INFO if isinstance(failure, RemoteNotFoundError) else logging.WARNING
        about, where = failure.code, redact_url(url)
        if response is not None:
            request_id = response.headers.get("x-request-id", "-")[:80]
            about += f", status {response.status_code}, request {request_id!a}"
        _log.log(level, "%s %s failed: %s", method, where, about)
        _log.debug("%s %s: %s", method, where, failure)
        return failure


@functools.cache
def _ssl_context() -> ssl.SSLContext:
    """Return the TLS context for all clients; loading the certificates takes 20 ms."""
    return httpx.create_ssl_context(trust_env=False)
