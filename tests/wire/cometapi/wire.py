"""CometAPI's dialect: its responses have four different shapes; a `CometWire` uses one of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from tests.wire.openai.wire import OpenAIWire
from tests.wire.provider_double.wire import Answer, DoubleRender, Refusal, RenderStage

#: For each shape of response, the recording to use and the API's words for the stages of a render.
SHAPES: dict[str, tuple[str, dict[RenderStage, str]]] = {
    "task": (
        "task",
        {
            RenderStage.QUEUED: "SUBMITTED",
            RenderStage.RUNNING: "IN_PROGRESS",
            RenderStage.READY: "SUCCESS",
            RenderStage.FAILED: "FAILED",
            RenderStage.MODERATED: "ERROR",
        },
    ),
    "envelope": (
        "envelope",
        {
            RenderStage.QUEUED: "NOT_START",
            RenderStage.RUNNING: "IN_PROGRESS",
            RenderStage.READY: "SUCCESS",
            RenderStage.FAILED: "FAILURE",
            RenderStage.MODERATED: "FAILURE",
        },
    ),
    "xai": (
        "xai",
        {
            RenderStage.RUNNING: "processing",
            RenderStage.READY: "done",
            RenderStage.FAILED: "failed",
            RenderStage.MODERATED: "failed",
        },
    ),
    "flat": ("", {}),
}
_WHY = {
    RenderStage.FAILED: "upstream timed out",
    RenderStage.MODERATED: "Blocked by our moderation system.",
}


class CometWire(OpenAIWire):
    """Simulates CometAPI with responses of one of the `SHAPES`.

    The shape `flat` is that of OpenAI's own API, which serves clips from the API's host.
    """

    name = "cometapi"
    variables = ("COMETAPI_KEY", "COMETAPI_BASE_URL", "COMETAPI_MODELS")
    models = "seedance seconds=4,8 sizes=1280x720 usd_per_second=0.0001 image=yes remix=yes"
    routes = frozenset({"models", "remix"})
    recordings = Path(__file__).parent
    refusals: ClassVar[dict[Refusal, tuple[int, str, str | None]]] = {
        Refusal.REJECTED: (400, "seconds is invalid (request id: 2026112000)", ""),
        Refusal.MODERATED: (400, "blocked by our moderation system (request id: 2026)", ""),
        Refusal.BAD_KEY: (401, "invalid token (request id: 2026112000)", ""),
        Refusal.NO_BALANCE: (403, "quota is not enough", "insufficient_user_quota"),
        Refusal.THROTTLED: (429, "too many requests (request id: 2026112000)", ""),
        Refusal.UNKNOWN_ID: (400, "task_not_exist", "task_not_exist"),
        Refusal.CONFLICT: (400, "Task is not completed yet", ""),
        Refusal.BROKEN: (500, "do request failed (request id: 2026112000)", ""),
    }

    def __init__(self, shape: str = "task") -> None:
        self.shape = shape
        self.is_media_elsewhere = shape != "flat"

    def new_id(self, number: int) -> str:
        return f"video_{number:048x}" if self.shape == "flat" else f"task_{number:032x}"

    def created(self, render: DoubleRender) -> Answer:
        if self.shape == "flat":
            return super().created(render)
        ids = {"id": render.id, "task_id": render.id, "model": render.paid_call.model}
        made = {"created_at": int(render.created_at.timestamp())}
        return Answer(json=self.recorded("created") | ids | made)

    def video(self, render: DoubleRender) -> dict[str, Any]:
        if self.shape == "flat":
            return super().video(render)
        name, words = SHAPES[self.shape]
        said = self.recorded(name)
        fields = said.get("data", said)
        fields |= {"task_id": render.id, "status": words.get(render.stage, "DAYDREAMING")}
        fields["progress"] = f"{render.progress}%" if "data" in said else render.progress
        why = _WHY.get(render.stage, "")
        if self.shape == "envelope":
            # CometAPI puts the clip's address into this field in older tasks (2026-11-20).
            fields["fail_reason"] = render.media_url if render.stage is RenderStage.READY else why
        elif why:
            fields["error"] = {"message": why, "code": ""}
        if render.stage is RenderStage.READY and self.shape == "task":
            fields["video_url"] = render.media_url
        return self._as_xai(said, render) if self.shape == "xai" else said

    def _as_xai(self, said: dict[str, Any], render: DoubleRender) -> dict[str, Any]:
        del said["task_id"]
        if render.stage is RenderStage.QUEUED:
            return {"request_id": render.id}
        if render.stage is RenderStage.READY:
            said["video"] = {"url": render.media_url, "duration": render.paid_call.seconds}
        return said

    def _error(self, status: int, message: str, code: str | None) -> Answer:
        said = {"message": message, "type": "comet_api_error", "param": "", "code": code}
        return Answer(status=status, json={"error": said})


WIRE = CometWire()
