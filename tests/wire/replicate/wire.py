"""Replicate's predictions API as simulated by the provider double, based on recordings here."""

from __future__ import annotations

import base64
import json
import re
from email import message_from_bytes
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
_CREATE = re.compile(r"/models/([\w.-]+/[\w.-]+)/predictions")
_ONE = re.compile(r"/predictions/([a-z0-9]+)(/cancel)?")
#: For each model, the name of the field for an image, and the names of all other fields.
_INPUTS: dict[str, tuple[str, set[str]]] = {
    "bytedance/seedance-2.0": (
        "image",
        {"prompt", "duration", "resolution", "aspect_ratio", "generate_audio", "seed"},
    ),
    "kwaivgi/kling-v3-video": (
        "start_image",
        {"prompt", "duration", "mode", "aspect_ratio", "generate_audio"},
    ),
}
_VALUES = {
    "resolution": {"480p", "720p", "1080p", "4k"},
    "mode": {"standard", "pro", "4k"},
    "aspect_ratio": {"16:9", "9:16", "1:1"},
    "generate_audio": {True, False},
}
_STATUSES = {
    RenderStage.QUEUED: "starting",
    RenderStage.RUNNING: "processing",
    RenderStage.READY: "succeeded",
    RenderStage.FAILED: "failed",
    RenderStage.MODERATED: "failed",
    RenderStage.CANCELLED: "canceled",
    RenderStage.ODD: "pondering",
}
_REFUSALS = {
    Refusal.REJECTED: (422, "invalid"),
    Refusal.BAD_KEY: (401, "bad_key"),
    Refusal.NO_BALANCE: (402, "no_balance"),
    Refusal.THROTTLED: (429, "throttled"),
    Refusal.UNKNOWN_ID: (404, "unknown_id"),
    Refusal.BROKEN: (500, "broken"),
}


class ReplicateWire(Wire):
    """Simulates Replicate's routes for predictions of official models, the list, files and account.

    page_size  the number of predictions on a page of the list; the real Replicate has 100.
    """

    name = "replicate"
    key = "r8_loopback0123456789"
    prefix = "/v1"
    page_size = 2

    def __init__(self) -> None:
        self._home = "https://api.replicate.com/v1"
        #: The uploaded files, by the address that the upload's response gave.
        self.files: dict[str, bytes] = {}
        #: Bodies of the creates.
        self.bodies: list[dict[str, Any]] = []

    @property
    def credential(self) -> tuple[str, str]:
        return "authorization", f"Bearer {self.key}"

    def environ(self, base_url: str) -> dict[str, str]:
        self._home = base_url
        return {
            "REPLICATE_API_TOKEN": self.key,
            "REPLICATE_BASE_URL": base_url,
            "REPLICATE_MODELS": "bytedance/seedance-2.0 usd_per_second=0.0001;"
            " kwaivgi/kling-v3-video usd_per_second=0.0001",
        }

    def new_id(self, number: int) -> str:
        return f"ufawqhfynnddngldkgtslldrk{number:x}"

    def recognise(self, call: ReceivedRequest) -> tuple[Step, str | None] | None:
        if call.query.keys() - ({"cursor"} if call.path == "/predictions" else set()):
            raise Violation(f"query {sorted(call.query)}")
        match call.method, call.path:
            case "GET", "/predictions":
                return Step.LIST, None
            case ("GET", "/account") | ("POST", "/files"):
                return Step.CHECK, None
            case "POST", path if _CREATE.fullmatch(path):
                return Step.CREATE, None
            case _:
                pass
        found = _ONE.fullmatch(call.path)
        if found is None or call.method != ("POST" if found[2] else "GET"):
            return None
        return Step.CANCEL if found[2] else Step.POLL, found[1]

    def read_paid_call(self, call: ReceivedRequest) -> PaidCall:
        found = _CREATE.fullmatch(call.path)
        model = "" if found is None else found[1]
        if model not in _INPUTS:
            raise Violation(f"model {model!r}")
        fields = call.fields("input", "webhook", "webhook_events_filter")
        if set(fields.get("webhook_events_filter", [])) - {"start", "output", "logs", "completed"}:
            raise Violation("webhook_events_filter")
        self.bodies.append(fields)
        given: dict[str, Any] = fields["input"]
        picture, names = _INPUTS[model]
        if odd := sorted(given.keys() - names - {picture}):
            raise Violation(f"inputs {odd}")
        for name, values in _VALUES.items():
            if name in given and given[name] not in values:
                raise Violation(f"{name} {given[name]!r}")
        seconds = given.get("duration", 5)
        if type(seconds) is not int or not 3 <= seconds <= 15:
            raise Violation(f"duration {seconds!r}")
        if not isinstance(given.get("prompt"), str):
            raise Violation("prompt")
        return PaidCall(
            prompt=given["prompt"],
            model=model,
            seconds=seconds,
            image=self._content(given[picture]) if picture in given else None,
            more=given,
        )

    def created(self, render: DoubleRender) -> Answer:
        return Answer(status=201, json=self._prediction(render))

    def shown(self, render: DoubleRender) -> Answer:
        return Answer(json=self._prediction(render))

    def listed(self, renders: list[DoubleRender], call: ReceivedRequest) -> Answer:
        first = int(call.query.get("cursor", "0"))
        following = first + self.page_size
        cursor = f"{self._home}/predictions?cursor={following}"
        return Answer(
            json={
                "previous": None,
                "next": cursor if following < len(renders) else None,
                "results": [self._prediction(each) for each in renders[first:following]],
            }
        )

    def cancelled(self, render: DoubleRender, *, was: RenderStage) -> Answer:
        return Answer(json=self._prediction(render))

    def checked(self, call: ReceivedRequest) -> Answer:
        if call.method == "GET":
            return Answer(json=_recorded("account"))
        content_type = call.headers.get("content-type", "")
        form = message_from_bytes(f"Content-Type: {content_type}\r\n\r\n".encode() + call.body)
        parts = {
            str(part.get_param("name", header="content-disposition")): part
            for part in form.walk()
            if not part.is_multipart()
        }
        if list(parts) != ["content"]:
            raise Violation(f"parts {sorted(parts)}")
        content = parts["content"].get_payload(decode=True)
        address = f"{self._home}/files/{len(self.files)}"
        self.files[address] = content if isinstance(content, bytes) else b""
        return Answer(status=201, json=_recorded("file") | {"urls": {"get": address}})

    def refusal(self, kind: Refusal, step: Step) -> Answer | None:
        if kind not in _REFUSALS:
            return None
        status, name = _REFUSALS[kind]
        return Answer(status=status, json=_recorded(name), content_type="application/problem+json")

    def _prediction(self, render: DoubleRender) -> dict[str, Any]:
        place = f"{self._home}/predictions/{render.id}"
        has_begun = render.stage not in (RenderStage.QUEUED, RenderStage.CANCELLED)
        created_at = render.created_at.isoformat().replace("+00:00", "Z")
        prediction = _recorded("prediction") | {
            "id": render.id,
            "model": render.paid_call.model,
            "input": {**render.paid_call.more},
            "status": _STATUSES[render.stage],
            "created_at": created_at,
            "started_at": created_at if has_begun else None,
            "urls": {"get": place, "cancel": f"{place}/cancel"},
        }
        if render.stage is RenderStage.READY:
            prediction["output"] = render.media_url
        if render.stage in (RenderStage.FAILED, RenderStage.MODERATED):
            prediction["error"] = _recorded("errors")[render.stage]
        return prediction

    def _content(self, address: str) -> bytes:
        if address in self.files:
            return self.files[address]
        if not address.startswith("data:image/"):
            raise Violation("a picture at an address that nobody gave")
        return base64.b64decode(address.partition(";base64,")[2], validate=True)


def _recorded(name: str) -> dict[str, Any]:
    return json.loads((_HERE / f"{name}.json").read_text("utf-8"))
