"""Builds the service, the reconciler and the scheduler from their dependencies."""

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
    clock, timings = dependencies.clock, dependencies.timings

    # The context is built before the scheduler that its `wake` calls.
    def wake_task(kind: TaskKind, subject: str) -> None:
        (scheduler.wake if wake is None else wake)(kind, subject)

    catalogue = Catalogue(dependencies.providers, dependencies.health, clock)
    status_reader = JobStatusReader(dependencies.store, catalogue, clock)
    status_cards = StatusCards(status_reader.card, dependencies.publisher, clock, timings)
    context = WorkerContext(
        **{each.name: getattr(dependencies, each.name) for each in fields(dependencies)},
        status_reader=status_reader,
        thumbnails=Thumbnails(
            dependencies.store, dependencies.archive, dependencies.data_dir / "stills"
        ),
        render_journal=RenderJournal(dependencies.data_dir / "sorabot.db.renders"),
        not_found_debounce=NotFoundDebounce(clock, timings.not_found_gap_s),
        catalogue=catalogue,
        settings_cache=GuildSettingsCache(dependencies.guild_store, clock),
        budget_monitor=BudgetMonitor(dependencies),
        wake=wake_task,
        status_cards=status_cards,
    )
    library = Library(context)
    jobs = JobService(
        context,
        library=library,
        ordering=Ordering(context, library),
        moderation=ModerationService(context),
        provider_admin=ProviderAdmin(context),
    )
    reconciler = Reconciler(context)
    scheduler = Scheduler(reconciler, status_cards, clock, timings)
    return Assembly(jobs=jobs, reconciler=reconciler, scheduler=scheduler, context=context)
