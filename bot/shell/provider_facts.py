"""Collects facts about all supported video APIs, configured or not: models, webhooks, prices."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from bot.clock import Clock
from bot.errors import SettingsError
from bot.providers.base import Capabilities, Model
from bot.providers.registry import LOCAL, VENDORS, build_providers, provider_names
from bot.providers.vendors.vendor import Vendor
from bot.settings import Settings
from bot.shell.provider_check import CHECK_TIMEOUT_S, open_provider

_STAND_IN_KEY, _STAND_IN_URL, _PUBLIC_URL = (
    "key-0123456789",
    "http://127.0.0.1:9",
    "https://sora.example.org",
)
_STAND_IN_WEBHOOK_SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"  # noqa: S105 - nobody's


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderFacts:
    """What one video API offers, and whether the bot is configured to use it."""

    #: The name of the API in VIDEO_PROVIDERS.
    name: str
    title: str
    #: Whether VIDEO_PROVIDERS names it.
    is_configured: bool = False
    #: The variable whose value is wrong; empty: none.
    faulty_variable: str = ""
    #: Why the value of `faulty_variable` is wrong, and which values are allowed.
    fault: str = ""
    #: The models that the API offers as configured, or else by default.
    models: tuple[Model, ...]
    #: Configured models whose details only the API can tell.
    undescribed_models: tuple[str, ...] = ()
    #: The variable that must name the models; empty: the API has default models.
    models_variable: str = ""
    #: "with each order", "set up there" or "no".
    webhook: str
    can_cancel: bool
    can_delete: bool
    verified: str
    verified_on: date


async def collect_facts(
    settings: Settings, clock: Clock, *, is_live: bool
) -> Sequence[ProviderFacts]:
    """Return the facts of every API: the configured ones in their order, then the others.

    is_live  ask the configured APIs for their models, where possible; ten seconds at most.
    """
    others = (name for name in provider_names() if name not in settings.video_providers)
    known = (name for name in settings.video_providers if name in provider_names())
    return await asyncio.gather(
        *(_facts_of_provider(name, settings, clock, is_live=is_live) for name in (*known, *others))
    )


async def default_facts(clock: Clock) -> Sequence[ProviderFacts]:
    """Return the facts of every API with its defaults, ignoring the operator's settings."""
    nothing = Settings(video_providers=())
    return [await _facts_of_provider(name, nothing, clock) for name in provider_names()]


async def _facts_of_provider(
    name: str, settings: Settings, clock: Clock, *, is_live: bool = False
) -> ProviderFacts:
    vendor, is_configured = VENDORS.get(name), name in settings.video_providers
    if vendor is None:
        return await _facts_of_renderer(settings, clock, is_configured=is_configured)
    wrong = fault = ""
    # Whether the API has webhooks doesn't depend on the settings of this bot.
    usual, undescribed = await _capabilities(vendor, stand_in_settings(vendor), clock)
    models, by_hand = usual.models, not vendor.default_models
    if is_configured:
        try:
            able, undescribed = await _capabilities(vendor, settings, clock, is_live=is_live)
            models, by_hand = able.models, False
        except SettingsError as error:
            wrong, fault = error.variable, str(error)
    elif by_hand and not list(vendor.known_models):
        models = undescribed = ()
    return ProviderFacts(
        name=name,
        title=vendor.title,
        is_configured=is_configured,
        faulty_variable=wrong,
        fault=fault,
        models=models,
        undescribed_models=undescribed,
        models_variable=f"{vendor.prefix}_MODELS" if by_hand else "",
        webhook=_webhook(vendor, usual),
        can_cancel=usual.can_cancel,
        can_delete=usual.can_delete,
        verified=vendor.verified,
        verified_on=vendor.verified_on,
    )


async def _facts_of_renderer(
    settings: Settings, clock: Clock, *, is_configured: bool
) -> ProviderFacts:
    alone = replace(settings, data_dir=Path(), video_providers=(LOCAL,))
    provider = build_providers(alone, clock)[LOCAL]
    able = provider.capabilities()
    await provider.close()
    return ProviderFacts(
        name=LOCAL,
        title="the built-in renderer",
        is_configured=is_configured,
        models=able.models,
        webhook="not needed",
        can_cancel=able.can_cancel,
        can_delete=able.can_delete,
        verified="made in this project: its tests render real clips",
        verified_on=able.models[0].verified_on or date.min,
    )


async def _capabilities(
    vendor: Vendor, settings: Settings, clock: Clock, *, is_live: bool = False
) -> tuple[Capabilities, tuple[str, ...]]:
    """Return the capabilities of an API, and the configured models that it has not described."""
    async with open_provider(vendor.name, settings, clock) as provider:
        if is_live:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CHECK_TIMEOUT_S):
                    await provider.refresh()
        able = provider.capabilities()
    described = {each.name for each in able.models}
    named = vendor.read_account(settings.others, clock).models
    return able, tuple(each.name for each in named if each.name not in described)


def stand_in_settings(vendor: Vendor) -> Settings:
    """Return settings with which a provider of the vendor can be built; no call can succeed."""
    key, address, models, *_ = (each.name for each in vendor.variables)
    return Settings(
        public_url=_PUBLIC_URL,
        others={
            key: _STAND_IN_KEY,
            address: vendor.base_url or _STAND_IN_URL,
            f"{vendor.prefix}_WEBHOOK_SECRET": _STAND_IN_WEBHOOK_SECRET,
            models: vendor.default_models
            or "; ".join(vendor.known_models)
            or vendor.models_example,
        },
    )


def _webhook(vendor: Vendor, able: Capabilities) -> str:
    if able.has_webhook:
        return "with each order"
    return "set up there" if vendor.has_webhook_secret else "no"
