"""Every vendor in turn, in its own kitchen."""

from __future__ import annotations

import pytest

from tests.contract.kitchens import wires
from tests.contract.kitchens.scene import Scene, make
from tests.wire.hasty_clock import HastyClock
from tests.wire.kitchen.server import Kitchen


@pytest.fixture(params=wires.names())
async def scene(request):
    clock = HastyClock()
    async with Kitchen(wires.load(request.param)) as kitchen:
        provider = make(kitchen.wire, kitchen.environ(), clock)
        await provider.refresh()
        kitchen.requests.clear()
        kitchen.seen.clear()
        yield Scene(wire=kitchen.wire, kitchen=kitchen, provider=provider, clock=clock)
        await provider.close()
