"""What members do in a seed, and when."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum

from bot.errors import RefusedError, SorabotError, StorageError
from bot.jobs.catalogue import ClipOptions
from bot.jobs.service import JobService
from bot.model import Place, State, Viewer
from tests.simulation.channels import Channels, id_at
from tests.simulation.sites import FaultSite
from tests.simulation.world import SimulatedWorld

GUILD_ID = 1


class ActionKind(StrEnum):
    """What a member does."""

    ASK = "asks"
    CANCEL = "cancels"
    CANCEL_ALL = "cancels all"
    FETCH = "fetches"


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One interaction."""

    at_s: float
    kind: ActionKind
    #: Which request it is about; its interaction's id hangs on it.
    request: int
    user_id: int
    prompt: str = ""
    model: str | None = None
    count: int = 1
    variant: int = 0
    #: The largest upload where they are.
    upload_limit_bytes: int = 10_000_000
    #: Whether it is posted elsewhere than where it was asked for.
    elsewhere: bool = False
    tries: int = 0


@dataclass(slots=True)
class Members:
    """All members: what they will do, what they are about, and what they were told."""

    world: SimulatedWorld
    channels: Channels
    #: How many clips of one member may count in a day.
    clips_per_day: int
    #: Called with a member of whom something was accepted just now.
    accepted: Callable[[int], None]
    agenda: list[tuple[float, int, Action]] = field(default_factory=list)
    doing: dict[int, Action] = field(default_factory=dict)
    #: Job ids by request and variant, as far as a card named them.
    known: dict[tuple[int, int], str] = field(default_factory=dict)
    #: Jobs of which a member was told that they are cancelled.
    told_cancelled: set[str] = field(default_factory=set)
    _number: int = 0

    def plan(self, action: Action) -> None:
        """Put something on the agenda."""
        self._number += 1
        heapq.heappush(self.agenda, (action.at_s, self._number, action))

    @property
    def are_idle(self) -> bool:
        """Whether nobody does or will do anything."""
        return not self.agenda and not self.doing

    def process_died(self) -> None:
        """Deliver half of what was cut off again, and forget the rest."""
        for action in self.doing.values():
            self.world.hit(FaultSite.ANSWER_LOST)
            if self.world.dice.random() < 0.5 and action.tries < 5:
                self.plan(replace(action, at_s=self.world.now_s + 1, tries=action.tries + 1))
        self.doing.clear()

    async def act(self, jobs: JobService) -> None:
        """Do what is on the agenda while the process lives; ends with the agenda."""
        async with asyncio.TaskGroup() as group:
            while self.agenda:
                at_s, number, action = self.agenda[0]
                if at_s > self.world.now_s:
                    await asyncio.sleep(at_s - self.world.now_s)
                    continue
                heapq.heappop(self.agenda)
                self.doing[number] = action
                group.create_task(self._do(jobs, number, action))

    async def _do(self, jobs: JobService, number: int, action: Action) -> None:
        steps = {
            ActionKind.ASK: self._ask,
            ActionKind.CANCEL: self._cancel,
            ActionKind.CANCEL_ALL: self._cancel,
            ActionKind.FETCH: self._fetch,
        }
        who = f"member {action.user_id}"
        self.world.note(f"{who} {action.kind} R{action.request} {action.prompt}")
        try:
            await steps[action.kind](jobs, action)
        except (RefusedError, StorageError) as error:
            self.world.note(f"{who} is told: {type(error).__name__}")
        except SorabotError as error:
            self.world.breach(f"{who} reads {type(error).__name__}: {error}")
        del self.doing[number]

    async def _ask(self, jobs: JobService, action: Action) -> None:
        viewer, place = _viewer(action), _place(action)
        self.world.asked(f"R{action.request}")
        request = jobs.request(interaction_id(action.request), action.user_id, place)
        wish = ClipOptions(prompt=action.prompt, model=action.model, count=action.count)
        card = await jobs.submit(wish, viewer, request)
        self.accepted(action.user_id)
        for status in card.statuses:
            job = status.job
            self.known[action.request, job.variant] = job.id
        await asyncio.sleep(self.world.dice.uniform(0.05, 0.5))
        await jobs.card_sent(request.id, self.channels.snowflake())
        await jobs.check_budget(request)

    async def _cancel(self, jobs: JobService, action: Action) -> None:
        viewer = _viewer(action)
        if action.kind is ActionKind.CANCEL_ALL:
            cancelled = await jobs.cancel_all(interaction_id(action.request), viewer)
        else:
            job_id = self.known.get((action.request, action.variant))
            if job_id is None:
                return
            cancelled = (await jobs.cancel(job_id, viewer),)
        for job in cancelled:
            if job.state is State.CANCELLED:
                self.told_cancelled.add(job.id)

    async def _fetch(self, jobs: JobService, action: Action) -> None:
        viewer, place = _viewer(action), _place(action)
        for job in await jobs.recent(viewer):
            if job.state is State.KEPT:
                await jobs.fetch(job.id, viewer, replace(place, upload_limit_bytes=10_000_000))


def interaction_id(request: int) -> int:
    """Return the id of the interaction that a request comes from; of the beginning of time."""
    return id_at(0) + request


def _viewer(action: Action) -> Viewer:
    return Viewer(user_id=action.user_id, guild_id=GUILD_ID)


def _place(action: Action) -> Place:
    return Place(
        guild_id=GUILD_ID,
        channel_id=100 + action.user_id + (50 if action.elsewhere else 0),
        upload_limit_bytes=action.upload_limit_bytes,
    )
