"""Tests that kill bots at every crash point, one after the other, while members send commands.

`make chaos` runs the long version, with twenty open jobs at each kill and ten rounds a point.
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
    RARE_POINTS,
    READS,
    before_and_after,
)

_POINTS = list(before_and_after(DEFAULT_POINTS).items())
_POINTS_PER_TEST = 14


def check_round(result: Round) -> None:
    """Check that bots were killed, and that the round's report has found no error.

    On a busy machine members may not bring the bot to each crash point in time, so a third of the
    kills may be missing; `make chaos` waits until the bot reaches the point.
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
    async with bot_pool() as pool, chaos_harness(pool) as harness:
        check_round(await play(harness, points))
        passed = set(harness.passed.read_text(encoding="utf-8").split("\n"))
    named = before_and_after(
        dict.fromkeys(
            [*DEFAULT_POINTS, *GALLERY_POINTS, *CANCELLABLE_POINTS, *RARE_POINTS, *READS], ""
        )
    )
    assert passed - set(named) - {""} == set(), "name these in tests/wire/crash_points.py"


async def test_a_gallery_and_threads_survive_kills_too(tmp_path: Path) -> None:
    async with bot_pool() as pool, chaos_harness(pool) as harness:
        await harness.set_guild_settings(gallery="gallery")
        check_round(await play(harness, list(before_and_after(GALLERY_POINTS).items())))


async def test_renders_that_can_be_stopped_survive_kills_too(tmp_path: Path) -> None:
    async with bot_pool() as pool, chaos_harness(pool, stops=True) as harness:
        check_round(await play(harness, list(before_and_after(CANCELLABLE_POINTS).items())))
