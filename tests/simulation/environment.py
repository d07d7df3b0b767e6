"""All that a process works against, and a look at its database that it does not notice."""

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
    """Discord, video services, members, and the file that outlives the process."""

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
        #: The connection of the process that lives.
        self.connection: sqlite3.Connection | None = None
        world.look_up = self._label

    def quota(self) -> QuotaRule:
        """Return what the operator allows."""
        clips, day = self.members.clips_per_day, WINDOWS["day"]
        return QuotaRule(
            defaults=(Limit(unit=Unit.CLIPS, amount=clips, window=day),),
            max_active=self.max_active,
            max_active_in_guild=100,
            guild_budget_usd_micros=None,
        )

    def publisher(self) -> ScriptedPublisher:
        """Return a process's way to Discord."""
        return ScriptedPublisher(self.channels)

    def providers(self) -> Sequence[ScriptedProvider]:
        """Return a process's ways to the services: one with a list, one without, one with keys."""
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
        """Return the keys of what can be asked for."""
        return [f"{name}/{model_of(name)}" for name in self.videos]

    def rows(self, sql: str, *values: object) -> list[sqlite3.Row]:
        """Read the database from outside, between two steps of the process, or when it is dead."""
        if self.connection is not None:
            return self.connection.execute(sql, values).fetchall()
        with self.reading():
            return self.rows(sql, *values)

    @contextmanager
    def reading(self) -> Generator[None]:
        """Hold the database open while no process lives."""
        with closing(sqlite3.connect(self.path)) as self.connection:
            self.connection.row_factory = sqlite3.Row
            yield
        self.connection = None

    def is_at_rest(self) -> bool:
        """Whether nothing is left to do for anybody."""
        if not self.members.are_idle or not self.path.exists():
            return False
        return not self.rows("SELECT 1 FROM jobs WHERE finished_at IS NULL LIMIT 1")

    def check_limits(self, user_id: int) -> None:
        """Breach when a member has more than the limits allow, just after something was accepted."""
        ((clips,),) = self.rows("SELECT sum(clips) FROM ledger WHERE user_id = ?", user_id)
        # A kept clip that is fetched is under way again, in the same COMMIT perhaps; it waits for
        # no limit, as it was settled when it was kept.
        active = (
            "SELECT count(*) FROM jobs WHERE user_id = ? AND finished_at IS NULL AND NOT EXISTS"
            " (SELECT 1 FROM ledger WHERE job_id = jobs.id AND kind = 'settle')"
        )
        ((under_way,),) = self.rows(active, user_id)
        if clips > self.members.clips_per_day or under_way > self.max_active:
            self.world.breach(f"member {user_id}: {clips} clips, {under_way} under way")

    def _label(self, job_id: str) -> str:
        found = self.rows("SELECT request_id, variant FROM jobs WHERE id = ?", job_id)
        return f"R{found[0][0] & 0xFFFF}.{found[0][1]}" if found else "?"
