"""A provider under the contract tests, and a render that it has finished."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bot.errors import RemoteNotFoundError
from bot.model import Size
from bot.providers.base import Provider, ProviderRequest, RenderState, RenderStatus
from bot.settings import Settings

SIZE = Size(width_px=1280, height_px=720)
#: A size that the built-in renderer accepts but does not offer to members; it is drawn in a sixth
#: of the time.
_SMALL = Size(width_px=320, height_px=180)
#: Longest time that a test waits for a render. It takes seconds, or minutes on a slow or busy
#: machine.
_RENDER_LIMIT_S = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderUnderTest:
    """A provider together with its settings and its data folder."""

    provider: Provider
    settings: Settings
    folder: Path

    def request(self, key: str, **changes: Any) -> ProviderRequest:
        """Return the cheapest request that the provider's first model accepts."""
        model = self.provider.capabilities().models[0]
        size = SIZE if SIZE in model.sizes else model.sizes[0]
        if self.provider.name == "local":
            size = _SMALL
        plain = ProviderRequest(
            idempotency_key=key,
            prompt=f"a calico cat plays piano, {key}",
            model=model.name,
            seconds=model.seconds[0],
            size=size,
            seed=7,
        )
        return replace(plain, **changes)

    async def finish(self, remote_id: str) -> RenderStatus:
        """Poll a render until its state is READY or FAILED, and return its status."""
        last_s = time.monotonic() + _RENDER_LIMIT_S
        while time.monotonic() < last_s:
            seen = (await self.provider.poll([remote_id]))[remote_id]
            if isinstance(seen, RenderStatus) and seen.state in (
                RenderState.READY,
                RenderState.FAILED,
            ):
                return seen
            assert not isinstance(seen, RemoteNotFoundError)
            await asyncio.sleep(0.1)
        raise AssertionError("the render did not end")


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedRender:
    """A finished render with its request, its first status and its last status."""

    request: ProviderRequest
    submitted: RenderStatus
    finished: RenderStatus
