"""Collects what the video APIs offer, and checks them with free calls."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from pathlib import Path

from bot.clock import Clock
from bot.errors import (
    ProviderAccountError,
    ProviderError,
    ProviderTroubleError,
    SettingsError,
    UnsupportedError,
)
from bot.providers.base import Capabilities, Model, Provider
from bot.providers.http.timeouts import Timeouts
from bot.providers.registry import LOCAL, VENDORS, build_providers, provider_names
from bot.providers.vendors.vendor import Vendor
from bot.settings import Settings

#: Time limit for the free call to a provider.
CHECK_TIMEOUT_S = 9.0
#: Timeouts of the free calls; short, because an operator waits for the results.
_TIMEOUTS = Timeouts(connect_s=4, read_s=6, call_s=8, max_retry_after_s=1)
#: Values with which a provider can be built and no call can succeed.
_STAND_IN_KEY, _STAND_IN_URL = "key-0123456789", "http://127.0.0.1:9"
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
        public_url="https://sora.example.org",
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


class CheckOutcome(StrEnum):
    """The result of a free call to a provider, in the words of the table of providers."""

    OK = "Answers"
    #: The provider rejects the key, or the balance is used up.
    REFUSED = "REFUSES the account"
    #: The provider did not respond, or not as expected.
    TROUBLE = "DOES NOT ANSWER as it should"
    #: The provider asks for a pause.
    BUSY = "Asks for a pause"
    #: The provider has no call that is free of charge.
    NOT_TRIED = "Not called"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderCheck:
    """The result of a free call to one provider."""

    name: str
    outcome: CheckOutcome
    #: A short text about the result, which may quote the provider.
    message: str
    took_ms: int


async def check_providers(settings: Settings, clock: Clock) -> tuple[ProviderCheck, ...]:
    """Call each configured provider once, free of charge and at the same time, in ten seconds.

    Raises SettingsError for a provider whose settings are wrong.
    """
    names = settings.video_providers
    return tuple(await asyncio.gather(*(_check_provider(name, settings, clock) for name in names)))


async def _check_provider(name: str, settings: Settings, clock: Clock) -> ProviderCheck:
    async with open_provider(name, settings, clock) as provider:
        began_at = clock.now()
        outcome, message = await _call_check(provider)
        took_ms = round((clock.now() - began_at).total_seconds() * 1000)
    return ProviderCheck(name=name, outcome=outcome, message=message, took_ms=took_ms)


async def _call_check(provider: Provider) -> tuple[CheckOutcome, str]:
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_S):
            return CheckOutcome.OK, await provider.check()
    except ProviderAccountError as error:
        return CheckOutcome.REFUSED, str(error)
    except UnsupportedError:
        return CheckOutcome.NOT_TRIED, "it has no call that is free"
    except ProviderTroubleError as error:
        is_busy = error.retry_after_s is not None
        return CheckOutcome.BUSY if is_busy else CheckOutcome.TROUBLE, str(error)
    except ProviderError as error:
        return CheckOutcome.TROUBLE, str(error)
    except TimeoutError:
        return CheckOutcome.TROUBLE, f"no answer within {CHECK_TIMEOUT_S:g} s"


@contextlib.asynccontextmanager
async def open_provider(name: str, settings: Settings, clock: Clock) -> AsyncGenerator[Provider]:
    """Yield a provider with short timeouts and close it afterwards. Raises SettingsError."""
    vendor = VENDORS.get(name)
    if vendor is None:
        provider = build_providers(replace(settings, video_providers=(name,)), clock)[name]
    else:
        account = vendor.read_account(
            settings.others, clock, public_url=settings.public_url, timeouts=_TIMEOUTS
        )
        provider = vendor.make_provider(account)
    try:
        yield provider
    finally:
        await provider.close()


def settings_fault(name: str, settings: Settings, clock: Clock) -> SettingsError | None:
    """Return what is wrong with the settings of a provider, or None."""
    vendor = VENDORS.get(name)
    try:
        if vendor is not None:
            vendor.read_account(settings.others, clock)
    except SettingsError as error:
        return error
    return None
