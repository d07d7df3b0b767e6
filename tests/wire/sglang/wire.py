"""SGLang's dialect of OpenAI's video API: creates are JSON; only those with an image are forms."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from tests.wire.openai.wire import OpenAIWire
from tests.wire.provider_double.wire import (
    Answer,
    DoubleRender,
    PaidCall,
    ReceivedRequest,
    Refusal,
    RenderStage,
    Step,
    Violation,
)

_UNDER_WAY = (RenderStage.QUEUED, RenderStage.RUNNING, RenderStage.ODD)


class SglangWire(OpenAIWire):
    """Simulates SGLang: clips are on another host, and a video's length is the rendered one.

    The list of renders is a single page without a cursor.
    """

    name = "sglang"
    is_media_elsewhere = True
    variables = ("SGLANG_API_KEY", "SGLANG_BASE_URL", "SGLANG_MODELS")
    models = "wan seconds=4 sizes=1280x720 usd_per_second=0.0001 image=yes"
    routes = frozenset({"list", "delete", "cancel"})
    fields = ("prompt", "model", "seconds", "size", "seed")
    takes_json = True
    recordings = Path(__file__).parent
    refusals: ClassVar[dict[Refusal, tuple[int, str, str | None]]] = {
        Refusal.REJECTED: (400, "Invalid request body: seconds", None),
        Refusal.BAD_KEY: (401, "Unauthorized", None),
        # Only a proxy in front of SGLang answers 429; SGLang itself never does.
        Refusal.THROTTLED: (429, "Too Many Requests", None),
        Refusal.UNKNOWN_ID: (404, "Video not found", None),
        Refusal.CONFLICT: (404, "Generation is still in-progress", None),
        Refusal.BROKEN: (500, "Failed to generate", None),
    }

    def new_id(self, number: int) -> str:
        return f"{number:08x}-9f0c-4d9e-8a3e-1f6f0a7c2b11"

    def _seconds(self, given: object) -> int:
        if isinstance(given, int) and not isinstance(given, bool):
            return given
        raise Violation(f"seconds {given!r}")

    def _read_body(self, call: ReceivedRequest) -> tuple[dict[str, Any], bytes | None]:
        body, image = super()._read_body(call)
        is_form = call.headers["content-type"] != "application/json"
        if is_form and image is None:
            raise Violation("input_reference file is required")
        if is_form:
            body["seconds"] = int(body["seconds"])
        return body, image

    def read_paid_call(self, call: ReceivedRequest) -> PaidCall:
        asked = super().read_paid_call(call)
        if asked.more["seed"] is None:
            raise Violation("no seed: every clip of this prompt would be the same")
        return asked

    def video(self, render: DoubleRender) -> dict[str, Any]:
        said = super().video(render) | {"size": "1280x704", "seconds": "3"}
        said.pop("prompt", None)
        if render.stage is RenderStage.READY:
            said["url"] = render.media_url
        if render.stage is RenderStage.CANCELLED:
            said["status"] = "cancelled"
        return said

    def cancelled(self, render: DoubleRender, *, was: RenderStage) -> Answer:
        if was not in _UNDER_WAY:
            return self._error(409, "The job has ended.", None)
        return Answer(json=self.video(render))

    def deleted(self, render: DoubleRender, *, was: RenderStage) -> Answer:
        return Answer(json=self.video(render) | {"status": "deleted"})

    def refusal(self, kind: Refusal, step: Step) -> Answer | None:
        if kind is Refusal.CONFLICT and step is Step.CANCEL:
            return self._error(409, "The job has ended.", None)
        return super().refusal(kind, step)

    def _error(self, status: int, message: str, code: str | None) -> Answer:
        return Answer(status=status, json={"detail": message})


WIRE = SglangWire()
