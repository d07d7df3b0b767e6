"""Checks of the settings for the doctor and the start: all wrong values, and misspelt names."""

import os
import re
from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

from bot.clock import Clock
from bot.errors import SettingsError
from bot.providers import registry
from bot.providers.registry import LOCAL, VENDORS
from bot.quota.sentences import highest_cost
from bot.settings import Settings, declared, parse_secret, read_dotenv, read_environment
from bot.shell.finding import Finding, ok, problem, warning
from bot.shell.provider_facts import stand_in_settings
from bot.storage.private_folder import is_open_to_others

#: Similarity of two names above which one counts as a misspelling of the other; 1 is identical.
_MIN_SIMILARITY = 0.85
#: Variables in a `.env` that Compose, Python or the system reads.
_FOREIGN = re.compile(r"(COMPOSE_|DOCKER_|PYTHON|LC_).*|TZ|LANG|NO_COLOR|.*_PROXY")
#: Any other text before a `=` may be part of a key and is not printed.
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,49}")


def read_settings_environment() -> tuple[Mapping[str, str], list[Finding]]:
    """Return the variables of the environment and `.env`, and findings about them; blocks.

    The findings name misspelt variables, and a `.env` that can't be read and so counts as empty.
    """
    dotenv, found = Path(".env"), list[Finding]()
    try:
        written = read_dotenv(dotenv)
    except SettingsError as error:
        dotenv, written, found = Path(os.devnull), {}, [_finding_of_error(error)]
    if is_open_to_others(dotenv) and dotenv.is_file():
        said = "other users of this machine can read the keys in it"
        found.append(warning(str(dotenv), said, f"chmod 600 {dotenv}"))
    advice = "correct the name or remove it"
    environ = read_environment(dotenv)
    misspelt = find_misspelt_settings(written, environ)
    found += [warning(name, message, advice) for name, message in misspelt.items()]
    return environ, found


async def examine(environ: Mapping[str, str], clock: Clock) -> tuple[Settings, list[Finding]]:
    """Return the settings that can be used, and a finding for each one that can't.

    A wrong setting counts as absent; a provider with wrong settings counts as not configured.
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
    found.append(_cost_finding(settings))
    if not environ.get("DISCORD_TOKEN", "").strip():
        advice = "`python -m bot run` says how to get one; `make sandbox` needs none"
        found.append(problem("DISCORD_TOKEN", "not set, so the bot can't connect", advice))
    return settings, found


def secrets(environ: Mapping[str, str], settings: Settings) -> list[str]:
    """Return the values of all secret settings, also values that a setting does not accept."""
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
        problem_text = f"{name[:40]!r} is not a video service I know"
        yield SettingsError("VIDEO_PROVIDERS", problem_text, known)
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
        # Building a provider raises only its first error; a valid value there reveals the next one.
        usable = stand_in_settings(vendor).others.get(fault.variable, "")
        tried = replace(tried, others={**tried.others, fault.variable: usable})


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
        # The message of this ValueError names the fault of the secret without quoting the secret.
        prefix = VENDORS[settings.video_providers[0]].prefix
        allowed = "the secret as the provider's webhook page shows it"
        return SettingsError(f"{prefix}_WEBHOOK_SECRET", str(error), allowed)
    return None


def _settings_summary(environ: Mapping[str, str], settings: Settings) -> str:
    count = sum(1 for name in _known_names() if environ.get(name, "").strip())
    names = ", ".join(settings.video_providers)
    return f"{count} set, all can be used; video APIs: {names}"


def _cost_finding(settings: Settings) -> Finding:
    text = f"video APIs, 30 days, at most: {highest_cost(settings)}"
    if settings.budget_usd_per_day is None and settings.budget_usd_per_month is None:
        return warning("cost", text, "set BUDGET_USD_PER_MONTH, such as 50")
    return ok("cost", text)


def _finding_of_error(error: SettingsError) -> Finding:
    return problem(error.variable, error.problem, f"allowed: {error.allowed}")


def find_misspelt_settings(
    dotenv_names: Collection[str], environ_names: Iterable[str]
) -> Mapping[str, str]:
    """Return a message for each name that looks like a setting and is none, sorted by name.

    dotenv_names   names in `.env`, each of which should be a setting.
    environ_names  names in the environment, of which only those that resemble a setting count.
    """
    known = _known_names()
    prefixes = tuple({f"{name.partition('_')[0]}_" for name in known})
    found: dict[str, str] = {}
    for name in sorted({*dotenv_names, *environ_names} - known):
        upper = name.upper()
        if not _NAME.fullmatch(name) or _FOREIGN.fullmatch(upper):
            continue
        meant = next(iter(get_close_matches(upper, sorted(known), n=1, cutoff=_MIN_SIMILARITY)), "")
        if name in dotenv_names or (meant and upper.startswith(prefixes)):
            guess = f"; did you mean {meant}?" if meant else ""
            found[name] = f"no such setting, ignored{guess}"
    return found


def _known_names() -> frozenset[str]:
    own = (each.name.upper() for each in declared())
    theirs = (each.name for vendor in VENDORS.values() for each in vendor.variables)
    return frozenset((*own, *theirs))
