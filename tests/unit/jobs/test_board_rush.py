"""Thousands of cards: progress is shown at a pace, and what happened does not wait behind it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime

from bot.clock import SystemClock
from bot.jobs.board import Board
from bot.jobs.pace import Pace
from bot.jobs.ports import Card, JobStatus
from bot.model import Request
from tests.unit.jobs.test_board import PLACE, FakeCourier, job

CROWD = range(1, 201)


class Wall(FakeCourier):
    """Remembers whose cards it showed, in order."""

    def __init__(self, failures: int = 0) -> None:
        super().__init__(failures)
        self.whose: list[int] = []
        self.most = self.now = 0

    async def show_card(self, card: Card) -> None:
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await asyncio.sleep(0.02)
            await super().show_card(card)
            self.whose.append(card.request.id)
        finally:
            self.now -= 1


async def read(request_id: int) -> Card | None:
    request = Request(id=request_id, user_id=3, place=PLACE, created_at=datetime.now(UTC))
    mine = replace(job(progress=10), request_id=request_id)
    return Card(request=request, statuses=(JobStatus(job=mine, model_label="M"),))


@asynccontextmanager
async def running(wall: Wall, *, left: range = range(0)) -> AsyncIterator[Board]:
    board = Board(read, wall, SystemClock(), Pace(card_gap_s=0.3))
    for request_id in left:
        board.touch(request_id)
    task = asyncio.create_task(board.run())
    await asyncio.sleep(0.1)
    try:
        yield board
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_progress_of_a_crowd_is_shown_ten_times_a_second() -> None:
    wall = Wall()
    async with running(wall) as board:
        for request_id in CROWD:
            board.touch(request_id, is_urgent=False)
        await asyncio.sleep(1.0)
    assert 10 <= len(wall.whose) <= 25
    assert wall.whose == sorted(wall.whose)


async def test_what_happened_to_a_job_is_shown_before_the_progress_of_others() -> None:
    wall = Wall()
    async with running(wall) as board:
        for request_id in CROWD:
            board.touch(request_id, is_urgent=False)
        board.touch(150)
        await asyncio.sleep(0.3)
        assert 150 in wall.whose


async def test_the_last_processs_cards_wait_for_those_on_which_something_happens_now() -> None:
    wall = Wall()
    async with running(wall, left=CROWD) as board:
        board.touch(200)
        await asyncio.sleep(0.3)
    assert 200 in wall.whose
    assert len(wall.whose) < 30


async def test_no_more_than_forty_edits_are_on_their_way_and_all_arrive() -> None:
    wall = Wall()
    async with running(wall) as board:
        for request_id in CROWD:
            board.touch(request_id)
        await asyncio.sleep(1.0)
    assert sorted(wall.whose) == list(CROWD)
    assert wall.most == 40


async def test_an_edit_that_was_turned_away_keeps_its_place_before_progress() -> None:
    wall = Wall(failures=1)
    async with running(wall) as board:
        board.touch(200)
        await asyncio.sleep(0.1)
        assert not wall.whose
        for request_id in CROWD[:-1]:
            board.touch(request_id, is_urgent=False)
        await asyncio.sleep(0.6)
    assert 200 in wall.whose
    assert len(wall.whose) < 30
