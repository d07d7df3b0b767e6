"""A vendor: its name, its settings, and how its provider is made."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date

from bot.clock import Clock
from bot.errors import SettingsError
from bot.providers.base import Model, Provider
from bot.providers.http.timeouts import Timeouts
from bot.providers.vendors.model_setting import read_models
from bot.settings import Secret, parse_positive, parse_secret, parse_url


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderAccount:
    """The operator's settings for one vendor, from which its provider is made."""

    #: The word in VIDEO_PROVIDERS.
    name: str
    #: None only where the vendor's key is optional.
    api_key: Secret | None
    #: Without a slash at its end.
    base_url: str
    models: tuple[Model, ...]
    max_concurrent: int
    #: Requests of all kinds; None: no limit.
    requests_per_minute: int | None
    clock: Clock
    #: Address for webhooks of finished renders; None: none can arrive.
    webhook_url: str | None = None
    webhook_secret: Secret | None = None
    timeouts: Timeouts = field(default_factory=Timeouts)

    @property
    def api_key_text(self) -> str:
        """The key's text; empty where there is none."""
        return "" if self.api_key is None else self.api_key.reveal()

    @property
    def https_webhook_url(self) -> str | None:
        """`webhook_url` if it is https, which vendors insist on; else None."""
        url = self.webhook_url or ""
        return url if url.startswith("https://") else None

    @property
    def verifiable_webhook_url(self) -> str | None:
        """`https_webhook_url` where a secret is set: a report without a signature is ignored."""
        return self.https_webhook_url if self.webhook_secret else None

    def wants_audio(self, model: str) -> bool:
        """Whether clips of `model` are to have sound: yes unless the setting says audio=no."""
        return all(each.has_audio for each in self.models if each.name == model)


@dataclass(frozen=True, slots=True)
class Variable:
    """One setting of a vendor, as the documentation shows it."""

    name: str
    meaning: str
    default: str = ""
    example: str = ""
    unit: str = ""
    #: Its value is never shown or logged.
    is_secret: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Vendor:
    """A video API in the registry."""

    #: The word in VIDEO_PROVIDERS, lower case.
    name: str
    #: Its name in documentation and messages.
    title: str
    #: Prefix of its variables, such as `XAI`.
    prefix: str
    #: The variable of its key, named as in the vendor's own SDK where there is one.
    key_variable: str
    is_key_required: bool = True
    #: The usual address; empty: the operator must set it.
    base_url: str = ""
    #: The variable of the address where it is not `<prefix>_BASE_URL`.
    base_url_variable: str = ""
    #: Models that the setting may name without giving their facts, by name.
    known_models: Mapping[str, Model] = field(default_factory=dict[str, Model])
    #: The default of `<prefix>_MODELS`; empty: the operator must name some.
    default_models: str = ""
    #: An example value of `<prefix>_MODELS` for the documentation.
    models_example: str = ""
    max_concurrent: int = 4
    #: The vendor's default limit for requests of all kinds together; None: no limit.
    requests_per_minute: int | None = None
    #: Whether `<prefix>_WEBHOOK_SECRET` is used.
    has_webhook_secret: bool = False
    #: Makes the provider; connects to nothing. Raises SettingsError.
    make_provider: Callable[[ProviderAccount], Provider]
    #: What its wire format was checked against and when, for docs/providers.md. Never claim a live
    #: call that was not made.
    verified: str
    verified_on: date

    @property
    def variables(self) -> tuple[Variable, ...]:
        """Its settings, in the order of the documentation."""
        prefix, title, rate = self.prefix, self.title, self.requests_per_minute
        address = self.base_url_variable or f"{prefix}_BASE_URL"
        names = (f"{prefix}_{end}" for end in ("MODELS", "MAX_CONCURRENT", "REQUESTS_PER_MINUTE"))
        models, concurrent, per_minute = names
        found = [
            Variable(self.key_variable, f"Key for {title}.", is_secret=True),
            Variable(address, f"Address of {title}.", self.base_url),
            Variable(
                models, "Models members can choose.", self.default_models, self.models_example
            ),
            Variable(concurrent, "Max renders at once.", str(self.max_concurrent), unit="renders"),
            Variable(
                per_minute,
                "Max calls per minute; `none`: no limit.",
                str(rate or ""),
                unit="calls",
            ),
        ]
        if self.has_webhook_secret:
            secret = f"{prefix}_WEBHOOK_SECRET"
            found.append(Variable(secret, "Webhook signing secret.", is_secret=True))
        return tuple(found)

    def read_account(
        self,
        environ: Mapping[str, str],
        clock: Clock,
        *,
        public_url: str | None = None,
        timeouts: Timeouts | None = None,
    ) -> ProviderAccount:
        """Read the group of settings from `environ`, where an empty variable counts as absent.

        public_url  this process's address on the internet; None: requests ask for no webhooks.
        Raises SettingsError naming the variable.
        """
        given = {each.name: environ.get(each.name, "").strip() for each in self.variables}
        for each in self.variables:
            given[each.name] = given[each.name] or each.default
        key, address, models, concurrent, rate, *secret = given.values()
        names = [each.name for each in self.variables]
        if not key and self.is_key_required:
            raise SettingsError(
                self.key_variable,
                f"is missing, though VIDEO_PROVIDERS names {self.name}",
                f"a key for {self.title}, or VIDEO_PROVIDERS=local, which needs none",
            )
        if not address:
            raise SettingsError(
                names[1], f"is missing, though VIDEO_PROVIDERS names {self.name}", "http(s)://host"
            )
        no_rate = not rate or rate.casefold() == "none"
        return ProviderAccount(
            name=self.name,
            api_key=parse_secret(self.key_variable, key) if key else None,
            base_url=parse_url(names[1], address, "https", "http"),
            models=read_models(models, variable=names[2], known_models=self.known_models),
            max_concurrent=parse_positive(names[3], concurrent),
            requests_per_minute=None if no_rate else parse_positive(names[4], rate),
            clock=clock,
            webhook_url=None if public_url is None else f"{public_url}/webhooks/{self.name}",
            webhook_secret=parse_secret(names[5], secret[0]) if secret and secret[0] else None,
            timeouts=Timeouts() if timeouts is None else timeouts,
        )
