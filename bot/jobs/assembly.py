"""Builds the service, the reconciler and the scheduler from their dependencies."""

from __future__ import annotations

from dataclasses import dataclass, fields

from bot.jobs.budget import BudgetMonitor
from bot.jobs.catalogue import Catalogue
from bot.jobs.guild_settings_cache import GuildSettingsCache
from bot.jobs.job_status import JobStatusReader
from bot.jobs.library import Library
from bot.jobs.moderation import ModerationService
from bot.jobs.ordering import Ordering
from bot.jobs.ports import Dependencies, TaskKind, Wake
from bot.jobs.provider_admin import ProviderAdmin
from bot.jobs.reconcile import Reconciler
from bot.jobs.scheduler import Scheduler
from bot.jobs.service import JobService
from bot.jobs.status_cards import StatusCards
from bot.jobs.thumbnails import Thumbnails
from bot.jobs.timings import NotFoundDebounce
from bot.jobs.worker_context import WorkerContext
from bot.safety.prompt_gate import PromptGate
from bot.storage.render_journal import RenderJournal


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembly:
    """The parts that other packages call."""

    jobs: JobService
    reconciler: Reconciler
    scheduler: Scheduler
    context: WorkerContext


def assemble(dependencies: Dependencies, wake: Wake | None = None) -> Assembly:
    """Build all parts; nothing runs until the scheduler is started.

    wake  starts a coroutine of the reconciler early; None: the scheduler's own.
    """
    store, clock = dependencies.store, dependencies.clock

    # The service is built before the scheduler and the cards that it calls.
    def wake_task(kind: TaskKind, subject: str) -> None:
        (scheduler.wake if wake is None else wake)(kind, subject)

    def mark_dirty(request_id: int) -> None:
        status_cards.mark_dirty(request_id)

    catalogue = Catalogue(dependencies.providers, dependencies.health, clock)
    settings_cache = GuildSettingsCache(dependencies.guild_store, clock)
    status_reader = JobStatusReader(store, catalogue, clock)
    thumbnails = Thumbnails(store, dependencies.archive, dependencies.data_dir / "stills")
    library = Library(
        dependencies,
        thumbnails=thumbnails,
        catalogue=catalogue,
        status_reader=status_reader,
        wake=wake_task,
        mark_dirty=mark_dirty,
    )
    budget_monitor = BudgetMonitor(dependencies)
    jobs = JobService(
        dependencies,
        library=library,
        moderation=ModerationService(dependencies, settings_cache, budget_monitor),
        budget_monitor=budget_monitor,
        provider_admin=ProviderAdmin(dependencies, settings_cache),
        status_reader=status_reader,
        ordering=Ordering(
            catalogue=catalogue, settings_cache=settings_cache, library=library, gate=PromptGate()
        ),
        catalogue=catalogue,
        settings_cache=settings_cache,
        wake=wake_task,
        mark_dirty=mark_dirty,
    )
    status_cards = StatusCards(jobs.card, dependencies.publisher, clock, dependencies.timings)
    context = WorkerContext(
        **{each.name: getattr(dependencies, each.name) for each in fields(dependencies)},
        status_reader=status_reader,
        thumbnails=thumbnails,
        render_journal=RenderJournal(dependencies.data_dir / "sorabot.db.renders"),
        not_found_debounce=NotFoundDebounce(clock, dependencies.timings.not_found_gap_s),
        catalogue=catalogue,
        settings_cache=settings_cache,
        budget_monitor=budget_monitor,
        wake=wake_task,
        status_cards=status_cards,
    )
    reconciler = Reconciler(context, wake_task)
    scheduler = Scheduler(reconciler, status_cards, clock, dependencies.timings)
    return Assembly(jobs=jobs, reconciler=reconciler, scheduler=scheduler, context=context)
