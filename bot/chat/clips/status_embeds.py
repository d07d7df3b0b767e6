"""The embeds of cards and of `/sora status`."""

from collections.abc import Sequence

import discord

from bot.chat import text
from bot.chat.clips import clip_text
from bot.chat.clips.job_buttons import CancelButton, CancelJobButton, FetchButton
from bot.chat.embed_message import DEFAULT_COLOUR, STATE_COLOURS, EmbedMessage
from bot.jobs.ports import JobStatus, StatusCard
from bot.model import CANCELLABLE_STATES, State
from bot.quota.sentences import relative


def build_card_message(card: StatusCard) -> EmbedMessage:
    """Return a request's public card as it is now."""
    # All variants have the same prompt, but a deleted one has lost it.
    first = min(card.statuses, key=lambda status: status.job.deleted_at is not None)
    embed = discord.Embed(title=_title(card), colour=_colour(card.statuses))
    embed.description = f"{_quoted_request(first, 400)}\n\n" + "\n".join(
        _card_line(status, named=len(card.statuses) > 1) for status in card.statuses
    )
    if (line := _failover_lines(card.statuses)) is not None:
        embed.description += f"\n{line}"
    if card.was_resumed:
        embed.description += "\n-# Resumed after a restart."
    embed.set_footer(text=_footer(card.statuses))
    return EmbedMessage(embed=embed, view=_card_view(card))


def build_status_message(status: JobStatus) -> EmbedMessage:
    """Return the details of one job, for its owner or a moderator."""
    job = status.job
    embed = discord.Embed(title=f"{job.id} · {text.state_title(status)}", colour=_colour([status]))
    embed.description = (
        f"{_quoted_request(status, 1500)}\n\n{text.status_line(status)}\n\n"
        f"Asked {relative(job.created_at)} · [go there]({text.place_url(job.place)})"
    )
    embed.add_field(name="Ordered", value=text.spec_and_failover_line(status), inline=False)
    if job.rendered_at is not None and job.submitted_at is not None:
        took_s = (job.rendered_at - job.submitted_at).total_seconds()
        embed.add_field(name="Render took", value=text.duration_text(took_s))
    if status.clip is not None:
        megabytes = status.clip.size_bytes / 1_000_000
        embed.add_field(name="File", value=f"{megabytes:.1f} MB")
    return EmbedMessage(embed=embed, view=_status_view(status))


def build_running_message(statuses: Sequence[JobStatus]) -> EmbedMessage:
    """Return the first ten of a member's jobs under way; there is at least one."""
    embed = discord.Embed(title="Your clips under way", colour=DEFAULT_COLOUR)
    embed.description = "\n\n".join(
        f"**{status.job.id}** · {status.model_label} · {status.job.spec.seconds} s · "
        f"asked {relative(status.job.created_at)} · "
        f"[go there]({text.place_url(status.job.place)})\n"
        f"> {clip_text.escaped_request(status.job, 80)}\n\n{text.status_line(status)}"
        for status in statuses[:10]
    )
    if len(statuses) > 10:
        embed.set_footer(text=f"… and {len(statuses) - 10} more")
    return EmbedMessage(embed=embed, view=None)


def build_help_message() -> EmbedMessage:
    """Return the help."""
    embed = discord.Embed(title="Sorabot", description=text.HELP, colour=DEFAULT_COLOUR)
    return EmbedMessage(embed=embed, view=None)


def _quoted_request(status: JobStatus, max_chars: int) -> str:
    """Return the origin of a job and what was asked for."""
    words = f"> {clip_text.escaped_request(status.job, max_chars)}"
    line = clip_text.origin_line(status)
    return words if line is None else f"{line}\n{words}"


def _title(card: StatusCard) -> str:
    if all(status.job.deleted_at is not None for status in card.statuses):
        return "Deleted"
    titles = [text.state_title(status) for status in card.statuses]
    if len(titles) == 1:
        return titles[0]
    if len(set(titles)) == 1:
        return f"{len(titles)} variants · {titles[0]}"
    done = sum(status.job.state is State.DONE for status in card.statuses)
    return f"{len(titles)} variants · {done} done"


def _footer(statuses: Sequence[JobStatus]) -> str:
    """Return what was asked for, in one line for each provider and model."""
    if len(statuses) == 1:
        return f"{statuses[0].job.id} · {text.spec_line(statuses[0])}"
    alike: dict[tuple[str, str], list[JobStatus]] = {}
    for status in statuses:
        spec = status.job.spec
        alike.setdefault((spec.provider, spec.model), []).append(status)
    return "\n".join(f"{len(each)} × {text.spec_line(each[0])}" for each in alike.values())


def _failover_lines(statuses: Sequence[JobStatus]) -> str | None:
    """Return which jobs failed over to another provider; None if none did."""
    sent_on: dict[str, list[str]] = {}
    for status in statuses:
        if (words := text.failover_text(status.job)) is not None:
            sent_on.setdefault(words, []).append(f"`{status.job.id}`")
    if not sent_on:
        return None
    words, ids = next(iter(sent_on.items()))
    if len(ids) == len(statuses):
        return f"{words.capitalize()}."
    return " ".join(f"{', '.join(ids)} {words}." for words, ids in sent_on.items())


def _card_line(status: JobStatus, *, named: bool) -> str:
    job = status.job
    line = (
        f"[Watch the clip]({text.jump_url(job)})"
        if job.state is State.DONE and job.deleted_at is None
        else text.status_line(status)
    )
    return f"`{job.id}` {line}" if named else line


def _colour(statuses: Sequence[JobStatus]) -> int:
    states = {status.job.state for status in statuses}
    if any(not state.is_final for state in states):
        return DEFAULT_COLOUR
    return next(colour for state, colour in STATE_COLOURS.items() if state in states)


def _card_view(card: StatusCard) -> discord.ui.View | None:
    view = discord.ui.View(timeout=None)
    if any(status.job.state in CANCELLABLE_STATES for status in card.statuses):
        view.add_item(CancelButton(card.request.id))
    for status in card.statuses:
        if status.job.state is State.KEPT and status.job.deleted_at is None:
            view.add_item(FetchButton(status.job.id))
    return view if view.children else None


def _status_view(status: JobStatus) -> discord.ui.View | None:
    job = status.job
    view = discord.ui.View(timeout=None)
    if job.state in CANCELLABLE_STATES:
        view.add_item(CancelJobButton(job.id))
    elif job.state is State.KEPT:
        view.add_item(FetchButton(job.id))
    elif job.state is State.DONE:
        view.add_item(discord.ui.Button(label="Watch the clip", url=text.jump_url(job)))
    return view if view.children else None
