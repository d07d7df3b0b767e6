"""Tests that the simulation detects each planted defect within a few seeds."""

import pytest

from tests.simulation.defects import DEFECTS
from tests.simulation.seeds import run_seed

pytestmark = [
    pytest.mark.timeout(300),
    # A killed process doesn't close its files, so ignore warnings about that.
    pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning"),
]
#: The number of seeds to try if the defect doesn't show in the seed `shown_by`; update `shown_by`
#: then.
SOON = 300


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.__name__)
def test_a_planted_defect_is_found_within_300_seeds(defect):
    assert any(
        defect.shows in violation
        for seed in (defect.shown_by, *range(SOON))
        for violation in run_seed(seed, defect()).violations
    )
