"""Azure's dialect of OpenAI's video API: header `api-key`, deployments, no edits or extensions."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from tests.wire.openai.wire import OpenAIWire
from tests.wire.provider_double.wire import DoubleRender, Refusal


class AzureWire(OpenAIWire):
    """Simulates Azure OpenAI, which answers with the name of the model behind a deployment."""

    name = "azure"
    prefix = "/openai/v1"
    variables = ("AZURE_OPENAI_API_KEY", "AZURE_OPENAI_BASE_URL", "AZURE_OPENAI_MODELS")
    models = "clips-of-ours seconds=4,8,12 sizes=1280x720 usd_per_second=0.0001 image=yes remix=yes"
    routes = frozenset({"list", "delete", "models", "remix"})
    recordings = Path(__file__).parent
    refusals: ClassVar[dict[Refusal, tuple[int, str, str | None]]] = {
        Refusal.REJECTED: (400, "Invalid value for 'seconds'.", "invalid_value"),
        Refusal.MODERATED: (400, "The prompt was blocked by the filter.", "content_filter"),
        Refusal.BAD_KEY: (401, "Access denied due to invalid subscription key.", "401"),
        Refusal.THROTTLED: (429, "Requests have exceeded the call rate limit.", "429"),
        Refusal.UNKNOWN_ID: (404, "Video not found.", "404"),
        Refusal.CONFLICT: (400, "The video is not completed.", None),
        Refusal.BROKEN: (500, "Internal server error.", "InternalServerError"),
    }

    def environ(self, base_url: str) -> dict[str, str]:
        return super().environ(base_url) | {"AZURE_OPENAI_REQUESTS_PER_MINUTE": "none"}

    @property
    def credential(self) -> tuple[str, str]:
        return "api-key", self.key

    def video(self, render: DoubleRender) -> dict[str, Any]:
        return super().video(render) | {"model": "sora-2"}


WIRE = AzureWire()
