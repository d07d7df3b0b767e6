"""The simulation is worth its zero: it finds each of these mistakes soon."""

import pytest

from tests.simulation.defects import DEFECTS
from tests.simulation.seeds import run_seed

pytestmark = [
    pytest.mark.timeout(300),
    # A killed process does not close its files.
    pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning"),
]
#: Where a change moves a defect out of its seed, `shown_by` is to name another: it saves the search.
SOON = 300


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.__name__)
def test_a_planted_defect_is_found_within_300_seeds(defect):
    assert any(
        defect.shows in violation
        for seed in (defect.shown_by, *range(SOON))
        for violation in run_seed(seed, defect()).violations
    )
