"""Tests that no failure of Discord or of the video APIs loses a job or makes a second clip."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.chaos.bot_pool import bot_pool
from tests.chaos.faults import STEPS, cases, meet_all, mix
from tests.chaos.harness import chaos_harness
from tests.chaos.round_report import RoundReport

#: For each kind of failure, how many jobs must end without a clip: jobs whose render is refused,
#: fails or gets lost, and a job whose clip never ends.
_ENDED = {"create": 4, "list": 0, "retrieve": 0, "content": 1, "list, gone": 0, "account": 0}


@pytest.mark.parametrize("what", list(cases()))
async def test_a_job_survives_every_single_failure(what: str) -> None:
    async with bot_pool() as pool, chaos_harness(pool) as harness:
        # Enough slots to send all paid calls at once, because the circuit breaker opens after
        # failures.
        harness.slots = 40
        result = await meet_all(harness, cases()[what])
        assert result.report.found == []
        assert result.report.unlisted == 0
        assert result.report.jobs >= len(cases()[what])
        if what in _ENDED:
            assert result.report.jobs - result.report.done == _ENDED[what]


async def _mixed(steps: list[str]) -> RoundReport:
    async with bot_pool() as pool, chaos_harness(pool) as harness:
        return (await mix(harness, steps)).report


# Hypothesis draws the same mixtures in every run; `make chaos` runs more and longer ones.
@settings(
    derandomize=True,
    max_examples=3,
    deadline=None,
    database=None,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.filter_too_much,
    ],
)
@given(steps=st.lists(st.sampled_from(sorted(STEPS)), min_size=12, max_size=16))
def test_all_jobs_end_correctly_under_a_mixture_of_failures_and_kills(steps: list[str]) -> None:
    assert asyncio.run(_mixed(steps)).found == []
