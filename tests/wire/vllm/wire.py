"""vLLM-Omni's dialect of OpenAI's video API: creates have a seed; DELETE stops a running render."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from tests.wire.openai.wire import OpenAIWire
from tests.wire.provider_double.wire import Answer, DoubleRender, Refusal, RenderStage, Step


class VllmWire(OpenAIWire):
    """Simulates vLLM-Omni, which answers with the name of the model it runs."""

    name = "vllm"
    variables = ("VLLM_API_KEY", "VLLM_BASE_URL", "VLLM_MODELS")
    models = "wan seconds=4,5 sizes=1280x720 usd_per_second=0.0001 image=yes"
    routes = frozenset({"list", "delete"})
    fields = ("prompt", "model", "seconds", "size", "seed")
    recordings = Path(__file__).parent
    refusals: ClassVar[dict[Refusal, tuple[int, str, str | None]]] = {
        Refusal.BAD_KEY: (401, "Unauthorized", None),
        # Only a proxy in front of vLLM-Omni answers 429; vLLM-Omni itself never does.
        Refusal.THROTTLED: (429, "Too Many Requests", None),
        Refusal.UNKNOWN_ID: (404, "Video not found", None),
        Refusal.CONFLICT: (409, "The generation did not stop in time.", None),
        Refusal.BROKEN: (500, "EngineDeadError", None),
    }

    def new_id(self, number: int) -> str:
        return f"video_gen_{number:032x}"

    def video(self, render: DoubleRender) -> dict[str, Any]:
        return super().video(render) | {"model": "Wan-AI/Wan2.2-T2V-A14B-Diffusers"}

    def deleted(self, render: DoubleRender, *, was: RenderStage) -> Answer:
        return Answer(json={"id": render.id, "object": "video.deleted", "deleted": True})

    def refusal(self, kind: Refusal, step: Step) -> Answer | None:
        if kind is Refusal.REJECTED:
            wrong = {"type": "value_error", "loc": ["body", "seconds"], "msg": "too long"}
            return Answer(status=422, json={"detail": [wrong]})
        if kind is Refusal.CONFLICT and step is Step.CONTENT:
            return self._error(404, "Generation is still in-progress", None)
        return super().refusal(kind, step)

    def _error(self, status: int, message: str, code: str | None) -> Answer:
        if status == 401:
            return Answer(status=status, json={"error": message})
        return Answer(status=status, json={"detail": message})


WIRE = VllmWire()
