"""Every sentence a user can read that is not an error's own, and how values are put into words."""

from __future__ import annotations

import re
from collections.abc import Sequence

import discord

from bot.jobs.ports import JobStatus
from bot.model import Job, Operation, Place, State, Viewer
from bot.quota.sentences import dollars, relative

#: What a card's title says; the states a member need not tell apart share one.
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

#: Whatever begins markup, a mention, a masked link or a time; Discord takes a backslash before any
#: of them. (discord.py's own escaping leaves links alone.)
_MARKUP = re.compile(r"([\\`*_~|<>\[\]()#-])")

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
PICTURE_RECEIVED = "Got your picture; the clip's card follows below."
CANCELLING = (
    "I asked the video service to stop; the card shows when it has. If the clip is finished first, "
    "it still comes."
)


def state_title(status: JobStatus) -> str:
    """Return where one job stands, in a word or two."""
    return WAITING_FOR_DISK_SPACE if status.waits_for_disk_space else STATE_TITLES[status.job.state]


def cancelled(jobs: Sequence[Job]) -> str:
    """Return the answer to a cancel, for the jobs as they are now."""
    if all(job.state is State.CANCELLED for job in jobs):
        ids = ", ".join(f"`{job.id}`" for job in jobs)
        return f"Cancelled {ids}. Nothing is counted for {'it' if len(jobs) == 1 else 'them'}."
    return CANCELLING


def escaped(words: str, max_chars: int) -> str:
    """Return `words` cut to `most_chars` and made harmless: no mention, markup or link works."""
    cut = words if len(words) <= max_chars else words[: max_chars - 1].rstrip() + "…"
    plain = _MARKUP.sub(r"\\\1", cut).replace("://", "\\://")
    return discord.utils.escape_mentions(plain)


def progress_bar(percent: int) -> str:
    """Return a progress bar of twelve signs with its number."""
    full = round(12 * percent / 100)
    return f"{'▰' * full}{'▱' * (12 - full)} {percent} %"


def duration_text(seconds: float) -> str:
    """Return a stretch of time in words: `9 s`, `2 min 5 s`, `1 h 4 min`."""
    whole = max(0, round(seconds))
    minutes, rest_s = divmod(whole, 60)
    if minutes == 0:
        return f"{rest_s} s"
    hours, rest_min = divmod(minutes, 60)
    if hours == 0:
        return f"{minutes} min {rest_s} s"
    return f"{hours} h {rest_min} min"


def spec_and_failover_line(status: JobStatus) -> str:
    """Return what was ordered, and where it was sent on to another video service, in one line."""
    sent_on = failover_text(status.job)
    return spec_line(status) if sent_on is None else f"{spec_line(status)} · {sent_on}"


def spec_line(status: JobStatus) -> str:
    """Return what was ordered, in one line: model, length, size, price, video service."""
    job, order = status.job, status.job.spec
    cost = order.estimate_usd_micros if job.cost_usd_micros is None else job.cost_usd_micros
    price = "refunded" if job.refunded and order.estimate_usd_micros else dollars(cost)
    made = f"{status.model_label} · {length_text(status)} · {order.size} · {price}"
    return made if status.provider_label is None else f"{made} · {status.provider_label}"


def failover_text(job: Job) -> str | None:
    """Return why another video service makes a job than was meant to; None: it is the same."""
    if job.failed_over_from is None:
        return None
    return f"moved here from `{job.failed_over_from}`, which took no new work"


def length_text(status: JobStatus) -> str:
    """Return how long the clip is: `8 s`, of an extension `12 s (4 s added)`."""
    order, clip = status.job.spec, status.clip
    if order.operation is not Operation.EXTEND:
        return f"{order.seconds} s"
    if clip is None:
        return f"{order.seconds} s more"
    if status.is_added_part_only:
        return f"{order.seconds} s"
    return f"{round(clip.duration_ms / 1000)} s ({order.seconds} s added)"


def status_line(status: JobStatus) -> str:
    """Return where one job stands, in one line."""
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
    """Return what a job that was not posted counts, to follow a sentence; empty for a kept one."""
    if job.refunded:
        return " Nothing was counted."
    if job.state is State.FAILED:
        return " The video service charged for it, so it counts."
    return ""


def owner_note(job: Job, viewer: Viewer) -> str | None:
    """Return whose job a moderator looks at; None for one's own."""
    return None if job.user_id == viewer.user_id else f"Asked for by <@{job.user_id}>"


def jump_url(job: Job) -> str:
    """Return the address of the message that carries the clip."""
    return f"{place_url(job.place)}/{job.message_id}"


def place_url(place: Place) -> str:
    """Return the address of a channel or thread."""
    server = "@me" if place.guild_id is None else str(place.guild_id)
    return f"https://discord.com/channels/{server}/{place.channel_id}"


def missing_permissions(names: list[str]) -> str:
    """Return the refusal when the bot could not post the clip."""
    listed = ", ".join(f"**{name}**" for name in names)
    return (
        f"I could not post your clip here: I lack {listed}. Ask a moderator to grant it, "
        "or try another channel. Nothing was charged."
    )


def _queue_position(ahead: int) -> str:
    if ahead == 0:
        return "Next in line"
    return f"In line · {ahead} clip{'' if ahead == 1 else 's'} ahead"
