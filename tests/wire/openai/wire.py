"""OpenAI's Videos API as simulated by the provider double, based on recordings in this folder."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import unquote

from bot.model import Operation
from tests.wire.openai.form import read_form
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
_ONE = re.compile(r"/videos/([^/]+)(/remix|/content|/cancel)?")
_QUERIES = {Step.LIST: {"limit", "order", "after"}, Step.CONTENT: {"variant"}}
_EARLIER = {"/videos/edits": Operation.REMIX, "/videos/extensions": Operation.EXTEND}
_BODIES = {
    RenderStage.QUEUED: "queued",
    RenderStage.RUNNING: "in_progress",
    RenderStage.ODD: "in_progress",
    RenderStage.READY: "completed",
    RenderStage.FAILED: "failed",
    RenderStage.CANCELLED: "failed",
    RenderStage.MODERATED: "moderated",
}
_IMAGES = ("image/png", "image/jpeg", "image/webp")


class OpenAIWire(Wire):
    """Simulates all routes of OpenAI's specification 2.3.0 except those for characters.

    Subclasses for dialects remove and change routes.
    """

    name = "openai"
    prefix = "/v1"
    is_media_elsewhere = False
    #: The names of the settings for the API key, the base address and the models.
    variables: ClassVar[tuple[str, str, str]] = (
        "OPENAI_API_KEY",
        "OPENAI_BASE_URL",
        "OPENAI_MODELS",
    )
    models: ClassVar[str] = "sora-2 usd_per_second=0.0001"
    #: The optional routes that this API has, each by the last part of its path, or "list" or
    #: "delete".
    routes: ClassVar[frozenset[str]] = frozenset(
        {"list", "delete", "models", "remix", "edits", "extensions"}
    )
    #: The fields that a create may have.
    fields: ClassVar[tuple[str, ...]] = ("prompt", "model", "seconds", "size")
    takes_json: ClassVar[bool] = False
    #: The folder with the recorded responses of this API.
    recordings: ClassVar[Path] = _HERE
    refusals: ClassVar[dict[Refusal, tuple[int, str, str | None]]] = {
        Refusal.REJECTED: (400, "Invalid value: '5'. Supported: '4', '8', '12'.", "invalid_value"),
        Refusal.MODERATED: (400, "Blocked by our moderation system.", "moderation_blocked"),
        Refusal.BAD_KEY: (401, "Incorrect API key provided.", "invalid_api_key"),
        Refusal.NO_BALANCE: (429, "You exceeded your current quota.", "insufficient_quota"),
        Refusal.THROTTLED: (429, "Rate limit reached for requests.", "rate_limit_exceeded"),
        Refusal.OVERLOADED: (503, "The engine is overloaded, try again later.", None),
        Refusal.UNKNOWN_ID: (404, "Video not found.", "not_found"),
        Refusal.CONFLICT: (400, "The video is not completed.", None),
        Refusal.BROKEN: (500, "The server had an error.", "server_error"),
    }

    @property
    def credential(self) -> tuple[str, str]:
        return "authorization", f"Bearer {self.key}"

    def environ(self, base_url: str) -> dict[str, str]:
        values = (self.key, base_url, self.models)
        return dict(zip(self.variables, values, strict=True))

    def new_id(self, number: int) -> str:
        return f"video_{number:048x}"

    def recognise(self, call: ReceivedRequest) -> tuple[Step, str | None] | None:
        found = self._recognised(call)
        if found is not None and (odd := set(call.query) - _QUERIES.get(found[0], set())):
            raise Violation(f"query {sorted(odd)}")
        return found

    def _recognised(self, call: ReceivedRequest) -> tuple[Step, str | None] | None:
        way = (call.method, call.path)
        last = call.path.rpartition("/")[2]
        if way == ("POST", "/videos"):
            return Step.CREATE, None
        if way == ("GET", "/videos"):
            return (Step.LIST, None) if "list" in self.routes else None
        if way == ("GET", "/models"):
            return (Step.CHECK, None) if "models" in self.routes else None
        if call.method == "POST" and call.path in _EARLIER:
            return (Step.CONTINUE, None) if last in self.routes else None
        found = _ONE.fullmatch(call.path)
        return None if found is None else self._of_one(call.method, unquote(found[1]), found[2])

    def _of_one(self, method: str, render_id: str, tail: str | None) -> tuple[Step, str] | None:
        steps = {
            ("GET", None): Step.POLL,
            ("GET", "/content"): Step.CONTENT,
            ("DELETE", None): Step.DELETE,
            ("POST", "/remix"): Step.CONTINUE,
            ("POST", "/cancel"): Step.CANCEL,
        }
        step = steps.get((method, tail))
        optional = {Step.DELETE: "delete", Step.CONTINUE: "remix", Step.CANCEL: "cancel"}
        if step is None or optional.get(step, "list") not in self.routes | {"list"}:
            return None
        return step, render_id

    def read_paid_call(self, call: ReceivedRequest) -> PaidCall:
        if call.path == "/videos":
            return self._read_create(call)
        operation = _EARLIER.get(call.path, Operation.REMIX)
        names = {"prompt"}
        names |= {"video"} if call.path in _EARLIER else set()
        names |= {"seconds"} if operation is Operation.EXTEND else set()
        body = call.fields(*names)
        if set(body) != names:
            raise Violation(f"fields {sorted(body)}, not {sorted(names)}")
        source = unquote(call.path.split("/")[2])
        if "video" in names:
            if not isinstance(body["video"], dict) or list(body["video"]) != ["id"]:
                raise Violation(f"video {body['video']!r}")
            source = body["video"]["id"]
        seconds = self._seconds(body["seconds"]) if "seconds" in names else None
        return PaidCall(
            prompt=_prompt(body), model="", seconds=seconds, operation=operation, source=source
        )

    def _read_create(self, call: ReceivedRequest) -> PaidCall:
        body, image = self._read_body(call)
        missing = {"prompt", "model", "seconds", "size"} - body.keys()
        if missing:
            raise Violation(f"without {sorted(missing)}, which every create of the bot has")
        if not re.fullmatch(r"\d+x\d+", body["size"]):
            raise Violation(f"size {body['size']!r}")
        return PaidCall(
            prompt=_prompt(body),
            model=body["model"],
            seconds=self._seconds(body["seconds"]),
            image=image,
            more={"size": body["size"], "seed": body.get("seed")},
        )

    def _read_body(self, call: ReceivedRequest) -> tuple[dict[str, Any], bytes | None]:
        if self.takes_json and call.headers.get("content-type") == "application/json":
            return call.fields(*self.fields), None
        body, image, content_type = read_form(call)
        if odd := sorted(body.keys() - set(self.fields)):
            raise Violation(f"unknown fields {odd}")
        if image is not None and content_type not in _IMAGES:
            raise Violation(f"a picture that is {content_type}")
        return body, image

    def _seconds(self, given: object) -> int:
        """Return the video's length in seconds, which OpenAI expects as text, not as a number."""
        if not isinstance(given, str) or not given.isdigit():
            raise Violation(f"seconds {given!r}")
        return int(given)

    def created(self, render: DoubleRender) -> Answer:
        return Answer(json=self.video(render))

    def shown(self, render: DoubleRender) -> Answer:
        return Answer(json=self.video(render))

    def video(self, render: DoubleRender) -> dict[str, Any]:
        """Return the JSON object by which the API describes a render."""
        asked = render.paid_call
        said = self.recorded(_BODIES[render.stage]) | {
            "id": render.id,
            "model": asked.model or "sora-2",
            "seconds": str(asked.seconds or 4),
            "size": asked.more.get("size", "1280x720"),
            "created_at": int(render.created_at.timestamp()),
        }
        if "prompt" in said:
            said["prompt"] = asked.prompt
        if said["status"] == "in_progress":
            said["progress"] = render.progress
        if render.stage is RenderStage.ODD:
            said["status"] = "daydreaming"
        if asked.operation is Operation.REMIX:
            said["remixed_from_video_id"] = asked.source
        return said

    def recorded(self, name: str) -> dict[str, Any]:
        """Return a recorded response of this dialect, or OpenAI's if the dialect has none."""
        own = self.recordings / f"{name}.json"
        return json.loads((own if own.is_file() else _HERE / f"{name}.json").read_text("utf-8"))

    def listed(self, renders: list[DoubleRender], call: ReceivedRequest) -> Answer:
        limit = call.query.get("limit", "20")
        if not limit.isdigit() or int(limit) > 100 or call.query.get("order") not in (None, "desc"):
            raise Violation(f"limit {limit!r}, order {call.query.get('order')!r}")
        ids = [render.id for render in renders]
        after = call.query.get("after")
        rest = renders if after is None else renders[ids.index(after) + 1 :]
        page = rest[: int(limit)]
        said = self.recorded("page") | {"data": [self.video(render) for render in page]}
        ends = {
            "first_id": page[0].id if page else None,
            "last_id": page[-1].id if page else None,
            "has_more": len(page) < len(rest),
        }
        return Answer(json=said | {name: end for name, end in ends.items() if name in said})

    def deleted(self, render: DoubleRender, *, was: RenderStage) -> Answer:
        if was in (RenderStage.QUEUED, RenderStage.RUNNING, RenderStage.ODD):
            return self._error(409, "The video is still being made.", None)
        return Answer(json={"id": render.id, "object": "video.deleted", "deleted": True})

    def checked(self, call: ReceivedRequest) -> Answer:
        return Answer(json=self.recorded("models"))

    def refusal(self, kind: Refusal, step: Step) -> Answer | None:
        if kind not in self.refusals:
            return None
        return self._error(*self.refusals[kind])

    def _error(self, status: int, message: str, code: str | None) -> Answer:
        kind = "server_error" if status >= 500 else "invalid_request_error"
        said = {"message": message, "type": kind, "param": None, "code": code}
        return Answer(status=status, json={"error": said})


def _prompt(body: dict[str, Any]) -> str:
    prompt = body.get("prompt")
    if not isinstance(prompt, str) or not 1 <= len(prompt) <= 32_000:
        raise Violation("prompt")
    return prompt


WIRE = OpenAIWire()
