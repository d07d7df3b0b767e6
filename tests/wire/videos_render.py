"""A render of the simulated Videos API."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(slots=True, kw_only=True)
class LoopbackRender:
    """A render of the simulated Videos API; tests may change it while it runs."""

    id: str
    prompt: str
    model: str
    seconds: str
    size: str
    created_at: int
    #: On the monotonic clock.
    started_s: float
    ready_s: float
    #: The route of the paid call that created the render: create, remix, edit or extend.
    route: str = "create"
    #: The id of the render from which a remix or an extension starts.
    source: str | None = None
    #: The reference image of a create.
    image: bytes | None = None
    #: Overrides what time says.
    status: str | None = None
    error: object = None
    content: bytes | Path | None = None

    @property
    def is_completed(self) -> bool:
        """Whether the render can be downloaded, remixed and extended."""
        return self.describe()["status"] == "completed"

    def describe(self) -> dict[str, Any]:
        """Return the render as JSON, with every field of OpenAI's specification."""
        span_s = max(self.ready_s - self.started_s, 1e-9)
        done = min(max((time.monotonic() - self.started_s) / span_s, 0.0), 1.0)
        ended = "failed" if self.error is not None else "completed"
        status = self.status or ("queued" if done < 0.1 else "in_progress" if done < 1 else ended)
        return {
            "id": self.id,
            "object": "video",
            "model": self.model,
            "status": status,
            "progress": int(done * 100) if status != "queued" else 0,
            "created_at": self.created_at,
            "completed_at": self.created_at + int(span_s) if done >= 1 else None,
            "expires_at": self.created_at + 3600 if done >= 1 else None,
            "prompt": self.prompt,
            "size": self.size,
            "seconds": self.seconds,
            "remixed_from_video_id": self.source if self.route == "remix" else None,
            "error": self.error if status == "failed" else None,
        }
