"""Makes requests, render specs and jobs in any state for the tests of storage."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bot.model import Clip, EntryKind, Job, Place, RenderSpec, Request, Size, State, Usage
from bot.storage.base import JobUsage, LedgerReader, NewJob
from bot.storage.sqlite.jobs import SqliteJobStore

NOW = datetime(2026, 10, 1, 12, 0, tzinfo=UTC)
PLACE = Place(guild_id=7, channel_id=70, upload_limit_bytes=10 * 1024 * 1024)
DIRECT = Place(guild_id=None, channel_id=71, upload_limit_bytes=10 * 1024 * 1024)
LANDSCAPE = Size(width_px=1280, height_px=720)

#: How a job gets to each state.
ROUTES: dict[State, tuple[State, ...]] = {
    State.QUEUED: (),
    State.SUBMITTING: (State.SUBMITTING,),
    State.RENDERING: (State.SUBMITTING, State.RENDERING),
    State.DOWNLOADING: (State.SUBMITTING, State.RENDERING, State.DOWNLOADING),
    State.FITTING: (State.SUBMITTING, State.RENDERING, State.DOWNLOADING, State.FITTING),
    State.FAILED: (State.FAILED,),
    State.CANCELLED: (State.CANCELLED,),
}
ROUTES[State.POSTING] = (*ROUTES[State.FITTING], State.POSTING)
ROUTES[State.KEPT] = (*ROUTES[State.FITTING], State.KEPT)
ROUTES[State.DONE] = (*ROUTES[State.POSTING], State.DONE)


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def render_spec(**changes: Any) -> RenderSpec:
    plain = {
        "prompt": "a calico cat plays piano",
        "provider": "local",
        "model": "toy",
        "seconds": 8,
        "size": LANDSCAPE,
        "estimate_usd_micros": 800_000,
    }
    return RenderSpec(**{**plain, **changes})


def new_job(seed: int = 1, **changes: Any) -> NewJob:
    return NewJob(spec=render_spec(**changes), seed=seed)


def request(
    number: int = 1, *, user_id: int = 1001, at: datetime = NOW, place: Place = PLACE
) -> Request:
    return Request(id=number, user_id=user_id, place=place, created_at=at)


def allow(_ledger: LedgerReader) -> None:
    """Accept every request: a check that raises nothing."""


def clip(job: Job, **changes: Any) -> Clip:
    plain = {
        "job_id": job.id,
        "sha256": "ab" * 32,
        "size_bytes": 1_234_567,
        "width_px": 1280,
        "height_px": 720,
        "duration_ms": 8_000,
        "archive_key": f"2026/10/{job.id}.mp4",
        "created_at": NOW,
    }
    return Clip(**{**plain, **changes})


async def accept(store: SqliteJobStore, number: int = 1, **changes: Any) -> Job:
    """Accept a request of one job; `user_id`, `at` and `place` go to the request."""
    about_request = {k: changes.pop(k) for k in ("user_id", "at", "place") if k in changes}
    (job,) = await store.accept(request(number, **about_request), [new_job(**changes)], allow)
    return job


async def step(store: SqliteJobStore, job: Job, to: State, at: datetime = NOW, **given: Any) -> Job:
    """Move a job with the columns that the state `to` requires."""
    needs: dict[State, dict[str, Any]] = {
        State.SUBMITTING: {"submitted_at": at},
        State.RENDERING: {"remote_id": f"remote-{job.id}"},
        State.DOWNLOADING: {"rendered_at": at},
        State.POSTING: {"posting_at": at, "due_at": at},
        State.QUEUED: {"due_at": at},
        State.DONE: {"close": EntryKind.SETTLE, "message_id": 9_000},
        State.KEPT: {"close": EntryKind.SETTLE, "error_code": "place_closed"},
        State.FAILED: {"close": EntryKind.REFUND, "error_code": "render_failed"},
        State.CANCELLED: {"close": EntryKind.REFUND},
    }
    moved = await store.move(job, to, at, **{**needs.get(to, {}), **given})
    assert moved is not None
    return moved


async def reach(store: SqliteJobStore, state: State, number: int = 1, **changes: Any) -> Job:
    """Accept a request of one job and carry it to `state`."""
    job = await accept(store, number, **changes)
    for stop in ROUTES[state]:
        job = await step(store, job, stop)
    return job


async def usage(store: SqliteJobStore, user_id: int, since: datetime) -> Usage:
    return await store.read_ledger(lambda ledger: ledger.usage(user_id, since))


async def spends(store: SqliteJobStore, user_id: int, since: datetime) -> Sequence[JobUsage]:
    return await store.read_ledger(lambda ledger: ledger.usage_by_job(user_id, since))


async def entries(store: SqliteJobStore) -> list[dict[str, Any]]:
    rows = await store.database.read(
        lambda conn: conn.execute("SELECT * FROM ledger ORDER BY id").fetchall()
    )
    return [dict(row) for row in rows]


IMAGE = Path("in") / "ünïcode cat.png"
