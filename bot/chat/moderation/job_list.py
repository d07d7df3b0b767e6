"""A server's jobs, for moderators: a list that is leafed through, also after a restart."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Self

import discord

from bot.chat import text
from bot.chat.clips import clip_text
from bot.chat.clips.job_buttons import CancelJobButton
from bot.chat.serving import job_service_of
from bot.chat.transport.error_handler import SafeItem
from bot.chat.viewers import viewer_of
from bot.jobs.service import JobService
from bot.model import CANCELLABLE_STATES, Job, State, Viewer
from bot.quota.sentences import relative

#: 2026-11: a message has room for 2000 characters (Discord's documentation); the title takes some.
_ENTRIES_CHARS = 1850


class JobListFilter(StrEnum):
    """Which jobs are listed."""

    #: All that have not ended.
    UNDER_WAY = "under way"
    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"
    #: Rendered, but not posted.
    KEPT = "kept"
    CANCELLED = "cancelled"

    @property
    def states(self) -> tuple[State, ...]:
        """The states that it means."""
        if self is JobListFilter.UNDER_WAY:
            return tuple(state for state in State if not state.is_final)
        return (State.QUEUED,) if self is JobListFilter.WAITING else (State(self.value),)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobListQuery:
    """A page of the list."""

    job_filter: JobListFilter
    #: Whose; None for everybody's.
    user_id: int | None = None
    #: Only jobs accepted before this one; None for the first page.
    before_seq: int | None = None

    def dump(self) -> str:
        """Return what `JobListButton` reads."""
        word = self.job_filter.replace(" ", "-")
        user, before = (
            "" if each is None else str(each) for each in (self.user_id, self.before_seq)
        )
        return f"{word}:{user}:{before}"


class JobListButton(
    SafeItem[discord.ui.Button[Any]],
    template=r"sora:jobs:(?P<which>under-way|waiting|done|failed|kept|cancelled)"
    r":(?P<user>\d{0,20}):(?P<before>\d{0,20})",
):
    """Goes to a page of a server's jobs."""

    def __init__(self, query: JobListQuery, label: str = "…") -> None:
        super().__init__(
            discord.ui.Button(
                label=label,
                style=discord.ButtonStyle.secondary,
                custom_id=f"sora:jobs:{query.dump()}",
                row=1,
            )
        )
        self.query = query

    @classmethod
    async def from_custom_id(
        cls,
        _interaction: discord.Interaction,
        _control: discord.ui.Item[Any],
        match: re.Match[str],
        /,
    ) -> Self:
        query = JobListQuery(
            job_filter=JobListFilter(match["which"].replace("-", " ")),
            user_id=int(match["user"]) if match["user"] else None,
            before_seq=int(match["before"]) if match["before"] else None,
        )
        return cls(query)

    async def pressed(self, interaction: discord.Interaction) -> None:
        page = await build_job_list(job_service_of(interaction), viewer_of(interaction), self.query)
        await interaction.response.edit_message(
            content=page.content, view=page.view, allowed_mentions=discord.AllowedMentions.none()
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class JobListMessage:
    """The face of a page."""

    content: str
    view: discord.ui.View


async def build_job_list(jobs: JobService, viewer: Viewer, query: JobListQuery) -> JobListMessage:
    """Return a page of the server's jobs, latest first, with what stops them.

    Raises ModeratorsOnlyError.
    """
    found = await _listed_jobs(jobs, viewer, query)
    whose = "" if query.user_id is None else f" of <@{query.user_id}>"
    title = f"### Jobs{whose}: {query.job_filter}"
    entries = _entries(jobs, [job for _, job in found])
    nothing = "There are none." if query.before_seq is None else "That was all."
    view = discord.ui.View(timeout=None)
    for _, job in found:
        if job.state in CANCELLABLE_STATES and job.cancel_requested_at is None:
            view.add_item(CancelJobButton(job.id, row=0))
    first = replace(query, before_seq=None)
    view.add_item(JobListButton(first, "Refresh" if query.before_seq is None else "◀ Latest"))
    if found:
        following = replace(query, before_seq=found[-1][0])
        if await _listed_jobs(jobs, viewer, following):
            view.add_item(JobListButton(following, "More ▶"))
    return JobListMessage(content="\n\n".join([title, *(entries or [nothing])]), view=view)


async def _listed_jobs(
    jobs: JobService, viewer: Viewer, query: JobListQuery
) -> tuple[tuple[int, Job], ...]:
    return await jobs.moderation.jobs(
        viewer, query.job_filter.states, query.user_id, before_seq=query.before_seq
    )


def _entries(jobs: JobService, listed: Sequence[Job]) -> list[str]:
    """Return the jobs in words, short enough for a message."""
    for most_chars in (160, 80, 40):
        entries = [_entry(job, jobs.library.model_label(job), most_chars) for job in listed]
        if sum(len(entry) + 2 for entry in entries) <= _ENTRIES_CHARS:
            break
    return entries


def _entry(job: Job, model_label: str, max_chars: int) -> str:
    """Return one job: what it is, whose, since when it is so, where, and the words."""
    stopping = " · stopping" if job.cancel_requested_at is not None else ""
    who = f"<@{job.user_id}> in <#{job.place.channel_id}>"
    since = f"**{text.STATE_TITLES[job.state]}**{stopping} · {relative(job.state_at)}"
    lines = [
        f"{clip_text.clip_link(job)} {since} · {who}",
        f"-# {model_label[:60]} · {job.spec.seconds} s",
        f"> {clip_text.escaped_request(job, max_chars)}",
    ]
    if job.state in (State.FAILED, State.KEPT) and job.error_text:
        lines[1] += f" · {job.error_text[:max_chars]}"
    return "\n".join(lines)
