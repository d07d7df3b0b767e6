"""Faults of a video API, which tests pass to `VideosApi.fault`."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field, replace
from typing import Any, Self

from aiohttp import web

_PAGE = "<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"


@dataclass(frozen=True, slots=True, kw_only=True)
class VideosFault:
    """One failure of one request to a video API.

    For a paid call, `accepted` says whether the API accepts (and bills) the call in spite of the
    error; the bot can't know that from the response.
    """

    kind: str = "answer"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    content_type: str = "application/json"
    #: Seconds to wait before the response.
    delay_s: float = 0.0
    accepted: bool = False
    #: For `render_failed`: the job's `error`.
    render_error: object = None

    @classmethod
    def html(cls, status: int = 502, **headers: str) -> Self:
        """Respond with an HTML page, as a broken proxy does; `headers` as for `json`."""
        return cls(
            status=status, body=_PAGE.encode(), content_type="text/html", headers=_named(headers)
        )

    @classmethod
    def json(cls, status: int, value: object, **headers: str) -> Self:
        """Respond with JSON; names in `headers` have underscores: `retry_after="3"`."""
        return cls(status=status, body=json.dumps(value).encode(), headers=_named(headers))

    @classmethod
    def error(cls, status: int, message: str, code: str | None = None, **headers: str) -> Self:
        """OpenAI's shape of an error."""
        said = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
        return cls.json(status, {"error": said}, **headers)

    @classmethod
    def empty(cls, status: int = 200) -> Self:
        return cls(status=status)

    @classmethod
    def slow(cls, delay_s: float) -> Self:
        """The right answer, but late."""
        return cls(kind="pass", delay_s=delay_s, accepted=True)

    @classmethod
    def cut(cls, *, accepted: bool = True) -> Self:
        """Reset the connection instead of sending a response."""
        return cls(kind="cut", accepted=accepted)

    @classmethod
    def redirect(cls, location: str, status: int = 302) -> Self:
        return cls(status=status, headers={"Location": location})

    @classmethod
    def truncated(cls) -> Self:
        """For downloads only: announce the whole length, send half, then close the connection."""
        return cls(kind="truncated")

    @classmethod
    def endless(cls) -> Self:
        """For downloads only: send an MP4 without announced length that never ends."""
        return cls(kind="endless")

    @classmethod
    def drip(cls) -> Self:
        """For downloads only: send the clip, then nothing for a minute, without an end."""
        return cls(kind="drip")

    @classmethod
    def raw(cls, body: bytes, content_type: str = "video/mp4", **headers: str) -> Self:
        """For downloads only: send these bytes instead of the clip."""
        return cls(body=body, content_type=content_type, headers=_named(headers))

    @classmethod
    def render_failed(cls, error: object) -> Self:
        """For paid calls only: accept the call, but let its render fail with this `error`."""
        return cls(kind="pass", accepted=True, render_error=error)

    @classmethod
    def moderated(cls) -> Self:
        """For paid calls only: accept the call, but let moderation stop its render."""
        return cls.render_failed(
            {"code": "moderation_blocked", "message": "Blocked by the moderation system."}
        )

    @classmethod
    def lost(cls) -> Self:
        """For paid calls only: answer as if the call was accepted, but forget the render."""
        return cls(kind="lost", accepted=True)

    def but_accepted(self) -> Self:
        """Return the same fault, but with the paid call accepted in spite of it."""
        return replace(self, accepted=True)


async def play(fault: VideosFault, request: web.Request, clip: bytes) -> web.StreamResponse:
    """Send the response that the fault demands; `clip` is the content that was requested."""
    if fault.kind == "cut":
        _hang_up(request)
        return web.Response()
    if fault.kind == "truncated":
        response = web.StreamResponse(headers={"Content-Type": "video/mp4"})
        response.content_length = len(clip)
        await response.prepare(request)
        await response.write(clip[: len(clip) // 2])
        # wait, so that the first half arrives before the connection closes
        await asyncio.sleep(0.05)
        _hang_up(request)
        return response
    if fault.kind in ("endless", "drip"):
        response = web.StreamResponse(headers={"Content-Type": "video/mp4"})
        response.enable_chunked_encoding()
        await response.prepare(request)
        await response.write(clip)
        if fault.kind == "drip":
            await asyncio.sleep(60)
        while True:
            await response.write(bytes(64 * 1024))
    headers: dict[str, Any] = {**fault.headers}
    if fault.body:
        headers["Content-Type"] = fault.content_type
    return web.Response(status=fault.status, body=fault.body, headers=headers)


def _named(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): text for name, text in headers.items()}


def _hang_up(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.close()
