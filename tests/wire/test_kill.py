"""Bots are killed at every named point, one after the other, while members go on asking.

The long form, with twenty jobs under way at each kill and ten rounds a point, is `make chaos`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.life import nursery
from tests.chaos.rounds import Round, play
from tests.chaos.town import town
from tests.wire.crash_points import GALLERY, LOOKS, PLAIN, STOPPABLE, both

_POINTS = list(both(PLAIN).items())
_STRETCH = 14


def good(result: Round) -> None:
    """Kills happened, and nothing was lost, doubled, paid for twice or booked wrongly.

    A busy machine may not bring members past every point in time; `make chaos` waits until it does.
    """
    missed = [kill for kill in result.kills if not kill.was_reached]
    assert len(missed) * 3 <= len(result.kills), missed
    assert result.account.found == []
    assert result.account.jobs > 0


@pytest.mark.parametrize(
    "points",
    [
        pytest.param(_POINTS[at : at + _STRETCH], id=f"from {_POINTS[at][0]}")
        for at in range(0, len(_POINTS), _STRETCH)
    ],
)
async def test_bots_that_are_killed_one_after_the_other_end_all_jobs_right(
    tmp_path: Path, points: list[tuple[str, str]]
) -> None:
    async with nursery() as nest, town(nest) as place:
        good(await play(place, points))
        passed = set(place.passed.read_text(encoding="utf-8").split("\n"))
    named = both(dict.fromkeys([*PLAIN, *GALLERY, *STOPPABLE, *LOOKS], ""))
    assert passed - set(named) - {""} == set(), "name these in tests/wire/crash_points.py"


async def test_a_gallery_and_threads_survive_kills_too(tmp_path: Path) -> None:
    async with nursery() as nest, town(nest) as place:
        await place.keep_rules(gallery="gallery")
        good(await play(place, list(both(GALLERY).items())))


async def test_renders_that_can_be_stopped_survive_kills_too(tmp_path: Path) -> None:
    async with nursery() as nest, town(nest, stops=True) as place:
        good(await play(place, list(both(STOPPABLE).items())))
