"""The providers as moderators see them, and the choice of which provider gets new jobs."""

from dataclasses import dataclass, replace

from bot.errors import (
    BadOptionError,
    ProviderAccountError,
    ProviderError,
    RefusedError,
    UnsupportedError,
)
from bot.guild import GuildSettings
from bot.jobs.worker_context import WorkerContext
from bot.model import Viewer
from bot.providers.base import Model
from bot.providers.health import CircuitState, ProviderHealth


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderStatus:
    """The state of one provider, with the choices of one guild."""

    name: str
    health: ProviderHealth
    #: Whether the provider's circuit lets jobs be submitted now.
    takes_work: bool
    #: Whether this guild gives the provider no new jobs.
    drained_here: bool
    #: Whether no guild gives the provider new jobs, which only the operator can change.
    drained_everywhere: bool
    #: Whether this guild's jobs go to the provider first.
    is_preferred: bool
    #: The provider's models, retired ones too.
    models: tuple[Model, ...]
    #: How many jobs of all guilds the provider works on now, and how many it takes at a time.
    running: int
    slots: int


class ProviderAdmin:
    """Lists, prefers, drains and tests the providers of a guild.

    A choice applies to the guild's new jobs; running jobs keep their provider. Methods that take
    `by` raise ModeratorsOnlyError for members who are no moderators, and BadOptionError for a
    provider that is not configured. Every refusal is a RefusedError.
    """

    def __init__(self, ctx: WorkerContext) -> None:
        self._ctx = ctx
        self._providers = ctx.providers
        self._health = ctx.health
        self._settings_cache = ctx.settings_cache

    @property
    def names(self) -> tuple[str, ...]:
        """The configured providers, in the operator's order."""
        return tuple(self._providers)

    async def all(self, guild_id: int | None) -> tuple[ProviderStatus, ...]:
        """Return every provider's status in a guild, in the order in which they are tried there."""
        here = await self._settings_cache.settings(guild_id)
        everywhere = await self._settings_cache.everywhere()
        wanted = [here.preferred_provider, everywhere.preferred_provider]
        found = [
            ProviderStatus(
                name=name,
                health=self._health.of(name),
                takes_work=self._health.takes_work(name),
                drained_here=name in here.drained_providers,
                drained_everywhere=name in everywhere.drained_providers,
                is_preferred=name == here.preferred_provider,
                models=provider.capabilities().models,
                running=await self._ctx.store.slots_taken(name),
                slots=provider.capabilities().max_concurrent,
            )
            for name, provider in self._providers.items()
        ]
        return tuple(
            sorted(found, key=lambda each: wanted.index(each.name) if each.name in wanted else 2)
        )

    async def use(self, by: Viewer, name: str | None) -> None:
        """Try a provider before all others and stop draining it; None: the operator's order."""
        settings = await self._moderated_settings(by)
        name = None if name is None else self._known_name(name)
        drained = tuple(each for each in settings.drained_providers if each != name)
        await self._change_settings(by, settings, name, drained)

    async def drain(self, by: Viewer, name: str, *, back: bool = False) -> None:
        """Give a provider no new jobs; with `back`, give new jobs to the provider again."""
        settings, name = await self._moderated_settings(by), self._known_name(name)
        drained = tuple(each for each in settings.drained_providers if each != name)
        preferred = settings.preferred_provider
        if not back:
            drained = (*drained, name)
            preferred = None if preferred == name else preferred
        await self._change_settings(by, settings, preferred, drained)

    async def test(self, by: Viewer, name: str) -> str:
        """Make one free call to a provider and return the result as a sentence for people."""
        await self._moderated_settings(by)
        provider = self._providers[self._known_name(name)]
        try:
            result = await provider.check()
        except ProviderAccountError:
            return "It refuses the key, or the balance is used up: the bot's operator has to act."
        except UnsupportedError:
            return "It has no call that is free: the next clip will tell."
        except ProviderError:
            return "It does not answer as it should right now."
        if self._health.of(provider.name).circuit is CircuitState.OUT:
            return f"It answers: {result}. But it refused the last order: the next clip will tell."
        return f"All is well: {result}."

    async def _moderated_settings(self, by: Viewer) -> GuildSettings:
        guild_id = by.moderated_guild_id()
        self._settings_cache.invalidate(guild_id)
        return await self._settings_cache.settings(guild_id)

    def _known_name(self, name: str) -> str:
        wanted = name.strip().lower()
        if wanted not in self._providers:
            known = ", ".join(f"`{each}`" for each in self._providers)
            raise BadOptionError("name", "I don't have that one.", f"There is {known}.")
        return wanted

    async def _change_settings(
        self, by: Viewer, seen: GuildSettings, preferred: str | None, drained: tuple[str, ...]
    ) -> None:
        settings = replace(seen, preferred_provider=preferred, drained_providers=drained)
        if not await self._settings_cache.replace(by, settings, seen=seen):
            raise RefusedError("Somebody else has just changed the settings. Try again.")
