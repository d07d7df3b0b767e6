"""The video APIs there are, by the word that VIDEO_PROVIDERS knows them by."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from bot.clock import Clock
from bot.errors import SettingsError
from bot.providers.base import Provider
from bot.providers.http.transport import Transport
from bot.providers.openai.provider import OPENAI
from bot.providers.openai.vendors import AZURE, COMETAPI, LITELLM, SGLANG, VLLM
from bot.providers.vendors.fal import FAL
from bot.providers.vendors.gemini import GEMINI
from bot.providers.vendors.local import LocalProvider
from bot.providers.vendors.openrouter import OPENROUTER
from bot.providers.vendors.replicate import REPLICATE
from bot.providers.vendors.runway import RUNWAY
from bot.providers.vendors.vendor import Vendor
from bot.providers.vendors.xai import XAI
from bot.providers.webhooks import vendor_verifiers
from bot.providers.webhooks.verifier import WebhookVerifier
from bot.settings import Secret, Settings

#: The built-in renderer.
LOCAL = "local"
#: One line for each API.
_VENDORS: Sequence[Vendor] = (
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
_SHARED_SECRET_VERIFIERS: Mapping[str, Callable[[Sequence[Secret]], WebhookVerifier]] = {
    "openai": vendor_verifiers.openai,
    "openrouter": vendor_verifiers.openrouter,
    "replicate": vendor_verifiers.replicate,
    "gemini": vendor_verifiers.gemini,
}
VENDORS: Mapping[str, Vendor] = {vendor.name: vendor for vendor in _VENDORS}


def provider_names() -> tuple[str, ...]:
    """Return every word that VIDEO_PROVIDERS may hold."""
    return (LOCAL, *VENDORS)


def check_provider_names(settings: Settings) -> None:
    """Return if VIDEO_PROVIDERS holds nothing that is not among `names()`. Raises SettingsError."""
    for name in settings.video_providers:
        if name not in provider_names():
            raise SettingsError("VIDEO_PROVIDERS", f"{name!r} is none", ", ".join(provider_names()))


def build_providers(settings: Settings, clock: Clock) -> Mapping[str, Provider]:
    """Return the configured providers by name, in the order of preference.

    The caller closes them; making one connects to nothing and starts nothing.
    Raises SettingsError for a name that is not among `names()`, and for a missing or wrong setting
    of a provider that is named.
    """
    check_provider_names(settings)
    return {name: _build(name, settings, clock) for name in settings.video_providers}


def build_verifiers(
    settings: Settings, clock: Clock
) -> tuple[Mapping[str, WebhookVerifier], Sequence[Transport]]:
    """Return who proves the webhooks of configured providers genuine, by name.

    The caller closes the transports, which fetch published keys when the first webhook comes.
    Raises SettingsError for a malformed secret.
    """
    found: dict[str, WebhookVerifier] = {}
    transports: list[Transport] = []
    for name in settings.video_providers:
        vendor = VENDORS.get(name)
        if vendor is None:
            continue
        account = vendor.read_account(settings.others, clock)
        if name in _SHARED_SECRET_VERIFIERS and account.webhook_secret is not None:
            try:
                found[name] = _SHARED_SECRET_VERIFIERS[name]([account.webhook_secret])
            except ValueError as error:
                variable = f"{vendor.prefix}_WEBHOOK_SECRET"
                allowed = "the signing secret as the vendor shows it, whsec_ and all"
                raise SettingsError(variable, str(error), allowed) from None
        elif name == FAL.name:
            transports.append(vendor_verifiers.fal_keys_transport(clock))
            found[name] = vendor_verifiers.fal(transports[-1])
    return found, transports


def provider_secrets(settings: Settings) -> Sequence[Secret]:
    """Return every key that the environment holds for an API, named in VIDEO_PROVIDERS or not."""
    variables = (each.name for vendor in _VENDORS for each in vendor.variables if each.is_secret)
    held = (settings.others.get(name, "").strip() for name in variables)
    return [Secret(value) for value in held if value]


def _build(name: str, settings: Settings, clock: Clock) -> Provider:
    if name == LOCAL:
        folder = settings.data_dir / LOCAL
        return LocalProvider(folder, clock, max_concurrent=settings.local_max_concurrent)
    vendor = VENDORS[name]
    return vendor.make_provider(
        vendor.read_account(settings.others, clock, public_url=settings.public_url)
    )
