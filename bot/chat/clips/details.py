"""The details of a clip: what was asked for, its file, its ancestors and its remixes."""

from collections.abc import Sequence

import discord

from bot.chat import text
from bot.chat.clips import clip_text
from bot.chat.embed_message import STATE_COLOURS
from bot.jobs.library import ClipDetails
from bot.model import Clip, Job
from bot.quota.sentences import dollars, relative

_MAX_ANCESTORS = 6
#: 2026-11: Discord rejects a longer field (developer documentation, embed limits).
_FIELD_CHARS = 1024


def details_embed(details: ClipDetails) -> discord.Embed:
    """Return a clip's details, without anything that the viewer may not see."""
    status, job = details.status, details.status.job
    embed = discord.Embed(title=f"Clip {job.id}", colour=STATE_COLOURS[job.state])
    # The history holds the prompts of all ancestors, so it shows only if none is hidden or deleted.
    known = all(each is not None and each.deleted_at is None for each in details.ancestors)
    words = clip_text.escaped_history(job, 1500) if known else clip_text.escaped_request(job, 1500)
    embed.description = f"> {words}"
    hides = bool(details.ancestors) and details.ancestors[0] is None
    if not hides and (line := clip_text.origin_line(status)) is not None:
        embed.description = f"{line}\n{embed.description}"
    embed.add_field(name="Model", value=f"{status.model_label} · {job.spec.provider}")
    embed.add_field(name="Length and size", value=f"{text.length_text(status)} · {job.spec.size}")
    embed.add_field(name="Cost", value=_cost(job))
    embed.add_field(name="File", value=_file(status.clip))
    when = f"<@{job.user_id}> {relative(job.created_at)}"
    embed.add_field(name="Made for", value=when)
    if not job.remixable:
        embed.add_field(name="Remixes", value="Its owner keeps it as it is.")
    if details.ancestors:
        embed.add_field(name="Comes from", value=_ancestry(details.ancestors), inline=False)
    if details.child_count:
        embed.add_field(name="Became", value=_children(details), inline=False)
    return embed


def _file(clip: Clip | None) -> str:
    if clip is None:
        return "Past its time and removed: nothing can be made of it any more."
    return f"{clip.size_bytes / 1_000_000:.1f} MB"


def _cost(job: Job) -> str:
    cost = job.cost_usd_micros
    return dollars(job.spec.estimate_usd_micros if cost is None else cost)


def _ancestry(ancestors: Sequence[Job | None]) -> str:
    """Return the ancestors, parent first; a long list without its middle."""
    return text.fitted(
        lambda max_chars: _steps([_step(each, max_chars) for each in ancestors]),
        _FIELD_CHARS,
        (40, 0),
    )


def _steps(steps: Sequence[str]) -> str:
    if len(steps) > _MAX_ANCESTORS:
        steps = [*steps[: _MAX_ANCESTORS - 1], f"… {len(steps) - _MAX_ANCESTORS} more …", steps[-1]]
    return " ← ".join(steps)


def _step(job: Job | None, max_chars: int) -> str:
    if job is None:
        return "a clip elsewhere"
    if job.deleted_at is not None:
        return f"`{job.id}` (deleted)"
    words = f" {clip_text.escaped_request(job, max_chars)}" if max_chars else ""
    return f"{clip_text.clip_link(job)}{words}"


def _children(details: ClipDetails) -> str:
    lines: list[str] = []
    for job in details.children:
        line = f"{clip_text.clip_link(job)} {clip_text.escaped_request(job, 60)}"
        # 30 characters are kept for the line that counts the rest.
        if sum(len(each) + 1 for each in lines) + len(line) > _FIELD_CHARS - 30:
            break
        lines.append(line)
    hidden = details.child_count - len(lines)
    if hidden:
        lines.append(f"… and {hidden} {'more' if lines else 'elsewhere'}")
    return "\n".join(lines)
