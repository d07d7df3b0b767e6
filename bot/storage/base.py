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
    """The ledger and what limits it, seen from inside a transaction; synchronous, on its thread.

    within  a server: what was asked for there; None: everywhere, direct messages too.
    """

    def usage(self, user_id: int, since: datetime, *, within: int | None = None) -> Usage:
        """Return what the member's jobs reserved after `since` sum to."""
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
        """Return the limits of the server that are for this member: theirs, their roles', all's."""
        ...

    def grants(self, guild_id: int, user_id: int, since: datetime) -> Sequence[Grant]:
        """Return the extras given to a member after `since`, oldest first."""
        ...

    def block_of(self, guild_id: int, user_id: int, now: datetime) -> Block | None:
        """Return the block in force against a member."""
        ...

    def refused_by_moderation(
        self, user_id: int, guild_id: int | None, since: datetime
    ) -> tuple[int, datetime | None]:
        """Return how many of a member's orders after `since` providers refused for their content.

        Orders in one guild, or in direct messages for None; with the time of the last refusal.
        """
        ...

    def budget(self, guild_id: int) -> Budget | None:
        """Return a server's budget."""
        ...

    def spent(self, guild_id: int | None, since: datetime) -> int:
        """Return the USD micros of what was reserved in a guild after `since`; None: everywhere."""
        ...

    def guild_settings(self, guild_id: int) -> GuildSettings:
        """Return a server's rules; the defaults where it has none."""
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
    """The columns of a job that may change, all others being fixed at birth."""

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
    """The database. Every method is one transaction, safe to call from many tasks at once.

    A cancelled call is either wholly done or not at all. Raises StorageError for any trouble of
    the database or disk; a refusal never lets a job through. Instants are kept to the
    millisecond, rounded down; a job that is returned is what a later look would find. Only who
    opened the store closes it.
    """

    async def accept(
        self,
        request: Request,
        new_jobs: Sequence[NewJob],
        check: Callable[[LedgerReader], None],
    ) -> tuple[Job, ...]:
        """Reserve and queue a request's one to four jobs, or none; idempotent by `request.id`.

        A known request id returns its jobs as they are now, without calling `check`. Otherwise
        `check` is called inside the transaction, before anything is written; what it raises
        comes out unchanged and nothing is kept. Ids are drawn here, four characters long until
        those run short. `created_at`, `state_at` and `due_at` are `request.created_at`.
        Raises ValueError for any other number of drafts.
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

        close            SETTLE or REFUND when the ledger closes with this move; needs a final `to`.
                         Has no effect when the ledger closed before, as over a reposted clip.
        cost_usd_micros  the real cost as the provider told it, kept on the row. SETTLE counts
                         what is on the row, or the estimate where nothing is.
        clip             inserted with the move; replaces an equal job's clip.
        DONE in a server with a gallery channel (other than the job's own) enqueues a message to
        mirror the clip there, in the same transaction.
        place            where it is posted instead of `job.place`.
        changes          columns to set. `attempts` and `progress` are reset unless given;
                         a final state clears `due_at` and sets `finished_at` to `now`.
        Raises DuplicateRenderError for a `remote_id` that another job of the provider has, and
        ValueError for a move that `model.MOVES` does not allow, for a `close`, cost or
        clip that does not go with it, and for a final `to` that would leave the ledger open;
        StorageError for a job that its state does not fit: open without `due_at`, RENDERING or
        later without `remote_id`, DONE without `message_id`, FAILED or KEPT without `error_code`.
        """
        ...

    async def update(self, job: Job, **changes: Unpack[JobChanges]) -> Job | None:
        """Set columns while the job stays in `job.state`; None when it is no longer there."""
        ...

    async def note_renders(self, jobs: Sequence[Job]) -> None:
        """Keep `progress` and `due_at` of renders that go on, all in one transaction.

        Their `attempts` are 0 from now on, and nothing else of them is kept. A job that is no
        longer RENDERING, or whose owner asked for its end meanwhile, stays as it is.
        """
        ...

    async def claim_slot(
        self, job: Job, now: datetime, *, max_concurrent: int, **changes: Unpack[JobChanges]
    ) -> Job | None:
        """Move QUEUED → SUBMITTING if the provider has fewer than `max_concurrent` slots taken.

        None when it has not, or the job is no longer QUEUED. Raises ValueError when `job.state`
        is another.
        """
        ...

    async def fail_over(
        self, job: Job, spec: RenderSpec, now: datetime, check: Callable[[LedgerReader], None]
    ) -> Job | None:
        """Give a QUEUED or SUBMITTING job, which no provider took, to `order.provider`.

        The job waits in QUEUED, due at `now`: provider, model and estimate are `order`'s,
        `source_remote_id`, `submitted_at` and the cost are cleared, attempts are 0; `failed_over_from`
        is where it went first, None when it is there again. The rest stays, the deadline and a wish
        to cancel too. In the same transaction the reservation becomes the
        estimate of `order`: `check` is called inside it before anything is written (what it raises
        comes out unchanged and nothing is kept), and an ADJUST row books the difference, if any.
        None, without calling `check`, when the job is no longer in `job.state` with the provider,
        model and estimate of `job.order`. After a rehome `move`, `update` and `claim_slot`, too,
        return None to whom the job looks as it was before.
        Raises ValueError when `job.state` is another, when the job has a `remote_id`, and for an
        `order` that differs in anything but provider, model and estimate.
        """
        ...

    async def repost(self, job: Job, place: Place, now: datetime) -> Job | None:
        """Move KEPT → POSTING towards `place`, due at `now`; the ledger stays closed.

        The error is cleared, an earlier `posting_at` stays; the request keeps its own place. None when
        the job is no longer KEPT. Raises ValueError when `job.state` is another.
        """
        ...

    async def request_cancel(
        self, job: Job, now: datetime, *, by_moderator: int | None = None
    ) -> Job | None:
        """Note that the job shall be cancelled; None when it is final.

        by_moderator  who asks for the end of another member's job in their server: the first wish
                      leaves an AuditEntry, in the same transaction.

        Makes it due at once, but in SUBMITTING: there the time of the next look is what keeps a
        create of unknown outcome from being made twice.
        Whatever `job.state` was seen. The first such instant stays; an earlier `due_at` too.
        """
        ...

    async def extend_deadlines(
        self, provider: str, *, deadline_at: datetime, quiet_until: datetime
    ) -> None:
        """Put off what a provider's jobs are ended by: no deadline is before `deadline_at`, and no
        SUBMITTING job is due before `quiet_until`. Deadlines that are later stay.
        """
        ...

    async def defer_uncertain_posts(self, now: datetime, quiet_until: datetime) -> None:
        """Put off the POSTING jobs that have other variants and do not rest at `now`, to `quiet_until`.

        Each counts as tried once at least; those that rest do so until `quiet_until` at most. For the
        start of the only process: a post that the last one sent may land still, and must not come
        into the way of one that joins another's message.
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

        A member's n-th QUEUED job there has turn n + how many slots there are theirs: lower turns
        go first, of one turn the oldest.
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

        As things stand, those that are not due yet counted too; 0 for a job that is not QUEUED.
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
        """Return what `ask` reads from the books, in one read transaction on its thread."""
        ...

    async def close(self) -> None:
        """Finish what is running and close the file; called once, by the composition root."""
        ...
