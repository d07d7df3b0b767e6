"""Sentences and entries of the history and the gallery."""

from collections.abc import Sequence

from bot.chat import text
from bot.chat.clips import clip_text
from bot.model import Job, Operation, State
from bot.quota.sentences import relative

#: 2026-11: a message holds 2000 characters (Discord's documentation), with the title.
_ENTRIES_CHARS = 1850
_LABEL_CHARS = 60

NOTHING_MADE = "Nothing here yet. `/sora generate` makes a first clip."
NOTHING_FOUND = "Nothing found. Other words, or none, may find more."
NOTHING_LIKED = "No clip here has a reaction yet."
OUTDATED = "This list is outdated. Run the command again."


def history_entry(job: Job, model_label: str) -> str:
    """Return a job in a member's history: state, model, length, time, request and error."""
    lines = [
        f"{clip_text.clip_link(job)} **{text.STATE_TITLES[job.state]}** · {_origin_text(job, model_label)}",
        clip_text.escaped_request(job, 90),
    ]
    if job.state in (State.FAILED, State.KEPT) and job.error_text:
        lines.append(f"-# {job.error_text}{text.charge_note(job)}")
    return "\n".join(lines)


def gallery_title(search: str) -> str:
    """Return the title of a page of the gallery."""
    return f"### Gallery: “{text.escaped(search, 40)}”" if search else "### Gallery"


def gallery_entries(clips: Sequence[tuple[Job, str]]) -> str:
    """Return clips with their models' labels as a page of the gallery, short enough for a message.

    Each has the number of its picture on the contact sheet.
    """

    def page(max_chars: int) -> str:
        return "\n".join(
            _gallery_entry(number, job, model_label[:_LABEL_CHARS], max_chars)
            for number, (job, model_label) in enumerate(clips, start=1)
        )

    return text.fitted(page, _ENTRIES_CHARS, (80, 40, 10))


def _gallery_entry(number: int, job: Job, model_label: str, max_chars: int) -> str:
    loved = f" · {job.reactions} ♥" if job.reactions else ""
    return (
        f"**{number}** {clip_text.clip_link(job)} by <@{job.user_id}> · {_origin_text(job, model_label)}{loved}\n"
        f"{clip_text.escaped_request(job, max_chars)}"
    )


def _origin_text(job: Job, model_label: str) -> str:
    added = " added" if job.spec.operation is Operation.EXTEND else ""
    return f"{model_label} · {job.spec.seconds} s{added} · {relative(job.created_at)}"
