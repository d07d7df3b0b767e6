"""A simulated Videos API on loopback, as strict as OpenAI's documents.

Unknown routes, query parameters, form fields and JSON fields get an error response and are recorded
in `violations`, so that a test can assert that there are none. It is also a program: `python -m
tests.wire.videos_api --port 8091 --ready-after-s 5`.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

from aiohttp import web

from tests.wire import clips
from tests.wire.videos_faults import VideosFault, play
from tests.wire.videos_form import (
    BadFormError,
    Continuation,
    read_edit,
    read_extension,
    read_form,
    read_remix,
)
from tests.wire.videos_render import LoopbackRender

KEY = "sk-loopback-0123456789"
#: A small image for requests of a clip's thumbnail; no test looks at it.
_WEBP = b"RIFF\x1a\0\0\0WEBPVP8L\x0d\0\0\0\x2f\0\0\0\x10\x07\x10\x11\x11\x88\x88\xfe\x07\0"
_QUERIES = {"list": {"limit", "order", "after"}, "content": {"variant"}}


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedVideosRequest:
    """One request that arrived; header names are in lower case."""

    route: str
    method: str
    path: str
    headers: dict[str, str] = field(repr=False)


class VideosApi:
    """A simulated Videos API in `async with VideosApi() as api`; see `api.base_url`, `api.key`.

    content        the bytes or file of every finished clip; None: a small real clip. The result of
                   `content_of` replaces it, and `renders[id].content` replaces both.
    ready_after_s  how long a render takes.
    poll_after_ms  the value of the header `openai-poll-after-ms`; None: no header.
    credential     the name and value of the header that every request must have.
    stops          simulates vLLM-Omni: a create may have a seed, and DELETE stops a running render.
    """

    def __init__(
        self,
        *,
        content: bytes | Path | None = None,
        ready_after_s: float = 0.0,
        poll_after_ms: int | None = None,
        page_max: int = 100,
        credential: tuple[str, str] = ("Authorization", f"Bearer {KEY}"),
        seconds: tuple[str, ...] = ("4", "8", "12"),
        sizes: tuple[str, ...] = ("720x1280", "1280x720", "1024x1792", "1792x1024"),
        host: str = "127.0.0.1",
        port: int = 0,
        stops: bool = False,
    ) -> None:
        self.content = content
        self.ready_after_s = ready_after_s
        self.poll_after_ms = poll_after_ms
        self.page_max = page_max
        self.key = KEY
        self.base_url = ""
        self.renders: dict[str, LoopbackRender] = {}
        #: A function that returns the clip for a render, or None. It is called on a thread when the
        #: render is first downloaded.
        self.content_of: Callable[[LoopbackRender], bytes | Path | None] | None = None
        #: The number of accepted paid calls on all routes, by prompt: the API would bill these.
        self.creates: Counter[str] = Counter()
        #: The number of requests by route: create, remix, edit, extend, retrieve, list, content,
        #: delete, models, unknown.
        self.requests: Counter[str] = Counter()
        self.seen: list[RecordedVideosRequest] = []
        #: The forms of all valid creates: each field's text, or the content type of a file.
        self.forms: list[dict[str, str]] = []
        self.images: list[bytes] = []
        #: The valid requests for a remix, an edit or an extension.
        self.continuations: list[Continuation] = []
        self.violations: list[str] = []
        #: While this is set, every API key is rejected.
        self.is_refusing = False
        self._stops = stops
        self._credential = credential
        self._seconds = seconds
        self._sizes = sizes
        self._address = (host, port)
        self._faults: defaultdict[tuple[str, str | None], deque[VideosFault]] = defaultdict(deque)
        self._numbers = itertools.count(1)
        self._folder: TemporaryDirectory[str] | None = None

    def fault(
        self, route: str, *faults: VideosFault, prompt: str | None = None, times: int = 1
    ) -> None:
        """Make the next requests of a route fail, each fault `times` in a row.

        prompt  only paid calls with this prompt fail, or other requests about their renders.
        """
        for each in faults:
            self._faults[(route, prompt)].extend([each] * times)

    def drop_faults(self) -> None:
        """Remove the faults that have not happened yet."""
        self._faults.clear()

    def finish_renders(self) -> None:
        """Make all renders ready at once, including those of paid calls still under way."""
        self.ready_after_s = 0.0
        for render in self.renders.values():
            render.ready_s = 0.0

    async def __aenter__(self) -> Self:
        if self.content is None:
            self._folder = TemporaryDirectory()
            path = Path(self._folder.name) / "clip.mp4"
            await asyncio.to_thread(clips.make_clip, path)
            self.content = path.read_bytes()
        app = web.Application(client_max_size=64 * 1024**2)
        router = app.router
        router.add_post("/v1/videos", self._serve("create", self._create))
        router.add_get("/v1/videos", self._serve("list", self._list), allow_head=False)
        one = "/v1/videos/{id}"
        router.add_get(one, self._serve("retrieve", self._retrieve), allow_head=False)
        router.add_delete(one, self._serve("delete", self._delete))
        router.add_post(f"{one}/remix", self._serve("remix", self._remix))
        router.add_post("/v1/videos/extensions", self._serve("extend", self._extend))
        router.add_post("/v1/videos/edits", self._serve("edit", self._edit))
        router.add_get("/v1/models", self._serve("models", self._models), allow_head=False)
        router.add_get(f"{one}/content", self._serve("content", self._content), allow_head=False)
        router.add_route("*", "/{rest:.*}", self._serve("unknown", self._unknown))
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, *self._address).start()
        host, port = self._runner.addresses[0][:2]
        self.base_url = f"http://{host}:{port}/v1"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()
        if self._folder is not None:
            self._folder.cleanup()

    def _serve(self, route: str, handler: Any) -> Any:
        async def serve(request: web.Request) -> web.StreamResponse:
            headers = {k.lower(): v for k, v in request.headers.items()}
            self.seen.append(
                RecordedVideosRequest(
                    route=route, method=request.method, path=request.raw_path, headers=headers
                )
            )
            self.requests[route] += 1
            name, value = self._credential
            if self.is_refusing or headers.get(name.lower()) != value:
                return _error(401, "Incorrect API key provided.", "invalid_api_key")
            if odd := set(request.query) - _QUERIES.get(route, set()):
                return self._violated(f"{route}: query {sorted(odd)}")
            return await handler(request)

        return serve

    async def _create(self, request: web.Request) -> web.StreamResponse:
        try:
            form = await read_form(
                request, seconds=self._seconds, sizes=self._sizes, takes_seed=self._stops
            )
        except BadFormError as error:
            return self._violated(f"create: {error}")
        self.forms.append(form.texts)
        if form.image is not None:
            self.images.append(form.image)
        return await self._serve_paid_call("create", request, form.texts, image=form.image)

    async def _remix(self, request: web.Request) -> web.StreamResponse:
        try:
            asked = await read_remix(request)
        except BadFormError as error:
            return self._violated(f"remix: {error}")
        return await self._continued(request, asked)

    async def _edit(self, request: web.Request) -> web.StreamResponse:
        try:
            asked = await read_edit(request)
        except BadFormError as error:
            return self._violated(f"edit: {error}")
        return await self._continued(request, asked)

    async def _extend(self, request: web.Request) -> web.StreamResponse:
        try:
            asked = await read_extension(request, seconds=self._seconds)
        except BadFormError as error:
            return self._violated(f"extend: {error}")
        return await self._continued(request, asked)

    async def _continued(self, request: web.Request, asked: Continuation) -> web.StreamResponse:
        self.continuations.append(asked)
        source = self.renders.get(asked.source)
        if source is None:
            return _not_found(asked.source)
        if not source.is_completed:
            return _error(400, "The video is not completed.", None)
        added_s = int(asked.body.get("seconds", 0))
        texts = {
            "prompt": asked.body["prompt"],
            "model": source.model,
            "seconds": str(int(source.seconds) + added_s),
            "size": source.size,
        }
        return await self._serve_paid_call(asked.route, request, texts, source=source.id)

    async def _serve_paid_call(
        self, route: str, request: web.Request, texts: dict[str, str], **changes: Any
    ) -> web.StreamResponse:
        """Answer a paid call; accept it unless a fault prevents that."""
        fault = self._take(route, texts["prompt"])
        job = None
        if fault is None or fault.accepted:
            error = None if fault is None else fault.render_error
            job = self.add_render(texts, error=error, route=route, **changes)
        if fault is not None:
            await asyncio.sleep(fault.delay_s)
            if fault.kind == "lost" and job is not None:
                del self.renders[job.id]
            elif fault.kind != "pass":
                return await play(fault, request, b"")
        if job is None:
            raise AssertionError("a paid call that neither failed nor was accepted")
        return self._video(job)

    def add_render(self, texts: dict[str, str], **changes: Any) -> LoopbackRender:
        """Accept a paid call; `changes` are fields of the new `LoopbackRender`."""
        now_s = time.monotonic()
        given = {
            "id": f"video_{next(self._numbers):08x}",
            "prompt": texts["prompt"],
            "model": texts.get("model", "sora-2"),
            "seconds": texts.get("seconds", "4"),
            "size": texts.get("size", "720x1280"),
            "created_at": int(time.time()),
            "started_s": now_s,
            "ready_s": now_s + self.ready_after_s,
        }
        job = LoopbackRender(**{**given, **changes})
        self.renders[job.id] = job
        self.creates[job.prompt] += 1
        return job

    async def _retrieve(self, request: web.Request) -> web.StreamResponse:
        job = self.renders.get(request.match_info["id"])
        if (answer := await self._faulty("retrieve", request, job)) is not None:
            return answer
        return _not_found(request.match_info["id"]) if job is None else self._video(job)

    async def _list(self, request: web.Request) -> web.StreamResponse:
        if (answer := await self._faulty("list", request, None)) is not None:
            return answer
        limit, order = request.query.get("limit", "20"), request.query.get("order", "desc")
        if not limit.isdigit() or int(limit) > 100 or order not in ("asc", "desc"):
            return self._violated(f"list: limit {limit!r}, order {order!r}")
        jobs = sorted(self.renders.values(), key=lambda j: (j.created_at, j.id))
        if order == "desc":
            jobs.reverse()
        after = request.query.get("after")
        if after is not None:
            ids = [job.id for job in jobs]
            if after not in ids:
                return _error(400, f"No video {after!r} to go on after.", None)
            jobs = jobs[ids.index(after) + 1 :]
        page = jobs[: min(int(limit), self.page_max)]
        return web.json_response(
            {
                "object": "list",
                "data": [job.describe() for job in page],
                "first_id": page[0].id if page else None,
                "last_id": page[-1].id if page else None,
                "has_more": len(page) < len(jobs),
            }
        )

    async def _delete(self, request: web.Request) -> web.StreamResponse:
        job = self.renders.get(request.match_info["id"])
        if (answer := await self._faulty("delete", request, job)) is not None:
            return answer
        if job is None:
            return _not_found(request.match_info["id"])
        if job.describe()["status"] not in ("completed", "failed") and not self._stops:
            return _error(409, "The video is still being made.", None)
        del self.renders[job.id]
        return web.json_response({"id": job.id, "object": "video.deleted", "deleted": True})

    async def _content(self, request: web.Request) -> web.StreamResponse:
        job = self.renders.get(request.match_info["id"])
        variant = request.query.get("variant", "video")
        if variant not in ("video", "thumbnail", "spritesheet"):
            return self._violated(f"content: variant {variant!r}")
        if (answer := await self._faulty("content", request, job)) is not None:
            return answer
        if job is None:
            return _not_found(request.match_info["id"])
        if not job.is_completed:
            return _error(400, "The video is not completed.", None)
        if variant != "video":
            return web.Response(body=_WEBP, content_type="image/webp")
        content = await self._bytes_of(job)
        if isinstance(content, Path):
            return web.FileResponse(content, headers={"Content-Type": "video/mp4"})
        return web.Response(body=content, content_type="video/mp4")

    async def _models(self, request: web.Request) -> web.StreamResponse:
        if (answer := await self._faulty("models", request, None)) is not None:
            return answer
        model = {"id": "sora-2", "object": "model", "created": 1759000000, "owned_by": "system"}
        return web.json_response({"object": "list", "data": [model]})

    async def _unknown(self, request: web.Request) -> web.StreamResponse:
        return self._violated(f"{request.method} {request.path}", status=404)

    def _take(self, route: str, prompt: str | None) -> VideosFault | None:
        for key in dict.fromkeys(((route, prompt), (route, None))):
            if self._faults[key]:
                return self._faults[key].popleft()
        return None

    async def _faulty(
        self, route: str, request: web.Request, render: LoopbackRender | None
    ) -> web.StreamResponse | None:
        fault = self._take(route, None if render is None else render.prompt)
        if fault is None:
            return None
        await asyncio.sleep(fault.delay_s)
        if fault.kind == "pass":
            return None
        content = b"" if render is None else await self._bytes_of(render)
        return await play(
            fault, request, content.read_bytes() if isinstance(content, Path) else content
        )

    async def _bytes_of(self, render: LoopbackRender) -> bytes | Path:
        if render.content is None and self.content_of is not None:
            render.content = await asyncio.to_thread(self.content_of, render)
        content = self.content if render.content is None else render.content
        return b"" if content is None else content

    def _video(self, render: LoopbackRender) -> web.Response:
        told = self.poll_after_ms
        headers = {} if told is None else {"openai-poll-after-ms": str(told)}
        return web.json_response(render.describe(), headers=headers)

    def _violated(self, what: str, status: int = 400) -> web.Response:
        self.violations.append(what)
        return _error(status, f"Unknown or wrong: {what}", "invalid_request")


def _error(status: int, message: str, code: str | None) -> web.Response:
    kind = "invalid_request_error"
    said = {"message": message, "type": kind, "param": None, "code": code}
    return web.json_response({"error": said}, status=status)


def _not_found(remote_id: str) -> web.Response:
    return _error(404, f"Video {remote_id!r} not found.", "not_found")


async def _main() -> None:
    parser = argparse.ArgumentParser(description="A Videos API on loopback.")
    parser.add_argument("--port", type=int, default=8091)
    parser.add_argument("--ready-after-s", type=float, default=5.0)
    parser.add_argument("--content", type=Path)
    given = parser.parse_args()
    api = VideosApi(content=given.content, ready_after_s=given.ready_after_s, port=given.port)
    async with api:
        print(f"OPENAI_BASE_URL={api.base_url} OPENAI_API_KEY={api.key}", flush=True)  # noqa: T201
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_main())
