"""A host other than the video API's: it records requests, and serves a clip or a redirect."""

from __future__ import annotations

from typing import Self

from aiohttp import web


class OtherHost:
    """A web server at `host.url` in `async with OtherHost(clip) as host`, for redirects and clips.

    headers_seen  the headers of every request, with names in lower case.
    redirect_to   if set, the address to which every request is redirected.
    """

    def __init__(self, content: bytes = b"", *, redirect_to: str | None = None) -> None:
        self.content = content
        self.redirect_to = redirect_to
        self.headers_seen: list[dict[str, str]] = []
        self.url = ""

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{rest:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}/results/clip.mp4?signature=open-sesame"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        self.headers_seen.append({k.lower(): v for k, v in request.headers.items()})
        if self.redirect_to is not None:
            return web.Response(status=302, headers={"Location": self.redirect_to})
        return web.Response(body=self.content, content_type="video/mp4")
