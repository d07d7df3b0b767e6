"""CometAPI's dialect: four shapes of answers, of which a `CometWire` speaks one."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from tests.wire.kitchen.wire import Answer, Refusal, Render, Stage
from tests.wire.openai.wire import OpenAIWire

#: The recording of each shape, and its words for the stages.
SHAPES: dict[str, tuple[str, dict[Stage, str]]] = {
    "task": (
        "task",
        {
            Stage.QUEUED: "SUBMITTED",
            Stage.RUNNING: "IN_PROGRESS",
            Stage.READY: "SUCCESS",
            Stage.FAILED: "FAILED",
            Stage.MODERATED: "ERROR",
        },
    ),
    "envelope": (
        "envelope",
        {
            Stage.QUEUED: "NOT_START",
            Stage.RUNNING: "IN_PROGRESS",
            Stage.READY: "SUCCESS",
            Stage.FAILED: "FAILURE",
            Stage.MODERATED: "FAILURE",
        },
    ),
    "xai": (
        "xai",
        {
            Stage.RUNNING: "processing",
            Stage.READY: "done",
            Stage.FAILED: "failed",
            Stage.MODERATED: "failed",
        },
    ),
    "flat": ("", {}),
}
_WHY = {
    Stage.FAILED: "upstream timed out",
    Stage.MODERATED: "Blocked by our moderation system.",
}


class CometWire(OpenAIWire):
    """`shape` is one of `SHAPES`; `flat` is OpenAI's own, with clips at the API itself."""

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

    def created(self, render: Render) -> Answer:
        if self.shape == "flat":
            return super().created(render)
        ids = {"id": render.id, "task_id": render.id, "model": render.asked.model}
        made = {"created_at": int(render.created_at.timestamp())}
        return Answer(json=self.recorded("created") | ids | made)

    def video(self, render: Render) -> dict[str, Any]:
        if self.shape == "flat":
            return super().video(render)
        name, words = SHAPES[self.shape]
        said = self.recorded(name)
        fields = said.get("data", said)
        fields |= {"task_id": render.id, "status": words.get(render.stage, "DAYDREAMING")}
        fields["progress"] = f"{render.progress}%" if "data" in said else render.progress
        why = _WHY.get(render.stage, "")
        if self.shape == "envelope":
            # 2026-11-20: old rows have the clip's address here.
            fields["fail_reason"] = render.media_url if render.stage is Stage.READY else why
        elif why:
            fields["error"] = {"message": why, "code": ""}
        if render.stage is Stage.READY and self.shape == "task":
            fields["video_url"] = render.media_url
        return self._as_xai(said, render) if self.shape == "xai" else said

    def _as_xai(self, said: dict[str, Any], render: Render) -> dict[str, Any]:
        del said["task_id"]
        if render.stage is Stage.QUEUED:
            return {"request_id": render.id}
        if render.stage is Stage.READY:
            said["video"] = {"url": render.media_url, "duration": render.asked.seconds}
        return said

    def _error(self, status: int, message: str, code: str | None) -> Answer:
        said = {"message": message, "type": "comet_api_error", "param": "", "code": code}
        return Answer(status=status, json={"error": said})


WIRE = CometWire()
