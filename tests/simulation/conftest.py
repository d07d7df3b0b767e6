import gc

import pytest


@pytest.fixture(autouse=True)
def killed_processes_leave_nothing():
    """Collect objects of killed processes before warnings about unclosed files would be raised."""
    yield
    gc.collect()
