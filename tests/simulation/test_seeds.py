"""Simulates 2,000 seeds with kills, faults and clock jumps; every invariant must hold."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.simulation.seeds import run_seed
from tests.simulation.sites import FaultSite

pytestmark = [
    pytest.mark.timeout(1200),
    # A killed process doesn't close its files, so ignore warnings about that.
    pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning"),
]
SEEDS = 2000
AT_A_TIME = 500
#: Each fault must happen at least this often in each quarter of the seeds.
LEAST_HITS = 15


@pytest.mark.parametrize("first", range(0, SEEDS, AT_A_TIME))
def test_under_kills_and_every_fault_no_promise_is_broken(first):
    outcomes = [run_seed(seed) for seed in range(first, first + AT_A_TIME)]
    broken = {each.seed: each.violations for each in outcomes if each.violations}
    assert not broken, f"python -m tests.simulation {min(broken)}"
    hits = sum((each.hits for each in outcomes), Counter())
    assert {site: hits[site] for site in FaultSite if hits[site] < LEAST_HITS} == {}
    ends = sum((each.states for each in outcomes), Counter())
    assert ends["done"] > AT_A_TIME
    assert min(ends[state] for state in ("kept", "failed", "cancelled")) > AT_A_TIME / 10
    assert sum(each.kills for each in outcomes) > AT_A_TIME


@pytest.mark.parametrize("seed", [2, 5, 12])
def test_a_seed_tells_the_same_history_in_another_process(seed):
    told = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "tests.simulation", str(seed)],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONHASHSEED": str(seed)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert told.stderr == ""
    assert told.stdout.splitlines() == list(run_seed(seed).history)
