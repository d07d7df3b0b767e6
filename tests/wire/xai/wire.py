"""xAI's video API as simulated by the provider double, based on recordings in this folder."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any, cast

from bot.model import Operation
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

_HERE = Path(__file__).parent
_ONE = re.compile(r"/videos/([0-9a-f-]{36})")
_PAID = {
    "/videos/generations": (Step.CREATE, Operation.GENERATE),
    "/videos/edits": (Step.CONTINUE, Operation.REMIX),
    "/videos/extensions": (Step.CONTINUE, Operation.EXTEND),
}
_FIELDS = {
    Operation.GENERATE: ("prompt", "model", "duration", "aspect_ratio", "resolution", "image"),
    Operation.REMIX: ("prompt", "model", "video"),
    Operation.EXTEND: ("prompt", "model", "video", "duration"),
}
_ASPECTS = ("1:1", "16:9", "9:16", "4:3", "3:4", "3:2", "2:3")
_RESOLUTIONS = ("480p", "720p", "1080p")
_REFUSALS: dict[Refusal, tuple[int, str, str]] = {
    Refusal.REJECTED: (400, "Client specified an invalid argument", "Duration 16s is too long."),
    Refusal.MODERATED: (
        400,
        "Client specified an invalid argument",
        "Generated video rejected by content moderation.",
    ),
    Refusal.BAD_KEY: (
        400,
        "Client specified an invalid argument",
        "Incorrect API key provided: xa***89. You can obtain an API key from https://console.x.ai.",
    ),
    Refusal.NO_BALANCE: (
        429,
        "Some resource has been exhausted",
        "Your team has either used all available credits or reached its monthly spending limit.",
    ),
    Refusal.THROTTLED: (429, "Some resource has been exhausted", "Too many requests."),
    Refusal.OVERLOADED: (
        503,
        "The service is currently unavailable",
        "The model is at capacity. Please try again later.",
    ),
    Refusal.UNKNOWN_ID: (404, "Some requested entity was not found", "No such request."),
    Refusal.BROKEN: (500, "Internal error", "Something went wrong."),
}


class XaiWire(Wire):
    """Simulates xAI's routes for generations, edits, extensions, polls and the API key."""

    name = "xai"
    key = "xai-loopback-0123456789"
    prefix = "/v1"

    @property
    def credential(self) -> tuple[str, str]:
        return "authorization", f"Bearer {self.key}"

    def environ(self, base_url: str) -> dict[str, str]:
        return {
            "XAI_API_KEY": self.key,
            "XAI_BASE_URL": base_url,
            "XAI_MODELS": "grok-imagine-video usd_per_second=0.0001",
        }

    def new_id(self, number: int) -> str:
        return f"a3d1008e-4544-40d4-d075-{number:012x}"

    def recognise(self, call: ReceivedRequest) -> tuple[Step, str | None] | None:
        if call.query:
            raise Violation(f"query {sorted(call.query)}")
        if call.method == "POST" and call.path in _PAID:
            return _PAID[call.path][0], None
        if call.method == "GET" and call.path == "/api-key":
            return Step.CHECK, None
        found = _ONE.fullmatch(call.path) if call.method == "GET" else None
        return None if found is None else (Step.POLL, found[1])

    def read_paid_call(self, call: ReceivedRequest) -> PaidCall:
        operation = _PAID[call.path][1]
        fields = call.fields(*_FIELDS[operation])
        prompt, seconds = fields.get("prompt"), fields.get("duration")
        if not isinstance(prompt, str) or not 0 < len(prompt) <= 4096:
            raise Violation("prompt")
        if operation is Operation.REMIX:
            _require("duration", seconds is None)
        else:
            least, most = (2, 10) if operation is Operation.EXTEND else (1, 15)
            _require("duration", type(seconds) is int and least <= seconds <= most)
        source = None
        if operation is Operation.GENERATE:
            _require("aspect_ratio", fields.get("aspect_ratio") in _ASPECTS)
            _require("resolution", fields.get("resolution") in _RESOLUTIONS)
        else:
            source = _url(fields, "video")
        return PaidCall(
            prompt=prompt,
            model=fields["model"],
            seconds=seconds,
            image=_image(fields),
            operation=operation,
            source=source,
            more={each: fields.get(each) for each in ("aspect_ratio", "resolution")},
        )

    def created(self, render: DoubleRender) -> Answer:
        return Answer(json=_recorded("created") | {"request_id": render.id})

    def shown(self, render: DoubleRender) -> Answer:
        if render.stage in (RenderStage.QUEUED, RenderStage.RUNNING):
            return Answer(status=202, json=_recorded("pending") | {"progress": render.progress})
        if render.stage is RenderStage.ODD:
            return Answer(json=_recorded("pending") | {"status": "daydreaming"})
        if render.stage in (RenderStage.FAILED, RenderStage.CANCELLED):
            return Answer(json=_recorded("failed"))
        said = _recorded("blocked" if render.stage is RenderStage.MODERATED else "done")
        if render.stage is RenderStage.READY:
            said["video"]["url"] = render.media_url
        said["video"]["duration"] = render.paid_call.seconds or 6
        return Answer(json=said | {"model": render.paid_call.model})

    def checked(self, call: ReceivedRequest) -> Answer:
        return Answer(json=_recorded("key"))

    def refusal(self, kind: Refusal, step: Step) -> Answer | None:
        if kind not in _REFUSALS:
            return None
        status, code, sentence = _REFUSALS[kind]
        return Answer(status=status, json=_recorded("refusal") | {"code": code, "error": sentence})


def _recorded(name: str) -> dict[str, Any]:
    return json.loads((_HERE / f"{name}.json").read_text())


def _require(name: str, good: bool) -> None:
    if not good:
        raise Violation(name)


def _url(fields: dict[str, Any], name: str) -> str:
    given = cast("dict[str, Any]", fields.get(name) or {})
    if list(given) != ["url"] or not isinstance(given["url"], str):
        raise Violation(f"{name} is no {{url}}")
    return given["url"]


def _image(fields: dict[str, Any]) -> bytes | None:
    if fields.get("image") is None:
        return None
    head, _, content = _url(fields, "image").partition(",")
    if head not in ("data:image/png;base64", "data:image/jpeg;base64", "data:image/webp;base64"):
        raise Violation(f"image {head[:40]}")
    return base64.b64decode(content, validate=True)
