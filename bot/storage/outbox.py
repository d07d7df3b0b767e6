"""What remains to be done about a job that is final: mirror its clip, or remove all of it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from bot.model import Job


class OutboxKind(StrEnum):
    """What an outbox message asks for."""

    #: Show the clip in the server's gallery channel, too.
    MIRROR = "mirror"
    #: Remove message, mirror, file, picture and remote copy.
    ERASE = "erase"
    #: Say something in a channel.
    NOTIFY = "tell"


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxMessage:
    """One thing to do; it stays until it is done, whatever happens to the process."""

    id: int
    kind: OutboxKind
    #: Set for a MIRROR or an ERASE.
    job_id: str | None
    #: The gallery channel of a MIRROR, or where a NOTIFY is said; of an ERASE where a mirror that
    #: was not noted may have got to.
    channel_id: int | None
    #: What a NOTIFY says.
    text: str | None
    created_at: datetime
    due_at: datetime
    #: Tries that failed.
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirror:
    """Where a clip was shown a second time."""

    job_id: str
    channel_id: int
    message_id: int


class Outbox(Protocol):
    """The outbox messages of all jobs. Each method is one transaction. Raises StorageError."""

    async def erase(self, job_id: str, now: datetime) -> Job | None:
        """Mark a final job as deleted, blank its texts, and enqueue an ERASE message for the rest.

        Gone at once: prompt, change, the error's sentence, its place in searches; a MIRROR message
        of it is dropped. What accounting needs stays: who, when, where, model, length, cost. The
        job is returned as it is now; None when it is unknown or not final. Idempotent.
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
        """Note a failed try."""
        ...

    async def finish_mirror(self, outbox_message: OutboxMessage, message_id: int | None) -> None:
        """End a MIRROR: note its message, or nothing when it shall not or cannot be shown.

        When the job was deleted meanwhile, its ERASE is there again with the mirror to remove.
        """
        ...

    async def mirror_of(self, job_id: str) -> Mirror | None:
        """Return where a job's clip was mirrored."""
        ...

    async def finish_erase(self, outbox_message: OutboxMessage) -> None:
        """End an ERASE: the clip's row, the mirror's and the path of the picture go."""
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
