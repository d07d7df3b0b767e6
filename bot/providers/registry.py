"""The video APIs there are, by the word that VIDEO_PROVIDERS knows them by."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from bot.clock import Clock
from bot.errors import SettingsError
from bot.providers import signatures_vendors
from bot.providers.base import Provider
from bot.providers.fal import FAL
from bot.providers.gemini import GEMINI
from bot.providers.openai import OPENAI
from bot.providers.openai_vendors import AZURE, COMETAPI, LITELLM, SGLANG, VLLM
from bot.providers.openrouter import OPENROUTER
from bot.providers.replicate import REPLICATE
from bot.providers.runway import RUNWAY
from bot.providers.transport import Transport
from bot.providers.vendor import Vendor
from bot.providers.vendors.local import LocalProvider
from bot.providers.webhook import Verifier
from bot.providers.xai import XAI
from bot.settings import Secret, Settings

#: The built-in renderer.
LOCAL = "local"
#: One line for each API.
_ALL: Sequence[Vendor] = (
    OPENAI,
    AZURE,
    COMETAPI,
    FAL,
    GEMINI,
    LITELLM,
    OPENROUTER,
    REPLICATE,
    RUNWAY,
    SGLANG,
    VLLM,
    XAI,
)
#: How the webhooks of those that share a secret with us are proved genuine.
_SIGNED: Mapping[str, Callable[[Sequence[Secret]], Verifier]] = {
    "openai": signatures_vendors.openai,
    "openrouter": signatures_vendors.openrouter,
    "replicate": signatures_vendors.replicate,
    "gemini": signatures_vendors.gemini,
}
VENDORS: Mapping[str, Vendor] = {vendor.name: vendor for vendor in _ALL}


def names() -> tuple[str, ...]:
    """Return every word that VIDEO_PROVIDERS may hold."""
    return (LOCAL, *VENDORS)


def check_names(settings: Settings) -> None:
    """Return if VIDEO_PROVIDERS holds nothing that is not among `names()`. Raises SettingsError."""
    for name in settings.video_providers:
        if name not in names():
            raise SettingsError("VIDEO_PROVIDERS", f"{name!r} is none", ", ".join(names()))


def build_providers(settings: Settings, clock: Clock) -> Mapping[str, Provider]:
    """Return the configured providers by name, in the order of preference.

    The caller closes them; making one connects to nothing and starts nothing.
    Raises SettingsError for a name that is not among `names()`, and for a missing or wrong setting
    of a provider that is named.
    """
    check_names(settings)
    return {name: _build(name, settings, clock) for name in settings.video_providers}


def build_verifiers(
    settings: Settings, clock: Clock
) -> tuple[Mapping[str, Verifier], Sequence[Transport]]:
    """Return who proves the webhooks of configured providers genuine, by name.

    The caller closes the transports, which fetch published keys when the first webhook comes.
    Raises SettingsError for a malformed secret.
    """
    found: dict[str, Verifier] = {}
    transports: list[Transport] = []
    for name in settings.video_providers:
        vendor = VENDORS.get(name)
        if vendor is None:
            continue
        account = vendor.account(settings.others, clock)
        if name in _SIGNED and account.webhook_secret is not None:
            try:
                found[name] = _SIGNED[name]([account.webhook_secret])
            except ValueError as error:
                variable = f"{vendor.prefix}_WEBHOOK_SECRET"
                allowed = "the signing secret as the vendor shows it, whsec_ and all"
                raise SettingsError(variable, str(error), allowed) from None
        elif name == FAL.name:
            transports.append(signatures_vendors.fal_keys_transport(clock))
            found[name] = signatures_vendors.fal(transports[-1])
    return found, transports


def secrets(settings: Settings) -> Sequence[Secret]:
    """Return every key that the environment holds for an API, named in VIDEO_PROVIDERS or not."""
    variables = (each.name for vendor in _ALL for each in vendor.variables if each.is_secret)
    held = (settings.others.get(name, "").strip() for name in variables)
    return [Secret(value) for value in held if value]


def _build(name: str, settings: Settings, clock: Clock) -> Provider:
    if name == LOCAL:
        folder = settings.data_dir / LOCAL
        return LocalProvider(folder, clock, max_concurrent=settings.local_max_concurrent)
    vendor = VENDORS[name]
    return vendor.make(vendor.account(settings.others, clock, public_url=settings.public_url))
