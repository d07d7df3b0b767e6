"""One free call to a video API, and how long it took."""

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
from bot.providers.patience import Patience
from bot.providers.registry import VENDORS, build_providers
from bot.settings import Settings

#: No call of a check takes longer.
CHECK_S = 9.0
#: An operator waits: what has not answered by then is told so.
_PATIENCE = Patience(connect_s=4, read_s=6, call_s=8, wait_s=1)


class Verdict(StrEnum):
    """What a call showed."""

    WELL = "well"
    #: It refuses the key, or the balance is used up.
    REFUSED = "refused"
    #: It does not answer, or not as it should.
    TROUBLE = "trouble"
    #: It asks for a pause.
    BUSY = "busy"
    #: It has no call that is free.
    UNTRIED = "untried"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """How one video API is."""

    name: str
    verdict: Verdict
    #: In a few words; may hold the API's own.
    told: str
    took_ms: int


async def check_all(settings: Settings, clock: Clock) -> tuple[Checked, ...]:
    """Call each configured API once, all at the same time; takes ten seconds at most.

    Raises SettingsError as `build_providers`.
    """
    names = settings.video_providers
    return tuple(await asyncio.gather(*(check(name, settings, clock) for name in names)))


async def check(name: str, settings: Settings, clock: Clock) -> Checked:
    """Call one API, configured or not, without cost. Raises SettingsError."""
    async with opened(name, settings, clock) as provider:
        began_at = clock.now()
        verdict, told = await _asked(provider)
        took = clock.now() - began_at
    return Checked(
        name=name, verdict=verdict, told=told, took_ms=round(took.total_seconds() * 1000)
    )


async def _asked(provider: Provider) -> tuple[Verdict, str]:
    try:
        async with asyncio.timeout(CHECK_S):
            return Verdict.WELL, await provider.check()
    except ProviderAccountError as error:
        return Verdict.REFUSED, str(error)
    except UnsupportedError:
        return Verdict.UNTRIED, "it has no call that is free"
    except ProviderTroubleError as error:
        return (Verdict.TROUBLE if error.retry_after_s is None else Verdict.BUSY), str(error)
    except ProviderError as error:
        return Verdict.TROUBLE, str(error)
    except TimeoutError:
        return Verdict.TROUBLE, f"no answer within {CHECK_S:g} s"


@asynccontextmanager
async def opened(name: str, settings: Settings, clock: Clock) -> AsyncGenerator[Provider]:
    """Hold an API's provider, one that gives up soon. Raises SettingsError."""
    vendor = VENDORS.get(name)
    if vendor is None:
        alone = replace(settings, video_providers=(name,))
        provider = build_providers(alone, clock)[name]
    else:
        account = vendor.account(
            settings.others, clock, public_url=settings.public_url, patience=_PATIENCE
        )
        provider = vendor.make(account)
    try:
        yield provider
    finally:
        await provider.close()


def is_usable(name: str, settings: Settings, clock: Clock) -> SettingsError | None:
    """Return what is wrong with the settings of an API; None: it could be configured."""
    vendor = VENDORS.get(name)
    try:
        if vendor is not None:
            vendor.account(settings.others, clock)
    except SettingsError as error:
        return error
    return None
