from pathlib import Path

import pytest

from tests.architecture.source import Source, read


@pytest.fixture(scope="session")
def sources() -> list[Source]:
    """Every Python file of the project."""
    return read(Path(__file__).parents[2])
