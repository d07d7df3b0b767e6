"""Runs the vendor contract tests for each vendor in turn, against the vendor's double."""

from __future__ import annotations

import pytest

from tests.contract.vendors import wires
from tests.contract.vendors.harness import VendorHarness, make
from tests.wire.autojump_clock import AutojumpClock
from tests.wire.provider_double.server import ProviderDouble


@pytest.fixture(params=wires.names())
async def harness(request):
    clock = AutojumpClock()
    async with ProviderDouble(wires.load(request.param)) as double:
        provider = make(double.wire, double.environ(), clock)
        await provider.refresh()
        double.requests.clear()
        double.seen.clear()
        yield VendorHarness(wire=double.wire, double=double, provider=provider, clock=clock)
        await provider.close()
