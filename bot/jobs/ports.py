"""What the workshop needs of the floors above it, as promises; it knows no chat system."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from bot.model import Clip, Job, Request


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStatus:
    """A job as a member sees it."""

    job: Job
    #: The model's name for people.
    model_label: str
    #: Jobs that go before it at its provider; set in QUEUED.
    ahead: int | None = None
    #: When its render will probably be ready; None when there is nothing to go by.
    ready_at: datetime | None = None
    #: The finished file; set from FITTING on.
    clip: Clip | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A request as its public card shows it."""

    request: Request
    #: By variant; at least one.
    statuses: tuple[JobStatus, ...]

    @property
    def is_final(self) -> bool:
        """Whether nothing on the card will change by itself any more."""
        return all(status.job.state.is_final for status in self.statuses)


class Courier(Protocol):
    """Carries cards and clips to where members see them. Waits until it is connected."""

    async def show_card(self, card: Card) -> None:
        """Make the card's message look like `card`; idempotent.

        Without a card message nothing happens. What can't be edited is given up silently: the
        card is a courtesy, the clip is the delivery.
        Raises DeliveryTroubleError when trying again later makes sense.
        """
        ...

    async def post_clip(self, status: JobStatus, path: Path) -> int:
        """Post the file at `path` where the job asked for it and return the message's id.

        Not idempotent for ever: the nonce (the job's id) holds off a second message only for a
        few minutes. The file is read as it is sent, never whole into memory.
        Raises ClipTooLargeError, PlaceClosedError or DeliveryTroubleError.
        """
        ...

    async def find_clip(self, job: Job) -> int | None:
        """Return the id of the message that carries this job's clip, if one was posted.

        Raises PlaceClosedError when the place can't be read and DeliveryTroubleError when it
        can't be read now.
        """
        ...


class Kind(StrEnum):
    """Which coroutine of the flow a kick starts early."""

    #: `subject` is a job id.
    SUBMIT = "submit"
    #: `subject` is a provider's name.
    POLL = "poll"
    #: `subject` is a job id.
    DELIVER = "deliver"


class Kick(Protocol):
    """Starts a coroutine of the flow early; a lost kick costs time, never a job."""

    def __call__(self, kind: Kind, subject: str) -> None:
        """Return at once; a coroutine that is running already is started again after its end."""
        ...
