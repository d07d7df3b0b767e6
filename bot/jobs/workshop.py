"""The workshop, put together: whoever has the ports gets the service, the flow and the engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bot.archive.base import Archive
from bot.clock import Clock
from bot.jobs.absences import Absences
from bot.jobs.board import Board
from bot.jobs.catalogue import Catalogue
from bot.jobs.engine import Engine
from bot.jobs.flow import Flow
from bot.jobs.houses import Houses
from bot.jobs.keeper import Keeper
from bot.jobs.kitchens import Kitchens
from bot.jobs.library import Library
from bot.jobs.ordering import Ordering
from bot.jobs.pace import Pace
from bot.jobs.ports import Courier, Kick, Kind
from bot.jobs.service import JobService
from bot.jobs.statuses import Statuses
from bot.jobs.stills import Stills
from bot.jobs.tools import Tools
from bot.jobs.treasurer import Treasurer
from bot.providers.base import Provider
from bot.providers.health import HealthBook
from bot.quota.rule import QuotaRule
from bot.safety.gate import PromptGate
from bot.storage.base import Store
from bot.storage.errands import Errands
from bot.storage.keeping import Keeping
from bot.storage.room import Room
from bot.storage.shelf import Shelf


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """All that the workshop needs of the world outside."""

    store: Store
    shelf: Shelf
    errands: Errands
    keeping: Keeping
    archive: Archive
    courier: Courier
    #: By name, in the operator's order.
    providers: Mapping[str, Provider]
    health: HealthBook
    quota: QuotaRule
    clock: Clock
    pace: Pace
    #: For what is on its way, in folders of its own.
    data_dir: Path
    #: Larger files are not taken from a provider, in bytes.
    max_clip_bytes: int
    #: How long a posted clip's file is kept; None: for ever.
    keep_days: int | None = None
    #: The space on the disks; unless given, there is always enough.
    room: Room = field(default_factory=Room)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """The parts that others call."""

    jobs: JobService
    flow: Flow
    engine: Engine
    tools: Tools


def build_workshop(ports: Ports, kick: Kick | None = None) -> Workshop:
    """Join the parts; nothing runs until the engine is started.

    kick  starts a coroutine of the flow early; None: the engine's own.
    """
    store, clock, keeping = ports.store, ports.clock, ports.keeping

    # The service comes before what it sets going: these two close the circle.
    def kicked(kind: Kind, subject: str) -> None:
        (engine.kick if kick is None else kick)(kind, subject)

    def touch(request_id: int) -> None:
        board.touch(request_id)

    catalogue = Catalogue(ports.providers, ports.health, clock)
    houses = Houses(keeping, clock)
    statuses = Statuses(store, catalogue, clock)
    stills = Stills(store, ports.archive, ports.data_dir / "stills")
    library = Library(
        store=store,
        shelf=ports.shelf,
        errands=ports.errands,
        keeping=keeping,
        stills=stills,
        catalogue=catalogue,
        statuses=statuses,
        clock=clock,
        kick=kicked,
        touch=touch,
        keep_days=ports.keep_days,
    )
    treasurer = Treasurer(
        keeping=keeping, store=store, errands=ports.errands, quota=ports.quota, clock=clock
    )
    jobs = JobService(
        store=store,
        library=library,
        keeper=Keeper(
            keeping=keeping,
            houses=houses,
            store=store,
            treasurer=treasurer,
            quota=ports.quota,
            clock=clock,
        ),
        treasurer=treasurer,
        kitchens=Kitchens(
            providers=ports.providers,
            health=ports.health,
            houses=houses,
            keeping=keeping,
            store=store,
            clock=clock,
        ),
        statuses=statuses,
        ordering=Ordering(catalogue=catalogue, houses=houses, library=library, gate=PromptGate()),
        catalogue=catalogue,
        quota=ports.quota,
        houses=houses,
        clock=clock,
        kick=kicked,
        touch=touch,
    )
    board = Board(jobs.card, ports.courier, clock, ports.pace)
    tools = Tools(
        store=store,
        errands=ports.errands,
        keeping=keeping,
        statuses=statuses,
        stills=stills,
        clock=clock,
        providers=ports.providers,
        health=ports.health,
        absences=Absences(clock, ports.pace.missing_gap_s),
        catalogue=catalogue,
        houses=houses,
        quota=ports.quota,
        treasurer=treasurer,
        kick=kicked,
        archive=ports.archive,
        courier=ports.courier,
        board=board,
        pace=ports.pace,
        temp_dir=ports.data_dir / "tmp",
        max_clip_bytes=ports.max_clip_bytes,
        room=ports.room,
    )
    flow = Flow(tools, kicked)
    engine = Engine(flow, board, clock, ports.pace)
    return Workshop(jobs=jobs, flow=flow, engine=engine, tools=tools)
