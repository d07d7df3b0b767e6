"""With thousands of cards, progress edits are rate limited, and state changes come first."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime

from bot.clock import SystemClock
from bot.jobs.ports import JobStatus, StatusCard
from bot.jobs.status_cards import StatusCards
from bot.jobs.timings import Timings
from bot.model import Request
from tests.unit.jobs.test_status_cards import PLACE, FakePublisher, job

REQUEST_IDS = range(1, 201)


class CountingPublisher(FakePublisher):
    """A publisher that records, in order, the requests whose cards were shown."""

    def __init__(self, failures: int = 0) -> None:
        super().__init__(failures)
        self.whose: list[int] = []
        self.most = self.now = 0

    async def show_card(self, card: StatusCard) -> None:
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await asyncio.sleep(0.02)
            await super().show_card(card)
            self.whose.append(card.request.id)
        finally:
            self.now -= 1


async def read(request_id: int) -> StatusCard | None:
    request = Request(id=request_id, user_id=3, place=PLACE, created_at=datetime.now(UTC))
    mine = replace(job(progress=10), request_id=request_id)
    return StatusCard(request=request, statuses=(JobStatus(job=mine, model_label="M"),))


@asynccontextmanager
async def running(
    publisher: CountingPublisher, *, left: range = range(0)
) -> AsyncIterator[StatusCards]:
    status_cards = StatusCards(read, publisher, SystemClock(), Timings(card_gap_s=0.3))
    for request_id in left:
        status_cards.mark_dirty(request_id)
    task = asyncio.create_task(status_cards.run())
    await asyncio.sleep(0.1)
    try:
        yield status_cards
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_progress_of_a_crowd_is_shown_ten_times_a_second() -> None:
    wall = CountingPublisher()
    async with running(wall) as status_cards:
        for request_id in REQUEST_IDS:
            status_cards.mark_dirty(request_id, is_urgent=False)
        await asyncio.sleep(1.0)
    assert 10 <= len(wall.whose) <= 25
    assert wall.whose == sorted(wall.whose)


async def test_what_happened_to_a_job_is_shown_before_the_progress_of_others() -> None:
    wall = CountingPublisher()
    async with running(wall) as status_cards:
        for request_id in REQUEST_IDS:
            status_cards.mark_dirty(request_id, is_urgent=False)
        status_cards.mark_dirty(150)
        await asyncio.sleep(0.3)
        assert 150 in wall.whose


async def test_the_last_processs_cards_wait_for_those_on_which_something_happens_now() -> None:
    wall = CountingPublisher()
    async with running(wall, left=REQUEST_IDS) as status_cards:
        status_cards.mark_dirty(200)
        await asyncio.sleep(0.3)
    assert 200 in wall.whose
    assert len(wall.whose) < 30


async def test_no_more_than_forty_edits_are_on_their_way_and_all_arrive() -> None:
    wall = CountingPublisher()
    async with running(wall) as status_cards:
        for request_id in REQUEST_IDS:
            status_cards.mark_dirty(request_id)
        await asyncio.sleep(1.0)
    assert sorted(wall.whose) == list(REQUEST_IDS)
    assert wall.most == 40


async def test_an_edit_that_was_turned_away_keeps_its_place_before_progress() -> None:
    wall = CountingPublisher(failures=1)
    async with running(wall) as status_cards:
        status_cards.mark_dirty(200)
        await asyncio.sleep(0.1)
        assert not wall.whose
        for request_id in REQUEST_IDS[:-1]:
            status_cards.mark_dirty(request_id, is_urgent=False)
        await asyncio.sleep(0.6)
    assert 200 in wall.whose
    assert len(wall.whose) < 30
