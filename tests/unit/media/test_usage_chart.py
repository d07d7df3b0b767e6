from __future__ import annotations

import asyncio
import time
from datetime import date, timedelta
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from bot.media.usage_chart import Bar, axis_maximum, usage_chart

TODAY = date(2026, 11, 20)
CLIPS, COST = (116, 133, 255), (122, 148, 136)


def bars(*clips: int, usd_micros: int = 400_000) -> list[Bar]:
    """Return a bar for each number of clips, the last bar for today."""
    first = TODAY - timedelta(days=len(clips) - 1)
    return [
        Bar(day=first + timedelta(days=n), clips=each, usd_micros=each * usd_micros)
        for n, each in enumerate(clips)
    ]


async def chart(days: list[Bar]) -> np.ndarray:
    packed = await usage_chart(days)
    assert len(packed) <= 100_000
    with Image.open(BytesIO(packed)) as picture:
        assert picture.format == "PNG"
        assert picture.size == (1000, 640)
        return np.asarray(picture.convert("RGB")).astype(int)


def heights(picture: np.ndarray, colour: tuple[int, int, int]) -> list[int]:
    """Return the height in pixels of each bar of a colour, from left to right."""
    like = (np.abs(picture[:, 140:] - colour).max(axis=2) < 10).sum(axis=0)
    edges = np.flatnonzero(np.diff(np.concatenate(([0], (like > 2).astype(int), [0]))))
    return [int(like[left:right].max()) for left, right in edges.reshape(-1, 2)]


async def test_bars_are_as_high_as_their_days() -> None:
    picture = await chart(bars(10, 5, 0, 1))
    tall, half, low = heights(picture, CLIPS)
    assert tall == pytest.approx(276, abs=4)
    assert half == pytest.approx(tall / 2, abs=3)
    assert low == pytest.approx(tall / 10, abs=3)
    assert len(heights(picture, COST)) == 3


async def test_an_empty_day_keeps_its_place() -> None:
    with_gap, without = await chart(bars(3, 0, 3)), await chart(bars(3, 3, 3))
    assert len(heights(with_gap, CLIPS)) == 2
    assert len(heights(without, CLIPS)) == 3


@pytest.mark.parametrize("days", [1, 2, 7, 31, 91])
async def test_each_day_has_a_bar_of_its_own(days: int) -> None:
    assert len(heights(await chart(bars(*[4] * days)), CLIPS)) == days


async def test_a_clip_beside_a_huge_day_is_still_seen() -> None:
    low, high, least = heights(await chart(bars(1, 98_765, 2)), CLIPS)
    assert min(low, least) >= 3
    assert high > 200


async def test_days_without_use_have_no_bars_but_words() -> None:
    picture = await chart(bars(*[0] * 30))
    assert heights(picture, CLIPS) == []
    assert picture[200:245, 400:700].max() > 150
    assert (await chart(bars(1)))[200:245, 250:420].max() < 100


async def test_it_has_one_dark_ground_to_its_edges() -> None:
    picture = await chart(bars(1, 2))
    for row, column in ((0, 0), (0, 999), (639, 0), (639, 999), (320, 20)):
        assert picture[row, column].max() < 60


async def test_the_loop_goes_on_while_it_is_drawn() -> None:
    waits: list[float] = []

    async def tick() -> None:
        while True:
            before = time.monotonic()
            await asyncio.sleep(0.001)
            waits.append(time.monotonic() - before)

    task = asyncio.create_task(tick())
    await usage_chart(bars(*range(91)))
    task.cancel()
    assert len(waits) > 3


async def test_no_days_are_refused() -> None:
    with pytest.raises(ValueError, match="no days"):
        await usage_chart([])


@given(st.lists(st.integers(0, 10**15), min_size=1).filter(any))
def test_a_scale_holds_all_and_ends_near_the_most(amounts: list[int]) -> None:
    top = axis_maximum(*amounts)
    assert max(amounts) <= top <= 2 * max(amounts)
    assert str(top).strip("0") in {"1", "2", "3", "4", "5", "6", "8"}
