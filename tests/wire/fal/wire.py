"""fal's queue API as simulated by the provider double, based on the recordings in this folder."""

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
_APPS = (
    "bytedance/seedance-2.0",
    "fal-ai/kling-video",
    "fal-ai/veo3.1",
    "blackforestlabs/flux-3-max",
)
_ONE = re.compile(rf"/({'|'.join(_APPS)})/requests/([0-9a-f-]{{36}})(/status|/cancel)?")
_STEPS = {
    ("GET", "/status"): Step.POLL,
    ("GET", None): Step.RESULT,
    ("PUT", "/cancel"): Step.CANCEL,
}
_SEEDANCE = {"duration", "resolution", "aspect_ratio", "generate_audio", "seed"}
#: For each model's path, the required fields of a paid call, and the optional fields.
_FIELDS: dict[str, tuple[set[str], set[str]]] = {
    "/bytedance/seedance-2.0/text-to-video": ({"prompt"}, _SEEDANCE),
    "/bytedance/seedance-2.0/image-to-video": ({"prompt", "image_url"}, _SEEDANCE),
    "/bytedance/seedance-2.0/fast/text-to-video": ({"prompt"}, _SEEDANCE),
    "/bytedance/seedance-2.0/fast/image-to-video": ({"prompt", "image_url"}, _SEEDANCE),
}
_FIELDS["/fal-ai/veo3.1"] = ({"prompt"}, _SEEDANCE)
_FIELDS["/fal-ai/veo3.1/image-to-video"] = ({"prompt", "image_url"}, _SEEDANCE)
_FIELDS["/blackforestlabs/flux-3-max/text-to-video"] = ({"prompt"}, _SEEDANCE)
for _tier in ("standard", "pro"):
    _path = f"/fal-ai/kling-video/v3/{_tier}"
    _FIELDS[f"{_path}/text-to-video"] = ({"prompt"}, {"duration", "aspect_ratio", "generate_audio"})
    _FIELDS[f"{_path}/image-to-video"] = (
        {"prompt", "start_image_url"},
        {"duration", "generate_audio"},
    )
_VALUES = {
    "duration": {str(seconds) for seconds in range(3, 16)} | {"4s", "6s", "8s"},
    "resolution": {"480p", "720p", "1080p"},
    "aspect_ratio": {"16:9", "9:16", "1:1", "4:3", "3:4", "21:9"},
    "generate_audio": {True, False},
}
_REFUSALS = {
    Refusal.REJECTED: (422, "invalid"),
    Refusal.MODERATED: (422, "moderated"),
    Refusal.BAD_KEY: (401, "bad_key"),
    Refusal.NO_BALANCE: (403, "no_balance"),
    Refusal.THROTTLED: (429, "throttled"),
    Refusal.UNKNOWN_ID: (404, "unknown_id"),
    Refusal.BROKEN: (500, "broken"),
}


class FalWire(Wire):
    """Simulates these routes of fal: submitting a job, its status and result, and cancelling it."""

    name = "fal"
    key = "fal-loopback:0123456789"

    def __init__(self) -> None:
        self._home = "https://queue.fal.run"

    @property
    def credential(self) -> tuple[str, str]:
        return "authorization", f"Key {self.key}"

    def environ(self, base_url: str) -> dict[str, str]:
        self._home = base_url
        return {
            "FAL_KEY": self.key,
            "FAL_BASE_URL": base_url,
            "FAL_MODELS": "bytedance/seedance-2.0/text-to-video usd_per_second=0.0001;"
            " fal-ai/kling-video/v3/pro/text-to-video usd_per_second=0.0001",
        }

    def new_id(self, number: int) -> str:
        return f"764cabcf-b745-4b3e-ae38-{number:012x}"

    def recognise(self, call: ReceivedRequest) -> tuple[Step, str | None] | None:
        if call.method == "POST" and call.path in _FIELDS:
            if call.query.keys() - {"fal_webhook"}:
                raise Violation(f"query {sorted(call.query)}")
            return Step.CREATE, None
        found = _ONE.fullmatch(call.path)
        step = None if found is None else _STEPS.get((call.method, found[3]))
        return None if found is None or step is None else (step, found[2])

    def read_paid_call(self, call: ReceivedRequest) -> PaidCall:
        needed, possible = _FIELDS[call.path]
        fields = call.fields(*needed, *possible)
        if missing := sorted(needed - fields.keys()):
            raise Violation(f"no {missing}")
        for name, values in _VALUES.items():
            if name in fields and fields[name] not in values:
                raise Violation(f"{name} {fields[name]!r}")
        if "seed" in fields and type(fields["seed"]) is not int:
            raise Violation("seed")
        prompt = fields["prompt"]
        if not isinstance(prompt, str) or not prompt:
            raise Violation("prompt")
        lifecycle = json.loads(call.headers.get("x-fal-object-lifecycle-preference", "{}"))
        if lifecycle.keys() - {"expiration_duration_seconds"}:
            raise Violation(f"lifecycle {sorted(lifecycle)}")
        images = [value for name, value in fields.items() if name.endswith("image_url")]
        return PaidCall(
            prompt=prompt,
            model=call.path.removeprefix("/"),
            seconds=int(fields.get("duration", "5").removesuffix("s")),
            image=_content(images[0]) if images else None,
            more={**fields, "kept_s": lifecycle.get("expiration_duration_seconds"), **call.query},
        )

    def created(self, render: DoubleRender) -> Answer:
        app = next(app for app in _APPS if render.paid_call.model.startswith(app))
        place = f"{self._home}/{app}/requests/{render.id}"
        addresses = {
            "response_url": place,
            "status_url": f"{place}/status",
            "cancel_url": f"{place}/cancel",
        }
        return Answer(json=_recorded("submitted") | addresses | {"request_id": render.id})

    def shown(self, render: DoubleRender) -> Answer:
        match render.stage:
            case RenderStage.QUEUED:
                return Answer(status=202, json=_recorded("in_queue"))
            case RenderStage.RUNNING:
                return Answer(status=202, json=_recorded("in_progress"))
            case RenderStage.ODD:
                return Answer(status=202, json=_recorded("in_progress") | {"status": "PONDERING"})
            case RenderStage.CANCELLED:
                return Answer(json=_recorded("cancelled"))
            case _:
                return Answer(json=_recorded("completed"))

    def result(self, render: DoubleRender) -> Answer:
        if render.stage is RenderStage.MODERATED:
            return Answer(status=422, json=_recorded("moderated"))
        if render.stage is not RenderStage.READY:
            return Answer(status=422, json=_recorded("failed"))
        result = _recorded("result")
        result["video"]["url"] = render.media_url
        return Answer(json=result)

    def cancelled(self, render: DoubleRender, *, was: RenderStage) -> Answer:
        if render.stage is not RenderStage.CANCELLED or was is RenderStage.CANCELLED:
            return Answer(status=400, json={"status": "ALREADY_COMPLETED"})
        return Answer(status=202, json={"status": "CANCELLATION_REQUESTED"})

    def refusal(self, kind: Refusal, step: Step) -> Answer | None:
        if kind not in _REFUSALS:
            return None
        status, name = _REFUSALS[kind]
        headers = {"X-Fal-Error-Type": "internal_server_error"} if status == 500 else {}
        return Answer(status=status, json=_recorded(name), headers=headers)


def _content(address: object) -> bytes:
    if not isinstance(address, str) or not address.startswith("data:image/"):
        raise Violation("a picture that is no data address")
    return base64.b64decode(address.partition(";base64,")[2], validate=True)


def _recorded(name: str) -> dict[str, Any]:
    return json.loads((_HERE / f"{name}.json").read_text("utf-8"))
