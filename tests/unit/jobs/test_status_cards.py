"""Status cards are edited seldom, only for a change, and without progress once they are old."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bot.clock import SystemClock
from bot.errors import DeliveryTroubleError
from bot.jobs.ports import JobStatus, StatusCard
from bot.jobs.status_cards import StatusCards
from bot.jobs.timings import Timings
from bot.model import Job, Place, RenderSpec, Request, Size, State
from tests.unit.jobs.partial_publisher import PartialPublisher

GAP_S = 0.15
PLACE = Place(guild_id=1, channel_id=2, upload_limit_bytes=1)


def job(progress: int | None = None, state: State = State.RENDERING) -> Job:
    now = datetime.now(UTC)
    size = Size(width_px=1280, height_px=720)
    order = RenderSpec(prompt="a cat", provider="p", model="m", seconds=4, size=size)
    return Job(
        id="K7Q2", request_id=7, variant=0, user_id=3, place=PLACE, spec=order, seed=0,
        state=state, created_at=now, state_at=now, due_at=now, progress=progress,
    )  # fmt: skip


class FakePublisher(PartialPublisher):
    """A publisher that records the progress on each card shown; its first calls may fail."""

    def __init__(self, failures: int = 0) -> None:
        self.shown: list[int | None] = []
        self.at: list[float] = []
        self.failures = failures

    async def show_card(self, card: StatusCard) -> None:
        if self.failures:
            self.failures -= 1
            raise DeliveryTroubleError("503")
        self.shown.append(card.statuses[0].job.progress)
        self.at.append(asyncio.get_running_loop().time())


class CardSource:
    """The status card of one request, which a test can change and remove."""

    def __init__(self) -> None:
        request = Request(id=7, user_id=3, place=PLACE, created_at=datetime.now(UTC))
        self.card: StatusCard | None = StatusCard(
            request=request, statuses=(JobStatus(job=job(), model_label="M"),)
        )

    def shows(self, now: Job) -> None:
        assert self.card is not None
        self.card = replace(self.card, statuses=(JobStatus(job=now, model_label="M"),))

    async def read(self, request_id: int) -> StatusCard | None:
        assert request_id == 7
        return self.card


@asynccontextmanager
async def running(source: CardSource, publisher: FakePublisher) -> AsyncIterator[StatusCards]:
    status_cards = StatusCards(source.read, publisher, SystemClock(), Timings(card_gap_s=GAP_S))
    task = asyncio.create_task(status_cards.run())
    try:
        yield status_cards
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_many_changes_in_a_moment_become_two_edits_the_last_one_last() -> None:
    desk, publisher = CardSource(), FakePublisher()
    async with running(desk, publisher) as status_cards:
        for percent in range(10, 90):
            desk.shows(job(percent))
            status_cards.mark_dirty(7)
            await asyncio.sleep(0.001)
        await asyncio.sleep(3 * GAP_S)
    assert len(publisher.shown) <= 3
    assert publisher.shown[-1] == 89
    gaps = [b - a for a, b in zip(publisher.at, publisher.at[1:], strict=False)]
    assert all(gap >= GAP_S * 0.95 for gap in gaps)


async def test_marking_a_card_dirty_without_a_change_edits_nothing() -> None:
    desk, publisher = CardSource(), FakePublisher()
    async with running(desk, publisher) as status_cards:
        for _ in range(3):
            status_cards.mark_dirty(7)
            await asyncio.sleep(1.3 * GAP_S)
    assert len(publisher.shown) == 1


async def test_an_edit_that_discord_turned_away_is_made_again() -> None:
    desk, publisher = CardSource(), FakePublisher(failures=2)
    async with running(desk, publisher) as status_cards:
        status_cards.mark_dirty(7)
        await asyncio.sleep(5 * GAP_S)
    assert publisher.shown == [None]


async def test_an_old_card_shows_no_more_progress_but_still_its_end() -> None:
    desk, publisher = CardSource(), FakePublisher()
    assert desk.card is not None
    born = datetime.now(UTC) - timedelta(hours=2)
    desk.card = replace(desk.card, request=replace(desk.card.request, created_at=born))
    async with running(desk, publisher) as status_cards:
        desk.shows(job(50))
        status_cards.mark_dirty(7)
        await asyncio.sleep(1.5 * GAP_S)
        assert publisher.shown == []
        desk.shows(job(None, State.DONE))
        status_cards.mark_dirty(7)
        await asyncio.sleep(1.5 * GAP_S)
    assert publisher.shown == [None]


async def test_a_card_was_left_as_its_rows_were_and_not_as_they_are_when_it_is_drawn() -> None:
    desk, told = CardSource(), list[bool]()

    class Reader(FakePublisher):
        async def show_card(self, card: StatusCard) -> None:
            told.append(card.was_resumed)

    long_ago = datetime.now(UTC) - timedelta(minutes=2)
    left = replace(job(10), created_at=long_ago, state_at=long_ago, due_at=long_ago)
    # The process polls for the first time before it draws any card.
    desk.shows(replace(left, progress=20, due_at=datetime.now(UTC) + timedelta(seconds=5)))
    status_cards = StatusCards(desk.read, Reader(), SystemClock(), Timings(card_gap_s=GAP_S))
    status_cards.mark_interrupted([left])
    status_cards.mark_dirty(7)
    task = asyncio.create_task(status_cards.run())
    await asyncio.sleep(GAP_S / 2)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert told == [True]


async def test_one_card_that_cannot_be_read_does_not_stop_the_others() -> None:
    desk, publisher = CardSource(), FakePublisher()

    async def read(request_id: int) -> StatusCard | None:
        if request_id == 8:
            raise KeyError(request_id)
        return await desk.read(request_id)

    status_cards = StatusCards(read, publisher, SystemClock(), Timings(card_gap_s=GAP_S))
    task = asyncio.create_task(status_cards.run())
    status_cards.mark_dirty(8)
    await asyncio.sleep(0.05)
    status_cards.mark_dirty(7)
    await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert publisher.shown == [None]
