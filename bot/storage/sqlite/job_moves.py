"""What changes a job: plain functions, each run inside one write transaction."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from bot.errors import DuplicateRenderError
from bot.model import MOVES, Clip, EntryKind, Job, Place, RenderSpec, Request, State
from bot.storage.base import JobChanges, LedgerReader, NewJob
from bot.storage.job_ids import draw_job_id
from bot.storage.sqlite import ledger, search_index
from bot.storage.sqlite.ledger import SqliteLedgerReader
from bot.storage.sqlite.queries import Transaction
from bot.storage.sqlite.rows import job_of_row, row_of_clip, row_of_job, row_of_request, to_ms

_MAX_NEW_JOBS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class JobMove:
    """A move that was asked for; making one checks all that needs no database.

    Raises ValueError for a move that `model.MOVES` does not have, and for a close, cost or clip
    that does not go with it; TypeError for a column that is not among `JobChanges`.
    """

    job: Job
    to: State
    now: datetime
    close: EntryKind | None = None
    cost_usd_micros: int | None = None
    clip: Clip | None = None
    #: Where the clip is posted, instead of `job.place`.
    place: Place | None = None
    changes: JobChanges

    def __post_init__(self) -> None:
        if self.to not in MOVES[self.job.state]:
            raise ValueError(f"no job moves from {self.job.state} to {self.to}")
        if self.close is not None and not self.to.is_final:
            raise ValueError(f"the ledger does not close in {self.to}")
        if self.close not in (None, EntryKind.SETTLE, EntryKind.REFUND):
            raise ValueError(f"a {self.close} closes nothing")
        if self.cost_usd_micros is not None and (
            self.close is EntryKind.REFUND or self.cost_usd_micros < 0
        ):
            raise ValueError("a cost does not go with a refund and is not negative")
        if self.clip is not None and self.clip.job_id != self.job.id:
            raise ValueError(f"clip of job {self.clip.job_id}, not {self.job.id}")
        check_changes(self.changes)


def check_changes(changes: JobChanges) -> None:
    """Raise TypeError for a name that is no column of `JobChanges`."""
    unknown = changes.keys() - JobChanges.__annotations__.keys()
    if unknown:
        raise TypeError(f"not among the columns that change: {', '.join(sorted(unknown))}")


def check_new_jobs(new_jobs: Sequence[NewJob]) -> None:
    """Raise ValueError unless there are one to four jobs."""
    if not 1 <= len(new_jobs) <= _MAX_NEW_JOBS:
        raise ValueError(f"a request has one to {_MAX_NEW_JOBS} jobs, not {len(new_jobs)}")


def accept(
    tx: Transaction,
    request: Request,
    new_jobs: Sequence[NewJob],
    check: Callable[[LedgerReader], None],
) -> tuple[Job, ...]:
    """Queue and reserve all of a request's jobs, unless the request is known."""
    if tx.row("request", id=request.id) is None:
        check(SqliteLedgerReader(tx))
        row = row_of_request(request)
        tx.rows("insert_request", **row)
        if request.role_ids:
            tx.rows("set_roles", **row)
        for variant, new_job in enumerate(new_jobs):
            job = Job(
                id=draw_job_id(lambda job_id: tx.row("job_exists", id=job_id) is not None),
                request_id=request.id,
                variant=variant,
                user_id=request.user_id,
                place=request.place,
                spec=new_job.spec,
                seed=new_job.seed,
                state=State.QUEUED,
                created_at=request.created_at,
                state_at=request.created_at,
                due_at=request.created_at,
                parent_id=new_job.parent_id,
                source_remote_id=new_job.source_remote_id,
            )
            tx.rows("insert_job", **row_of_job(job))
            if job.spec.any_model:
                tx.rows("set_any_model", id=job.id)
            ledger.reserve(tx, job)
    return tuple(map(job_of_row, tx.rows("jobs_of_request", request_id=request.id)))


def move(tx: Transaction, job_move: JobMove) -> Job | None:
    """Make a move with all that belongs to it; None when the job is no longer where it was."""
    job = _as_seen(tx, job_move.job)
    if job is None:
        return None
    fields: JobChanges = {"attempts": 0, "progress": None, **job_move.changes}
    _check_render_is_new(tx, job, fields.get("remote_id"))
    # A clip that was kept and is fetched later was paid for when it was kept.
    is_closed = ledger.is_closed(tx, job.id)
    if job_move.cost_usd_micros is not None and not is_closed:
        job = replace(job, cost_usd_micros=job_move.cost_usd_micros)
    if job_move.to.is_final:
        fields["due_at"] = None
        if not is_closed:
            if job_move.close is None:
                raise ValueError(f"job {job.id} would end with its reservation open")
            job = ledger.close(tx, job, job_move.close, job_move.now)
    if job_move.clip is not None:
        tx.rows("put_clip", **row_of_clip(job_move.clip))
    moved = replace(
        job,
        state=job_move.to,
        place=job_move.place or job.place,
        state_at=job_move.now,
        finished_at=job_move.now if job_move.to.is_final else None,
        **fields,
    )
    saved = _save(tx, moved, was=job_move.job.state)
    if saved is not None and saved.state.is_final:
        search_index.add(tx, saved.id)
        tx.rows("enqueue_mirror", job_id=saved.id, now=to_ms(job_move.now))
    return saved


def update(tx: Transaction, seen: Job, changes: JobChanges) -> Job | None:
    """Set columns of a job that still is where it was."""
    job = _as_seen(tx, seen)
    if job is None:
        return None
    return _save(tx, replace(job, **changes), was=seen.state)


def note_renders(tx: Transaction, jobs: Sequence[Job]) -> None:
    """Set what a look at renders that go on changes."""
    for job in jobs:
        tx.rows(
            "note_render",
            id=job.id,
            remote_id=job.remote_id,
            progress=job.progress,
            due_at=None if job.due_at is None else to_ms(job.due_at),
        )


def claim_slot(tx: Transaction, job_move: JobMove, max_concurrent: int) -> Job | None:
    """Make the move to SUBMITTING while a slot is free."""
    provider = job_move.job.spec.provider
    row = tx.row("slots_taken", provider=provider)
    if row is not None and row["taken"] >= max_concurrent:
        return None
    return move(tx, job_move)


def check_failover(job: Job, spec: RenderSpec) -> None:
    """Raise ValueError for a job that may not go elsewhere, or that would become another clip."""
    if job.state not in (State.QUEUED, State.SUBMITTING) or job.remote_id is not None:
        raise ValueError(f"job {job.id} is {job.state}: a provider has it")
    as_ordered = replace(
        spec,
        provider=job.spec.provider,
        model=job.spec.model,
        estimate_usd_micros=job.spec.estimate_usd_micros,
    )
    if as_ordered != job.spec:
        raise ValueError(f"job {job.id} would become another clip")


def fail_over(
    tx: Transaction,
    seen: Job,
    spec: RenderSpec,
    now: datetime,
    check: Callable[[LedgerReader], None],
) -> Job | None:
    """Let a job that no provider took wait at another one, reserved at its estimate there."""
    job = _as_seen(tx, seen)
    if job is None:
        return None
    check_failover(job, spec)
    check(SqliteLedgerReader(tx))
    first = job.spec.provider if job.failed_over_from is None else job.failed_over_from
    waiting = replace(
        job,
        spec=spec,
        failed_over_from=None if first == spec.provider else first,
        state=State.QUEUED,
        state_at=now if job.state is not State.QUEUED else job.state_at,
        due_at=now,
        progress=None,
        attempts=0,
        # A provider that certainly accepted nothing costs nothing; earlier calls still count.
        creates=max(job.creates - (job.state is State.SUBMITTING), 0),
        submitted_at=None,
        source_remote_id=None,
        cost_usd_micros=None,
    )
    row = tx.row("fail_over_job", **row_of_job(waiting), state_was=job.state.value)
    if row is None:
        return None
    ledger.adjust(tx, waiting, now)
    return job_of_row(row)


def repost(tx: Transaction, seen: Job, place: Place, now: datetime) -> Job | None:
    """Send a kept clip on its way to another place."""
    job = _as_seen(tx, seen)
    if job is None or job.deleted_at is not None:
        return None
    posting = replace(
        job,
        state=State.POSTING,
        place=place,
        state_at=now,
        # A first try may have landed after it was given up: the look for it goes back that far.
        posting_at=now if job.posting_at is None else job.posting_at,
        due_at=now,
        finished_at=None,
        attempts=0,
        progress=None,
        message_id=None,
        error_code=None,
        error_text=None,
    )
    search_index.remove(tx, job.id)
    return _save(tx, posting, was=State.KEPT)


def request_cancel(
    tx: Transaction,
    job: Job,
    now: datetime,
    by_moderator: int | None,
) -> Job | None:
    """Set `cancel_requested_at` unless the job is final; audit a moderator's first request."""
    was = tx.one(job_of_row, "job", id=job.id)
    changed = tx.one(job_of_row, "request_cancel", id=job.id, now=to_ms(now))
    if was is None or changed is None:
        return None
    if by_moderator is not None and was.cancel_requested_at is None:
        tx.rows(
            "append_audit",
            guild_id=was.place.guild_id,
            at=to_ms(now),
            by_user_id=by_moderator,
            what="clip stopped",
            subject=f"<@{was.user_id}>",
            about_user_id=was.user_id,
            before=f"{was.id}, {was.state}",
            after="to be cancelled",
        )
    return changed


def _check_render_is_new(tx: Transaction, job: Job, remote_id: str | None) -> None:
    """Raise DuplicateRenderError for a render that another job has."""
    if remote_id is None or remote_id == job.remote_id:
        return
    owner = tx.row("owner_of_remote", provider=job.spec.provider, remote_id=remote_id)
    if owner is not None:
        raise DuplicateRenderError(
            f"{job.spec.provider} answered with render {remote_id} of job {owner['id']}"
        )


def _as_seen(tx: Transaction, seen: Job) -> Job | None:
    # The provider, too: a late answer of the one that lost the job has nothing to say about it.
    row = tx.row(
        "job_as_seen",
        id=seen.id,
        state=seen.state.value,
        provider=seen.spec.provider,
        model=seen.spec.model,
        estimate_usd_micros=seen.spec.estimate_usd_micros,
    )
    return None if row is None else job_of_row(row)


def _save(tx: Transaction, job: Job, *, was: State) -> Job | None:
    row = tx.row("save_job", **row_of_job(job), state_was=was.value)
    return None if row is None else job_of_row(row)
