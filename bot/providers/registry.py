"""The video APIs there are, by the word that VIDEO_PROVIDERS knows them by."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bot.clock import Clock
from bot.errors import SettingsError
from bot.providers.base import Provider
from bot.providers.local.provider import LocalProvider
from bot.providers.openai import OpenAIProvider
from bot.settings import Settings


def _local(settings: Settings, clock: Clock) -> Provider:
    return LocalProvider(
        settings.data_dir / "local", clock, max_concurrent=settings.local_max_concurrent
    )


def _openai(settings: Settings, clock: Clock) -> Provider:
    if settings.openai_api_key is None:
        raise SettingsError(
            "OPENAI_API_KEY",
            "is missing, though VIDEO_PROVIDERS names openai",
            "a key for the API at OPENAI_BASE_URL, or VIDEO_PROVIDERS=local, which needs none",
        )
    return OpenAIProvider(
        api_key=settings.openai_api_key,
        base_url=settings.openai_base_url,
        models=settings.openai_models,
        max_concurrent=settings.openai_max_concurrent,
        clock=clock,
    )


#: How each is made. An entry connects to nothing and starts nothing.
PROVIDERS: Mapping[str, Callable[[Settings, Clock], Provider]] = {
    "local": _local,
    "openai": _openai,
}


def build_providers(settings: Settings, clock: Clock) -> Mapping[str, Provider]:
    """Return the configured providers by name, in the order of preference.

    The caller closes them. Raises SettingsError for a name that is not in `PROVIDERS`, and for a
    missing or wrong setting of a provider that is named.
    """
    for name in settings.video_providers:
        if name not in PROVIDERS:
            raise SettingsError("VIDEO_PROVIDERS", f"{name!r} is none", ", ".join(PROVIDERS))
    return {name: PROVIDERS[name](settings, clock) for name in settings.video_providers}
