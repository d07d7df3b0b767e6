"""LiteLLM's dialect of OpenAI's video API: long ids with special characters, and no DELETE."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any, ClassVar

from tests.wire.openai.wire import OpenAIWire
from tests.wire.provider_double.wire import Answer, DoubleRender, Refusal


class LiteLLMWire(OpenAIWire):
    """Simulates LiteLLM, which accepts an alias and answers with the name of the real model."""

    name = "litellm"
    variables = ("LITELLM_PROXY_API_KEY", "LITELLM_PROXY_API_BASE", "LITELLM_PROXY_MODELS")
    models = "alias seconds=4 sizes=1280x720 usd_per_second=0.0001 image=yes remix=yes extend=yes"
    routes = frozenset({"list", "models", "remix", "edits", "extensions"})
    recordings = Path(__file__).parent
    refusals: ClassVar[dict[Refusal, tuple[int, str, str | None]]] = {
        Refusal.REJECTED: (400, "litellm.BadRequestError: seconds", "400"),
        Refusal.MODERATED: (400, "litellm.ContentPolicyViolationError: no", "400"),
        Refusal.BAD_KEY: (401, "Authentication Error, Invalid proxy server token passed.", "401"),
        Refusal.NO_BALANCE: (400, "Budget has been exceeded! Current cost: 9.9", "400"),
        Refusal.THROTTLED: (429, "litellm.RateLimitError: slow down", "429"),
        Refusal.UNKNOWN_ID: (404, "litellm.NotFoundError: Video not found.", "404"),
        Refusal.CONFLICT: (400, "litellm.BadRequestError: The video is not completed.", "400"),
        Refusal.BROKEN: (500, "litellm.InternalServerError: oops", "500"),
    }
    #: First word of an error message → the error's `type`.
    _kinds: ClassVar[dict[str, str]] = {"Budget": "budget_exceeded", "Authentication": "auth_error"}

    def new_id(self, number: int) -> str:
        words = f"litellm:custom_llm_provider:azure;model_id:??>>;video_id:video_{number:032x}"
        return f"video_{base64.b64encode(words.encode()).decode()}"

    def video(self, render: DoubleRender) -> dict[str, Any]:
        said = super().video(render) | {"model": "sora-2", "usage": {"duration_seconds": 4.0}}
        said.pop("prompt", None)
        return said

    def _error(self, status: int, message: str, code: str | None) -> Answer:
        kind = self._kinds.get(message.split(maxsplit=1)[0], "None")
        said = {"message": message, "type": kind, "param": None, "code": code}
        return Answer(status=status, json={"error": said})


WIRE = LiteLLMWire()
