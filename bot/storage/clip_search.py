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
    """A stretch of a list."""

    jobs: tuple[Job, ...]
    #: Towards the beginning and the end of the list; None where nothing follows.
    previous: Cursor | None
    next: Cursor | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """Where a clip comes from and what was made of it; deleted ones are among them."""

    #: Parent first, then its parent, up to the root.
    ancestors: tuple[Job, ...]
    #: Direct children, newest first, as many as were asked for; those that are not final or were
    #: never posted are left out.
    children: tuple[Job, ...]
    #: How many of those children there are in all.
    child_count: int


class ClipSearch(Protocol):
    """The clips of a server through one member's eyes. Reads only, but for the last three.

    A clip is on the shelf when it is DONE and not deleted. A viewer sees those of `guild_id` whose
    `place.access_channel_id` is among `viewer.rooms`, in a direct message their own of direct messages.
    Raises StorageError.
    """

    async def clips(
        self,
        viewer: Viewer,
        clip_filter: ClipFilter,
        sort: ClipSort,
        cursor: Cursor | None,
        limit: int,
    ) -> KeysetPage:
        """Return clips that the viewer may see."""
        ...

    async def history(
        self, viewer: Viewer, words: str, cursor: Cursor | None, limit: int
    ) -> KeysetPage:
        """Return the viewer's own jobs of this server (or of direct messages), newest first.

        In every state, posted or not; deleted ones left out. `words` as in `Filter`.
        """
        ...

    async def lineage(self, job_id: str, *, children: int) -> Lineage:
        """Return the ancestors of a job (at most 50) and its latest children."""
        ...

    async def archived(self, job_ids: Collection[str]) -> frozenset[str]:
        """Return those of some jobs whose finished file is still kept."""
        ...

    async def set_remixable(self, job_id: str, *, remixable: bool) -> Job | None:
        """Let others make something of a clip, or not; None for an unknown or deleted one."""
        ...

    async def add_reactions(self, message_id: int, delta: int) -> None:
        """Count `by` (negative: fewer) reactions to a clip's message; never below 0."""
        ...

    async def clear_reactions(self, message_id: int) -> None:
        """Set the count of a clip's message to 0."""
        ...
