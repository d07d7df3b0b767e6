"""The provider double: simulates any vendor's API on loopback, and a second host for the clips.

The vendor's `Wire` defines requests and responses. A request that the vendor's documents don't
allow gets an error response and is recorded in `violations`, so that a test can assert there are
none.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections import Counter, defaultdict, deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self
from urllib.parse import quote

from aiohttp import web

from bot.model import Operation
from tests.wire import clips, videos_faults
from tests.wire.provider_double.faults import ProviderFault, body_of
from tests.wire.provider_double.wire import (
    Answer,
    DoubleRender,
    PaidCall,
    ReceivedRequest,
    Refusal,
    RenderStage,
    Step,
    Violation,
    Wire,
)

_log = logging.getLogger(__name__)
#: Names of headers with which vendors receive API keys; the host for clips must never get one.
SECRET_HEADERS = frozenset({"authorization", "x-goog-api-key", "api-key", "x-api-key", "key"})
_PAID = (Step.CREATE, Step.CONTINUE)
_UNDER_WAY = (RenderStage.QUEUED, RenderStage.RUNNING, RenderStage.ODD)
_STATUSES = {
    Refusal.BAD_KEY: 401,
    Refusal.NO_BALANCE: 402,
    Refusal.THROTTLED: 429,
    Refusal.OVERLOADED: 503,
    Refusal.UNKNOWN_ID: 404,
    Refusal.CONFLICT: 409,
    Refusal.BROKEN: 500,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedRequest:
    """One request that arrived at the API or at the host for clips."""

    #: None for unknown routes. At the host for clips, always CONTENT.
    step: Step | None
    at_media: bool
    method: str
    #: With the query.
    path: str
    #: Names in lower case.
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    #: The client's port: two requests with the same port used the same connection.
    port: int


class ProviderDouble:
    """Simulates a vendor in `async with ProviderDouble(wire)`; `environ()` returns its settings.

    content  the bytes of every finished clip; a small real clip by default.
    stage    the stage in which new renders begin; `finish` and tests may change a render's stage.
    """

    def __init__(self, wire: Wire, *, content: bytes | None = None) -> None:
        self.wire = wire
        self.content = content or b""
        self.stage = RenderStage.QUEUED
        self.base_url = ""
        self.media_url = ""
        #: All renders, by the id in the vendor's responses; the bot may store a different remote
        #: id.
        self.renders: dict[str, DoubleRender] = {}
        #: The number of accepted paid calls by prompt: the vendor would bill these.
        self.creates: Counter[str] = Counter()
        #: The number of paid calls that arrived, accepted or not, by prompt.
        self.tries: Counter[str] = Counter()
        #: The number of requests by their purpose; CONTENT includes requests to the host for clips.
        self.requests: Counter[Step] = Counter()
        self.seen: list[RecordedRequest] = []
        self.violations: list[str] = []
        self._faults: defaultdict[tuple[Step, str | None], deque[videos_faults.VideosFault]] = (
            defaultdict(deque)
        )
        self._numbers = itertools.count(1)
        #: Address of a clip, current or old → id of its render.
        self._places: dict[str, str] = {}
        self._expired: dict[str, int] = {}
        self._runners: list[web.AppRunner] = []

    @property
    def last(self) -> DoubleRender:
        """The youngest render."""
        return list(self.renders.values())[-1]

    def environ(self) -> dict[str, str]:
        """Return the settings that make the bot use this simulated vendor."""
        return self.wire.environ(self.base_url)

    def finish(
        self, render_id: str | None = None, stage: RenderStage = RenderStage.READY
    ) -> DoubleRender:
        """Set a render (the newest by default) to its final stage; return the render."""
        render = self.last if render_id is None else self.renders[render_id]
        render.stage = stage
        render.progress = 100 if stage is RenderStage.READY else 0
        return render

    def fault(
        self,
        step: Step,
        *faults: videos_faults.VideosFault,
        prompt: str | None = None,
        times: int = 1,
    ) -> None:
        """Make the next requests for `step` fail, each fault `times` in a row.

        CONTENT means downloads from any host. With `prompt`, only requests about that prompt fail.
        """
        for each in faults:
            self._faults[(step, prompt)].extend([each] * times)

    def refuse(self, step: Step, kind: Refusal, *, times: int = 1) -> bool:
        """Make the vendor refuse the next requests.

        Return False if the vendor has no such refusal.
        """
        said = self.wire.refusal(kind, step)
        if said is not None:
            self.fault(step, ProviderFault.answer(said), times=times)
        return said is not None

    def drop_faults(self, prompt: str | None = None) -> None:
        """Remove the faults that have not happened yet, or only those for `prompt`."""
        for key in [key for key in self._faults if prompt in (None, key[1])]:
            del self._faults[key]

    async def __aenter__(self) -> Self:
        self.content = self.content or await asyncio.to_thread(_small_clip)
        self.media_url = await self._listen(self._serve_media)
        self.base_url = f"{await self._listen(self._serve_api)}{self.wire.prefix}"
        return self

    async def __aexit__(self, *_: object) -> None:
        for runner in self._runners:
            await runner.cleanup()

    async def _listen(self, handler: object) -> str:
        app = web.Application(client_max_size=64 * 1024**2)
        app.router.add_route("*", "/{rest:.*}", handler)  # type: ignore[arg-type]
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self._runners.append(runner)
        host, port = runner.addresses[0][:2]
        return f"http://{host}:{port}"

    async def _serve_api(self, request: web.Request) -> web.StreamResponse:
        call = await self._read(request)
        if call is None:
            self._note(request, None)
            return self._violated(request, f"{request.method} {request.raw_path}: not the API")
        step: Step | None = None
        render_id: str | None = None
        try:
            found = self.wire.recognise(call)
            if found is None:
                self._note(request, None, call.body)
                return self._violated(request, f"{call.method} {call.path}: no such route")
            step, render_id = found
            self._note(request, step, call.body)
            name, value = self.wire.credential
            if name not in call.headers:
                self._keep(f"{step}: no {name}")
            if call.headers.get(name) != value:
                return self._no(Refusal.BAD_KEY, step)
            if step in _PAID:
                return await self._serve_paid_call(step, call, request)
            return await self._serve_free_call(step, render_id, call, request)
        except Violation as error:
            return self._violated(request, f"{call.method} {call.path}: {error}", step)

    async def _serve_paid_call(
        self, step: Step, call: ReceivedRequest, request: web.Request
    ) -> web.StreamResponse:
        """Answer a paid call; accept it unless a fault prevents that."""
        asked = self.wire.read_paid_call(call)
        self.tries[asked.prompt] += 1
        if asked.operation is not Operation.GENERATE:
            source = self._source(asked)
            if source is None:
                return self._no(Refusal.UNKNOWN_ID, step)
            if source.stage is not RenderStage.READY:
                return self._no(Refusal.CONFLICT, step)
        fault = self._take(step, asked.prompt)
        answer = Answer(json={"id": "half of an answer"})
        if fault is None or fault.accepted:
            render = self.add_render(asked)
            answer = self.wire.created(render)
            if fault is not None and fault.kind == "lost":
                del self.renders[render.id]
                return _response(answer)
        return await self._played(fault, answer, request)

    def add_render(self, paid_call: PaidCall) -> DoubleRender:
        """Accept a paid call: create its render and count it as billed."""
        render = DoubleRender(
            id=self.wire.new_id(next(self._numbers)),
            paid_call=paid_call,
            created_at=datetime.now(UTC),
            stage=self.stage,
            progress=100 if self.stage is RenderStage.READY else 0,
        )
        self.renders[render.id] = render
        self.creates[paid_call.prompt] += 1
        self._give_address(render)
        return render

    async def _serve_free_call(
        self, step: Step, render_id: str | None, call: ReceivedRequest, request: web.Request
    ) -> web.StreamResponse:
        render = None if render_id is None else self.renders.get(render_id)
        fault = self._take(step, None if render is None else render.paid_call.prompt)
        if step in (Step.LIST, Step.CHECK):
            answer = self._of_account(step, call)
        elif render is None:
            answer = self.wire.refusal(Refusal.UNKNOWN_ID, step) or _plain(Refusal.UNKNOWN_ID)
        else:
            # A cancel or delete that gets an error response must not take effect.
            acts = fault is None or fault.accepted or step not in (Step.CANCEL, Step.DELETE)
            answer = self._of_render(step, render) if acts else Answer(json={})
        return await self._played(fault, answer, request)

    def _of_account(self, step: Step, call: ReceivedRequest) -> Answer:
        if step is Step.CHECK:
            return self.wire.checked(call)
        for render in self.renders.values():
            self._give_address(render)
        return self.wire.listed(list(reversed(self.renders.values())), call)

    def _of_render(self, step: Step, render: DoubleRender) -> Answer:
        if step is Step.CONTENT:
            if render.stage is not RenderStage.READY:
                return self.wire.refusal(Refusal.CONFLICT, step) or _plain(Refusal.CONFLICT)
            return Answer(raw=self.content, content_type="video/mp4")
        if step is Step.CANCEL:
            was = render.stage
            render.stage = RenderStage.CANCELLED if was in _UNDER_WAY else was
            answer = self.wire.cancelled(render, was=was)
            render.stage = was if answer.status >= 400 else render.stage
            return answer
        if step is Step.DELETE:
            answer = self.wire.deleted(render, was=render.stage)
            if answer.status < 400:
                self.renders.pop(render.id, None)
            return answer
        self._give_address(render)
        return self.wire.shown(render) if step is Step.POLL else self.wire.result(render)

    def _give_address(self, render: DoubleRender) -> None:
        """Give the clip a newly signed address, as most vendors do in each response."""
        name = f"/{self.wire.name}/{quote(render.id, safe='')}.mp4"
        path = f"{name}?signature=open-sesame-{next(self._numbers)}"
        render.media_url = f"{self.media_url}{path}"
        self._places[path] = render.id

    def _source(self, paid_call: PaidCall) -> DoubleRender | None:
        """Return the render from which a paid call starts, named by its id or by a clip's address.

        Returns None if there is none, or if the address has expired.
        """
        named = paid_call.source or ""
        path = named.removeprefix(self.media_url)
        if path in self._expired:
            return None
        return self.renders.get(self._places.get(path, named))

    async def _serve_media(self, request: web.Request) -> web.StreamResponse:
        headers = self._note(request, Step.CONTENT, at_media=True).headers
        for name, value in headers.items():
            if name in SECRET_HEADERS or name == "cookie" or self.wire.key in value:
                self._keep(f"the media host was sent {name}")
        if self.wire.key in request.raw_path:
            self._keep("the media host was sent the key in an address")
        path = request.raw_path
        render = self.renders.get(self._places.get(path, ""))
        fault = self._take(Step.CONTENT, None if render is None else render.paid_call.prompt)
        if fault is not None and fault.kind == "expired":
            self._expired |= dict.fromkeys(self._places, fault.status)
            fault = None
        if path in self._expired:
            return web.Response(status=self._expired[path], text="Request has expired")
        if render is None or request.method != "GET":
            return web.Response(status=404, text="NoSuchKey")
        return await self._played(
            fault, Answer(raw=self.content, content_type="video/mp4"), request
        )

    async def _played(
        self, fault: videos_faults.VideosFault | None, answer: Answer, request: web.Request
    ) -> web.StreamResponse:
        if fault is None:
            return _response(answer)
        await asyncio.sleep(fault.delay_s)
        if fault.kind == "pass":
            return _response(answer)
        return await videos_faults.play(fault, request, body_of(answer))

    def _take(self, step: Step, prompt: str | None) -> videos_faults.VideosFault | None:
        for key in dict.fromkeys(((step, prompt), (step, None))):
            if self._faults[key]:
                return self._faults[key].popleft()
        return None

    async def _read(self, request: web.Request) -> ReceivedRequest | None:
        path = request.raw_path.partition("?")[0]
        if not path.startswith(self.wire.prefix):
            return None
        return ReceivedRequest(
            method=request.method,
            path=path.removeprefix(self.wire.prefix),
            query=dict(request.query),
            headers={name.lower(): value for name, value in request.headers.items()},
            body=await request.read(),
        )

    def _note(
        self, request: web.Request, step: Step | None, body: bytes = b"", *, at_media: bool = False
    ) -> RecordedRequest:
        peer = None if request.transport is None else request.transport.get_extra_info("peername")
        seen = RecordedRequest(
            step=step,
            at_media=at_media,
            method=request.method,
            path=request.raw_path,
            headers={name.lower(): value for name, value in request.headers.items()},
            body=body,
            port=peer[1] if peer else 0,
        )
        self.seen.append(seen)
        if step is not None:
            self.requests[step] += 1
        return seen

    def _no(self, kind: Refusal, step: Step) -> web.Response:
        return _response(self.wire.refusal(kind, step) or _plain(kind))

    def _keep(self, what: str) -> None:
        self.violations.append(what)
        # Log the violation, because a failed test shows the log, and may fail before it checks
        # `violations`.
        _log.warning("VIOLATION: %s", what)

    def _violated(self, request: web.Request, what: str, step: Step | None = None) -> web.Response:
        self._keep(what)
        if step is None:
            return _response(Answer(status=404, json={"error": f"Unknown: {request.path}"}))
        return self._no(Refusal.REJECTED, step)


def _plain(kind: Refusal) -> Answer:
    return Answer(status=_STATUSES.get(kind, 400), json={"error": {"message": f"no: {kind}"}})


def _response(answer: Answer) -> web.Response:
    headers = {"Content-Type": answer.content_type, **answer.headers}
    return web.Response(status=answer.status, body=body_of(answer), headers=headers)


@cache
def _small_clip() -> bytes:
    with TemporaryDirectory() as folder:
        return clips.make_clip(Path(folder) / "clip.mp4", size=(128, 72)).read_bytes()
