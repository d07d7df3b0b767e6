"""The doctor's check of the settings, which reports every error and not only the first."""

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

#: Valid values that replace wrong ones of a provider, so that the next error comes to light.
_STAND_IN_KEY, _STAND_IN_URL = "key-0123456789", "http://127.0.0.1:9"
_STAND_IN_MODELS = "my-model seconds=4 sizes=1280x720 usd_per_second=0"


def read_settings_environment() -> tuple[Mapping[str, str], list[Finding]]:
    """Return the variables of the environment and `.env`, and what is wrong with them; blocks.

    Reports an unreadable `.env`, whose variables are then missing, and misspelt names.
    """
    dotenv, found = Path(".env"), list[Finding]()
    try:
        written = read_dotenv(dotenv)
    except SettingsError as error:
        dotenv, written, found = Path(os.devnull), {}, [_finding_of_error(error)]
    advice = "correct the name or remove it"
    environ = read_environment(dotenv)
    found += [
        warning(each.name, each.message, advice)
        for each in find_misspelt_settings(written, environ)
    ]
    return environ, found


async def examine(environ: Mapping[str, str], clock: Clock) -> tuple[Settings, list[Finding]]:
    """Return the usable settings, and what is wrong with the others.

    A wrong setting counts as absent; a provider with wrong settings as not configured.
    """
    usable, errors = dict(environ), list[SettingsError]()
    for each in declared():
        name = each.name.upper()
        try:
            Settings.from_env({name: environ.get(name, "")})
        except SettingsError as error:
            errors.append(error)
            usable.pop(name)
    settings = Settings.from_env(usable)
    working: list[str] = []
    for name in settings.video_providers:
        faults = [each async for each in _faults_of(name, settings, clock)]
        errors += faults
        working += [] if faults else [name]
    settings = replace(settings, video_providers=tuple(working))
    found = [_finding_of_error(each) for each in errors] or [
        ok("settings", _settings_summary(environ, settings))
    ]
    if not environ.get("DISCORD_TOKEN", "").strip():
        advice = "`python -m bot run` says how to get one; `make sandbox` needs none"
        found.append(problem("DISCORD_TOKEN", "not set, so the bot can't connect", advice))
    return settings, found


def secrets(environ: Mapping[str, str], settings: Settings) -> list[str]:
    """Return every secret value, also those that are wrong."""
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
        yield SettingsError(
            "VIDEO_PROVIDERS", f"{name[:40]!r} is not a video service I know", known
        )
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
        # Building a provider raises its first error only; with a valid value there the next one shows.
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
        # The message says what is wrong with the secret without quoting it.
        prefix = VENDORS[settings.video_providers[0]].prefix
        allowed = "the secret as the provider's webhook page shows it"
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
    variables = {each.name.upper() for each in declared()}
    variables |= {each.name for vendor in VENDORS.values() for each in vendor.variables}
    count = sum(1 for name in variables if environ.get(name, "").strip())
    names = ", ".join(settings.video_providers)
    return f"{count} set, all can be used; video APIs: {names}"


def _finding_of_error(error: SettingsError) -> Finding:
    return problem(error.variable, error.problem, f"allowed: {error.allowed}")
