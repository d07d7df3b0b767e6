"""What the bot needs of its database.

The job table is the truth: a job moves only by a guarded update (`WHERE id = ? AND state = ?`), in
one transaction with what belongs to the move. Whoever loses the race gets None and looks again.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypedDict, TypeVar, Unpack

from bot.guild import Block, Budget, Grant, GuildLimit, GuildSettings
from bot.model import Clip, EntryKind, Job, Place, RenderSpec, Request, Size, State, Usage

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class JobUsage:
    """What one job counts at present: its reservation, or what it finally cost."""

    counts_at: datetime
    clips: int
    seconds: int
    usd_micros: int
    #: Whether it is a reservation still: the job has not ended.
    is_reserved: bool = False


class LedgerReader(Protocol):
    """Reads the ledger and the limits inside a transaction, on the database's thread.

    within  the guild whose jobs count; None: jobs everywhere, direct messages included.
    """

    def usage(self, user_id: int, since: datetime, *, within: int | None = None) -> Usage:
        """Return the sums over the member's jobs that were reserved after `since`."""
        ...

    def usage_by_job(
        self, user_id: int, since: datetime, *, within: int | None = None
    ) -> Sequence[JobUsage]:
        """Return the jobs reserved after `since` that still count, oldest first."""
        ...

    def active(self, user_id: int) -> int:
        """Return how many of the member's jobs are not final, everywhere."""
        ...

    def active_in_guild(self, guild_id: int) -> int:
        """Return how many jobs of a server are not final."""
        ...

    def limits_for(
        self, guild_id: int, user_id: int, role_ids: Collection[int]
    ) -> Sequence[GuildLimit]:
        """Return the guild's limits for the member, for their roles and for all members."""
        ...

    def grants(self, guild_id: int, user_id: int, since: datetime) -> Sequence[Grant]:
        """Return the grants that a member got after `since`, oldest first."""
        ...

    def block_of(self, guild_id: int, user_id: int, now: datetime) -> Block | None:
        """Return the block that keeps a member from making clips now; None without one."""
        ...

    def refused_by_moderation(
        self, user_id: int, guild_id: int | None, since: datetime
    ) -> tuple[int, datetime | None]:
        """Return how many of a member's orders after `since` providers refused for their content.

        Orders in one guild, or in direct messages for None; with the time of the last refusal.
        """
        ...

    def budget(self, guild_id: int) -> Budget | None:
        """Return the budget that a guild's moderators set; None without one."""
        ...

    def spent(self, guild_id: int | None, since: datetime) -> int:
        """Return the USD micros of what was reserved in a guild after `since`; None: everywhere."""
        ...

    def guild_settings(self, guild_id: int) -> GuildSettings:
        """Return a guild's settings; the defaults for a guild that set none."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """A job before it has an id."""

    spec: RenderSpec
    seed: int
    #: As on `Job`.
    parent_id: str | None = None
    source_remote_id: str | None = None


class JobChanges(TypedDict, total=False):
    """The columns of a job that may change; the others keep their values from the INSERT."""

    remote_id: str | None
    progress: int | None
    attempts: int
    creates: int
    due_at: datetime | None
    submitted_at: datetime | None
    deadline_at: datetime | None
    rendered_at: datetime | None
    cancel_requested_at: datetime | None
    posting_at: datetime | None
    message_id: int | None
    source_remote_id: str | None
    error_code: str | None
    error_text: str | None


class JobStore(Protocol):
    """The jobs in the database; each method is one transaction and may be called by many tasks.

    A cancelled call is done completely or not at all. Every method raises StorageError for a
    failure of the database or the disk. Times are stored in milliseconds, rounded down.
    """

    async def accept(
        self,
        request: Request,
        new_jobs: Sequence[NewJob],
        check: Callable[[LedgerReader], None],
    ) -> tuple[Job, ...]:
        """Reserve and queue a request's one to four jobs, or none; idempotent by `request.id`.

        For a known request id the jobs are returned as they are now, and `check` is not called.
        Otherwise `check` runs inside the transaction before the first write; when it raises, the
        error is passed on and nothing is stored. The store draws the job ids. `created_at`,
        `state_at` and `due_at` are `request.created_at`.
        Raises ValueError unless `new_jobs` has one to four items.
        """
        ...

    async def move(
        self,
        job: Job,
        to: State,
        now: datetime,
        *,
        close: EntryKind | None = None,
        cost_usd_micros: int | None = None,
        clip: Clip | None = None,
        place: Place | None = None,
        **changes: Unpack[JobChanges],
    ) -> Job | None:
        """Move `job` from `job.state` to `to`; None when it is no longer in `job.state`.

        close            SETTLE or REFUND, which ends the job's ledger with a move to a final state.
                         Has no effect on a ledger that ended before, as with a reposted clip.
        cost_usd_micros  the real cost as the provider told it, stored with the job. SETTLE counts
                         this cost, or the estimate when no cost is known.
        clip             inserted with the move; replaces an earlier clip of the job.
        place            where the clip is posted instead of `job.place`.
        changes          columns to set. `attempts` and `progress` are reset unless given;
                         a final state clears `due_at` and sets `finished_at` to `now`.
        A move to DONE in a guild with a gallery channel, other than the job's own channel, also
        enqueues the mirroring of the clip.
        Raises DuplicateRenderError for a `remote_id` that another job of the provider has, and
        ValueError for a move that `model.MOVES` does not allow, for a `close`, cost or
        clip that does not go with it, and for a final `to` that would leave the ledger open;
        StorageError for a state without its columns: open without `due_at`, RENDERING or later
        without `remote_id`, DONE without `message_id`, FAILED or KEPT without `error_code`.
        """
        ...

    async def update(self, job: Job, **changes: Unpack[JobChanges]) -> Job | None:
        """Set columns of a job that is still in `job.state`; None when it has moved on."""
        ...

    async def note_renders(self, jobs: Sequence[Job]) -> None:
        """Store `progress` and `due_at` of unfinished renders, and reset their `attempts` to 0.

        A job that is no longer RENDERING, or whose cancellation was requested meanwhile, stays as
        it is.
        """
        ...

    async def claim_slot(
        self, job: Job, now: datetime, *, max_concurrent: int, **changes: Unpack[JobChanges]
    ) -> Job | None:
        """Move QUEUED → SUBMITTING if the provider has fewer than `max_concurrent` slots taken.

        None when all slots are taken or the job is no longer QUEUED. Raises ValueError when
        `job.state` is not QUEUED.
        """
        ...

    async def fail_over(
        self, job: Job, spec: RenderSpec, now: datetime, check: Callable[[LedgerReader], None]
    ) -> Job | None:
        """Move a QUEUED or SUBMITTING job that no provider accepted to `spec.provider`.

        The job becomes QUEUED and due at `now`, with the provider, model and estimate of `spec`;
        `source_remote_id`, `submitted_at` and the cost are cleared. The reservation becomes the new
        estimate: `check` runs inside the transaction before the first write, and when it raises,
        the error is passed on and nothing is stored. `failed_over_from` is the job's first provider.
        None, without a call of `check`, when the job's state, provider, model or estimate is no
        longer as `job` has them; callers with an outdated `job` get None from other methods, too.
        Raises ValueError for another `job.state`, for a job with a `remote_id`, and for a `spec` that
        differs from `job.spec` in anything but provider, model and estimate.
        """
        ...

    async def repost(self, job: Job, place: Place, now: datetime) -> Job | None:
        """Move KEPT → POSTING towards `place`, due at `now`; the ledger stays closed.

        The job's error is cleared; an earlier `posting_at` and the request's place stay. None when
        the job is no longer KEPT. Raises ValueError when `job.state` is not KEPT.
        """
        ...

    async def request_cancel(
        self, job: Job, now: datetime, *, by_moderator: int | None = None
    ) -> Job | None:
        """Store that a job's cancellation was requested; None when the job is final.

        by_moderator  the moderator who cancels another member's job: the first request writes an
                      audit entry.
        The job becomes due at once, except in SUBMITTING, where `due_at` keeps a create of unknown
        outcome from being sent twice. The time of the first request stays.
        """
        ...

    async def extend_deadlines(
        self, provider: str, *, deadline_at: datetime, quiet_until: datetime
    ) -> None:
        """Move a provider's earlier deadlines to `deadline_at`, and its creates to `quiet_until`.

        No SUBMITTING job is due before `quiet_until`, when a create of the last process can no
        longer arrive.
        """
        ...

    async def defer_uncertain_posts(self, now: datetime, quiet_until: datetime) -> None:
        """Delay POSTING jobs with other variants to `quiet_until`; called once, at the start.

        A post that the last process sent may still arrive, and variants share one message. A job
        that waits for a retry keeps its time, but waits no longer than `quiet_until`.
        """
        ...

    async def poll_now(self, provider: str, remote_id: str, now: datetime) -> bool:
        """Make the RENDERING job with this remote id due at `now`; False when there is none.

        The id may be the part after the last slash. An earlier `due_at` stays.
        """
        ...

    async def set_card(self, request_id: int, message_id: int) -> None:
        """Store which message is the request's card; nothing happens for an unknown request."""
        ...

    async def job(self, job_id: str) -> Job | None:
        """Return a job by id, in any case of letters."""
        ...

    async def request(self, request_id: int) -> Request | None:
        """Return a request."""
        ...

    async def jobs_of(self, request_id: int) -> tuple[Job, ...]:
        """Return a request's jobs by variant."""
        ...

    async def jobs_of_message(self, message_id: int) -> tuple[Job, ...]:
        """Return the jobs whose clips this message carries, by variant; deleted ones left out."""
        ...

    async def clip(self, job_id: str) -> Clip | None:
        """Return the finished file of a job, by id in any case of letters."""
        ...

    async def due(self, now: datetime, states: Sequence[State], limit: int) -> tuple[Job, ...]:
        """Return jobs in `states` whose `due_at` has come, longest due first; then oldest."""
        ...

    async def providers_due(self, now: datetime) -> tuple[str, ...]:
        """Return the providers that have a RENDERING job whose `due_at` has come."""
        ...

    async def renders_due(self, provider: str, now: datetime, limit: int) -> tuple[Job, ...]:
        """Return a provider's RENDERING jobs whose `due_at` has come, longest due first."""
        ...

    async def next_due_at(self, states: Sequence[State]) -> dict[State, datetime]:
        """Return the earliest `due_at` of open jobs in each of `states` that has one."""
        ...

    async def waiting(
        self, provider: str, now: datetime, *, max_concurrent: int
    ) -> tuple[Job, ...]:
        """Return QUEUED jobs whose `due_at` has come, in fair order, as many as slots are free.

        The turn of a member's n-th QUEUED job at the provider is n plus the number of slots that
        the member has there. Lower turns go first; within a turn, older jobs do.
        """
        ...

    async def slots_taken(self, provider: str) -> int:
        """Return how many of a provider's render slots are taken."""
        ...

    async def open_jobs(self, user_id: int | None = None) -> tuple[Job, ...]:
        """Return jobs that are not final, oldest first; one member's, or all."""
        ...

    async def finished_since(self, at: datetime) -> tuple[int, ...]:
        """Return the ids of requests of which a job became final at `at` or later."""
        ...

    async def recent_jobs(self, user_id: int, guild_id: int | None, limit: int) -> tuple[Job, ...]:
        """Return a member's jobs in a server (None: in direct messages), newest first."""
        ...

    async def position(self, job: Job) -> int:
        """Return how many QUEUED jobs of the same provider go before it in the fair order.

        Jobs that are not due yet count, too. 0 for a job that is not QUEUED.
        """
        ...

    async def durations_s(
        self, provider: str, model: str, seconds: int, size: Size, limit: int
    ) -> tuple[float, ...]:
        """Return how long the latest renders took from paid call to ready, newest first."""
        ...

    async def owner_of_remote(self, provider: str, remote_id: str) -> str | None:
        """Return the id of the job that holds this remote id."""
        ...

    async def read_ledger(self, read: Callable[[LedgerReader], _Result]) -> _Result:
        """Return the result of `read`, which runs in one read transaction on the database's thread."""
        ...

    async def close(self) -> None:
        """Finish the transactions under way and close the file."""
        ...
