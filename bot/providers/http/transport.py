"""HTTP for paid APIs: creates are sent once, keys go to one origin only, files arrive whole."""

from __future__ import annotations

import asyncio
import functools
import logging
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from typing import Any, TypeVar

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
from bot.providers.http import clip_file, error_body, error_mapping, retry
from bot.providers.http.error_body import ErrorBody
from bot.providers.http.payloads import JsonResponse, Upload, multipart_parts, parse_response
from bot.providers.http.rate_limiter import RateLimiter
from bot.providers.http.responses import (
    describe_error,
    open_response,
    origin_of,
    read_body,
    read_error_body,
    read_raw_chunks,
    redact_url,
    resolve_url,
)
from bot.providers.http.timeouts import Timeouts
from bot.settings import Secret

_log = logging.getLogger(__name__)
_ResultT = TypeVar("_ResultT")

_MAX_REDIRECTS = 5
# These errors prove that the request was not sent; after any other it may have been.
_NOT_SENT_ERRORS = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _RetryableFailure:
    """A failed attempt that may be repeated, and the error to raise if it is not."""

    error: ProviderTroubleError
    cause: Exception | None = None


class Transport:
    """Calls to one API at one origin, with credentials that go nowhere else.

    base_url     scheme, host, port and path prefix; every relative path is appended to it.
    credentials  header names and their values, sent to exactly this scheme, host and port.
    headers      other headers that every request to that origin carries.
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
        # A kept-alive connection can close while a request is sent, which leaves its outcome
        # unknown. Creates are few and unknown outcomes expensive, so each create opens its own.
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
        parts = multipart_parts(fields, upload)
        return await self._send_paid_once(path, error_mapping.map_create_error, files=parts)

    async def create_json(self, path: str, body: Mapping[str, object]) -> JsonResponse:
        """POST JSON that makes a render, exactly once; otherwise as `create`."""
        return await self._send_paid_once(path, error_mapping.map_create_error, json=dict(body))

    async def create_from_source(self, path: str, body: Mapping[str, object]) -> JsonResponse:
        """POST JSON that makes a render out of an earlier one, exactly once.

        As `create`, with two more errors, which also prove that no render was made:
        RemoteNotFoundError when the API lacks the earlier render, UnsupportedError when it lacks
        the call.
        """
        return await self._send_paid_once(
            path, error_mapping.map_create_from_source_error, json=dict(body)
        )

    async def get(
        self,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        max_bytes: int | None = None,
    ) -> JsonResponse:
        """GET JSON; idempotent, retried after errors that may pass.

        max_bytes  largest answer; None: 4 MiB.
        Raises RemoteNotFoundError, ProviderAccountError, UnsupportedError for a call that the API
        does not have, and ProviderTroubleError for everything else.
        """
        return await self._send_with_retries("GET", path, query, max_bytes=max_bytes)

    async def delete(self, path: str) -> JsonResponse:
        """DELETE; idempotent, retried like `get`, with the same errors."""
        return await self._send_with_retries("DELETE", path, None)

    async def send_idempotent(
        self, method: str, path: str, body: Mapping[str, object] | None = None
    ) -> JsonResponse:
        """Send a POST or PUT that is safe to repeat, such as a cancel; otherwise as `get`."""
        return await self._send_with_retries(method, path, None, body)

    async def download(self, location: str, target: Path, *, max_bytes: int) -> Download:
        """Stream an MP4 to `target`; idempotent, not retried once data has arrived.

        location  a path under the base address, or an absolute http(s) address; redirects are
               followed up to five times, never from https to http, and hosts other than the API's
               own are sent no credentials.
        Raises what `Provider.download` promises, and StorageError when the disk refuses.
        """
        url = self._resolve(location)
        waits = self._timeouts
        idle = httpx.Timeout(waits.idle_s, connect=waits.connect_s, pool=waits.idle_s)

        async def attempt() -> Download | _RetryableFailure:
            async with self._send_following_redirects("GET", url, idle) as response:
                if response.status_code == 200:
                    return await self._save_clip(response, target, max_bytes)
                return self._retry_or_raise(response, await read_error_body(response))

        async with self._time_limit(waits.download_s, "GET", url, "clip"):
            return await self._retry(attempt)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()
        await self._paid_client.aclose()

    async def _send_paid_once(
        self, path: str, map_error: error_mapping.ErrorMapper, **content: Any
    ) -> JsonResponse:
        """Send a paid request once. Raises the error that `map_error` returns for other than 2xx."""
        url = self._resolve(path)
        request = self._paid_client.build_request(
            "POST", url, headers=self._headers_for(url), **content
        )
        # Creates go before polls: they count against the rate, but only polls wait for it.
        wait_s = self._rate_limiter.blocked_s()
        if wait_s > self._timeouts.max_retry_after_s:
            raise NotAcceptedError("not sent: too many calls a minute", retry_after_s=wait_s)
        self._rate_limiter.take()
        await self._clock.sleep(wait_s)
        try:
            async with (
                asyncio.timeout(self._timeouts.create_s),
                open_response(self._paid_client, request) as response,
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
        failure = map_error(
            response.status_code, self._read_error(response, body), self._retry_after_s(response)
        )
        raise self._log_failure("POST", url, failure, response)

    async def _send_with_retries(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        body: Mapping[str, object] | None = None,
        *,
        max_bytes: int | None = None,
    ) -> JsonResponse:
        url = self._resolve(path)
        if query:
            url = url.copy_merge_params(dict(query))

        async def attempt() -> JsonResponse | _RetryableFailure:
            try:
                if wait_s := self._rate_limiter.take():
                    await self._clock.sleep(wait_s)
                async with self._send_following_redirects(method, url, body=body) as response:
                    self._rate_limiter.update_from_headers(response.headers)
                    content = await read_body(response, max_bytes)
                    if response.is_success:
                        return await parse_response(response.status_code, response.headers, content)
                    return self._retry_or_raise(response, content)
            except (httpx.HTTPError, ValueError) as error:
                return _RetryableFailure(
                    error=ProviderTroubleError(describe_error(error)), cause=error
                )

        async with self._time_limit(self._timeouts.call_s, method, url, "answer"):
            return await self._retry(attempt)

    @asynccontextmanager
    async def _time_limit(
        self, limit_s: float, method: str, url: httpx.URL, result: str
    ) -> AsyncGenerator[None]:
        """Log a failure inside; raise ProviderTroubleError without a `result` in `limit_s`."""
        try:
            async with asyncio.timeout(limit_s):
                yield
        except (TimeoutError, httpx.HTTPError) as error:
            why = f"no {result} within {limit_s:g} s"
            if isinstance(error, httpx.HTTPError):
                why = f"the download broke off: {describe_error(error)}"
            raise self._log_failure(method, url, ProviderTroubleError(why)) from error
        except ProviderError as error:
            self._log_failure(method, url, error)
            raise

    async def _retry(
        self, attempt: Callable[[], Awaitable[_ResultT | _RetryableFailure]]
    ) -> _ResultT:
        """Repeat `attempt` with growing pauses; raise its last error after the last attempt."""
        pauses_s = retry.pauses_s(self._timeouts.backoff_s)
        while isinstance(got := await attempt(), _RetryableFailure):
            pause_s = next(pauses_s, None)
            retry_after_s = got.error.retry_after_s
            if pause_s is None or (retry_after_s or 0) > self._timeouts.max_retry_after_s:
                raise got.error from got.cause
            _log.debug("trying again: %s", got.error)
            await self._clock.sleep(pause_s if retry_after_s is None else retry_after_s)
        return got

    @asynccontextmanager
    async def _send_following_redirects(
        self,
        method: str,
        url: httpx.URL,
        waits: httpx.Timeout | None = None,
        body: Mapping[str, object] | None = None,
    ) -> AsyncGenerator[httpx.Response]:
        """Send a request, with credentials to the API's own origin only; follow redirects of a GET."""
        for _ in range(_MAX_REDIRECTS + 1):
            request = self._client.build_request(
                method,
                url,
                headers=self._headers_for(url),
                json=None if body is None else dict(body),
                timeout=waits or httpx.USE_CLIENT_DEFAULT,
            )
            async with open_response(self._client, request) as response:
                if method != "GET" or not response.has_redirect_location:
                    yield response
                    return
                url = self._redirect_target(url, response.headers["location"])
        raise ProviderTroubleError(f"more than {_MAX_REDIRECTS} redirects")

    async def _save_clip(self, response: httpx.Response, target: Path, max_bytes: int) -> Download:
        content_type = response.headers.get("content-type", "").lower()
        if "html" in content_type or "json" in content_type or content_type.startswith("text/"):
            raise BadClipError(
                f"not a clip: {self._read_error(response, await read_error_body(response))}"
            )
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            raise BadClipError("compressed, though identity was requested")
        length = response.headers.get("content-length", "")
        async with aclosing(read_raw_chunks(response)) as chunks:
            return await clip_file.save(
                chunks,
                target,
                max_bytes=max_bytes,
                announced_bytes=int(length) if length.isascii() and length.isdigit() else None,
            )

    def _retry_or_raise(self, response: httpx.Response, body: bytes) -> _RetryableFailure:
        """Return a failure that may be retried; raise any other."""
        status = response.status_code
        said = self._read_error(response, body)
        failure = error_mapping.map_call_error(status, said, self._retry_after_s(response))
        if isinstance(failure, ProviderTroubleError) and error_mapping.is_transient(status, said):
            return _RetryableFailure(error=failure)
        raise failure

    def _read_error(self, response: httpx.Response, body: bytes) -> ErrorBody:
        """Parse an error body, with our key masked: some gateways repeat it there."""
        # Mask before the text is shortened: a truncated key would not match.
        for secret in self._credentials.values():
            for word in (each for each in secret.reveal().split() if len(each) >= 8):
                body = body.replace(word.encode(), b"***")
        return error_body.parse_body(body, response.headers.get("content-type", ""))

    def _retry_after_s(self, response: httpx.Response) -> float | None:
        return retry.retry_after_s(response.headers, self._clock.now())

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
        about = failure.code
        if response is not None:
            request_id = response.headers.get("x-request-id", "-")[:80]
            about += f", status {response.status_code}, request {request_id!a}"
        _log.log(level, "%s %s failed: %s", method, redact_url(url), about)
        _log.debug("%s %s: %s", method, redact_url(url), failure)
        return failure


@functools.cache
def _ssl_context() -> ssl.SSLContext:
    """Return the TLS context for all clients; loading the certificates takes 20 ms."""
    return httpx.create_ssl_context(trust_env=False)
