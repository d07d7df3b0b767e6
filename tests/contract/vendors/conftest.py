"""Every vendor in turn, in its own kitchen."""

from __future__ import annotations

import pytest

from tests.contract.vendors import wires
from tests.contract.vendors.harness import VendorHarness, make
from tests.wire.autojump_clock import AutojumpClock
from tests.wire.provider_double.server import ProviderDouble


@pytest.fixture(params=wires.names())
async def harness(request):
    clock = AutojumpClock()
    async with ProviderDouble(wires.load(request.param)) as kitchen:
        provider = make(kitchen.wire, kitchen.environ(), clock)
        await provider.refresh()
        kitchen.requests.clear()
        kitchen.seen.clear()
        yield VendorHarness(wire=kitchen.wire, double=kitchen, provider=provider, clock=clock)
        await provider.close()
