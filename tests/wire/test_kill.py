"""Bots are killed at every named point, one after the other, while members go on asking.

The long form, with twenty jobs under way at each kill and ten rounds a point, is `make chaos`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.bot_pool import bot_pool
from tests.chaos.harness import chaos_harness
from tests.chaos.rounds import Round, play
from tests.wire.crash_points import (
    CANCELLABLE_POINTS,
    DEFAULT_POINTS,
    GALLERY_POINTS,
    READS,
    before_and_after,
)

_POINTS = list(before_and_after(DEFAULT_POINTS).items())
_POINTS_PER_TEST = 14


def check_round(result: Round) -> None:
    """Kills happened, and nothing was lost, doubled, paid for twice or booked wrongly.

    A busy machine may not bring members past every point in time; `make chaos` waits until it does.
    """
    missed = [kill for kill in result.kills if not kill.was_reached]
    assert len(missed) * 3 <= len(result.kills), missed
    assert result.report.found == []
    assert result.report.jobs > 0


@pytest.mark.parametrize(
    "points",
    [
        pytest.param(_POINTS[at : at + _POINTS_PER_TEST], id=f"from {_POINTS[at][0]}")
        for at in range(0, len(_POINTS), _POINTS_PER_TEST)
    ],
)
async def test_bots_that_are_killed_one_after_the_other_end_all_jobs_right(
    tmp_path: Path, points: list[tuple[str, str]]
) -> None:
    async with bot_pool() as nest, chaos_harness(nest) as place:
        check_round(await play(place, points))
        passed = set(place.passed.read_text(encoding="utf-8").split("\n"))
    named = before_and_after(
        dict.fromkeys([*DEFAULT_POINTS, *GALLERY_POINTS, *CANCELLABLE_POINTS, *READS], "")
    )
    assert passed - set(named) - {""} == set(), "name these in tests/wire/crash_points.py"


async def test_a_gallery_and_threads_survive_kills_too(tmp_path: Path) -> None:
    async with bot_pool() as nest, chaos_harness(nest) as place:
        await place.set_guild_settings(gallery="gallery")
        check_round(await play(place, list(before_and_after(GALLERY_POINTS).items())))


async def test_renders_that_can_be_stopped_survive_kills_too(tmp_path: Path) -> None:
    async with bot_pool() as nest, chaos_harness(nest, stops=True) as place:
        check_round(await play(place, list(before_and_after(CANCELLABLE_POINTS).items())))
