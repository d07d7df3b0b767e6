"""HTTP as paid APIs need it: creates are sent once, keys stay at home, files arrive whole."""

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
from typing import TypeVar

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
from bot.providers import api_error, clip_file, refusal, retry
from bot.providers.api_error import ApiError
from bot.providers.base import Download
from bot.providers.exchange import Reply, Upload, parts_of, read_reply
from bot.providers.http import (
    answered,
    checked,
    named,
    origin,
    raw_chunks,
    read_body,
    read_refusal,
    shown,
)
from bot.providers.meter import Meter
from bot.providers.patience import Patience
from bot.settings import Secret

_log = logging.getLogger(__name__)
_Got = TypeVar("_Got")

_MAX_REDIRECTS = 5
# Nothing was sent yet when one of these is raised; after any other error it may have been.
_BEFORE_SENDING = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Again:
    """An attempt that may be repeated, and what to raise when it is not."""

    error: ProviderTroubleError
    cause: Exception | None = None


class Transport:
    """Calls to one API at one origin, with credentials that go nowhere else.

    base_url     scheme, host, port and path prefix; every relative path is appended to it.
    credentials  header names and their values, sent to exactly this scheme, host and port.
    headers      other headers that every request to that origin carries.
    meter        keeps the calls within a rate; None: they are not counted.
    Nothing connects before the first call. All methods are cancellable and may run side by side.
    """

    def __init__(
        self,
        *,
        base_url: str,
        credentials: Mapping[str, Secret],
        clock: Clock,
        patience: Patience | None = None,
        headers: Mapping[str, str] | None = None,
        meter: Meter | None = None,
    ) -> None:
        self._base = httpx.URL(base_url.rstrip("/") + "/")
        self._credentials = dict(credentials)
        self._clock = clock
        self._patience = patience or Patience()
        self._headers = dict(headers or {})
        self._meter = meter or Meter(None, clock)
        # httpx writes every address at INFO with its query, which may be a signature.
        for chatty in ("httpx", "httpcore"):
            logging.getLogger(chatty).setLevel(logging.WARNING)
        self._client = self._make_client(httpx.Limits(max_connections=32))
        # A kept-alive connection can die as a request goes out, and nobody knows then whether it
        # arrived. Creates open their own: they are few, and each unknown outcome is expensive.
        self._creator = self._make_client(httpx.Limits(max_keepalive_connections=0))

    def _make_client(self, limits: httpx.Limits) -> httpx.AsyncClient:
        waits = self._patience
        return httpx.AsyncClient(
            verify=_trusted(),
            limits=limits,
            timeout=httpx.Timeout(waits.read_s, connect=waits.connect_s, pool=waits.connect_s),
            follow_redirects=False,
            trust_env=False,  # a .netrc would add credentials of its own
            # Cookies know no ports and are credentials too: none are kept.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            headers={"User-Agent": "sorabot", "Accept-Encoding": "identity"},
        )

    async def create(
        self, path: str, fields: Mapping[str, str], upload: Upload | None = None
    ) -> Reply:
        """POST a multipart form exactly once.

        Not idempotent; never retried, never redirected.
        Raises NotAcceptedError, RejectedOrderError, ModerationError, ProviderAccountError and
        UnknownOutcomeError as `Provider.submit` promises.
        """
        url = self._resolve(path)
        request = self._creator.build_request(
            "POST", url, files=parts_of(fields, upload), headers=self._headers_for(url)
        )
        return await self._pay(request, refusal.of_create)

    async def create_json(self, path: str, body: Mapping[str, object]) -> Reply:
        """POST JSON that makes a render, exactly once; otherwise as `create`."""
        url = self._resolve(path)
        request = self._creator.build_request(
            "POST", url, json=dict(body), headers=self._headers_for(url)
        )
        return await self._pay(request, refusal.of_create)

    async def continue_from(self, path: str, body: Mapping[str, object]) -> Reply:
        """POST JSON that makes a render out of an earlier one, exactly once.

        Like `create`, with the same errors and two more that are as certain as a refusal:
        RemoteNotFoundError when the API lacks the earlier render, UnsupportedError when it lacks
        the call.
        """
        url = self._resolve(path)
        request = self._creator.build_request(
            "POST", url, json=dict(body), headers=self._headers_for(url)
        )
        return await self._pay(request, refusal.of_continuation)

    async def get(
        self,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        max_bytes: int | None = None,
    ) -> Reply:
        """GET JSON; idempotent, retried while that is likely to help.

        max_bytes  how large an answer may be; None: 4 MiB.
        Raises RemoteNotFoundError, ProviderAccountError, UnsupportedError for a call that the API
        does not have, and ProviderTroubleError for everything else.
        """
        return await self._harmless("GET", path, query, max_bytes=max_bytes)

    async def delete(self, path: str) -> Reply:
        """DELETE; idempotent, retried like `get`, with the same errors."""
        return await self._harmless("DELETE", path, None)

    async def command(
        self, method: str, path: str, body: Mapping[str, object] | None = None
    ) -> Reply:
        """Send POST or PUT that may be repeated without harm, such as a cancel; as `get` otherwise."""
        return await self._harmless(method, path, None, body)

    async def download(self, place: str, target: Path, *, max_bytes: int) -> Download:
        """Stream an MP4 to `target`; idempotent, not retried once a clip began to arrive.

        place  a path under the base address, or an absolute http(s) address; redirects are
               followed up to five times, never from https to http, and hosts other than the API's
               own are sent no credentials.
        Raises what `Provider.download` promises, and StorageError when the disk refuses.
        """
        url = self._resolve(place)
        waits = self._patience
        idle = httpx.Timeout(waits.idle_s, connect=waits.connect_s, pool=waits.idle_s)

        async def attempt() -> Download | _Again:
            async with self._arrive("GET", url, idle) as response:
                if response.status_code == 200:
                    return await self._receive(response, target, max_bytes)
                return self._refused(response, await read_refusal(response))

        try:
            async with asyncio.timeout(waits.download_s):
                return await self._persist(attempt)
        except TimeoutError as error:
            failure = ProviderTroubleError(f"no clip within {waits.download_s:g} s")
            raise self._logged("GET", url, failure) from error
        except httpx.HTTPError as error:
            failure = ProviderTroubleError(f"the download broke off: {named(error)}")
            raise self._logged("GET", url, failure) from error
        except ProviderError as error:
            self._logged("GET", url, error)
            raise

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()
        await self._creator.aclose()

    async def _pay(self, request: httpx.Request, refused: refusal.Judge) -> Reply:
        """Send a paid request once; what `refused` makes of an answer that is not 2xx is raised."""
        url = request.url
        # An order goes before polls: the minute's count holds up what may wait, not what was asked for.
        wait_s = self._meter.closed_s()
        if wait_s > self._patience.wait_s:
            raise NotAcceptedError("not sent: too many calls a minute", retry_after_s=wait_s)
        self._meter.take()
        await self._clock.sleep(wait_s)
        try:
            async with (
                asyncio.timeout(self._patience.create_s),
                answered(self._creator, request) as response,
            ):
                self._meter.note(response.headers)
                body = await read_body(response)
                if response.is_success:
                    return await read_reply(response.status_code, response.headers, body)
        except _BEFORE_SENDING as error:
            failure = NotAcceptedError(f"not sent: {named(error)}")
            raise self._logged("POST", url, failure) from error
        except (httpx.HTTPError, TimeoutError, ValueError) as error:
            failure = UnknownOutcomeError(f"sent, but no usable answer: {named(error)}")
            raise self._logged("POST", url, failure) from error
        failure = refused(response.status_code, self._said(response, body), self._hint_s(response))
        raise self._logged("POST", url, failure, response)

    async def _harmless(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        body: Mapping[str, object] | None = None,
        *,
        max_bytes: int | None = None,
    ) -> Reply:
        url = self._resolve(path)
        if query:
            url = url.copy_merge_params(dict(query))

        async def attempt() -> Reply | _Again:
            try:
                await self._turn()
                async with self._arrive(method, url, body=body) as response:
                    self._meter.note(response.headers)
                    content = await read_body(response, max_bytes)
                    if response.is_success:
                        return await read_reply(response.status_code, response.headers, content)
                    return self._refused(response, content)
            except (httpx.HTTPError, ValueError) as error:
                return _Again(error=ProviderTroubleError(named(error)), cause=error)

        try:
            async with asyncio.timeout(self._patience.call_s):
                return await self._persist(attempt)
        except TimeoutError as error:
            failure = ProviderTroubleError(f"no answer within {self._patience.call_s:g} s")
            raise self._logged(method, url, failure) from error
        except ProviderError as error:
            self._logged(method, url, error)
            raise

    async def _turn(self) -> None:
        """Wait until a call fits into the minute."""
        if wait_s := self._meter.take():
            await self._clock.sleep(wait_s)

    async def _persist(self, attempt: Callable[[], Awaitable[_Got | _Again]]) -> _Got:
        """Repeat `attempt` with growing pauses; raise its last error when that does not help."""
        pauses_s = retry.pauses_s(self._patience.backoff_s)
        while isinstance(got := await attempt(), _Again):
            pause_s = next(pauses_s, None)
            hint_s = got.error.retry_after_s
            if pause_s is None or (hint_s is not None and hint_s > self._patience.wait_s):
                raise got.error from got.cause
            _log.debug("trying again: %s", got.error)
            await self._clock.sleep(pause_s if hint_s is None else hint_s)
        return got

    @asynccontextmanager
    async def _arrive(
        self,
        method: str,
        url: httpx.URL,
        waits: httpx.Timeout | None = None,
        body: Mapping[str, object] | None = None,
    ) -> AsyncGenerator[httpx.Response]:
        """Send a request with credentials where they belong, and follow a GET's redirects."""
        for _ in range(_MAX_REDIRECTS + 1):
            request = self._client.build_request(
                method,
                url,
                headers=self._headers_for(url),
                json=None if body is None else dict(body),
                timeout=waits or httpx.USE_CLIENT_DEFAULT,
            )
            async with answered(self._client, request) as response:
                if method != "GET" or not response.has_redirect_location:
                    yield response
                    return
                url = self._next(url, response.headers["location"])
        raise ProviderTroubleError(f"more than {_MAX_REDIRECTS} redirects")

    async def _receive(self, response: httpx.Response, target: Path, max_bytes: int) -> Download:
        content_type = response.headers.get("content-type", "").lower()
        if "html" in content_type or "json" in content_type or content_type.startswith("text/"):
            raise BadClipError(f"not a clip: {self._said(response, await read_refusal(response))}")
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            raise BadClipError("compressed, though identity was asked for")
        length = response.headers.get("content-length", "")
        async with aclosing(raw_chunks(response)) as chunks:
            return await clip_file.save(
                chunks,
                target,
                max_bytes=max_bytes,
                announced_bytes=int(length) if length.isascii() and length.isdigit() else None,
            )

    def _refused(self, response: httpx.Response, body: bytes) -> _Again:
        """Return what may be tried again; raise what may not."""
        status = response.status_code
        said = self._said(response, body)
        failure = refusal.of_call(status, said, self._hint_s(response))
        if isinstance(failure, ProviderTroubleError) and refusal.passes(status, said):
            return _Again(error=failure)
        raise failure

    def _said(self, response: httpx.Response, body: bytes) -> ApiError:
        """Normalise a refusal, without the key that some gateways repeat in it."""
        # Before anything is shortened: a part of a key would not be known for one.
        for secret in self._credentials.values():
            for word in (each for each in secret.reveal().split() if len(each) >= 8):
                body = body.replace(word.encode(), b"***")
        return api_error.read_body(body, response.headers.get("content-type", ""))

    def _hint_s(self, response: httpx.Response) -> float | None:
        return retry.hint_s(response.headers, self._clock.now())

    def _headers_for(self, url: httpx.URL) -> dict[str, str]:
        if origin(url) != origin(self._base):
            return {}
        secrets = {name: secret.reveal() for name, secret in self._credentials.items()}
        return {**self._headers, **secrets}

    def _resolve(self, place: str) -> httpx.URL:
        absolute = place.startswith(("http://", "https://"))
        return checked(place if absolute else f"{self._base}{place}", self._base)

    def _next(self, url: httpx.URL, location: str) -> httpx.URL:
        target = checked(location, url)
        if url.scheme == "https" and target.scheme != "https":
            raise ProviderTroubleError(f"redirected from https to http, to {shown(target)}")
        return target

    def _logged(
        self,
        method: str,
        url: httpx.URL,
        failure: ProviderError,
        response: httpx.Response | None = None,
    ) -> ProviderError:
        """Write the one line of a failed call, without the API's own words; return `failure`."""
        level = logging.INFO if isinstance(failure, RemoteNotFoundError) else logging.WARNING
        about = failure.code
        if response is not None:
            request_id = response.headers.get("x-request-id", "-")[:80]
            about += f", status {response.status_code}, request {request_id!a}"
        _log.log(level, "%s %s failed: %s", method, shown(url), about)
        _log.debug("%s %s: %s", method, shown(url), failure)
        return failure


@functools.cache
def _trusted() -> ssl.SSLContext:
    """Return what every server's certificate is checked against; it takes 20 ms to read."""
    return httpx.create_ssl_context(trust_env=False)
