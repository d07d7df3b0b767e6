"""The fuse box: the only file that names concrete classes and joins them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from bot.archive.folder import FolderArchive
from bot.chat.client import SorabotClient, point_at
from bot.chat.courier import DiscordCourier
from bot.chat.line import Line
from bot.chat.pictures import Pictures
from bot.chat.syncing import CommandSync
from bot.chat.watch import Watch
from bot.clock import Clock, SystemClock
from bot.errors import SettingsError, StorageError
from bot.jobs.engine import Engine
from bot.jobs.pace import Pace
from bot.jobs.service import JobService
from bot.jobs.tidying import Leftovers, Tidying
from bot.jobs.tools import Tools
from bot.jobs.workshop import Ports, Workshop, build_workshop
from bot.obs.metrics import Metrics
from bot.obs.watchdog import Watchdog
from bot.providers.base import Provider
from bot.providers.health import HealthBook
from bot.providers.registry import build_providers, build_verifiers
from bot.providers.transport import Transport
from bot.providers.watched import WatchedProvider
from bot.quota.rule import QuotaRule
from bot.settings import Settings
from bot.storage.ballast import Ballast
from bot.storage.guard import Guard
from bot.storage.room import Room
from bot.storage.sqlite_errands import SqliteErrands
from bot.storage.sqlite_figures import SqliteFigures
from bot.storage.sqlite_keeping import SqliteKeeping
from bot.storage.sqlite_leavings import SqliteLeavings
from bot.storage.sqlite_shelf import SqliteShelf
from bot.storage.store import SqliteStore
from bot.web.figures import FigureReader
from bot.web.health import HealthServer
from bot.web.readiness import database_check, disk_check
from bot.web.webhooks import Webhooks
from cogs.account import Account
from cogs.generate import Generate
from cogs.group import install
from cogs.history import History
from cogs.mod_order import ModOrder
from cogs.mod_provider import ModProvider
from cogs.mod_quota import ModQuota
from cogs.mod_settings import ModSettings
from cogs.mod_usage import ModUsage
from cogs.remix import Remix
from cogs.replies import Replies
from cogs.status import Status

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """All parts of a running bot, joined; nothing runs until `start`."""

    settings: Settings
    line: Line
    jobs: JobService
    engine: Engine
    store: SqliteStore
    providers: Mapping[str, Provider]
    #: Ways to keys that others publish.
    transports: Sequence[Transport]
    health: HealthServer | None
    watchdog: Watchdog
    #: Keeps a second bot off the database.
    guard: Guard

    @property
    def client(self) -> SorabotClient:
        """The client to use now: another one when its connection broke for good."""
        return self.line.client

    async def start(self) -> None:
        """Begin to work on jobs. Call before the client connects: see `jobs.engine.Engine`."""
        await asyncio.to_thread(_tidy, self.settings.data_dir)
        await self.engine.start()
        self.watchdog.start()
        if self.health is not None:
            await self.health.start()

    async def close(self) -> None:
        """Let work under way finish, then close everything; idempotent."""
        await self.engine.stop()
        await self.line.close()
        self.watchdog.stop()
        if self.health is not None:
            await self.health.stop()
        for each in (*self.providers.values(), *self.transports):
            await each.close()
        await self.store.close()
        self.guard.release()


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What limits are kept with, without the rest of the bot; whoever opens it closes `store`."""

    store: SqliteStore
    keeping: SqliteKeeping
    quota: QuotaRule
    clock: Clock


async def build_app(
    settings: Settings,
    *,
    clock: Clock | None = None,
    pace: Pace | None = None,
    wrap: Callable[[Ports], Ports] | None = None,
) -> App:
    """Join the parts of a bot as `settings` say.

    clock, pace  the system's clock and the usual waiting times unless given.
    wrap         returns what the workshop works with in place of its ports.
    Raises SettingsError for settings that can't be met and StorageError for a database that
    can't be opened, or on which a bot runs already.
    """
    await asyncio.to_thread(_make_folder, settings.data_dir)
    guard = await asyncio.to_thread(Guard.hold, database_of(settings))
    try:
        ground = await _lay_ground(settings, SystemClock() if clock is None else clock)
        return _join(ground, guard, Pace() if pace is None else pace, wrap)
    except BaseException:  # whatever it was, another try must find the database free
        guard.release()
        raise


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ground:
    """What the other parts stand on."""

    settings: Settings
    clock: Clock
    metrics: Metrics
    #: How the video APIs are doing.
    book: HealthBook
    #: By name, in the operator's order; each tells `book` and `metrics` what came of a call.
    providers: Mapping[str, Provider]
    room: Room
    ballast: Ballast
    store: SqliteStore


async def _lay_ground(settings: Settings, clock: Clock) -> _Ground:
    book = HealthBook(settings.video_providers, clock)
    built = build_providers(settings, clock)
    metrics = Metrics(settings.video_providers)
    room = Room((settings.data_dir, settings.archive_dir), settings.min_free_mib << 20)
    ballast = Ballast(settings.data_dir / "sorabot.db.ballast")
    return _Ground(
        settings=settings,
        clock=clock,
        metrics=metrics,
        book=book,
        providers={
            name: WatchedProvider(each, book, metrics.requested) for name, each in built.items()
        },
        room=room,
        ballast=ballast,
        store=await SqliteStore.open(database_of(settings), room=room, ballast=ballast),
    )


def _join(ground: _Ground, guard: Guard, pace: Pace, wrap: Callable[[Ports], Ports] | None) -> App:
    settings, clock = ground.settings, ground.clock
    point_at(settings.discord_api_url, settings.discord_gateway_url)
    # The courier posts by the line, which comes after the jobs that it brings commands to.
    courier = DiscordCourier(lambda: line.client, clock)
    ports = _ports(ground, courier, pace)
    workshop = _workshop(ground, ports if wrap is None else wrap(ports))
    line = Line(_client_maker(ground, workshop.jobs, courier), clock, courier.shut)
    verifiers, transports = build_verifiers(settings, clock)
    webhooks = Webhooks(verifiers, workshop.flow.hasten, clock)
    return App(
        settings=settings,
        line=line,
        jobs=workshop.jobs,
        engine=workshop.engine,
        store=ground.store,
        providers=ground.providers,
        transports=transports,
        health=_health(ground, line, webhooks),
        watchdog=Watchdog(ground.metrics.lagged),
        guard=guard,
    )


def _ports(ground: _Ground, courier: DiscordCourier, pace: Pace) -> Ports:
    settings, store = ground.settings, ground.store
    return Ports(
        store=store,
        shelf=SqliteShelf(store.database, store.queries),
        errands=SqliteErrands(store.database, store.queries),
        keeping=SqliteKeeping(store.database, store.queries),
        archive=FolderArchive(settings.archive_dir),
        courier=courier,
        providers=ground.providers,
        health=ground.book,
        quota=QuotaRule.from_settings(settings),
        clock=ground.clock,
        pace=pace,
        data_dir=settings.data_dir,
        max_clip_bytes=settings.max_clip_mib * 1024 * 1024,
        keep_days=settings.keep_clips_days,
        room=ground.room,
    )


def _workshop(ground: _Ground, ports: Ports) -> Workshop:
    workshop = build_workshop(ports)
    workshop.engine.report_to(ground.metrics.step)
    workshop.engine.add_loop("tidying", _tidying(ground, workshop.tools).run)
    return workshop


def _tidying(ground: _Ground, tools: Tools) -> Tidying:
    days = ground.settings.keep_clips_days
    leftovers = Leftovers(
        leavings=SqliteLeavings(ground.store.database, ground.store.queries),
        archive=tools.archive,
        stills=tools.stills,
        providers=tools.providers,
        pictures=ground.settings.data_dir / "pictures",
        room=tools.room,
        ballast=ground.ballast,
    )
    return Tidying(leftovers, tools.clock, None if days is None else timedelta(days=days))


def _client_maker(
    ground: _Ground, jobs: JobService, courier: DiscordCourier
) -> Callable[[], SorabotClient]:
    """Return what makes a client with all its commands, each time another one."""
    settings, metrics = ground.settings, ground.metrics
    pictures = Pictures(settings.data_dir / "pictures")
    watch = Watch(clock=ground.clock, answered=metrics.answered, limited=metrics.limited)
    sync = CommandSync(settings.data_dir / "sorabot.db.commands.json", settings.discord_guild_ids)

    def fresh_client() -> SorabotClient:
        client = SorabotClient(sync, watch)
        # A command knows the group that it was once added to: each client has cogs of its own.
        cogs = (
            Generate(jobs, pictures),
            Remix(jobs),
            Status(jobs),
            History(jobs),
            Account(jobs),
            Replies(jobs, pictures),
        )
        keepers = (ModQuota(jobs), ModOrder(jobs), ModUsage(jobs), ModSettings(), ModProvider(jobs))
        client.use(jobs, pictures, lambda bot: install(bot, cogs, keepers), courier.open)
        return client

    return fresh_client


def _health(ground: _Ground, line: Line, webhooks: Webhooks) -> HealthServer | None:
    """Return the server of the health pages and webhooks; None where the settings want none."""
    settings, store = ground.settings, ground.store
    if settings.http_bind is None:
        return None

    async def connected() -> bool:
        return line.client.is_connected()

    figures = FigureReader(
        SqliteFigures(store.database, store.queries).take,
        database_of(settings),
        ground.clock,
        conditions=lambda: {name: str(ground.book.of(name).condition) for name in ground.providers},
        connected=connected,
    )

    async def page() -> bytes:
        return ground.metrics.render(await figures.take())

    checks = (
        database_check(lambda: store.next_due_at(())),
        disk_check(settings.data_dir, settings.min_free_mib << 20),
    )
    return HealthServer(*settings.http_bind, connected, webhooks, checks=checks, metrics=page)


async def check(settings: Settings) -> None:
    """Return if what the settings name can be had, as far as that shows without a connection.

    Raises SettingsError.
    """
    await asyncio.to_thread(_make_folder, settings.data_dir)
    for provider in build_providers(settings, SystemClock()).values():
        await provider.close()


async def migrate(settings: Settings) -> None:
    """Bring the database up to date and close it; no bot may run on it. Raises as `build_app`."""
    await asyncio.to_thread(_make_folder, settings.data_dir)
    guard = await asyncio.to_thread(Guard.hold, database_of(settings))
    try:
        store = await SqliteStore.open(database_of(settings))
        await store.close()
    finally:
        guard.release()


async def open_desk(settings: Settings) -> Desk:
    """Open the limits in the database that is there; a bot may be running on it.

    Raises StorageError, also where there is none: made anew, it would tell of no limits at all.
    """
    path = await asyncio.to_thread(find_database, settings)
    store = await SqliteStore.open(path)
    return Desk(
        store=store,
        keeping=SqliteKeeping(store.database, store.queries),
        quota=QuotaRule.from_settings(settings),
        clock=SystemClock(),
    )


def _tidy(data_dir: Path) -> None:
    """Remove what a killed process left half done; nothing of this one is under way yet."""
    for path in (*(data_dir / "tmp").glob("*"), *(data_dir / "pictures").glob("*.part")):
        with contextlib.suppress(OSError):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()


def database_of(settings: Settings) -> Path:
    """Return where the database is, or will be."""
    return settings.data_dir / "sorabot.db"


def find_database(settings: Settings) -> Path:
    """Return where the database is; blocks. Raises StorageError where there is none."""
    path = database_of(settings)
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
