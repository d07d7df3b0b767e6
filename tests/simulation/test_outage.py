"""Tests that all jobs end after an hour's outage, without a flood of requests to anyone."""

import pytest

from tests.simulation.outage import JOBS, run_outage

pytestmark = pytest.mark.timeout(300)
#: The highest allowed number of requests in one second to Discord or to the providers, for fifty
#: jobs.
BOUND = 25


@pytest.mark.parametrize(
    ("discord", "videos"),
    [(True, False), (False, True), (True, True)],
    ids=["discord", "videos", "both"],
)
def test_after_an_outage_of_an_hour_all_jobs_end(discord, videos):
    left = run_outage(discord=discord, videos=videos)
    assert not left.violations
    assert left.in_flight > JOBS * 0.9
    assert left.last_end_s < 300
    assert dict(left.states) == {"done": JOBS}
    assert max(*left.discord_peaks, *left.videos_peaks) <= BOUND


def test_without_an_outage_all_clips_are_posted():
    left = run_outage(discord=False, videos=False)
    assert dict(left.states) == {"done": JOBS}
