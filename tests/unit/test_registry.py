from __future__ import annotations

from pathlib import Path

import pytest

from bot.clock import SystemClock
from bot.errors import SettingsError
from bot.providers import registry
from bot.providers.registry import build_providers
from bot.settings import Settings


def _settings(tmp_path: Path, *names: str, **variables: str) -> Settings:
    return Settings(data_dir=tmp_path, video_providers=names, others=variables)


async def test_providers_stand_in_the_order_of_preference(tmp_path):
    for names in (("local", "openai"), ("openai", "local")):
        built = build_providers(
            _settings(tmp_path, *names, OPENAI_API_KEY="sk-12345678"), SystemClock()
        )
        assert tuple(built) == names
        for name, provider in built.items():
            assert provider.name == name
            await provider.close()


async def test_the_default_needs_no_key(tmp_path):
    [(name, provider)] = build_providers(Settings(data_dir=tmp_path), SystemClock()).items()
    assert name == "local"
    await provider.close()


def test_an_unknown_name_is_answered_with_the_known_ones(tmp_path):
    with pytest.raises(SettingsError) as caught:
        build_providers(_settings(tmp_path, "local", "soar"), SystemClock())
    assert caught.value.variable == "VIDEO_PROVIDERS"
    assert "soar" in caught.value.problem
    assert all(name in caught.value.allowed for name in registry.provider_names())


def test_a_missing_key_is_named_with_a_way_out(tmp_path):
    with pytest.raises(SettingsError) as caught:
        build_providers(_settings(tmp_path, "openai"), SystemClock())
    assert caught.value.variable == "OPENAI_API_KEY"
    assert "VIDEO_PROVIDERS=local" in caught.value.allowed


@pytest.mark.parametrize(
    ("changes", "variable"),
    [
        ({"OPENAI_MODELS": "mystery"}, "OPENAI_MODELS"),
        ({"OPENAI_API_KEY": "clé"}, "OPENAI_API_KEY"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named_without_its_secret(tmp_path, changes, variable):
    settings = _settings(tmp_path, "openai", **{"OPENAI_API_KEY": "sk-1", **changes})
    with pytest.raises(SettingsError) as caught:
        build_providers(settings, SystemClock())
    assert caught.value.variable == variable
    assert "clé" not in repr(caught.value)


async def test_building_makes_no_folder_and_no_connection(tmp_path):
    address = "http://127.0.0.1:9/v1"
    settings = _settings(
        tmp_path / "data", "openai", OPENAI_API_KEY="sk-12345678", OPENAI_BASE_URL=address
    )
    [provider] = build_providers(settings, SystemClock()).values()
    assert not (tmp_path / "data").exists()
    await provider.close()


def test_a_webhook_secret_that_is_none_is_named_without_being_shown(tmp_path):
    environ = {"REPLICATE_API_TOKEN": "r8_0123456789", "REPLICATE_WEBHOOK_SECRET": "whsec_hush!"}
    with pytest.raises(SettingsError) as caught:
        registry.build_verifiers(_settings(tmp_path, "replicate", **environ), SystemClock())
    assert caught.value.variable == "REPLICATE_WEBHOOK_SECRET"
    assert "hush" not in str(caught.value)
