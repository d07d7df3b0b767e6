"""Google's Interactions API as simulated by the provider double, based on recordings here."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

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
_ONE = re.compile(r"/interactions/(v1_[A-Za-z0-9_-]+)(/cancel)?")
_FILE = re.compile(r"/files/(v1_[A-Za-z0-9_-]+):download")
_FIELDS = (
    "model",
    "input",
    "background",
    "store",
    "response_format",
    "generation_config",
    "previous_interaction_id",
)
_TASKS = {
    "text_to_video": Operation.GENERATE,
    "image_to_video": Operation.GENERATE,
    "edit": Operation.REMIX,
    "extend": Operation.EXTEND,
}
_FORMAT = {
    Operation.GENERATE: {"type", "delivery", "duration", "aspect_ratio", "resolution"},
    Operation.REMIX: {"type", "delivery"},
    Operation.EXTEND: {"type", "delivery", "duration"},
}
_LONGEST_S = {"gemini-omni-1.1-flash": 10, "gemini-omni-1.2-flash": 15}
_PICTURES = ("image/png", "image/jpeg", "image/webp")
_OWN: dict[Refusal, tuple[int, str, str]] = {
    Refusal.REJECTED: (400, "invalid_request", "Invalid value at response_format.duration."),
    Refusal.MODERATED: (400, "invalid_request", "The prompt was blocked: PROHIBITED_CONTENT."),
    Refusal.UNKNOWN_ID: (400, "invalid_request", "Invalid interaction name: v1_abc."),
    Refusal.CONFLICT: (400, "failed_precondition", "The interaction is not in progress."),
    Refusal.BROKEN: (500, "internal", "An internal error has occurred."),
}
_BEFORE: dict[Refusal, tuple[int, str, str]] = {
    Refusal.BAD_KEY: (
        400,
        "INVALID_ARGUMENT",
        "API key not valid. Please pass a valid API key.",
    ),
    Refusal.NO_BALANCE: (
        429,
        "RESOURCE_EXHAUSTED",
        "Your prepayment credits are depleted. Please go to AI Studio to manage your billing.",
    ),
    Refusal.OVERLOADED: (
        503,
        "UNAVAILABLE",
        "This model is currently experiencing high demand. Please try again later.",
    ),
}


class GeminiWire(Wire):
    """Simulates Google's routes for interactions, for the files they make, and the list of models.

    within  if set, finished interactions contain these bytes as base64 instead of a clip's address.
    """

    name = "gemini"
    key = "AIza-loopback-0123456789"
    prefix = "/v1beta"
    is_media_elsewhere = False

    def __init__(self) -> None:
        self.within: bytes | None = None
        self._base_url = ""

    @property
    def credential(self) -> tuple[str, str]:
        return "x-goog-api-key", self.key

    def environ(self, base_url: str) -> dict[str, str]:
        # Google gives absolute addresses of clips, so remember the host.
        self._base_url = base_url
        return {
            "GEMINI_API_KEY": self.key,
            "GEMINI_BASE_URL": base_url,
            "GEMINI_MODELS": "gemini-omni-1.1-flash extend=yes usd_per_second=0.0001",
        }

    def new_id(self, number: int) -> str:
        return f"v1_ChdTb3JhYm90LWxvb3BiYWNr{number:08x}"

    def recognise(self, call: ReceivedRequest) -> tuple[Step, str | None] | None:
        found = _FILE.fullmatch(call.path)
        if found is not None and call.method == "GET":
            _require("alt", call.query == {"alt": "media"})
            return Step.CONTENT, found[1]
        if call.method == "GET" and call.path == "/models":
            return Step.CHECK, None
        _require("query", not call.query)
        if call.method == "POST" and call.path == "/interactions":
            again = b'"previous_interaction_id"' in call.body
            return (Step.CONTINUE if again else Step.CREATE), None
        found = _ONE.fullmatch(call.path)
        steps = {"GET": Step.POLL, "DELETE": Step.DELETE, "POST/cancel": Step.CANCEL}
        if found is None or call.method + (found[2] or "") not in steps:
            return None
        return steps[call.method + (found[2] or "")], found[1]

    def read_paid_call(self, call: ReceivedRequest) -> PaidCall:
        fields = call.fields(*_FIELDS)
        _require("background, store", fields.get("background") is fields.get("store") is True)
        config: dict[str, Any] = fields.get("generation_config") or {}
        operation = _TASKS[config["video_config"]["task"]]
        _require(
            "generation_config",
            config == {"video_config": {"task": config["video_config"]["task"]}},
        )
        source = fields.get("previous_interaction_id")
        _require("previous_interaction_id", (source is None) == (operation is Operation.GENERATE))
        wanted: dict[str, Any] = fields.get("response_format") or {}
        _require("response_format", set(wanted) == _FORMAT[operation])
        _require("delivery", (wanted["type"], wanted["delivery"]) == ("video", "uri"))
        _require("aspect_ratio", wanted.get("aspect_ratio", "16:9") in ("16:9", "9:16"))
        _require("resolution", wanted.get("resolution", "720p") in ("360p", "720p", "1080p", "4k"))
        seconds = _seconds(wanted.get("duration"))
        longest_s = 10 if source else _LONGEST_S[fields["model"]]
        _require("duration", seconds is None or 3 <= seconds <= longest_s)
        *pictures, words = fields["input"]
        _require("text", set(words) == {"type", "text"} and words["text"])
        _require("task", bool(pictures) == (config["video_config"]["task"] == "image_to_video"))
        return PaidCall(
            prompt=words["text"],
            model=fields["model"],
            seconds=seconds,
            image=_picture(pictures[0]) if pictures else None,
            operation=operation,
            source=source,
            more=wanted,
        )

    def created(self, render: DoubleRender) -> Answer:
        return Answer(json=_said("created", render.id))

    def shown(self, render: DoubleRender) -> Answer:
        names = {
            RenderStage.READY: "completed",
            RenderStage.FAILED: "failed",
            RenderStage.MODERATED: "words",
            RenderStage.CANCELLED: "cancelled",
        }
        said = _said(names.get(render.stage, "created"), render.id)
        if render.stage is RenderStage.QUEUED:
            said["status"] = "queued"
        elif render.stage is RenderStage.ODD:
            said["status"] = "daydreaming"
        elif render.stage is RenderStage.READY:
            video = said["steps"][-1]["content"][0]
            video["uri"] = f"{self._base_url}/files/{render.id}:download?alt=media"
            if self.within is not None:
                del video["uri"]
                video["data"] = base64.b64encode(self.within).decode()
        return Answer(json=said)

    def cancelled(self, render: DoubleRender, *, was: RenderStage) -> Answer:
        if was in (RenderStage.QUEUED, RenderStage.RUNNING, RenderStage.ODD):
            return Answer(json=_said("cancelled", render.id))
        return self.refusal(Refusal.CONFLICT, Step.CANCEL)

    def deleted(self, render: DoubleRender, *, was: RenderStage) -> Answer:
        return Answer(json={})

    def checked(self, call: ReceivedRequest) -> Answer:
        return Answer(json=recorded("models"))

    def refusal(self, kind: Refusal, step: Step) -> Answer:
        if kind is Refusal.THROTTLED:
            return Answer(status=429, json=recorded("throttled"))
        status, code, message = (_OWN | _BEFORE)[kind]
        if kind in _OWN:
            said = recorded("refusal")
            said["error"] |= {"code": code, "message": message}
            return Answer(status=status, json=said)
        [said] = recorded("front_end")
        said["error"] |= {"code": status, "message": message, "status": code}
        return Answer(status=status, json=[said])


def recorded(name: str) -> Any:
    """Return a fresh copy of a recorded response, which the caller may change."""
    return json.loads((_HERE / f"{name}.json").read_text())


def _said(name: str, render_id: str) -> dict[str, Any]:
    return recorded(name) | {"id": render_id}


def _require(name: str, good: object) -> None:
    if not good:
        raise Violation(name)


def _seconds(text: Any) -> int | None:
    if text is None:
        return None
    _require("duration", re.fullmatch(r"[0-9]+s", text))
    return int(text[:-1])


def _picture(part: dict[str, str]) -> bytes:
    _require("image", set(part) == {"type", "data", "mime_type"} and part["type"] == "image")
    _require("mime_type", part["mime_type"] in _PICTURES)
    return base64.b64decode(part["data"], validate=True)
