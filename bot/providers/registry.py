"""All providers, by their name in VIDEO_PROVIDERS."""

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
#: All vendors, in the order in which the documents list them.
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
VENDORS: Mapping[str, Vendor] = {vendor.name: vendor for vendor in _VENDORS}
#: Makes the verifier of each vendor that signs webhooks with a shared secret.
_SHARED_SECRET_VERIFIERS: Mapping[str, Callable[[Sequence[Secret]], WebhookVerifier]] = {
    "openai": vendor_verifiers.openai,
    "openrouter": vendor_verifiers.openrouter,
    "replicate": vendor_verifiers.replicate,
    "gemini": vendor_verifiers.gemini,
}


def provider_names() -> tuple[str, ...]:
    """Return every name that VIDEO_PROVIDERS may hold."""
    return (LOCAL, *VENDORS)


def check_provider_names(settings: Settings) -> None:
    """Raise SettingsError unless VIDEO_PROVIDERS holds only known names."""
    for name in settings.video_providers:
        if name not in provider_names():
            raise SettingsError("VIDEO_PROVIDERS", f"{name!r} is none", ", ".join(provider_names()))


def build_providers(settings: Settings, clock: Clock) -> Mapping[str, Provider]:
    """Return the configured providers by name, in the order of VIDEO_PROVIDERS. No I/O.

    The caller closes each provider. Raises SettingsError for an unknown name in VIDEO_PROVIDERS,
    and for a missing or wrong setting of a named provider.
    """
    check_provider_names(settings)
    return {name: _build(name, settings, clock) for name in settings.video_providers}


def build_verifiers(
    settings: Settings, clock: Clock
) -> tuple[Mapping[str, WebhookVerifier], Sequence[Transport]]:
    """Return the webhook verifiers of the configured providers by name, and their transports.

    The caller closes the transports, with which verifiers fetch keys that vendors publish.
    Raises SettingsError for a malformed secret.
    """
    found: dict[str, WebhookVerifier] = {}
    transports: list[Transport] = []
    for name in filter(VENDORS.__contains__, settings.video_providers):
        vendor = VENDORS[name]
        account = vendor.read_account(settings.others, clock)
        if name in _SHARED_SECRET_VERIFIERS and account.webhook_secret is not None:
            try:
                found[name] = _SHARED_SECRET_VERIFIERS[name]([account.webhook_secret])
            except ValueError as error:
                variable = f"{vendor.prefix}_WEBHOOK_SECRET"
                allowed = "the signing secret as the vendor shows it, with whsec_"
                raise SettingsError(variable, str(error), allowed) from None
        elif name == FAL.name:
            transports.append(vendor_verifiers.fal_keys_transport(clock))
            found[name] = vendor_verifiers.fal(transports[-1])
    return found, transports


def provider_secrets(settings: Settings) -> Sequence[Secret]:
    """Return each provider's secrets in the environment, also those of providers not in use."""
    variables = [each for vendor in _VENDORS for each in vendor.variables]
    held = (settings.others.get(each.name, "").strip() for each in variables if each.is_secret)
    return [Secret(value) for value in held if value]


def _build(name: str, settings: Settings, clock: Clock) -> Provider:
    if name == LOCAL:
        folder = settings.data_dir / LOCAL
        return LocalProvider(folder, clock, max_concurrent=settings.local_max_concurrent)
    vendor = VENDORS[name]
    account = vendor.read_account(settings.others, clock, public_url=settings.public_url)
    return vendor.make_provider(account)
