"""The simulated Discord's REST API: its routes, checks of requests, and a log of all requests."""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.wire.discord_errors import DiscordApiError, invalid, refusal, unknown
from tests.wire.discord_faults import DiscordFault, DiscordFaults
from tests.wire.discord_gateway import reset
from tests.wire.discord_openapi import findings
from tests.wire.discord_payloads import Payload
from tests.wire.discord_uploads import StoredFile, read_body

PREFIX = "/api/v10"


@dataclass(slots=True, kw_only=True)
class ApiCall:
    """One request that the bot sent to the simulated Discord.

    path       the path below /api/v10, without the query string.
    template   the path pattern of the route; "" for an unknown route.
    body       the parsed JSON or payload_json; None without a body.
    arrived_s  `time.perf_counter()` when the whole request had arrived.
    status     the HTTP status of the response; None before the response, 0 for a cut connection.
    """

    method: str
    path: str
    template: str
    params: dict[str, str]
    query: dict[str, str]
    at: datetime
    body: Any = None
    files: list[StoredFile] = field(default_factory=list)
    arrived_s: float = 0.0
    status: int | None = None
    answer: Any = None


Handler = Callable[[ApiCall], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A route of the REST API, and what a request to the route may contain.

    fields     the known keys of the body; None for no body, empty for any JSON.
    query      the known query parameters.
    needs_bot  whether the Authorization header must contain the bot's token.
    """

    method: str
    template: str
    handler: Handler
    fields: frozenset[str] | None = None
    query: frozenset[str] = frozenset()
    needs_bot: bool = True


class RestApi:
    """Answers requests to known routes; any other request gets a 404 and counts as a violation.

    calls       all requests, in order of arrival.
    violations  descriptions of the requests that a bot must not send.
    """

    def __init__(
        self,
        token: str,
        now: Callable[[], datetime],
        folder: Path,
        faults: DiscordFaults,
        notify: Callable[[], None],
    ) -> None:
        self.calls: list[ApiCall] = []
        self._token = token
        self._now = now
        self._folder = folder
        self._faults = faults
        self._notify = notify
        self._violations: list[str] = []
        self._unjudged: list[ApiCall] = []
        self._uploads = 0

    @property
    def violations(self) -> list[str]:
        """Descriptions of the requests that a bot must not send.

        Only reading this property checks bodies against Discord's OpenAPI document, because the
        check is slow.
        """
        waiting, self._unjudged = self._unjudged, []
        for call in waiting:
            for finding in findings(call.method, call.template, call.body):
                self.violation(f"{call.method} {call.path}: {finding}")
        return self._violations

    def violation(self, text: str) -> None:
        self._violations.append(text)

    def routes(self, wanted: list[Route]) -> list[web.RouteDef]:
        known = [
            web.route(r.method, PREFIX + r.template, self._serve(r), allow_head=False)
            if r.method == "GET"
            else web.route(r.method, PREFIX + r.template, self._serve(r))
            for r in wanted
        ]
        return [*known, web.route("*", "/{tail:.*}", self._unknown)]

    async def _unknown(self, request: web.Request) -> web.StreamResponse:
        call = self._begin(request, "")
        call.status = 404
        self.violation(f"unknown route: {request.method} {request.path}")
        return _json(404, {"message": "404: Not Found", "code": 0})

    def _begin(self, request: web.Request, template: str) -> ApiCall:
        call = ApiCall(
            method=request.method,
            path=request.path.removeprefix(PREFIX),
            template=template,
            params=dict(request.match_info),
            query=dict(request.query),
            at=self._now(),
        )
        self.calls.append(call)
        return call

    def _serve(self, route: Route) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def serve(request: web.Request) -> web.StreamResponse:
            call = self._begin(request, route.template)
            self._uploads += 1
            folder = self._folder / f"request-{self._uploads}"
            try:
                call.body, call.files = await read_body(request, folder)
            except DiscordApiError as error:
                self.violation(f"{call.method} {call.path}: {error}")
                return self._answer(call, error.status, error.body)
            except ConnectionError:
                # The bot closed the connection in the middle of its upload.
                await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
                call.status = 0
                self._notify()
                return _json(400, None)
            call.arrived_s = time.perf_counter()
            return await self._troubled(request, call, lambda: self._handle(request, route, call))

        return serve

    async def serve_raw(
        self, request: web.Request, template: str, work: Callable[[], web.StreamResponse]
    ) -> web.StreamResponse:
        """Log and answer a request to the CDN, applying the faults that a test has set for it."""
        return await self._troubled(request, self._begin(request, template), work)

    def _handle(self, request: web.Request, route: Route, call: ApiCall) -> web.Response:
        try:
            self._check(request, route, call)
            answer, status = route.handler(call), 200
        except DiscordApiError as error:
            answer, status = error.body, error.status
            if error.breaks_rule:
                self.violation(f"{call.method} {call.path}: {error}")
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            # The body has a shape that the handler can't read. If the handler itself has a bug, the
            # violation reports that, too.
            self.violation(f"{call.method} {call.path}: {type(error).__name__}: {error}")
            refused = invalid("body", "BASE_TYPE_BAD_TYPE", "This double cannot read the body.")
            answer, status = refused.body, refused.status
        if route.fields is not None:
            self._unjudged.append(call)
        return self._answer(call, status, answer)

    async def _troubled(
        self, request: web.Request, call: ApiCall, work: Callable[[], web.StreamResponse]
    ) -> web.StreamResponse:
        """Answer a request by `work`, applying the faults that a test has set for the request."""
        try:
            return await self._met(request, call, work)
        finally:
            self._notify()

    async def _met(
        self, request: web.Request, call: ApiCall, work: Callable[[], web.StreamResponse]
    ) -> web.StreamResponse:
        met = self._faults.take(call.method, call.path)
        for fault in met:
            if fault.delay_s:
                await asyncio.sleep(fault.delay_s)
        fault = next((fault for fault in met if not fault.delay_s), None)
        if fault is None:
            response = work()
            call.status = response.status
            return response
        if fault.reset or (fault.status is not None and not fault.after_work):
            return self._fail(request, call, fault)
        response = work()
        call.status = response.status
        if fault.drip_s:
            return await _dripped(request, response, fault.drip_s)
        return self._fail(request, call, fault)

    @staticmethod
    def _fail(request: web.Request, call: ApiCall, fault: DiscordFault) -> web.StreamResponse:
        call.status = fault.status or 0
        if fault.cut or fault.reset:
            # The connection is gone, so no client reads this response.
            reset(request)
            return _json(500, None)
        return _raw(fault.status, fault.body, fault.headers)

    def _check(self, request: web.Request, route: Route, call: ApiCall) -> None:
        if route.needs_bot and request.headers.get("Authorization") != f"Bot {self._token}":
            raise refusal(0)
        for key in call.query.keys() - route.query:
            raise unknown(f"query parameter {key!r}", key)
        if route.fields is None or (not route.fields and isinstance(call.body, list)):
            return
        if not isinstance(call.body, dict):
            raise refusal(50109)
        for key in call.body.keys() - route.fields:
            raise unknown(f"field {key!r}", key)

    def _answer(self, call: ApiCall, status: int, answer: Any) -> web.Response:
        call.status = 204 if status == 200 and answer is None else status
        call.answer = answer
        return _json(call.status, answer)


def _json(status: int, payload: Any) -> web.Response:
    if payload is None:
        return web.Response(status=status)
    # Send exactly this Content-Type, because discord.py compares the whole header, including any
    # charset.
    return web.Response(
        status=status,
        body=json.dumps(payload, separators=(",", ":")).encode(),
        headers={"Content-Type": "application/json"},
    )


async def _dripped(
    request: web.Request, whole: web.StreamResponse, seconds: float
) -> web.StreamResponse:
    """Send a response's body without its last byte, wait for `seconds`, then send the last byte."""
    assert isinstance(whole, web.Response)
    body = whole.body or b""
    assert isinstance(body, bytes)
    slow = web.StreamResponse(status=whole.status, headers=dict(whole.headers))
    slow.content_length = len(body)
    await slow.prepare(request)
    try:
        await slow.write(body[:-1])
        await asyncio.sleep(seconds)
        await slow.write(body[-1:])
        await slow.write_eof()
    except ConnectionError:
        # The bot would not wait.
        pass
    return slow


def _raw(status: int | None, body: Payload | str, headers: dict[str, str]) -> web.Response:
    answer = _json(status or 500, body) if isinstance(body, dict) else None
    if answer is None:
        answer = web.Response(status=status or 500, text=str(body), content_type="text/html")
    answer.headers.update(headers)
    return answer
