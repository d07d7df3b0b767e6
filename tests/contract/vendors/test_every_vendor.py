"""Every vendor in the registry has a double and so runs through the contract tests."""

from __future__ import annotations

import pytest

from bot.errors import SettingsError
from bot.providers.registry import VENDORS
from tests.contract.vendors import wires
from tests.contract.vendors.harness import make
from tests.wire.autojump_clock import AutojumpClock


def test_every_vendor_of_the_registry_has_a_provider_double_and_none_besides():
    assert wires.names() == sorted(VENDORS)


@pytest.mark.parametrize("name", wires.names())
def test_every_vendor_is_named_alike_everywhere(name):
    wire = wires.load(name)
    settings = wire.environ("http://127.0.0.1:9")
    provider = make(wire, settings, AutojumpClock())
    assert provider.name == wire.name == VENDORS[name].name == name
    assert set(settings) <= {each.name for each in VENDORS[name].variables}


@pytest.mark.parametrize("name", wires.names())
def test_a_vendor_without_its_key_says_which_setting_is_missing(name):
    wire, vendor = wires.load(name), VENDORS[name]
    settings = wire.environ("http://127.0.0.1:9") | {vendor.key_variable: " "}
    if not vendor.is_key_required:
        assert make(wire, settings, AutojumpClock()).name == name
        return
    with pytest.raises(SettingsError) as caught:
        make(wire, settings, AutojumpClock())
    assert caught.value.variable == vendor.key_variable


@pytest.mark.parametrize("name", wires.names())
def test_what_a_vendor_knows_of_its_models_has_a_source_and_a_date(name):
    for model in VENDORS[name].known_models.values():
        assert model.facts_source
        assert model.verified_on is not None
        assert set(model.usd_micros_per_second) == set(model.sizes)
