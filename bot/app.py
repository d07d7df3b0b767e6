"""The composition root: the only module that makes the bot's parts and joins them."""

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
from bot.obs.metrics import Metrics
from bot.obs.watchdog import Watchdog
from bot.providers.base import Provider
from bot.providers.health import CircuitBreakers
from bot.providers.http.transport import Transport
from bot.providers.registry import build_providers, build_verifiers
from bot.providers.watched import WatchedProvider
from bot.quota.guild_trust import GuildTrust
from bot.quota.rule import QuotaRule
from bot.settings import Settings
from bot.storage.disk_space import DiskSpace
from bot.storage.instance_lock import InstanceLock
from bot.storage.private_folder import make_private
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
from cogs.guilds import GuildsCog
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
    """All parts of a running bot, joined; no task runs before `start`."""

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
        """The Discord client in use; a new one replaces a client whose connection failed for good."""
        return self.connection.client

    async def start(self) -> None:
        """Start the scheduler, the watchdog and the health pages, before the client connects."""
        await asyncio.to_thread(_remove_partial_files, self.settings.data_dir)
        await self.scheduler.start()
        self.watchdog.start()
        if self.health is not None:
            await self.health.start()

    async def close(self) -> None:
        """Let running steps of jobs finish, then close all parts; a second call does nothing more."""
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
    """The parts of a bot that the operator's commands use; the caller closes `store`."""

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
    """Build a bot from `settings`; its tasks start with `App.start`.

    wrap  replaces some of the dependencies; tests use it.
    Raises SettingsError for settings that can't be used, and StorageError when the database can't
    be opened or another bot runs on it.
    """
    await asyncio.to_thread(_make_folder, settings.data_dir)
    instance_lock = await asyncio.to_thread(InstanceLock.acquire, database_path(settings))
    try:
        return await _build(
            settings, clock or SystemClock(), timings or Timings(), wrap, instance_lock
        )
    except BaseException:  # after any failure the next attempt must find the database unlocked
        instance_lock.release()
        raise


async def _build(
    settings: Settings,
    clock: Clock,
    timings: Timings,
    wrap: Callable[[Dependencies], Dependencies] | None,
    instance_lock: InstanceLock,
) -> App:
    data_dir, min_free_bytes = settings.data_dir, settings.min_free_mib << 20
    breakers = CircuitBreakers(settings.video_providers, clock)
    metrics = Metrics(settings.video_providers)
    disk_space = DiskSpace((data_dir, settings.archive_dir), min_free_bytes)
    reserve_file = ReserveFile(data_dir / "sorabot.db.ballast")
    built = build_providers(settings, clock)
    providers = {
        name: WatchedProvider(each, breakers, metrics.count_provider_request)
        for name, each in built.items()
    }
    store = await SqliteJobStore.open(
        database_path(settings), disk_space=disk_space, reserve_file=reserve_file
    )
    database, queries = store.database, store.queries
    set_discord_urls(settings.discord_api_url, settings.discord_gateway_url)
    # The publisher needs the connection, and the connection's commands need the jobs: the
    # publisher looks up the connection when it posts.
    publisher = DiscordClipPublisher(lambda: connection.client, clock)
    # `guilds` copies its dictionary in one step, so the database's thread may read it, too.
    trust = GuildTrust(
        settings.trusted_guild_ids, lambda: [each.id for each in connection.client.guilds]
    )
    dependencies = Dependencies(
        store=store,
        clip_search=SqliteClipSearch(database, queries),
        outbox=SqliteOutbox(database, queries),
        guild_store=SqliteGuildSettingsStore(database, queries),
        archive=FolderArchive(settings.archive_dir),
        publisher=publisher,
        providers=providers,
        health=breakers,
        quota=QuotaRule.from_settings(settings, trust),
        clock=clock,
        timings=timings,
        data_dir=data_dir,
        max_clip_bytes=settings.max_clip_mib << 20,
        keep_days=settings.keep_clips_days,
        disk_space=disk_space,
    )
    assembly = assemble(dependencies if wrap is None else wrap(dependencies))
    context = assembly.context
    retention = RetentionDependencies(
        retention_store=SqliteRetentionStore(database, queries),
        archive=context.archive,
        thumbnails=context.thumbnails,
        providers=context.providers,
        pictures=data_dir / "pictures",
        disk_space=context.disk_space,
        reserve_file=reserve_file,
    )
    days = settings.keep_clips_days
    keep = None if days is None else timedelta(days=days)
    assembly.scheduler.observe_steps(metrics.observe_step)
    assembly.scheduler.add_loop("retention", RetentionLoop(retention, context.clock, keep).run)
    make_client = _client_factory(settings, clock, metrics, assembly.jobs, publisher)
    connection = GatewayConnection(make_client, clock, publisher.pause)
    verifiers, transports = build_verifiers(settings, clock)
    webhooks = Webhooks(verifiers, assembly.reconciler.poll_now, clock)

    async def connected() -> bool:
        return connection.client.is_connected()

    gauges = GaugeReader(
        SqliteGauges(database, queries).read,
        database_path(settings),
        clock,
        circuit_states=lambda: {name: str(breakers.of(name).circuit) for name in providers},
        connected=connected,
    )

    async def page() -> bytes:
        return metrics.generate_page(await gauges.read())

    checks = (
        partial(check_database, lambda: store.next_due_at(())),
        partial(check_disk, data_dir, min_free_bytes),
    )
    return App(
        settings=settings,
        connection=connection,
        jobs=assembly.jobs,
        scheduler=assembly.scheduler,
        store=store,
        providers=providers,
        transports=transports,
        health=None
        if settings.http_bind is None
        else HealthServer(*settings.http_bind, connected, webhooks, checks=checks, metrics=page),
        watchdog=Watchdog(metrics.observe_loop_lag),
        instance_lock=instance_lock,
    )


def _client_factory(
    settings: Settings,
    clock: Clock,
    metrics: Metrics,
    jobs: JobService,
    publisher: DiscordClipPublisher,
) -> Callable[[], SorabotClient]:
    """Return a function that makes a new client with all commands at each call."""
    pictures = Pictures(settings.data_dir / "pictures")
    instrumentation = RestInstrumentation(
        clock=clock, on_first_response=metrics.observe_ack, on_rate_limited=metrics.count_rate_limit
    )
    sync = CommandSync(settings.data_dir / "sorabot.db.commands.json", settings.discord_guild_ids)

    def make_client() -> SorabotClient:
        client = SorabotClient(sync, instrumentation)
        # Each client gets its own cogs, because a command stays bound to its first command group.
        cogs = (
            GenerateCog(jobs, pictures),
            RemixCog(jobs),
            StatusCog(jobs),
            HistoryCog(jobs),
            AccountCog(jobs),
            ListenersCog(jobs, pictures),
            GuildsCog(client, settings.allowed_guild_ids),
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


async def check_settings(settings: Settings) -> None:
    """Raise SettingsError unless the data folder is writable and every provider can be built.

    Makes no connection.
    """
    await asyncio.to_thread(_make_folder, settings.data_dir)
    for provider in build_providers(settings, SystemClock()).values():
        await provider.close()


async def migrate(settings: Settings) -> None:
    """Upgrade the schema of the database. Raises StorageError, also while a bot runs on it."""
    await asyncio.to_thread(_make_folder, settings.data_dir)
    instance_lock = await asyncio.to_thread(InstanceLock.acquire, database_path(settings))
    try:
        store = await SqliteJobStore.open(database_path(settings))
        await store.close()
    finally:
        instance_lock.release()


async def open_admin_context(settings: Settings) -> AdminContext:
    """Open the existing database for an operator's command; a bot may be running on it.

    Raises StorageError, also when there is no database: the limits of an empty one that is made
    for the command would mislead the operator.
    """
    path = await asyncio.to_thread(find_database, settings)
    store = await SqliteJobStore.open(path)
    return AdminContext(
        store=store,
        guild_store=SqliteGuildSettingsStore(store.database, store.queries),
        # The command knows no list of guilds: with none listed it takes all as trusted.
        quota=QuotaRule.from_settings(
            settings, lambda guild_id: guild_id in (settings.trusted_guild_ids or (guild_id,))
        ),
        clock=SystemClock(),
    )


def _remove_partial_files(data_dir: Path) -> None:
    """Remove temporary files that a killed process left behind, before this process writes any."""
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
        make_private(path)
        probe = path / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        problem = f"I can't write to {str(path)!r}: {error.strerror}"
        raise SettingsError("DATA_DIR", problem, "a folder that I may write to") from error
