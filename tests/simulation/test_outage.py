"""After an hour's outage every job ends, and the bot floods neither Discord nor the providers."""

import pytest

from tests.simulation.outage import JOBS, run_outage

pytestmark = pytest.mark.timeout(300)
#: Most requests in one second to Discord or to the providers, with fifty open jobs.
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
