"""Checks providers with one free call each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from enum import StrEnum

from bot.clock import Clock
from bot.errors import (
    ProviderAccountError,
    ProviderError,
    ProviderTroubleError,
    SettingsError,
    UnsupportedError,
)
from bot.providers.base import Provider
from bot.providers.http.timeouts import Timeouts
from bot.providers.registry import VENDORS, build_providers
from bot.settings import Settings

#: Limit for a check.
CHECK_TIMEOUT_S = 9.0
#: Short, because an operator waits for the result.
_TIMEOUTS = Timeouts(connect_s=4, read_s=6, call_s=8, max_retry_after_s=1)


class CheckOutcome(StrEnum):
    """Result of a check."""

    OK = "well"
    #: The key is rejected or the balance is used up.
    REFUSED = "refused"
    #: No response, or an unexpected one.
    TROUBLE = "trouble"
    #: The provider asks for a pause.
    BUSY = "busy"
    #: The provider has no free call.
    NOT_TRIED = "untried"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderCheck:
    """Result of a check of one provider."""

    name: str
    outcome: CheckOutcome
    #: Short; may quote the provider.
    message: str
    took_ms: int


async def check_providers(settings: Settings, clock: Clock) -> tuple[ProviderCheck, ...]:
    """Call each configured provider once, all at the same time; takes ten seconds at most.

    Raises SettingsError like `build_providers`.
    """
    names = settings.video_providers
    return tuple(await asyncio.gather(*(check_provider(name, settings, clock) for name in names)))


async def check_provider(name: str, settings: Settings, clock: Clock) -> ProviderCheck:
    """Call one provider, configured or not, without cost. Raises SettingsError."""
    async with open_provider(name, settings, clock) as provider:
        began_at = clock.now()
        outcome, message = await _call_check(provider)
        took = clock.now() - began_at
    return ProviderCheck(
        name=name, outcome=outcome, message=message, took_ms=round(took.total_seconds() * 1000)
    )


async def _call_check(provider: Provider) -> tuple[CheckOutcome, str]:
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_S):
            return CheckOutcome.OK, await provider.check()
    except ProviderAccountError as error:
        return CheckOutcome.REFUSED, str(error)
    except UnsupportedError:
        return CheckOutcome.NOT_TRIED, "it has no call that is free"
    except ProviderTroubleError as error:
        return (CheckOutcome.TROUBLE if error.retry_after_s is None else CheckOutcome.BUSY), str(
            error
        )
    except ProviderError as error:
        return CheckOutcome.TROUBLE, str(error)
    except TimeoutError:
        return CheckOutcome.TROUBLE, f"no answer within {CHECK_TIMEOUT_S:g} s"


@asynccontextmanager
async def open_provider(name: str, settings: Settings, clock: Clock) -> AsyncGenerator[Provider]:
    """Yield a provider with short timeouts and close it afterwards. Raises SettingsError."""
    vendor = VENDORS.get(name)
    if vendor is None:
        alone = replace(settings, video_providers=(name,))
        provider = build_providers(alone, clock)[name]
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
