"""The fuse box: the only file that names concrete classes and joins them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bot.archive.folder import FolderArchive
from bot.chat.client import SorabotClient, point_at
from bot.chat.courier import DiscordCourier
from bot.chat.pictures import Pictures
from bot.clock import Clock, SystemClock
from bot.errors import SettingsError, StorageError
from bot.jobs.board import Board
from bot.jobs.catalogue import Catalogue
from bot.jobs.engine import Engine
from bot.jobs.flow import Flow
from bot.jobs.keeper import Keeper
from bot.jobs.library import Library
from bot.jobs.ordering import Ordering
from bot.jobs.pace import Pace
from bot.jobs.ports import Kind
from bot.jobs.service import JobService
from bot.jobs.statuses import Statuses
from bot.jobs.stills import Stills
from bot.jobs.tools import Tools
from bot.providers.base import Provider
from bot.providers.registry import build_providers
from bot.quota.rule import QuotaRule
from bot.safety.gate import PromptGate
from bot.settings import Settings
from bot.storage.sqlite_errands import SqliteErrands
from bot.storage.sqlite_keeping import SqliteKeeping
from bot.storage.sqlite_shelf import SqliteShelf
from bot.storage.store import SqliteStore
from bot.web.health import HealthServer
from cogs.account import Account
from cogs.generate import Generate
from cogs.group import install
from cogs.history import History
from cogs.mod_order import ModOrder
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
    client: SorabotClient
    jobs: JobService
    engine: Engine
    store: SqliteStore
    providers: Mapping[str, Provider]
    health: HealthServer | None

    async def start(self) -> None:
        """Begin to work on jobs. Call before the client connects: see `jobs.engine.Engine`."""
        await asyncio.to_thread(_tidy, self.settings.data_dir)
        await self.engine.start()
        if self.health is not None:
            await self.health.start()

    async def close(self) -> None:
        """Let work under way finish, then close everything; idempotent."""
        await self.engine.stop()
        if not self.client.is_closed():
            await self.client.close()
        if self.health is not None:
            await self.health.stop()
        for provider in self.providers.values():
            await provider.close()
        await self.store.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What limits are kept with, without the rest of the bot; whoever opens it closes `store`."""

    store: SqliteStore
    keeping: SqliteKeeping
    quota: QuotaRule
    clock: Clock


async def build_app(
    settings: Settings, *, clock: Clock | None = None, pace: Pace | None = None
) -> App:
    """Join the parts of a bot as `settings` say.

    clock, pace  the system's clock and the usual waiting times unless given.
    Raises SettingsError for settings that can't be met and StorageError for a database that
    can't be opened.
    """
    clock = SystemClock() if clock is None else clock
    pace = Pace() if pace is None else pace
    providers = build_providers(settings, clock)
    await asyncio.to_thread(_make_folder, settings.data_dir)
    store = await SqliteStore.open(_database(settings))
    point_at(settings.discord_api_url, settings.discord_gateway_url)
    client = SorabotClient(guild_ids=settings.discord_guild_ids)
    courier = DiscordCourier(client, clock)
    catalogue = Catalogue(providers)
    archive = FolderArchive(settings.archive_dir)
    errands = SqliteErrands(store.database, store.queries)
    keeping = SqliteKeeping(store.database, store.queries)
    quota = QuotaRule.from_settings(settings)
    statuses = Statuses(store, catalogue, clock)
    stills = Stills(store, archive, settings.data_dir / "stills")

    # The service comes before what it sets going: these two close the circle.
    def kick(kind: Kind, subject: str) -> None:
        engine.kick(kind, subject)

    def touch(request_id: int) -> None:
        board.touch(request_id)

    library = Library(
        store=store,
        shelf=SqliteShelf(store.database, store.queries),
        errands=errands,
        keeping=keeping,
        stills=stills,
        catalogue=catalogue,
        statuses=statuses,
        clock=clock,
        kick=kick,
        touch=touch,
    )
    jobs = JobService(
        store=store,
        library=library,
        keeper=Keeper(keeping=keeping, store=store, errands=errands, quota=quota, clock=clock),
        statuses=statuses,
        ordering=Ordering(catalogue=catalogue, keeping=keeping, library=library, gate=PromptGate()),
        catalogue=catalogue,
        quota=quota,
        clock=clock,
        kick=kick,
        touch=touch,
    )
    board = Board(jobs.card, courier, clock, pace)
    tools = Tools(
        store=store,
        errands=errands,
        keeping=keeping,
        statuses=statuses,
        stills=stills,
        clock=clock,
        providers=providers,
        archive=archive,
        courier=courier,
        board=board,
        pace=pace,
        temp_dir=settings.data_dir / "tmp",
        max_clip_bytes=settings.max_clip_mib * 1024 * 1024,
    )
    engine = Engine(Flow(tools, kick), board, clock, pace)
    pictures = Pictures(settings.data_dir / "pictures")
    cogs = (
        Generate(jobs, pictures),
        Remix(jobs),
        Status(jobs),
        History(jobs),
        Account(jobs),
        Replies(jobs, pictures),
    )
    keepers = (ModQuota(jobs), ModOrder(jobs), ModUsage(jobs), ModSettings())
    client.use(jobs, pictures, lambda bot: install(bot, cogs, keepers), courier.open)

    async def ready() -> bool:
        await store.next_due_at(())
        return client.is_connected()

    health = None if settings.http_bind is None else HealthServer(*settings.http_bind, ready)
    return App(
        settings=settings,
        client=client,
        jobs=jobs,
        engine=engine,
        store=store,
        providers=providers,
        health=health,
    )


async def check(settings: Settings) -> None:
    """Return if what the settings name can be had, as far as that shows without a connection.

    Raises SettingsError.
    """
    await asyncio.to_thread(_make_folder, settings.data_dir)
    for provider in build_providers(settings, SystemClock()).values():
        await provider.close()


async def migrate(settings: Settings) -> None:
    """Bring the database up to date and close it. Raises as `build_app`."""
    await asyncio.to_thread(_make_folder, settings.data_dir)
    store = await SqliteStore.open(_database(settings))
    await store.close()


async def open_desk(settings: Settings) -> Desk:
    """Open the limits in the database that is there; a bot may be running on it.

    Raises StorageError, also where there is none: made anew, it would tell of no limits at all.
    """
    path = _database(settings)
    try:
        await asyncio.to_thread(path.stat)
    except OSError as error:
        raise StorageError(
            f"no database at {path}: {error.strerror}; look at DATA_DIR and where you are"
        ) from error
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


def _database(settings: Settings) -> Path:
    return settings.data_dir / "sorabot.db"


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe = path / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        problem = f"I can't write to {str(path)!r}: {error.strerror}"
        raise SettingsError("DATA_DIR", problem, "a folder that I may write to") from error
