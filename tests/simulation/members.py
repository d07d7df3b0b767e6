"""The simulated members: what they do in a simulation, and when."""

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
    """The kinds of actions."""

    ASK = "asks"
    CANCEL = "cancels"
    CANCEL_ALL = "cancels all"
    FETCH = "fetches"


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One interaction of a simulated member with the bot."""

    at_s: float
    kind: ActionKind
    #: Number of the request that the action makes or concerns; the interaction's id is derived from
    #: it.
    request: int
    user_id: int
    prompt: str = ""
    model: str | None = None
    count: int = 1
    variant: int = 0
    #: Upload limit of the channel in which the member acts.
    upload_limit_bytes: int = 10_000_000
    #: Whether the member acts in another channel than the request's.
    elsewhere: bool = False
    tries: int = 0


@dataclass(slots=True)
class Members:
    """All simulated members: their planned and running actions, and what the bot told them."""

    world: SimulatedWorld
    channels: Channels
    #: Each member's daily limit of clips.
    clips_per_day: int
    #: A function that is called with the member's id right after a request was accepted.
    accepted: Callable[[int], None]
    agenda: list[tuple[float, int, Action]] = field(default_factory=list)
    doing: dict[int, Action] = field(default_factory=dict)
    #: Job ids by (request, variant), once the bot has told them to the member.
    known: dict[tuple[int, int], str] = field(default_factory=dict)
    #: Jobs of which the bot told a member that they are cancelled.
    told_cancelled: set[str] = field(default_factory=set)
    _number: int = 0

    def plan(self, action: Action) -> None:
        """Add an action to the planned actions."""
        self._number += 1
        heapq.heappush(self.agenda, (action.at_s, self._number, action))

    @property
    def are_idle(self) -> bool:
        """Whether no member's action is running or planned."""
        return not self.agenda and not self.doing

    def process_died(self) -> None:
        """Handle a kill: plan half of the interrupted actions again, as redelivered interactions.

        The other interrupted actions are dropped.
        """
        for action in self.doing.values():
            self.world.hit(FaultSite.ANSWER_LOST)
            if self.world.dice.random() < 0.5 and action.tries < 5:
                self.plan(replace(action, at_s=self.world.now_s + 1, tries=action.tries + 1))
        self.doing.clear()

    async def act(self, jobs: JobService) -> None:
        """Run the members' actions at their times; return when all have ended."""
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
        member = f"member {action.user_id}"
        self.world.note(f"{member} {action.kind} R{action.request} {action.prompt}")
        try:
            await steps[action.kind](jobs, action)
        except (RefusedError, StorageError) as error:
            self.world.note(f"{member} is told: {type(error).__name__}")
        except SorabotError as error:
            self.world.breach(f"{member} reads {type(error).__name__}: {error}")
        del self.doing[number]

    async def _ask(self, jobs: JobService, action: Action) -> None:
        viewer, place = _viewer(action), _place(action)
        self.world.asked(f"R{action.request}")
        request = jobs.request(interaction_id(action.request), action.user_id, place)
        options = ClipOptions(prompt=action.prompt, model=action.model, count=action.count)
        card = await jobs.submit(options, viewer, request)
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
    """Return the interaction id of a request; the id's timestamp is second 0."""
    return id_at(0) + request


def _viewer(action: Action) -> Viewer:
    return Viewer(user_id=action.user_id, guild_id=GUILD_ID)


def _place(action: Action) -> Place:
    return Place(
        guild_id=GUILD_ID,
        channel_id=100 + action.user_id + (50 if action.elsewhere else 0),
        upload_limit_bytes=action.upload_limit_bytes,
    )
