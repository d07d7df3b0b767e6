"""What a simulated bot process works with, and access to its database from outside the process."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from bot.guild import WINDOWS, Limit, Unit
from bot.quota.rule import QuotaRule
from tests.simulation.channels import Channels
from tests.simulation.members import Members
from tests.simulation.program import Program
from tests.simulation.provider import DEADLINE_S, ScriptedProvider, capabilities, model_of
from tests.simulation.publisher import ScriptedPublisher
from tests.simulation.videos import Videos
from tests.simulation.world import SimulatedWorld


class SimulatedEnvironment:
    """Simulated Discord, providers and members, and the database file; they survive each kill."""

    def __init__(
        self,
        world: SimulatedWorld,
        path: Path,
        program: Program,
        *,
        clips_per_day: int = 100,
        max_active: int = 100,
        provider_names: Sequence[str] = ("relay", "bare", "keyed"),
        max_concurrent: int = 2,
        deadline_s: float = DEADLINE_S,
    ) -> None:
        self.world = world
        self.path = path
        self.program = program
        self.max_active = max_active
        self.max_concurrent = max_concurrent
        self.deadline_s = deadline_s
        self.channels = Channels(world)
        self.videos = {
            name: Videos(world, name, has_keys=name == "keyed") for name in provider_names
        }
        self.members = Members(world, self.channels, clips_per_day, accepted=self.check_limits)
        #: The database connection of the running process; None while no process runs.
        self.connection: sqlite3.Connection | None = None
        world.look_up = self._label

    def quota(self) -> QuotaRule:
        """Return a quota rule with the operator's limits for this simulation."""
        clips, day = self.members.clips_per_day, WINDOWS["day"]
        return QuotaRule(
            defaults=(Limit(unit=Unit.CLIPS, amount=clips, window=day),),
            max_active=self.max_active,
            max_active_in_guild=100,
            guild_budget_usd_micros=None,
        )

    def publisher(self) -> ScriptedPublisher:
        """Return a publisher for a new bot process."""
        return ScriptedPublisher(self.channels)

    def providers(self) -> Sequence[ScriptedProvider]:
        """Return the providers for a new bot process.

        The provider "relay" has a list of renders, "bare" has none, and "keyed" honours idempotency
        keys.
        """
        return [
            ScriptedProvider(
                videos,
                capabilities(
                    name,
                    can_list=name != "bare",
                    can_cancel=name != "bare",
                    has_keys=name == "keyed",
                    max_concurrent=self.max_concurrent,
                    deadline_s=self.deadline_s,
                ),
            )
            for name, videos in self.videos.items()
        ]

    def models(self) -> list[str]:
        """Return the names of all models, each with its provider."""
        return [f"{name}/{model_of(name)}" for name in self.videos]

    def rows(self, sql: str, *values: object) -> list[sqlite3.Row]:
        """Return database rows, read between two steps of the bot process or while none runs."""
        if self.connection is not None:
            return self.connection.execute(sql, values).fetchall()
        with self.reading():
            return self.rows(sql, *values)

    @contextmanager
    def reading(self) -> Generator[None]:
        """Keep the database open for reading while no bot process runs."""
        with closing(sqlite3.connect(self.path)) as self.connection:
            self.connection.row_factory = sqlite3.Row
            yield
        self.connection = None

    def is_at_rest(self) -> bool:
        """Whether all members are idle and all jobs are final."""
        if not self.members.are_idle or not self.path.exists():
            return False
        return not self.rows("SELECT 1 FROM jobs WHERE finished_at IS NULL LIMIT 1")

    def check_limits(self, user_id: int) -> None:
        """Record a violation if a member has more clips or open jobs than the limits allow."""
        ((clips,),) = self.rows("SELECT sum(clips) FROM ledger WHERE user_id = ?", user_id)
        # A kept clip whose owner fetches it is an open job again, but the limit doesn't count it:
        # the job was settled when the clip was kept.
        active = (
            "SELECT count(*) FROM jobs WHERE user_id = ? AND finished_at IS NULL AND NOT EXISTS"
            " (SELECT 1 FROM ledger WHERE job_id = jobs.id AND kind = 'settle')"
        )
        ((open_jobs,),) = self.rows(active, user_id)
        if clips > self.members.clips_per_day or open_jobs > self.max_active:
            self.world.breach(f"member {user_id}: {clips} clips, {open_jobs} open jobs")

    def _label(self, job_id: str) -> str:
        found = self.rows("SELECT request_id, variant FROM jobs WHERE id = ?", job_id)
        return f"R{found[0][0] & 0xFFFF}.{found[0][1]}" if found else "?"
