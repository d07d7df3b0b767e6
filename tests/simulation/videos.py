"""A simulated video API: it accepts requests, renders clips, and records what it bills."""

from __future__ import annotations

import functools
import tempfile
from dataclasses import dataclass
from pathlib import Path

import av

from bot.model import Size
from bot.providers.base import ProviderRequest
from tests.simulation.sites import FaultSite
from tests.simulation.world import SimulatedWorld

#: The number of seconds by which the video API's clock is ahead of true time.
SKEW_S = 4.0


@dataclass(slots=True, kw_only=True)
class SimulatedRender:
    """A render that the simulated video API accepted."""

    id: str
    request: ProviderRequest
    created_s: float
    ready_s: float
    #: "ready", "failed", "lost" or "stuck".
    outcome: str
    body: bytes
    #: The cost that the video API reports for the render; None if it reports none.
    cost_usd_micros: int | None
    #: Until this virtual second, polls of the render get a 404.
    unknown_until_s: float = 0.0
    is_stopped: bool = False


class Videos:
    """A simulated video API.

    has_keys  whether it honours idempotency keys: two requests with one key then make one render.
    """

    def __init__(self, world: SimulatedWorld, name: str, *, has_keys: bool) -> None:
        self.world = world
        self.name = name
        self.renders: dict[str, SimulatedRender] = {}
        #: Ids that a process was told and has stored, because it polled them.
        self.polled: list[str] = []
        self.is_down = False
        #: Number of requests in each second of true time.
        self.requests: dict[int, int] = {}
        self._has_keys = has_keys

    def count(self) -> None:
        """Count a request."""
        second = int(self.world.now_s)
        self.requests[second] = self.requests.get(second, 0) + 1

    def create(self, request: ProviderRequest) -> SimulatedRender:
        """Accept a request, which is billed from then on; return its render."""
        if self._has_keys:
            for render in self.renders.values():
                if render.request.idempotency_key == request.idempotency_key:
                    return render
        world = self.world
        render = SimulatedRender(
            id=f"{self.name}-{len(self.renders)}",
            request=request,
            created_s=world.now_s,
            ready_s=world.now_s + world.dice.choice([2, 12, 30, 60, 90]) * world.dice.random(),
            outcome=self._draw_outcome(),
            body=_body(f"{self.name}-{len(self.renders)}"),
            cost_usd_micros=world.dice.choice([None, None, 123_457]),
        )
        self.renders[render.id] = render
        world.note(
            f"{self.name} bills {render.id} for {world.label(request.idempotency_key)}: {render.outcome}"
        )
        return render

    def stop(self, render: SimulatedRender) -> bool:
        """Cancel a render that is not ready, so that it is not billed.

        Return whether that worked.
        """
        if self.world.now_s < render.ready_s or render.outcome == "stuck":
            render.is_stopped = True
            self.world.note(f"{self.name} stops {render.id}")
        return render.is_stopped

    def _draw_outcome(self) -> str:
        for site, outcome in (
            (FaultSite.RENDER_FAILS, "failed"),
            (FaultSite.RENDER_LOST, "lost"),
            (FaultSite.RENDER_STUCK, "stuck"),
        ):
            if self.world.strikes(site):
                return outcome
        return "ready"


def size() -> Size:
    """Return the only video size that the simulated video API offers."""
    return Size(width_px=64, height_px=48)


def _body(name: str) -> bytes:
    """Return a clip that differs from all others, and is a valid MP4 even without its last box."""
    mark = name.encode().ljust(24)
    return _clip() + (8 + len(mark)).to_bytes(4) + b"free" + mark


@functools.cache
def _clip() -> bytes:
    """Return a clip with a single frame."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        with av.open(str(path), "w", format="mp4") as out:
            stream = out.add_stream("mpeg4", rate=1)
            stream.width, stream.height = 64, 48
            stream.pix_fmt = "yuv420p"
            out.mux(stream.encode(av.VideoFrame(64, 48, "yuv420p")))
            out.mux(stream.encode())
        return path.read_bytes()
