"""The composition root: the only module that names concrete classes and joins them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

from bot.archive.folder import FolderArchive
from bot.chat.client import SorabotClient, set_discord_urls
from bot.chat.clips.pictures import Pictures
from bot.chat.clips.publisher import DiscordClipPublisher
from bot.chat.connection import GatewayConnection
from bot.chat.transport.command_sync import CommandSync
from bot.chat.transport.instrumentation import RestInstrumentation
from bot.clock import Clock, SystemClock
from bot.errors import SettingsError, StorageError
from bot.jobs.assembly import Dependencies, assemble
from bot.jobs.retention import RetentionDependencies, RetentionLoop
from bot.jobs.scheduler import Scheduler
from bot.jobs.service import JobService
from bot.jobs.timings import Timings
from bot.jobs.worker_context import WorkerContext
from bot.obs.metrics import Metrics
from bot.obs.watchdog import Watchdog
from bot.providers.base import Provider
from bot.providers.health import CircuitBreakers
from bot.providers.http.transport import Transport
from bot.providers.registry import build_providers, build_verifiers
from bot.providers.watched import WatchedProvider
from bot.quota.rule import QuotaRule
from bot.settings import Settings
from bot.storage.disk_space import DiskSpace
from bot.storage.instance_lock import InstanceLock
from bot.storage.reserve_file import ReserveFile
from bot.storage.sqlite.clip_search import SqliteClipSearch
from bot.storage.sqlite.gauges import SqliteGauges
from bot.storage.sqlite.guild_settings import SqliteGuildSettingsStore
from bot.storage.sqlite.jobs import SqliteJobStore
from bot.storage.sqlite.outbox import SqliteOutbox
from bot.storage.sqlite.retention import SqliteRetentionStore
from bot.web.health import GaugeReader, HealthServer, check_database, check_disk
from bot.web.webhooks import Webhooks
from cogs.account import AccountCog
from cogs.command_groups import install_cogs
from cogs.generate import GenerateCog
from cogs.history import HistoryCog
from cogs.listeners import ListenersCog
from cogs.mod_blocks import ModBlocksCog
from cogs.mod_provider import ModProviderCog
from cogs.mod_quota import ModQuotaCog
from cogs.mod_settings import ModSettingsCog
from cogs.mod_usage import ModUsageCog
from cogs.remix import RemixCog
from cogs.status import StatusCog

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """All parts of a bot, joined; nothing runs until `start`."""

    settings: Settings
    connection: GatewayConnection
    jobs: JobService
    scheduler: Scheduler
    store: SqliteJobStore
    providers: Mapping[str, Provider]
    #: HTTP clients that fetch the public keys with which some providers sign webhooks.
    transports: Sequence[Transport]
    health: HealthServer | None
    watchdog: Watchdog
    #: Keeps a second bot from opening the database.
    instance_lock: InstanceLock

    @property
    def client(self) -> SorabotClient:
        """The client in use; `GatewayConnection` replaces it after a connection failed for good."""
        return self.connection.client

    async def start(self) -> None:
        """Begin to work on jobs. Call it before the client connects."""
        await asyncio.to_thread(_remove_partial_files, self.settings.data_dir)
        await self.scheduler.start()
        self.watchdog.start()
        if self.health is not None:
            await self.health.start()

    async def close(self) -> None:
        """Let running steps finish, then close everything; idempotent."""
        await self.scheduler.stop()
        await self.connection.close()
        self.watchdog.stop()
        if self.health is not None:
            await self.health.stop()
        for each in (*self.providers.values(), *self.transports):
            await each.close()
        await self.store.close()
        self.instance_lock.release()


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminContext:
    """What the operator's commands need of a bot; the caller closes `store`."""

    store: SqliteJobStore
    guild_store: SqliteGuildSettingsStore
    quota: QuotaRule
    clock: Clock


async def build_app(
    settings: Settings,
    *,
    clock: Clock | None = None,
    timings: Timings | None = None,
    wrap: Callable[[Dependencies], Dependencies] | None = None,
) -> App:
    """Join the parts of a bot according to `settings`.

    clock, timings  the system's clock and the default waiting times, unless given.
    wrap            may replace some of the dependencies; tests use it.
    Raises SettingsError for settings that can't be used, and StorageError when the database can't
    be opened or another bot runs on it.
    """
    await asyncio.to_thread(_make_folder, settings.data_dir)
    instance_lock = await asyncio.to_thread(InstanceLock.acquire, database_path(settings))
    try:
        infrastructure = await _build_infrastructure(settings, clock or SystemClock())
        return _assemble(infrastructure, instance_lock, timings or Timings(), wrap)
    except BaseException:  # after any failure the next attempt must find the database unlocked
        instance_lock.release()
        raise


@dataclass(frozen=True, slots=True, kw_only=True)
class _Infrastructure:
    """Parts that the other parts need."""

    settings: Settings
    clock: Clock
    metrics: Metrics
    circuit_breakers: CircuitBreakers
    #: By name, in the operator's order; `circuit_breakers` and `metrics` see each call's outcome.
    providers: Mapping[str, Provider]
    disk_space: DiskSpace
    reserve_file: ReserveFile
    store: SqliteJobStore


async def _build_infrastructure(settings: Settings, clock: Clock) -> _Infrastructure:
    circuit_breakers = CircuitBreakers(settings.video_providers, clock)
    metrics = Metrics(settings.video_providers)
    disk_space = DiskSpace((settings.data_dir, settings.archive_dir), settings.min_free_mib << 20)
    reserve_file = ReserveFile(settings.data_dir / "sorabot.db.ballast")
    return _Infrastructure(
        settings=settings,
        clock=clock,
        metrics=metrics,
        circuit_breakers=circuit_breakers,
        providers={
            name: WatchedProvider(each, circuit_breakers, metrics.count_provider_request)
            for name, each in build_providers(settings, clock).items()
        },
        disk_space=disk_space,
        reserve_file=reserve_file,
        store=await SqliteJobStore.open(
            database_path(settings), disk_space=disk_space, reserve_file=reserve_file
        ),
    )


def _assemble(
    infrastructure: _Infrastructure,
    instance_lock: InstanceLock,
    timings: Timings,
    wrap: Callable[[Dependencies], Dependencies] | None,
) -> App:
    settings, clock = infrastructure.settings, infrastructure.clock
    set_discord_urls(settings.discord_api_url, settings.discord_gateway_url)
    # The publisher needs the connection, and the connection's commands need the jobs: the
    # publisher looks up the connection when it posts.
    publisher = DiscordClipPublisher(lambda: connection.client, clock)
    dependencies = _dependencies(infrastructure, publisher, timings)
    assembly = assemble(dependencies if wrap is None else wrap(dependencies))
    assembly.scheduler.observe_steps(infrastructure.metrics.observe_step)
    assembly.scheduler.add_loop("retention", _retention(infrastructure, assembly.context).run)
    connection = GatewayConnection(
        _client_factory(infrastructure, assembly.jobs, publisher), clock, publisher.pause
    )
    verifiers, transports = build_verifiers(settings, clock)
    webhooks = Webhooks(verifiers, assembly.reconciler.poll_now, clock)
    return App(
        settings=settings,
        connection=connection,
        jobs=assembly.jobs,
        scheduler=assembly.scheduler,
        store=infrastructure.store,
        providers=infrastructure.providers,
        transports=transports,
        health=_health(infrastructure, connection, webhooks),
        watchdog=Watchdog(infrastructure.metrics.observe_loop_lag),
        instance_lock=instance_lock,
    )


def _dependencies(
    infrastructure: _Infrastructure, publisher: DiscordClipPublisher, timings: Timings
) -> Dependencies:
    settings, store = infrastructure.settings, infrastructure.store
    return Dependencies(
        store=store,
        clip_search=SqliteClipSearch(store.database, store.queries),
        outbox=SqliteOutbox(store.database, store.queries),
        guild_store=SqliteGuildSettingsStore(store.database, store.queries),
        archive=FolderArchive(settings.archive_dir),
        publisher=publisher,
        providers=infrastructure.providers,
        health=infrastructure.circuit_breakers,
        quota=QuotaRule.from_settings(settings),
        clock=infrastructure.clock,
        timings=timings,
        data_dir=settings.data_dir,
        max_clip_bytes=settings.max_clip_mib * 1024 * 1024,
        keep_days=settings.keep_clips_days,
        disk_space=infrastructure.disk_space,
    )


def _retention(infrastructure: _Infrastructure, context: WorkerContext) -> RetentionLoop:
    settings, store = infrastructure.settings, infrastructure.store
    days = settings.keep_clips_days
    dependencies = RetentionDependencies(
        retention_store=SqliteRetentionStore(store.database, store.queries),
        archive=context.archive,
        thumbnails=context.thumbnails,
        providers=context.providers,
        pictures=settings.data_dir / "pictures",
        disk_space=context.disk_space,
        reserve_file=infrastructure.reserve_file,
    )
    keep = None if days is None else timedelta(days=days)
    return RetentionLoop(dependencies, context.clock, keep)


def _client_factory(
    infrastructure: _Infrastructure, jobs: JobService, publisher: DiscordClipPublisher
) -> Callable[[], SorabotClient]:
    """Return a function that makes a client with all its commands, a different one each time."""
    settings, metrics = infrastructure.settings, infrastructure.metrics
    pictures = Pictures(settings.data_dir / "pictures")
    instrumentation = RestInstrumentation(
        clock=infrastructure.clock,
        on_first_response=metrics.observe_ack,
        on_rate_limited=metrics.count_rate_limit,
    )
    sync = CommandSync(settings.data_dir / "sorabot.db.commands.json", settings.discord_guild_ids)

    def make_client() -> SorabotClient:
        client = SorabotClient(sync, instrumentation)
        # Each client gets its own cogs: a command stays bound to the group it was added to.
        cogs = (
            GenerateCog(jobs, pictures),
            RemixCog(jobs),
            StatusCog(jobs),
            HistoryCog(jobs),
            AccountCog(jobs),
            ListenersCog(jobs, pictures),
        )
        moderator_cogs = (
            ModQuotaCog(jobs),
            ModBlocksCog(jobs),
            ModUsageCog(jobs),
            ModSettingsCog(),
            ModProviderCog(jobs),
        )
        client.attach_services(
            jobs, pictures, lambda bot: install_cogs(bot, cogs, moderator_cogs), publisher.resume
        )
        return client

    return make_client


def _health(
    infrastructure: _Infrastructure, connection: GatewayConnection, webhooks: Webhooks
) -> HealthServer | None:
    """Return the server of the health pages and webhooks; None when HTTP_BIND is empty."""
    settings, store = infrastructure.settings, infrastructure.store
    if settings.http_bind is None:
        return None

    async def connected() -> bool:
        return connection.client.is_connected()

    gauges = GaugeReader(
        SqliteGauges(store.database, store.queries).read,
        database_path(settings),
        infrastructure.clock,
        circuit_states=lambda: {
            name: str(infrastructure.circuit_breakers.of(name).circuit)
            for name in infrastructure.providers
        },
        connected=connected,
    )

    async def page() -> bytes:
        return infrastructure.metrics.generate_page(await gauges.read())

    checks = (
        partial(check_database, lambda: store.next_due_at(())),
        partial(check_disk, settings.data_dir, settings.min_free_mib << 20),
    )
    return HealthServer(*settings.http_bind, connected, webhooks, checks=checks, metrics=page)


async def check_settings(settings: Settings) -> None:
    """Raise SettingsError unless the data folder is writable and every provider can be built.

    Makes no connection.
    """
    await asyncio.to_thread(_make_folder, settings.data_dir)
    for provider in build_providers(settings, SystemClock()).values():
        await provider.close()


async def migrate(settings: Settings) -> None:
    """Upgrade the database's schema and close it. Raises like `build_app`: no bot may run on it."""
    await asyncio.to_thread(_make_folder, settings.data_dir)
    instance_lock = await asyncio.to_thread(InstanceLock.acquire, database_path(settings))
    try:
        store = await SqliteJobStore.open(database_path(settings))
        await store.close()
    finally:
        instance_lock.release()


async def open_admin_context(settings: Settings) -> AdminContext:
    """Open the existing database for an operator's command; a bot may be running on it.

    Raises StorageError, also when there is no database: an empty one made here would show the
    operator no limits at all.
    """
    path = await asyncio.to_thread(find_database, settings)
    store = await SqliteJobStore.open(path)
    return AdminContext(
        store=store,
        guild_store=SqliteGuildSettingsStore(store.database, store.queries),
        quota=QuotaRule.from_settings(settings),
        clock=SystemClock(),
    )


def _remove_partial_files(data_dir: Path) -> None:
    """Remove files that a killed process left half written; this process has begun none yet."""
    for path in (*(data_dir / "tmp").glob("*"), *(data_dir / "pictures").glob("*.part")):
        with contextlib.suppress(OSError):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()


def database_path(settings: Settings) -> Path:
    """Return the path of the database, which need not exist."""
    return settings.data_dir / "sorabot.db"


def find_database(settings: Settings) -> Path:
    """Return the path of the existing database; blocks. Raises StorageError when there is none."""
    path = database_path(settings)
    try:
        path.stat()
    except OSError as error:
        raise StorageError(
            f"no database at {path}: {error.strerror}; look at DATA_DIR and where you are"
        ) from error
    return path


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe = path / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        problem = f"I can't write to {str(path)!r}: {error.strerror}"
        raise SettingsError("DATA_DIR", problem, "a folder that I may write to") from error
