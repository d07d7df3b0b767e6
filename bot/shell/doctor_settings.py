"""All that is wrong with the settings, not the first of it alone."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path

from bot.clock import Clock
from bot.errors import SettingsError
from bot.providers import registry
from bot.providers.registry import LOCAL, VENDORS
from bot.providers.vendors.vendor import Vendor
from bot.settings import Settings, declared, parse_secret, read_dotenv, read_environment
from bot.shell.finding import Finding, ok, problem, warning
from bot.shell.misspelt_settings import find_misspelt_settings

#: What every setting of a video API is tried with while another one is looked for.
_STAND_IN_KEY, _STAND_IN_URL = "key-0123456789", "http://127.0.0.1:9"
_STAND_IN_MODELS = "my-model seconds=4 sizes=1280x720 usd_per_second=0"


def read_settings_environment() -> tuple[Mapping[str, str], list[Finding]]:
    """Return the variables there are, without those of a `.env` that can't be read; blocks.

    With what is wrong with that file, and the names in either place that are no setting's.
    """
    dotenv, found = Path(".env"), list[Finding]()
    try:
        written = read_dotenv(dotenv)
    except SettingsError as error:
        dotenv, written, found = Path(os.devnull), {}, [_finding_of_error(error)]
    advice = "correct the name, or take it away"
    environ = read_environment(dotenv)
    found += [
        warning(each.name, each.message, advice)
        for each in find_misspelt_settings(written, environ)
    ]
    return environ, found


async def examine(environ: Mapping[str, str], clock: Clock) -> tuple[Settings, list[Finding]]:
    """Return the settings as far as they can be used, and what is wrong with the rest.

    A wrong one counts as absent, a video API that can't be used as not named.
    """
    usable, wrong = dict(environ), list[SettingsError]()
    for each in declared():
        name = each.name.upper()
        try:
            Settings.from_env({name: environ.get(name, "")})
        except SettingsError as error:
            wrong.append(error)
            usable.pop(name)
    settings = Settings.from_env(usable)
    able: list[str] = []
    for name in settings.video_providers:
        faults = [each async for each in _faults_of(name, settings, clock)]
        wrong += faults
        able += [] if faults else [name]
    settings = replace(settings, video_providers=tuple(able))
    found = [_finding_of_error(each) for each in wrong] or [
        ok("settings", _settings_summary(environ, settings))
    ]
    if not environ.get("DISCORD_TOKEN", "").strip():
        advice = "`python -m bot run` tells how to get one; `make sandbox` needs none"
        found.append(problem("DISCORD_TOKEN", "not set, so the bot can't connect", advice))
    return settings, found


def secrets(environ: Mapping[str, str], settings: Settings) -> list[str]:
    """Return every value that nobody may read, those that can't be used among them."""
    own = [
        environ.get(each.name.upper(), "").strip()
        for each in declared()
        if each.metadata["parse"] is parse_secret
    ]
    signing = [
        environ.get(each.name, "").strip()
        for vendor in VENDORS.values()
        for each in vendor.variables
        if each.name.endswith("_SECRET")
    ]
    theirs = [each.reveal() for each in registry.provider_secrets(settings)]
    return [value for value in (*own, *signing, *theirs) if value]


async def _faults_of(name: str, settings: Settings, clock: Clock) -> AsyncIterator[SettingsError]:
    if name == LOCAL:
        return
    vendor = VENDORS.get(name)
    if vendor is None:
        known = ", ".join(registry.provider_names())
        yield SettingsError("VIDEO_PROVIDERS", f"{name[:40]!r} is none", known)
        return
    names = [each.name for each in vendor.variables]
    tried = replace(settings, video_providers=(name,))
    for _ in names:
        fault = await _fault_of(tried, clock)
        if fault is None:
            return
        yield fault
        if fault.variable not in names:
            return
        # One at a time is told; with something usable in its place the next comes to light.
        others = {**tried.others, fault.variable: _stand_in(vendor, fault.variable)}
        tried = replace(tried, others=others)


async def _fault_of(settings: Settings, clock: Clock) -> SettingsError | None:
    try:
        for provider in registry.build_providers(settings, clock).values():
            await provider.close()
        _, transports = registry.build_verifiers(settings, clock)
        for transport in transports:
            await transport.close()
    except SettingsError as error:
        return error
    except ValueError as error:
        # Its words tell what is wrong with the secret, not what it is.
        prefix = VENDORS[settings.video_providers[0]].prefix
        allowed = "the secret as that API's page of webhooks shows it"
        return SettingsError(f"{prefix}_WEBHOOK_SECRET", str(error), allowed)
    return None


def _stand_in(vendor: Vendor, variable: str) -> str:
    key, address, models, *_ = (each.name for each in vendor.variables)
    stand_ins = {
        key: _STAND_IN_KEY,
        address: _STAND_IN_URL,
        models: vendor.default_models or vendor.models_example or _STAND_IN_MODELS,
    }
    return stand_ins.get(variable, "")


def _settings_summary(environ: Mapping[str, str], settings: Settings) -> str:
    names = {each.name.upper() for each in declared()}
    names |= {each.name for vendor in VENDORS.values() for each in vendor.variables}
    count = sum(1 for name in names if environ.get(name, "").strip())
    kitchens = ", ".join(settings.video_providers)
    return f"{count} set, all can be used; video APIs: {kitchens}"


def _finding_of_error(error: SettingsError) -> Finding:
    return problem(error.variable, error.problem, f"allowed: {error.allowed}")
