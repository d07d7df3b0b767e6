"""Rows of the tables as the nouns of `bot.model`, and back."""

import json
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.model import (
    Clip,
    EntryKind,
    Job,
    LedgerEntry,
    Operation,
    Place,
    RenderSpec,
    Request,
    Size,
    State,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)


def to_ms(at: datetime) -> int:
    """Return whole milliseconds since 1970-01-01 UTC, rounded down.

    Raises ValueError for an instant without a time zone.
    """
    if at.tzinfo is None:
        raise ValueError(f"an instant without a time zone: {at}")
    return (at - _EPOCH) // _MS


def from_ms(ms: int) -> datetime:
    """Return the instant so many milliseconds after 1970-01-01 UTC."""
    return _EPOCH + ms * _MS


def _to_ms(at: datetime | None) -> int | None:
    return None if at is None else to_ms(at)


def _from_ms(ms: int | None) -> datetime | None:
    return None if ms is None else from_ms(ms)


def row_of_request(request: Request) -> dict[str, object]:
    """Return a request's columns by name."""
    return {
        "id": request.id,
        "user_id": request.user_id,
        **_row_of_place(request.place),
        "created_at": to_ms(request.created_at),
        "card_message_id": request.card_message_id,
        "role_ids": json.dumps(sorted(request.role_ids)),
    }


def request_of_row(row: sqlite3.Row) -> Request:
    """Return the request that a row of `requests` holds."""
    return Request(
        id=row["id"],
        user_id=row["user_id"],
        place=_place_of_row(row),
        created_at=from_ms(row["created_at"]),
        card_message_id=row["card_message_id"],
        role_ids=frozenset(json.loads(row["role_ids"])),
    )


def row_of_job(job: Job) -> dict[str, object]:
    """Return a job's columns by name."""
    order = job.spec
    return {
        "id": job.id,
        "request_id": job.request_id,
        "variant": job.variant,
        "user_id": job.user_id,
        **_row_of_place(job.place),
        "prompt": order.prompt,
        "provider": order.provider,
        "model": order.model,
        "seconds": order.seconds,
        "width_px": order.size.width_px,
        "height_px": order.size.height_px,
        "image": None if order.image is None else str(order.image),
        "estimate_usd_micros": order.estimate_usd_micros,
        "operation": order.operation.value,
        "change": order.change,
        "any_model": int(order.any_model),
        "seed": job.seed,
        "state": job.state.value,
        "created_at": to_ms(job.created_at),
        "state_at": to_ms(job.state_at),
        "due_at": _to_ms(job.due_at),
        "remote_id": job.remote_id,
        "progress": job.progress,
        "attempts": job.attempts,
        "creates": job.creates,
        "submitted_at": _to_ms(job.submitted_at),
        "deadline_at": _to_ms(job.deadline_at),
        "rendered_at": _to_ms(job.rendered_at),
        "posting_at": _to_ms(job.posting_at),
        "finished_at": _to_ms(job.finished_at),
        "cancel_requested_at": _to_ms(job.cancel_requested_at),
        "message_id": job.message_id,
        "cost_usd_micros": job.cost_usd_micros,
        "error_code": job.error_code,
        "error_text": job.error_text,
        "refunded": int(job.refunded),
        "parent_id": job.parent_id,
        "source_remote_id": job.source_remote_id,
        "moved_from": job.failed_over_from,
        "remixable": int(job.remixable),
        "reactions": job.reactions,
        "deleted_at": _to_ms(job.deleted_at),
    }


def job_of_row(row: sqlite3.Row) -> Job:
    """Return the job that a row of `jobs` holds."""
    return Job(
        id=row["id"],
        request_id=row["request_id"],
        variant=row["variant"],
        user_id=row["user_id"],
        place=_place_of_row(row),
        spec=_spec_of_row(row),
        seed=row["seed"],
        state=State(row["state"]),
        created_at=from_ms(row["created_at"]),
        state_at=from_ms(row["state_at"]),
        due_at=_from_ms(row["due_at"]),
        remote_id=row["remote_id"],
        progress=row["progress"],
        attempts=row["attempts"],
        creates=row["creates"],
        submitted_at=_from_ms(row["submitted_at"]),
        deadline_at=_from_ms(row["deadline_at"]),
        rendered_at=_from_ms(row["rendered_at"]),
        posting_at=_from_ms(row["posting_at"]),
        finished_at=_from_ms(row["finished_at"]),
        cancel_requested_at=_from_ms(row["cancel_requested_at"]),
        message_id=row["message_id"],
        cost_usd_micros=row["cost_usd_micros"],
        error_code=row["error_code"],
        error_text=row["error_text"],
        refunded=bool(row["refunded"]),
        parent_id=row["parent_id"],
        source_remote_id=row["source_remote_id"],
        failed_over_from=row["moved_from"],
        remixable=bool(row["remixable"]),
        reactions=row["reactions"],
        deleted_at=_from_ms(row["deleted_at"]),
    )


def _spec_of_row(row: sqlite3.Row) -> RenderSpec:
    return RenderSpec(
        prompt=row["prompt"],
        provider=row["provider"],
        model=row["model"],
        seconds=row["seconds"],
        size=Size(width_px=row["width_px"], height_px=row["height_px"]),
        image=None if row["image"] is None else Path(row["image"]),
        estimate_usd_micros=row["estimate_usd_micros"],
        operation=Operation(row["operation"]),
        change=row["change"],
        any_model=bool(row["any_model"]),
    )


def _row_of_place(place: Place) -> dict[str, object]:
    return {
        "guild_id": place.guild_id,
        "channel_id": place.channel_id,
        "upload_limit_bytes": place.upload_limit_bytes,
        "thread_of": place.thread_of,
    }


def _place_of_row(row: sqlite3.Row) -> Place:
    return Place(
        guild_id=row["guild_id"],
        channel_id=row["channel_id"],
        upload_limit_bytes=row["upload_limit_bytes"],
        thread_of=row["thread_of"],
    )


def row_of_clip(clip: Clip) -> dict[str, object]:
    """Return a clip's columns by name."""
    return {
        "job_id": clip.job_id,
        "sha256": clip.sha256,
        "size_bytes": clip.size_bytes,
        "width_px": clip.width_px,
        "height_px": clip.height_px,
        "duration_ms": clip.duration_ms,
        "archive_key": clip.archive_key,
        "created_at": to_ms(clip.created_at),
    }


def clip_of_row(row: sqlite3.Row) -> Clip:
    """Return the clip that a row of `clips` holds."""
    return Clip(
        job_id=row["job_id"],
        sha256=row["sha256"],
        size_bytes=row["size_bytes"],
        width_px=row["width_px"],
        height_px=row["height_px"],
        duration_ms=row["duration_ms"],
        archive_key=row["archive_key"],
        created_at=from_ms(row["created_at"]),
    )


def row_of_entry(entry: LedgerEntry) -> dict[str, object]:
    """Return a ledger entry's columns by name."""
    return {
        "job_id": entry.job_id,
        "user_id": entry.user_id,
        "guild_id": entry.guild_id,
        "kind": entry.kind.value,
        "clips": entry.clips,
        "seconds": entry.seconds,
        "usd_micros": entry.usd_micros,
        "at": to_ms(entry.at),
        "counts_at": to_ms(entry.counts_at),
    }


def entry_of_row(row: sqlite3.Row) -> LedgerEntry:
    """Return the entry that a row of `ledger` holds."""
    return LedgerEntry(
        job_id=row["job_id"],
        user_id=row["user_id"],
        guild_id=row["guild_id"],
        kind=EntryKind(row["kind"]),
        clips=row["clips"],
        seconds=row["seconds"],
        usd_micros=row["usd_micros"],
        at=from_ms(row["at"]),
        counts_at=from_ms(row["counts_at"]),
    )
