"""OpenRouter's video API as simulated by the provider double, based on recordings here."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any, cast

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
_ONE = re.compile(r"/videos/([A-Za-z0-9-]+)(/content)?")
_FREE = ("/videos/models", "/key")
_FIELDS = (
    "model",
    "prompt",
    "duration",
    "resolution",
    "aspect_ratio",
    "seed",
    "generate_audio",
    "frame_images",
    "callback_url",
)
_REFUSALS: dict[Refusal, tuple[int, str]] = {
    Refusal.REJECTED: (400, "Unsupported duration: 7"),
    Refusal.MODERATED: (403, "The model requires moderation. Your input was flagged: violence"),
    Refusal.BAD_KEY: (401, "User not found."),
    Refusal.NO_BALANCE: (402, "Insufficient credits. Add more using https://openrouter.ai/credits"),
    Refusal.THROTTLED: (429, "Rate limit exceeded"),
    Refusal.OVERLOADED: (503, "The provider is overloaded. Try again later."),
    Refusal.UNKNOWN_ID: (404, "Video generation not found"),
    Refusal.CONFLICT: (400, "Video generation is not completed"),
    Refusal.BROKEN: (500, "Internal Server Error"),
}


class OpenRouterWire(Wire):
    """Simulates OpenRouter's routes for creating, polling and downloading, and its list of models.

    The route that describes the API key is simulated, too.
    """

    name = "openrouter"
    key = "sk-or-v1-loopback-0123456789"
    prefix = "/api/v1"
    is_media_elsewhere = False

    def __init__(self) -> None:
        #: The response with the list of models; tests may change it.
        self.models: Any = recorded("models")

    @property
    def credential(self) -> tuple[str, str]:
        return "authorization", f"Bearer {self.key}"

    def environ(self, base_url: str) -> dict[str, str]:
        told = "seconds=4,8 sizes=1280x720 usd_per_second=0.0001"
        return {
            "OPENROUTER_API_KEY": self.key,
            "OPENROUTER_BASE_URL": base_url,
            "OPENROUTER_MODELS": f"google/veo-3.1-lite {told}; kwaivgi/kling-v3.0-std;"
            " x-ai/grok-imagine-video",
            "OPENROUTER_WEBHOOK_SECRET": "whsec-loopback",
        }

    def new_id(self, number: int) -> str:
        return f"gen-vid-1795176000-{number:020x}"

    def recognise(self, call: ReceivedRequest) -> tuple[Step, str | None] | None:
        if call.method == "POST" and call.path == "/videos" and not call.query:
            return Step.CREATE, None
        if call.method != "GET":
            return None
        if call.path in _FREE and not call.query:
            return Step.CHECK, None
        found = _ONE.fullmatch(call.path)
        if found is None:
            return None
        if call.query != ({"index": "0"} if found[2] else {}):
            raise Violation(f"query {call.query}")
        return (Step.CONTENT if found[2] else Step.POLL), found[1]

    def read_paid_call(self, call: ReceivedRequest) -> PaidCall:
        fields = call.fields(*_FIELDS)
        listed: list[dict[str, Any]] = self.models["data"]
        model = next((each for each in listed if each["id"] == fields.get("model")), None)
        if model is None:
            raise Violation("model")
        _require("prompt", isinstance(fields.get("prompt"), str) and fields["prompt"])
        _require("duration", fields.get("duration") in model["supported_durations"])
        _require("resolution", fields.get("resolution") in model["supported_resolutions"])
        _require("aspect_ratio", fields.get("aspect_ratio") in model["supported_aspect_ratios"])
        _require("seed", model["seed"] or "seed" not in fields)
        audio = fields.get("generate_audio")
        _require(
            "generate_audio", audio is None or (model["generate_audio"] and type(audio) is bool)
        )
        callback = fields.get("callback_url")
        _require("callback_url", callback is None or callback.startswith("https://"))
        return PaidCall(
            prompt=fields["prompt"],
            model=fields["model"],
            seconds=fields["duration"],
            image=_image(fields.get("frame_images"), model["supported_frame_images"] or ()),
            more=fields,
        )

    def created(self, render: DoubleRender) -> Answer:
        return Answer(status=202, json=_said("submitted", render.id))

    def shown(self, render: DoubleRender) -> Answer:
        said = _said("in_progress", render.id)
        if render.stage is RenderStage.QUEUED:
            said["status"] = "pending"
        elif render.stage is RenderStage.ODD:
            said["status"] = "daydreaming"
        elif render.stage is RenderStage.READY:
            said = _said("completed", render.id)
        elif render.stage is RenderStage.CANCELLED:
            said["status"] = "cancelled"
        elif render.stage in (RenderStage.FAILED, RenderStage.MODERATED):
            said = _said("failed", render.id)
        if render.stage is RenderStage.MODERATED:
            said["error"] = "The output was blocked by the provider's content filter."
        return Answer(json=said)

    def checked(self, call: ReceivedRequest) -> Answer:
        return Answer(json=recorded("key") if call.path == "/key" else self.models)

    def refusal(self, kind: Refusal, step: Step) -> Answer | None:
        status, message = _REFUSALS[kind]
        error = {"code": status, "message": message}
        return Answer(status=status, json=recorded("refusal") | {"error": error})


def recorded(name: str) -> dict[str, Any]:
    """Return a fresh copy of a recorded response, which the caller may change."""
    return json.loads((_HERE / f"{name}.json").read_text())


def _said(name: str, render_id: str) -> dict[str, Any]:
    text = json.dumps(recorded(name))
    return json.loads(text.replace(recorded(name)["id"], render_id))


def _require(name: str, good: object) -> None:
    if not good:
        raise Violation(name)


def _image(frames: object, taken: object) -> bytes | None:
    if frames is None:
        return None
    [frame] = cast("list[dict[str, Any]]", frames)
    _require("frame_type", frame.get("frame_type") in cast("tuple[str, ...]", taken))
    _require("type", frame.get("type") == "image_url" and list(frame["image_url"]) == ["url"])
    head, _, content = frame["image_url"]["url"].partition(",")
    if head not in ("data:image/png;base64", "data:image/jpeg;base64", "data:image/webp;base64"):
        raise Violation(f"image {head[:40]}")
    return base64.b64decode(content, validate=True)
