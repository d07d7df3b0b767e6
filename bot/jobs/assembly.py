"""The workshop, put together: whoever has the ports gets the service, the flow and the engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bot.archive.base import Archive
from bot.clock import Clock
from bot.jobs.budget import BudgetMonitor
from bot.jobs.catalogue import Catalogue
from bot.jobs.guild_settings_cache import GuildSettingsCache
from bot.jobs.job_status import JobStatusReader
from bot.jobs.library import Library
from bot.jobs.moderation import ModerationService
from bot.jobs.ordering import Ordering
from bot.jobs.ports import ClipPublisher, TaskKind, Wake
from bot.jobs.provider_admin import ProviderAdmin
from bot.jobs.reconcile import Reconciler
from bot.jobs.scheduler import Scheduler
from bot.jobs.service import JobService
from bot.jobs.status_cards import StatusCards
from bot.jobs.thumbnails import Thumbnails
from bot.jobs.timings import NotFoundDebounce, Timings
from bot.jobs.worker_context import WorkerContext
from bot.providers.base import Provider
from bot.providers.health import CircuitBreakers
from bot.quota.rule import QuotaRule
from bot.safety.prompt_gate import PromptGate
from bot.storage.base import JobStore
from bot.storage.clip_search import ClipSearch
from bot.storage.disk_space import DiskSpace
from bot.storage.guild_settings import GuildSettingsStore
from bot.storage.outbox import Outbox


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependencies:
    """All that the workshop needs of the world outside."""

    store: JobStore
    clip_search: ClipSearch
    outbox: Outbox
    guild_store: GuildSettingsStore
    archive: Archive
    publisher: ClipPublisher
    #: By name, in the operator's order.
    providers: Mapping[str, Provider]
    health: CircuitBreakers
    quota: QuotaRule
    clock: Clock
    timings: Timings
    #: For what is on its way, in folders of its own.
    data_dir: Path
    #: Larger files are not taken from a provider, in bytes.
    max_clip_bytes: int
    #: How long a posted clip's file is kept; None: for ever.
    keep_days: int | None = None
    #: The space on the disks; unless given, there is always enough.
    disk_space: DiskSpace = field(default_factory=DiskSpace)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembly:
    """The parts that others call."""

    jobs: JobService
    reconciler: Reconciler
    scheduler: Scheduler
    context: WorkerContext


def assemble(dependencies: Dependencies, wake: Wake | None = None) -> Assembly:
    """Join the parts; nothing runs until the engine is started.

    kick  starts a coroutine of the flow early; None: the engine's own.
    """
    store, clock, guild_store = dependencies.store, dependencies.clock, dependencies.guild_store

    # The service comes before what it sets going: these two close the circle.
    def kicked(kind: TaskKind, subject: str) -> None:
        (engine.wake if wake is None else wake)(kind, subject)

    def touch(request_id: int) -> None:
        status_cards.mark_dirty(request_id)

    catalogue = Catalogue(dependencies.providers, dependencies.health, clock)
    settings_cache = GuildSettingsCache(guild_store, clock)
    statuses = JobStatusReader(store, catalogue, clock)
    thumbnails = Thumbnails(store, dependencies.archive, dependencies.data_dir / "stills")
    library = Library(
        store=store,
        clip_search=dependencies.clip_search,
        outbox=dependencies.outbox,
        guild_store=guild_store,
        thumbnails=thumbnails,
        catalogue=catalogue,
        status_reader=statuses,
        clock=clock,
        wake=kicked,
        mark_dirty=touch,
        keep_days=dependencies.keep_days,
    )
    budget_monitor = BudgetMonitor(
        guild_store=guild_store,
        store=store,
        outbox=dependencies.outbox,
        quota=dependencies.quota,
        clock=clock,
    )
    jobs = JobService(
        store=store,
        library=library,
        moderation=ModerationService(
            guild_store=guild_store,
            settings_cache=settings_cache,
            store=store,
            budget_monitor=budget_monitor,
            quota=dependencies.quota,
            clock=clock,
        ),
        budget_monitor=budget_monitor,
        provider_admin=ProviderAdmin(
            providers=dependencies.providers,
            health=dependencies.health,
            settings_cache=settings_cache,
            guild_store=guild_store,
            store=store,
            clock=clock,
        ),
        status_reader=statuses,
        ordering=Ordering(
            catalogue=catalogue, settings_cache=settings_cache, library=library, gate=PromptGate()
        ),
        catalogue=catalogue,
        quota=dependencies.quota,
        settings_cache=settings_cache,
        clock=clock,
        wake=kicked,
        mark_dirty=touch,
    )
    status_cards = StatusCards(jobs.card, dependencies.publisher, clock, dependencies.timings)
    context = WorkerContext(
        store=store,
        outbox=dependencies.outbox,
        guild_store=guild_store,
        status_reader=statuses,
        thumbnails=thumbnails,
        clock=clock,
        providers=dependencies.providers,
        health=dependencies.health,
        not_found_debounce=NotFoundDebounce(clock, dependencies.timings.not_found_gap_s),
        catalogue=catalogue,
        settings_cache=settings_cache,
        quota=dependencies.quota,
        budget_monitor=budget_monitor,
        wake=kicked,
        archive=dependencies.archive,
        publisher=dependencies.publisher,
        status_cards=status_cards,
        timings=dependencies.timings,
        temp_dir=dependencies.data_dir / "tmp",
        max_clip_bytes=dependencies.max_clip_bytes,
        disk_space=dependencies.disk_space,
    )
    reconciler = Reconciler(context, kicked)
    engine = Scheduler(reconciler, status_cards, clock, dependencies.timings)
    return Assembly(jobs=jobs, reconciler=reconciler, scheduler=engine, context=context)
