"""Sentences about finished clips: above them, in their details, and after changes."""

from collections.abc import Sequence

from bot.chat.text import duration_text, escaped, jump_url, place_url, spec_and_failover_line
from bot.jobs.ports import JobStatus, Origin
from bot.jobs.remixing import split_prompt
from bot.model import Job, Operation, Place

UNREADABLE_REPLY = (
    "I can't read that reply: Discord shows me its text only when the reply pings me. Turn the ping "
    "on beside the reply's text field, or press the button and write the change there."
)
EMPTY_REPLY = "Tell me in words what shall be different, or press the button."
WHICH_CLIP = "Which of the clips do you mean?"
NO_CLIP = "That message holds no clip of mine."
LOST_REPLY = (
    "I can't read that reply any more. Press Remix below the clip and write the change there."
)
NOT_YOUR_REPLY = "Only who wrote the reply can choose."


def clip_message_text(statuses: Sequence[JobStatus]) -> str:
    """Return the text above the clips of one message; `statuses` holds at least one."""
    first = statuses[0]
    lines = [
        f"<@{first.job.user_id}> {_ready(statuses)}",
        *_spec_lines(statuses),
        f"> {escaped_request(first.job, 300)}",
    ]
    if (line := origin_line(first)) is not None:
        lines.insert(1, f"-# {line}")
    if first.asked_in is not None:
        lines.insert(1, f"-# {moved_post_note(first.asked_in)}")
    return "\n".join(lines)


def moved_post_note(asked_in: Place) -> str:
    """Return why a clip was posted elsewhere than it was asked for."""
    # A link, because a mention of a channel that the reader can't see shows nothing.
    return f"It could not be posted [where you asked for it]({place_url(asked_in)})."


def mirror_message_text(status: JobStatus) -> str:
    """Return the text above a clip in the gallery channel."""
    job = status.job
    return (
        f"{jump_url(job)} by <@{job.user_id}>\n"
        f"-# {spec_and_failover_line(status)} · `{job.id}`\n"
        f"> {escaped_request(job, 300)}"
    )


def escaped_request(job: Job, max_chars: int) -> str:
    """Return `request_text`, cut and escaped."""
    return escaped(request_text(job), max_chars)


def request_text(job: Job) -> str:
    """Return what the member wrote for this job; for a remix only the change.

    The parent's prompt is left out: its channel may be hidden from the reader.
    """
    if job.deleted_at is not None:
        return "(deleted)"
    if job.spec.change is not None:
        return job.spec.change
    return "(goes on)" if job.spec.operation is Operation.EXTEND else job.spec.prompt


def escaped_history(job: Job, max_chars: int) -> str:
    """Return the prompt and all changes of a clip, oldest first, cut and escaped.

    Only for viewers who may see each of its ancestors.
    """
    if job.deleted_at is not None:
        return "(deleted)"
    return escaped(" → ".join(split_prompt(job.spec.prompt)), max_chars)


def origin_line(status: JobStatus) -> str | None:
    """Return what a remix or an extension was made from, and how; None for other jobs."""
    source = status.origin
    if source is None:
        return None
    extends = status.job.spec.operation is Operation.EXTEND
    line = f"{'Continues' if extends else 'Remix of'} {clip_link(source.parent)}, "
    line += _remix_method(source, extends=extends, alone=status.is_added_part_only)
    if source.replaced_model_label is None:
        return line
    return f"{line} {status.model_label} makes it, in place of {source.replaced_model_label}."


def clip_link(job: Job) -> str:
    """Return a job's id, as a link if it has a message."""
    if job.message_id is None or job.deleted_at is not None:
        return f"`{job.id}`"
    return f"[`{job.id}`]({jump_url(job)})"


def parent_text(parent: Job, *, shows_ancestry: bool) -> str:
    """Return the text above a form about a clip.

    shows_ancestry  whether the reader may see all clips that it was made from.
    """
    words = escaped_history(parent, 600) if shows_ancestry else escaped_request(parent, 600)
    return f"-# What {parent.id} shows\n> {words}"


def delete_question(job: Job) -> str:
    """Return the question before a clip is deleted."""
    return (
        f"Delete `{job.id}` for good? Its message, file and words go, here and, where it can, at "
        "the video service. What it cost stays counted."
    )


def deleted(job_id: str) -> str:
    """Return the answer when a clip was deleted."""
    return f"`{job_id}` is deleted. Its message goes in a moment."


def forbidden(job_id: str) -> str:
    """Return the answer when remixes were forbidden."""
    return f"From now on nobody but you can remix, extend or repeat `{job_id}`."


def allowed(job_id: str) -> str:
    """Return the answer when remixes were allowed."""
    return f"Everybody who can see `{job_id}` can remix it."


def _remix_method(source: Origin, *, extends: bool, alone: bool) -> str:
    if source.is_native:
        how = "from the clip itself"
    elif extends and alone:
        how = "from its last frame; the two could not be joined"
    elif extends:
        how = "from its last frame; both are joined"
    elif source.with_frame:
        how = "from its words and last frame"
    else:
        how = "from its words"
    return f"{how}."


def _spec_lines(statuses: Sequence[JobStatus]) -> list[str]:
    """Return what was asked for with the clips' ids, in one line for each provider."""
    if len(statuses) == 1:
        only = statuses[0]
        return [f"-# {spec_and_failover_line(only)}{_took(only)} · `{only.job.id}`"]
    alike: dict[str, list[str]] = {}
    # Numbered in the order of the videos, so that a reader finds the button of a video.
    for number, status in enumerate(statuses, start=1):
        alike.setdefault(spec_and_failover_line(status), []).append(f"{number}: `{status.job.id}`")
    return [f"-# {line} · {', '.join(ids)}" for line, ids in alike.items()]


def _ready(statuses: Sequence[JobStatus]) -> str:
    if len(statuses) > 1:
        return f"{len(statuses)} variants are ready"
    match statuses[0].job.spec.operation:
        case Operation.REMIX:
            return "your remix is ready"
        case Operation.EXTEND:
            return "your extended clip is ready"
        case Operation.GENERATE:
            return "your clip is ready"


def _took(status: JobStatus) -> str:
    job = status.job
    if job.submitted_at is None or job.rendered_at is None:
        return ""
    return f" · took {duration_text((job.rendered_at - job.submitted_at).total_seconds())}"
