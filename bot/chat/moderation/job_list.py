"""The list of a server's jobs, for moderators; its buttons work after a restart."""

from dataclasses import dataclass, replace
from enum import StrEnum

import discord

from bot.chat import text
from bot.chat.clips import clip_text
from bot.chat.clips.job_buttons import CancelJobButton
from bot.chat.lists.page_button import ListPageButton
from bot.chat.viewers import job_service_of, viewer_of
from bot.jobs.service import JobService
from bot.model import CANCELLABLE_STATES, Job, State, Viewer
from bot.quota.sentences import relative

#: 2026-11: a message holds 2000 characters (Discord's documentation), with the title.
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
    #: Whose; None for all members'.
    user_id: int | None = None
    #: Only jobs accepted before this one; None for the first page.
    before_seq: int | None = None

    @classmethod
    def load(cls, text: str) -> "JobListQuery":
        """Read what `dump` wrote."""
        word, user, before = text.split(":")
        return cls(
            job_filter=JobListFilter(word.replace("-", " ")),
            user_id=int(user) if user else None,
            before_seq=int(before) if before else None,
        )

    def dump(self) -> str:
        """Return the page as a part of a custom id."""
        word = self.job_filter.replace(" ", "-")
        return f"{word}:{self.user_id or ''}:{self.before_seq or ''}"


class JobListButton(
    ListPageButton,
    template=r"sora:jobs:(?P<page>(?:under-way|waiting|done|failed|kept|cancelled)"
    r":\d{0,20}:\d{0,20})",
):
    """Shows another page of a server's jobs."""

    list_name, button_row = "jobs", 1

    async def pressed(self, interaction: discord.Interaction) -> None:
        query = JobListQuery.load(self.page_state)
        content, view = await build_job_list(
            job_service_of(interaction), viewer_of(interaction), query
        )
        await interaction.response.edit_message(
            content=content, view=view, allowed_mentions=discord.AllowedMentions.none()
        )


async def build_job_list(
    jobs: JobService, viewer: Viewer, query: JobListQuery
) -> tuple[str, discord.ui.View]:
    """Return a page of the server's jobs, latest first, with buttons that stop them.

    Raises ModeratorsOnlyError.
    """
    found = await _listed_jobs(jobs, viewer, query)
    whose = "" if query.user_id is None else f" of <@{query.user_id}>"
    title = f"### Jobs{whose}: {query.job_filter}"
    listed = [(job, jobs.library.model_label(job)) for _, job in found]
    entries = text.fitted(
        lambda max_chars: "\n\n".join(_entry(*each, max_chars) for each in listed),
        _ENTRIES_CHARS,
        (160, 80, 40),
    )
    nothing = "There are none." if query.before_seq is None else "That was all."
    view = discord.ui.View(timeout=None)
    for _, job in found:
        if job.state in CANCELLABLE_STATES and job.cancel_requested_at is None:
            view.add_item(CancelJobButton(job.id, row=0))
    first = replace(query, before_seq=None)
    view.add_item(
        JobListButton(first.dump(), "Refresh" if query.before_seq is None else "◀ Latest")
    )
    if found:
        following = replace(query, before_seq=found[-1][0])
        if await _listed_jobs(jobs, viewer, following):
            view.add_item(JobListButton(following.dump(), "More ▶"))
    return f"{title}\n\n{entries or nothing}", view


async def _listed_jobs(
    jobs: JobService, viewer: Viewer, query: JobListQuery
) -> tuple[tuple[int, Job], ...]:
    return await jobs.moderation.jobs(
        viewer, query.job_filter.states, query.user_id, before_seq=query.before_seq
    )


def _entry(job: Job, model_label: str, max_chars: int) -> str:
    """Return one job: state and since when, member and channel, model, error and request."""
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
