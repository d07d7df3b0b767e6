"""What is said about lists of clips: history and gallery."""

from __future__ import annotations

from collections.abc import Sequence

from bot.chat import text
from bot.chat.clips import clip_text
from bot.model import Job, Operation, State
from bot.quota.sentences import relative

#: 2026-11: a message has room for 2000 characters (Discord's documentation); the title takes some.
_ENTRIES_CHARS = 1850
_LABEL_CHARS = 60

NOTHING_MADE = "Nothing here yet. `/sora generate` makes a first clip."
NOTHING_FOUND = "Nothing found. Other words, or none, may find more."
NOTHING_LIKED = "No clip here has a reaction yet."
OUTDATED = "This list is outdated. Run the command again."


def history_entry(job: Job, model_label: str) -> str:
    """Return a job in a member's history: what, when, how it ended and where it is."""
    lines = [
        f"{clip_text.clip_link(job)} **{text.STATE_TITLES[job.state]}** · {_origin_text(job, model_label)}",
        clip_text.escaped_request(job, 90),
    ]
    if job.state in (State.FAILED, State.KEPT) and job.error_text:
        lines.append(f"-# {job.error_text}{text.charge_note(job)}")
    return "\n".join(lines)


def gallery_title(search: str) -> str:
    """Return what stands above a page of the gallery."""
    return f"### Gallery: “{text.escaped(search, 40)}”" if search else "### Gallery"


def gallery_entries(clips: Sequence[tuple[Job, str]]) -> list[str]:
    """Return clips and their models' labels as a page of the gallery, short enough for a message.

    Each has the number that its poster has.
    """
    for most_chars in (80, 40, 10):
        entries = [
            _gallery_entry(number, job, model_label[:_LABEL_CHARS], most_chars)
            for number, (job, model_label) in enumerate(clips, start=1)
        ]
        if sum(len(entry) + 1 for entry in entries) <= _ENTRIES_CHARS:
            break
    return entries


def _gallery_entry(number: int, job: Job, model_label: str, max_chars: int) -> str:
    loved = f" · {job.reactions} ♥" if job.reactions else ""
    return (
        f"**{number}** {clip_text.clip_link(job)} by <@{job.user_id}> · {_origin_text(job, model_label)}{loved}\n"
        f"{clip_text.escaped_request(job, max_chars)}"
    )


def _origin_text(job: Job, model_label: str) -> str:
    added = " added" if job.spec.operation is Operation.EXTEND else ""
    return f"{model_label} · {job.spec.seconds} s{added} · {relative(job.created_at)}"
