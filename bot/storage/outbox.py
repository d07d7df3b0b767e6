"""The outbox: messages about final jobs that the bot still has to mirror, erase or announce."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from bot.model import Job


class OutboxKind(StrEnum):
    """What the bot has to do for an outbox message."""

    #: Post the clip in the guild's gallery channel, too.
    MIRROR = "mirror"
    #: Remove message, mirror, file, picture and remote copy.
    ERASE = "erase"
    #: Post a text in a channel.
    NOTIFY = "tell"


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxMessage:
    """One row of the outbox, which stays there until it is done, also after a restart."""

    id: int
    kind: OutboxKind
    #: Set for a MIRROR or an ERASE.
    job_id: str | None
    #: The channel of a MIRROR or NOTIFY; for an ERASE, the channel that may have a mirror which was
    #: posted but not stored.
    channel_id: int | None
    #: The text of a NOTIFY.
    text: str | None
    created_at: datetime
    due_at: datetime
    #: The number of failed tries.
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirror:
    """The message in the gallery channel that shows a clip a second time."""

    job_id: str
    channel_id: int
    message_id: int


class Outbox(Protocol):
    """The outbox messages of all jobs. Each method is one transaction. Raises StorageError."""

    async def erase(self, job_id: str, now: datetime) -> Job | None:
        """Mark a final job as deleted, blank its texts, and enqueue an ERASE message for the rest.

        Prompt, change, error text and search entry are removed at once, and a pending MIRROR, too.
        The member, time, place, model, length and cost stay for the ledger. Returns the job as it
        is now; None when it is unknown or not final. Idempotent.
        """
        ...

    async def get(self, outbox_id: int) -> OutboxMessage | None:
        """Return an outbox message that is not finished; None for any other id."""
        ...

    async def due(self, now: datetime, limit: int) -> tuple[OutboxMessage, ...]:
        """Return outbox messages that are due, longest due first."""
        ...

    async def next_due_at(self) -> datetime | None:
        """Return when the first outbox message is due; None for an empty outbox."""
        ...

    async def reschedule(self, outbox_message: OutboxMessage, due_at: datetime) -> None:
        """Store a failed try, and make the message due again at `due_at`."""
        ...

    async def finish_mirror(self, outbox_message: OutboxMessage, message_id: int | None) -> None:
        """Remove a MIRROR from the outbox and store its message; None: the clip was not mirrored.

        For a job that was deleted meanwhile, an ERASE that removes the mirror is enqueued again.
        """
        ...

    async def mirror_of(self, job_id: str) -> Mirror | None:
        """Return the mirror of a job's clip; None without one."""
        ...

    async def finish_erase(self, outbox_message: OutboxMessage) -> None:
        """Remove an ERASE from the outbox, with the job's clip, mirror and picture path."""
        ...

    async def notify(
        self, channel_id: int, text: str, now: datetime, *, key: str, again_after: timedelta
    ) -> None:
        """Enqueue a message that says `text`, unless one with this key was enqueued lately.

        key  what it is about, such as "budget 80 of 1234"; the same key is enqueued again only after
             `again_after`.
        """
        ...

    async def finish_notify(self, outbox_message: OutboxMessage) -> None:
        """End a NOTIFY."""
        ...

    async def is_image_in_use(self, job: Job) -> bool:
        """Return whether a job that is not deleted has the same reference picture on disk."""
        ...
