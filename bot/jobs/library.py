"""Finished clips: who may see them, which clips they were made from, what owners may change."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.errors import (
    ClipElsewhereError,
    ClipExpiredError,
    ForbiddenByGuildError,
    NoSuchClipError,
    NotYoursError,
    RemixForbiddenError,
    TooLateError,
)
from bot.guild import GuildSettings, Remixers
from bot.jobs.ports import JobStatus, TaskKind
from bot.jobs.remixing import Parent
from bot.jobs.worker_context import WorkerContext
from bot.model import Job, State, Viewer
from bot.storage.clip_search import ClipFilter, ClipSort, Cursor, KeysetPage

#: How many children `ClipDetails` lists.
_MAX_CHILDREN = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipDetails:
    """The details of a clip that its viewer may see."""

    status: JobStatus
    #: The parent first, then its parent, up to the root; None for a clip the viewer may not see.
    ancestors: tuple[Job | None, ...]
    #: The direct children that the viewer may see, newest first, and the number of all of them.
    children: tuple[Job, ...]
    child_count: int
    #: Whether the viewer may delete the clip.
    may_delete: bool
    #: Whether the viewer owns the clip; only the owner may forbid remixes.
    is_own: bool


class Library:
    """What members can do with finished clips. Every refusal is a RefusedError."""

    def __init__(self, ctx: WorkerContext) -> None:
        self._ctx = ctx
        self._store = ctx.store
        self._clip_search = ctx.clip_search

    async def parent(self, clip_id: str, viewer: Viewer) -> Parent:
        """Return a clip that the viewer may remix or extend.

        Raises NoSuchClipError even for the owner who can't read the clip's channel now, and
        ClipExpiredError when the clip's file was removed.
        """
        job = await self.clip(clip_id, viewer)
        may_read = job.place.access_channel_id in viewer.readable_channel_ids
        if job.state is State.DONE and viewer.guild_id is not None and not may_read:
            raise NoSuchClipError(clip_id)
        if not job.remixable and job.user_id != viewer.user_id:
            raise RemixForbiddenError(f"The owner of `{job.id}` keeps it as it is: no remixes.")
        if viewer.guild_id is not None:
            _check_remix(await self._ctx.guild_store.guild_settings(viewer.guild_id), job, viewer)
        clip = await self._store.clip(job.id)
        if clip is None:
            raise ClipExpiredError(job.id, self._ctx.keep_days)
        return Parent(job=job, clip=clip)

    async def clip(self, clip_id: str, viewer: Viewer) -> Job:
        """Return a posted clip that the viewer may see, or the viewer's own kept clip.

        Raises NoSuchClipError, and ClipElsewhereError for the viewer's own clip that was requested
        in this guild but posted in their direct messages.
        """
        job = await self._store.job(clip_id.strip().strip("`"))
        if job is None or not _is_clip(job, viewer):
            raise NoSuchClipError(clip_id)
        if not may_see(job, viewer):
            if job.user_id == viewer.user_id and viewer.guild_id is not None:
                request = await self._store.request(job.request_id)
                if request is not None and request.place.guild_id == viewer.guild_id:
                    raise ClipElsewhereError(job.id)
            raise NoSuchClipError(clip_id)
        return job

    async def clips_in_message(self, message_id: int, viewer: Viewer) -> tuple[Job, ...]:
        """Return the clips of a message that the viewer may see."""
        jobs = await self._store.jobs_of_message(message_id)
        return tuple(job for job in jobs if _is_clip(job, viewer) and may_see(job, viewer))

    async def details(self, clip_id: str, viewer: Viewer) -> ClipDetails:
        """Return the details of a clip that the viewer may see."""
        job = await self.clip(clip_id, viewer)
        lineage = await self._clip_search.lineage(job.id, children=_MAX_CHILDREN)
        is_own = job.user_id == viewer.user_id
        return ClipDetails(
            status=await self._ctx.status_reader.read(job),
            ancestors=tuple(each if may_see(each, viewer) else None for each in lineage.ancestors),
            children=tuple(each for each in lineage.children if may_see(each, viewer)),
            child_count=lineage.child_count,
            may_delete=is_own or viewer.is_moderator,
            is_own=is_own,
        )

    async def is_gone(self, clip_id: str) -> bool:
        """Return whether a clip was deleted or never existed."""
        job = await self._store.job(clip_id)
        return job is None or job.deleted_at is not None

    async def knows_origin(self, job: Job, viewer: Viewer) -> bool:
        """Return whether the viewer may see all clips a job was made from, none of them deleted."""
        if job.parent_id is None:
            return True
        lineage = await self._clip_search.lineage(job.id, children=0)
        return all(each.deleted_at is None and may_see(each, viewer) for each in lineage.ancestors)

    async def find(self, typed: str, viewer: Viewer, limit: int = 25) -> tuple[Job, ...]:
        """Return the newest clips that the viewer may see, match `typed` and still have a file."""
        wanted = ClipFilter(words=typed)
        found = (await self._clip_search.clips(viewer, wanted, ClipSort.NEWEST, None, limit)).jobs
        filed = await self._clip_search.archived([job.id for job in found])
        return tuple(job for job in found if job.id in filed)

    async def gallery(
        self, viewer: Viewer, wanted: ClipFilter, sort: ClipSort, at: Cursor | None, limit: int
    ) -> KeysetPage:
        """Return a page of the guild's clips that the viewer may see."""
        return await self._clip_search.clips(viewer, wanted, sort, at, limit)

    async def thumbnails(self, jobs: Sequence[Job]) -> tuple[Path | None, ...]:
        """Return each clip's thumbnail; None where its file is gone or unreadable."""
        return tuple(
            await asyncio.gather(*(self._ctx.thumbnails.thumbnail(job.id) for job in jobs))
        )

    def model_label(self, job: Job) -> str:
        """Return the name of a job's model for people."""
        return self._ctx.catalogue.model_label(job.spec.provider, job.spec.model)

    async def history(
        self, viewer: Viewer, user_id: int, words: str, at: Cursor | None, limit: int
    ) -> KeysetPage:
        """Return a page of a member's jobs at the viewer's place: all, if the member is the viewer.

        Of another member only the clips that the viewer may see are listed.
        """
        if user_id == viewer.user_id:
            return await self._clip_search.history(viewer, words, at, limit)
        wanted = ClipFilter(words=words, user_id=user_id)
        return await self._clip_search.clips(viewer, wanted, ClipSort.NEWEST, at, limit)

    async def set_remixable(self, clip_id: str, viewer: Viewer, *, remixable: bool) -> Job:
        """Allow or forbid others to remix and extend the viewer's own clip."""
        job = await self.clip(clip_id, viewer)
        if job.user_id != viewer.user_id:
            raise NotYoursError(f"`{job.id}` belongs to somebody else.")
        changed = await self._clip_search.set_remixable(job.id, remixable=remixable)
        if changed is None:
            raise NoSuchClipError(clip_id)
        return changed

    async def delete(self, clip_id: str, viewer: Viewer) -> Job:
        """Delete a clip's message, file and prompt for good; its ledger rows stay.

        The job's row is cleared at once; the outbox removes message and files as soon as Discord
        and the provider answer.
        """
        job = await self.deletable(clip_id, viewer)
        now = self._ctx.now()
        gone = await self._ctx.outbox.erase(job.id, now)
        if gone is None:
            raise NoSuchClipError(clip_id)
        for message in await self._ctx.outbox.due(now, 100):
            self._ctx.wake(TaskKind.OUTBOX, str(message.id))
        self._ctx.status_cards.mark_dirty(gone.request_id)
        return gone

    async def deletable(self, clip_id: str, viewer: Viewer) -> Job:
        """Return a final job that the viewer may delete: their own, or for a moderator any here."""
        job = await self._store.job(clip_id.strip())
        here = job is not None and job.place.guild_id == viewer.guild_id
        if job is None or not here or job.deleted_at is not None:
            raise NoSuchClipError(clip_id)
        if job.user_id != viewer.user_id and not viewer.is_moderator:
            if not may_see(job, viewer):
                raise NoSuchClipError(clip_id)
            who = "its owner or a moderator can delete it"
            raise NotYoursError(f"`{job.id}` belongs to somebody else; {who}.")
        if not job.state.is_final:
            hint = "Cancel it, or wait until it is done."
            raise TooLateError(f"`{job.id}` is still on its way. {hint}")
        return job

    async def react(self, message_id: int, by: int) -> None:
        """Add `by` to the reaction count of a clip's message; ignore messages without a clip."""
        await self._clip_search.add_reactions(message_id, by)

    async def forget_reactions(self, message_id: int) -> None:
        """Reset a message's count of reactions to 0."""
        await self._clip_search.clear_reactions(message_id)


def may_see(job: Job, viewer: Viewer) -> bool:
    """Return whether a clip may be shown to a viewer.

    A clip is shown in its own guild to its owner and to members who can read its channel, and in
    direct messages only to its owner.
    """
    may_read = job.place.access_channel_id in viewer.readable_channel_ids
    is_listed = job.user_id == viewer.user_id or (viewer.guild_id is not None and may_read)
    return job.place.guild_id == viewer.guild_id and is_listed


def _check_remix(settings: GuildSettings, parent: Job, viewer: Viewer) -> None:
    if parent.user_id == viewer.user_id or settings.remixers is Remixers.EVERYBODY:
        return
    if settings.remixers is Remixers.NOBODY:
        raise ForbiddenByGuildError("In this server everybody remixes only their own clips.")
    if settings.remix_role_id not in viewer.role_ids:
        raise ForbiddenByGuildError(
            f"In this server <@&{settings.remix_role_id}> may remix others' clips."
        )


def _is_clip(job: Job, viewer: Viewer) -> bool:
    own_kept = job.state is State.KEPT and job.user_id == viewer.user_id
    return job.deleted_at is None and (job.state is State.DONE or own_kept)
