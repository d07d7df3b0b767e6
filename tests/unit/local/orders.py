"""Orders and waiting for the tests of the local provider."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import psutil

from bot.model import Size
from bot.providers.base import ProviderRequest, RenderState, RenderStatus
from bot.providers.vendors.local import LocalProvider

SMALL = Size(width_px=192, height_px=108)


def order(
    key: str = "K7Q2",
    prompt: str = "A red fox in the snow at sunset",
    *,
    seconds: int = 1,
    size: Size = SMALL,
    seed: int = 7,
    image: Path | None = None,
    model: str = "local-preview",
) -> ProviderRequest:
    return ProviderRequest(
        idempotency_key=key,
        prompt=prompt,
        model=model,
        seconds=seconds,
        size=size,
        seed=seed,
        image=image,
    )


def endless(key: str = "L0NG") -> ProviderRequest:
    """An order that takes far longer than any test waits."""
    return order(key, seconds=60, size=Size(width_px=1280, height_px=720))


async def until(
    provider: LocalProvider, remote_id: str, *states: RenderState, limit_s: float = 30.0
) -> RenderStatus:
    """Poll until the render is in one of the states."""
    ends = time.monotonic() + limit_s
    while True:
        remote = (await provider.poll([remote_id]))[remote_id]
        assert isinstance(remote, RenderStatus), remote
        if remote.state in states:
            return remote
        assert time.monotonic() < ends, f"still {remote}"
        await asyncio.sleep(0.05)


def renderers(parent_pid: int | None = None) -> list[psutil.Process]:
    """The renderer processes that a process (this one by default) has."""
    found: list[psutil.Process] = []
    for child in psutil.Process(parent_pid).children(recursive=True):
        try:
            if any(word == "renderer" for word in child.cmdline()):
                found.append(child)
        except psutil.NoSuchProcess:
            continue
    return found
