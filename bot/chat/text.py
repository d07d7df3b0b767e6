"""Sentences about jobs that users read, and how values are put into words."""

import re
from collections.abc import Callable, Sequence

import discord

from bot.jobs.ports import JobStatus
from bot.model import Job, Operation, Place, State, Viewer
from bot.quota.sentences import dollars, relative

#: Titles of a card; states that members need not tell apart share one.
STATE_TITLES = {
    State.QUEUED: "In line",
    State.SUBMITTING: "Starting",
    State.RENDERING: "Rendering",
    State.DOWNLOADING: "Fetching your clip",
    State.FITTING: "Fetching your clip",
    State.POSTING: "Posting your clip",
    State.DONE: "Done",
    State.KEPT: "Finished, but not posted",
    State.FAILED: "Failed",
    State.CANCELLED: "Cancelled",
}
WAITING_FOR_DISK_SPACE = "Waiting for disk space"

#: Characters that begin markup, a mention, a masked link or a time; Discord takes a backslash
#: before each. (discord.py's own escaping leaves links alone.)
_MARKUP = re.compile(r"([\\`*_~|<>\[\]()#-])")
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"

HELP = (
    "**/sora generate** makes a short video clip from your words. Choose a model, a length and a "
    "size if you like; `count` makes up to four variants at once.\n"
    "**/sora status** shows your clips under way; with an id such as `K7Q2`, one in detail.\n"
    "**/sora cancel** stops a clip that waits or, where the video service can, is being rendered. "
    "A stopped clip is not counted.\n"
    "**/sora remix** makes a clip again with your change. So does a reply to the clip with the change "
    "as text, its Remix button, and *Apps → Remix this clip* in its menu.\n"
    "**/sora extend** lets a clip go on; **/sora history** and **/sora gallery** find clips again.\n"
    "**/sora quota** shows what you have left and when more returns.\n\n"
    "Below each clip: *Remix*, *Again* (the same once more), *Extend*, *Delete*. *Apps → Clip details* "
    "shows where it comes from; there its owner can forbid remixes. Moderators have **/sora-mod**.\n\n"
    "Finished clips are posted as a new message where you asked for them. Failed clips cost "
    "nothing unless the video service charged for them."
)
NOTHING_RUNNING = "You have nothing under way. `/sora generate` starts a clip."
NO_LIMITS = "No limits apply to you here. Make something good."
PICTURE_RECEIVED = (
    "Got your picture. I cut it to the clip's shape and take the first frame of an animation; "
    "the clip's card follows below."
)
CANCELLING = (
    "I asked the video service to stop; the card shows when it has. If the clip is finished first, "
    "it still comes."
)


def state_title(status: JobStatus) -> str:
    """Return the state of one job, in a few words."""
    return WAITING_FOR_DISK_SPACE if status.waits_for_disk_space else STATE_TITLES[status.job.state]


def cancelled(jobs: Sequence[Job]) -> str:
    """Return the answer to a cancel, for the jobs as they are now."""
    if all(job.state is State.CANCELLED for job in jobs):
        ids = ", ".join(f"`{job.id}`" for job in jobs)
        return f"Cancelled {ids}. Nothing is counted for {'it' if len(jobs) == 1 else 'them'}."
    return CANCELLING


def escaped(words: str, max_chars: int) -> str:
    """Return `words` cut to `max_chars`, with every mention, markup and link escaped."""
    cut = words if len(words) <= max_chars else words[: max_chars - 1].rstrip() + "…"
    plain = _MARKUP.sub(r"\\\1", cut).replace("://", "\\://")
    return discord.utils.escape_mentions(plain)


def fitted(page: Callable[[int], str], max_chars: int, lengths: Sequence[int]) -> str:
    """Return `page(length)` for the first of `lengths` that makes it short enough, else the last."""
    return next(
        (words for words in map(page, lengths) if len(words) <= max_chars), page(lengths[-1])
    )


def base36(number: int) -> str:
    """Return a number to the base 36, which `int(text, 36)` reads."""
    digits = ""
    while number:
        number, rest = divmod(number, 36)
        digits = _DIGITS[rest] + digits
    return digits or "0"


def progress_bar(percent: int) -> str:
    """Return a progress bar of twelve characters with its number."""
    full = round(12 * percent / 100)
    return f"{'▰' * full}{'▱' * (12 - full)} {percent} %"


def duration_text(seconds: float) -> str:
    """Return a duration in words: `9 s`, `2 min 5 s`, `1 h 4 min`."""
    whole = max(0, round(seconds))
    minutes, rest_s = divmod(whole, 60)
    if minutes == 0:
        return f"{rest_s} s"
    hours, rest_min = divmod(minutes, 60)
    if hours == 0:
        return f"{minutes} min {rest_s} s"
    return f"{hours} h {rest_min} min"


def spec_and_failover_line(status: JobStatus) -> str:
    """Return what was asked for and why another provider makes it, in one line."""
    sent_on = failover_text(status.job)
    return spec_line(status) if sent_on is None else f"{spec_line(status)} · {sent_on}"


def spec_line(status: JobStatus) -> str:
    """Return what was asked for, in one line: model, length, size, price, provider."""
    job, spec = status.job, status.job.spec
    cost = spec.estimate_usd_micros if job.cost_usd_micros is None else job.cost_usd_micros
    price = "refunded" if job.refunded and spec.estimate_usd_micros else dollars(cost)
    made = f"{status.model_label} · {length_text(status)} · {spec.size} · {price}"
    return made if status.provider_label is None else f"{made} · {status.provider_label}"


def failover_text(job: Job) -> str | None:
    """Return why another provider makes a job than was chosen; None if it is the same one."""
    if job.failed_over_from is None:
        return None
    return f"moved here from `{job.failed_over_from}`, which took no new work"


def length_text(status: JobStatus) -> str:
    """Return how long the clip is: `8 s`.

    Of an extension `4 s more` until it is made, then `12 s (4 s added)`, or `4 s` if the file is
    only the added part.
    """
    spec, clip = status.job.spec, status.clip
    if spec.operation is not Operation.EXTEND:
        return f"{spec.seconds} s"
    if clip is None:
        return f"{spec.seconds} s more"
    if status.is_added_part_only:
        return f"{spec.seconds} s"
    return f"{round(clip.duration_ms / 1000)} s ({spec.seconds} s added)"


def status_line(status: JobStatus) -> str:
    """Return the state of one job, in one line."""
    job = status.job
    match job.state:
        case State.QUEUED:
            return _queue_position(status.ahead or 0)
        case State.RENDERING:
            shown = progress_bar(job.progress) if job.progress is not None else "Rendering …"
            if job.cancel_requested_at is not None:
                return f"{shown} · cancelling"
            soon = f" · ready {relative(status.ready_at)}" if status.ready_at is not None else ""
            return shown + soon
        case _ if job.deleted_at is not None:
            return "Deleted."
        case State.DONE:
            return "Done."
        case State.KEPT | State.FAILED:
            return f"{job.error_text or STATE_TITLES[job.state]}{charge_note(job)}"
        case State.CANCELLED:
            return "Cancelled. Nothing was counted."
        case _ if status.waits_for_disk_space:
            return "Rendered. I fetch it as soon as there is room on my disk."
        case _:
            return f"{STATE_TITLES[job.state]} …"


def charge_note(job: Job) -> str:
    """Return whether a failed job counts, as a sentence to append; empty for a kept one."""
    if job.refunded:
        return " Nothing was counted."
    if job.state is State.FAILED:
        return " The video service charged for it, so it counts."
    return ""


def owner_note(job: Job, viewer: Viewer) -> str | None:
    """Return whose job the viewer looks at; None for their own."""
    return None if job.user_id == viewer.user_id else f"Asked for by <@{job.user_id}>"


def jump_url(job: Job) -> str:
    """Return the address of the message that carries the clip."""
    return f"{place_url(job.place)}/{job.message_id}"


def place_url(place: Place) -> str:
    """Return the address of a channel or thread."""
    server = "@me" if place.guild_id is None else str(place.guild_id)
    return f"https://discord.com/channels/{server}/{place.channel_id}"


def missing_permissions(names: list[str]) -> str:
    """Return the refusal if the bot lacks permissions to post the clip."""
    listed = ", ".join(f"**{name}**" for name in names)
    return (
        f"I could not post your clip here: I lack {listed}. Ask a moderator to grant it, "
        "or try another channel. Nothing was charged."
    )


def _queue_position(ahead: int) -> str:
    if ahead == 0:
        return "Next in line"
    return f"In line · {ahead} clip{'' if ahead == 1 else 's'} ahead"
