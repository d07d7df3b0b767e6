"""Finished clips as members find them again: by words, by maker, by message, by descent."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from bot.model import Job, Viewer


class ClipSort(StrEnum):
    """In which order clips are shown."""

    NEWEST = "newest"
    #: Clips with at least one reaction, most first, then newest.
    LOVED = "loved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """A place in a list between two entries; what a paging button carries."""

    #: The order of acceptance of the entry beside it.
    seq: int
    #: Reactions of that entry; counts in Sort.LOVED only.
    reactions: int = 0
    #: The page after (older, less loved) or before that entry.
    is_before: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipFilter:
    """Which clips are wanted; None and "" leave all."""

    #: Words that the prompt shall hold, each from its beginning, in any order and case; an id
    #: finds its clip, too.
    words: str = ""
    user_id: int | None = None
    #: A model's name, as in `RenderSpec.model`.
    model: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysetPage:
    """One page of a list of jobs."""

    jobs: tuple[Job, ...]
    #: Towards the beginning and the end of the list; None where nothing follows.
    previous: Cursor | None
    next: Cursor | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """The ancestors and children of a clip, deleted clips included."""

    #: Parent first, then its parent, up to the root.
    ancestors: tuple[Job, ...]
    #: The latest direct children that were posted, newest first.
    children: tuple[Job, ...]
    #: The number of all direct children that were posted.
    child_count: int


class ClipSearch(Protocol):
    """Lists of clips and jobs, as one viewer may see them; all methods raise StorageError.

    A list of clips has jobs that are DONE and not deleted. In a guild a viewer sees the clips whose
    `place.access_channel_id` is among `viewer.readable_channel_ids`; in direct messages, their own.
    """

    async def clips(
        self,
        viewer: Viewer,
        clip_filter: ClipFilter,
        sort: ClipSort,
        cursor: Cursor | None,
        limit: int,
    ) -> KeysetPage:
        """Return a page of the clips that the viewer may see and that match the filter."""
        ...

    async def history(
        self, viewer: Viewer, words: str, cursor: Cursor | None, limit: int
    ) -> KeysetPage:
        """Return a page of the viewer's own jobs of this guild or of direct messages, newest first.

        Jobs in every state except deleted ones; `words` as in `ClipFilter`.
        """
        ...

    async def lineage(self, job_id: str, *, children: int) -> Lineage:
        """Return at most 50 ancestors of a job, and its `children` latest children."""
        ...

    async def archived(self, job_ids: Collection[str]) -> frozenset[str]:
        """Return the ids of those jobs whose clip is still in the archive."""
        ...

    async def set_remixable(self, job_id: str, *, remixable: bool) -> Job | None:
        """Allow or forbid other members to remix a clip; None for an unknown or deleted clip."""
        ...

    async def add_reactions(self, message_id: int, delta: int) -> None:
        """Add `delta`, which may be negative, to the reactions of a clip's message; never below 0."""
        ...

    async def clear_reactions(self, message_id: int) -> None:
        """Set the number of reactions to a clip's message to 0."""
        ...
