"""Runway's tasks API as simulated by the provider double, based on recordings in this folder."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

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
_TASK = re.compile(r"/v1/tasks/([0-9a-f-]{36})")
_CREATES = ("/v1/text_to_video", "/v1/image_to_video")
_ALWAYS = {"model", "promptText", "ratio", "duration"}
_WIDE = {"1280:720", "720:1280"}
_VEO = ({"audio", "negativePrompt"}, {4, 6, 8}, _WIDE | {"1080:1920", "1920:1080"})
#: For each model: optional fields, allowed lengths in seconds, and allowed ratios.
_MODELS: dict[str, tuple[set[str], set[int], set[str]]] = {
    "gen4.5": ({"seed", "contentModeration"}, set(range(2, 11)), _WIDE),
    "veo3.1": _VEO,
    "veo3.1_fast": _VEO,
}
_REFUSALS = {
    Refusal.REJECTED: (400, "invalid"),
    Refusal.BAD_KEY: (401, "bad_key"),
    Refusal.NO_BALANCE: (400, "no_balance"),
    Refusal.THROTTLED: (429, "throttled"),
    Refusal.UNKNOWN_ID: (404, "unknown_id"),
    Refusal.BROKEN: (502, "broken"),
}


class RunwayWire(Wire):
    """Simulates Runway's routes text_to_video, image_to_video, tasks and organization."""

    name = "runway"
    key = "key_loopback0123456789"

    @property
    def credential(self) -> tuple[str, str]:
        return "authorization", f"Bearer {self.key}"

    def environ(self, base_url: str) -> dict[str, str]:
        return {
            "RUNWAYML_API_SECRET": self.key,
            "RUNWAYML_BASE_URL": base_url,
            "RUNWAYML_MODELS": "gen4.5 usd_per_second=0.0001; veo3.1_fast usd_per_second=0.0001",
        }

    def new_id(self, number: int) -> str:
        return f"17f20503-6c24-4c16-946b-{number:012x}"

    def recognise(self, call: ReceivedRequest) -> tuple[Step, str | None] | None:
        if call.headers.get("x-runway-version") != "2024-11-06":
            raise Violation("X-Runway-Version")
        if call.query:
            raise Violation(f"query {sorted(call.query)}")
        if call.method == "POST" and call.path in _CREATES:
            return Step.CREATE, None
        if (call.method, call.path) == ("GET", "/v1/organization"):
            return Step.CHECK, None
        found = _TASK.fullmatch(call.path)
        step = {"GET": Step.POLL, "DELETE": Step.DELETE}.get(call.method)
        return None if found is None or step is None else (step, found[1])

    def read_paid_call(self, call: ReceivedRequest) -> PaidCall:
        with_image = call.path == _CREATES[1]
        needed = _ALWAYS | ({"promptImage"} if with_image else _ALWAYS)
        fields = call.fields(*needed, *(name for extra, *_ in _MODELS.values() for name in extra))
        if fields.get("model") not in _MODELS:
            raise Violation(f"model {fields.get('model')!r}")
        extra, lengths, ratios = _MODELS[fields["model"]]
        if odd := sorted(fields.keys() - needed - extra) + sorted(needed - fields.keys()):
            raise Violation(f"{fields['model']}: {odd}")
        if fields["duration"] not in lengths or type(fields["duration"]) is not int:
            raise Violation(f"duration {fields['duration']!r}")
        if fields["ratio"] not in ratios:
            raise Violation(f"ratio {fields['ratio']!r}")
        prompt = fields["promptText"]
        if not isinstance(prompt, str) or not 0 < len(prompt.encode("utf-16-le")) // 2 <= 1000:
            raise Violation("promptText")
        return PaidCall(
            prompt=prompt,
            model=fields["model"],
            seconds=fields["duration"],
            image=_content(fields["promptImage"]) if with_image else None,
            more=fields,
        )

    def created(self, render: DoubleRender) -> Answer:
        return Answer(json=_recorded("created") | {"id": render.id})

    def shown(self, render: DoubleRender) -> Answer:
        task = _recorded(_FILES[render.stage]) | {
            "id": render.id,
            "createdAt": render.created_at.isoformat().replace("+00:00", "Z"),
        }
        if render.stage is RenderStage.RUNNING:
            task["progress"] = render.progress / 100
        if render.stage is RenderStage.READY:
            task["output"] = [render.media_url]
        return Answer(json=task)

    def deleted(self, render: DoubleRender, *, was: RenderStage) -> Answer:
        return Answer(status=204, raw=b"")

    def checked(self, call: ReceivedRequest) -> Answer:
        return Answer(json=_recorded("organization"))

    def refusal(self, kind: Refusal, step: Step) -> Answer | None:
        if kind not in _REFUSALS:
            return None
        status, name = _REFUSALS[kind]
        return Answer(status=status, json=_recorded(name))


_FILES = {
    RenderStage.QUEUED: "pending",
    RenderStage.RUNNING: "running",
    RenderStage.READY: "succeeded",
    RenderStage.FAILED: "failed",
    RenderStage.MODERATED: "moderated",
    RenderStage.CANCELLED: "cancelled",
    RenderStage.ODD: "odd",
}


def _content(address: object) -> bytes:
    if not isinstance(address, str) or not address.startswith("data:image/"):
        raise Violation("a picture that is no data address")
    return base64.b64decode(address.partition(";base64,")[2], validate=True)


def _recorded(name: str) -> dict[str, Any]:
    return json.loads((_HERE / f"{name}.json").read_text("utf-8"))
