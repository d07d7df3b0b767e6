"""Tests that libraries, SQL, environment, clock and vendors' names are used only in set places.

A test also checks that there are no mocks.
"""

from pathlib import Path

import pytest

from tests.architecture.boundaries import (
    LIBRARIES,
    NAMES,
    misplaced_libraries,
    misplaced_names,
)
from tests.architecture.source import PRODUCT, make_sources, report
from tests.architecture.vendors import mocks, named_vendors

ROOT = Path(__file__).parents[2]


def test_each_library_is_imported_only_where_it_may_be(sources):
    found = misplaced_libraries(sources)
    assert not found, report(found)


def test_only_the_settings_read_the_environment_and_only_the_clock_reads_the_time(sources):
    found = misplaced_names(sources)
    assert not found, report(found)


def test_sql_files_are_only_in_the_sqlite_storage():
    folders = {path.parent for top in PRODUCT for path in (ROOT / top).rglob("*.sql")}
    storage = ROOT / "bot" / "storage" / "sqlite"
    assert folders == {storage / "migrations", storage / "queries"}


def test_no_vendor_is_named_outside_the_providers(sources):
    found = named_vendors(sources)
    assert not found, report(found)


def test_there_are_no_mocks(sources):
    found = mocks(sources)
    assert not found, report(found)


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_misplaced_library_is_found(library):
    for text in (
        f"import {library}",
        f"from {library}.x import y",
        f"def f():\n import {library}.z",
    ):
        (found,) = misplaced_libraries(make_sources({"bot/model.py": text}))
        assert f" may import {library}; add a function there" in found


@pytest.mark.parametrize(("library", "allowed"), LIBRARIES.items())
def test_a_library_where_it_may_be_is_fine(library, allowed):
    text = f"import {library}"
    for module in allowed:
        path = module.replace(".", "/")
        assert misplaced_libraries(make_sources({f"{path}.py": text, f"{path}/x.py": text})) == []


def test_a_module_beside_the_allowed_one_is_not_allowed():
    planted = make_sources(
        {
            "bot/providers/transports.py": "import httpx",
            "bot/storage/sqlite/rows.py": "import aiosqlite",
        }
    )
    assert len(misplaced_libraries(planted)) == 2


def test_tests_and_benchmarks_may_import_anything():
    text = "import httpx, sqlite3, os, time\nos.environ\ntime.time()\n"
    planted = make_sources({"tests/wire/x.py": text, "benchmarks/x.py": text})
    assert misplaced_libraries(planted) == []
    assert misplaced_names(planted) == []


@pytest.mark.parametrize(
    "text",
    [
        "import os\nos.environ['X']",
        "import os\nos.environ.get('X')",
        "import os as system\ndef f(x=None):\n    return x or system.getenv('X')",
        "from os import environ",
        "import datetime\ndatetime.datetime.now()",
        "from datetime import datetime, UTC\ndef f():\n    return datetime.now(UTC)",
        "from datetime import datetime as dt\nclass A:\n    at = dt.utcnow",
        "from datetime import date\nf = lambda: date.today()",
        "import time\ntime.time()",
        "import time as t\nf = t.time_ns",
        "from time import time",
        "import discord\ndiscord.utils.utcnow()",
        "from discord import utils\nutils.utcnow()",
    ],
)
def test_the_environment_and_the_wall_clock_are_found_under_any_name(text):
    (found,) = misplaced_names(make_sources({"cogs/x.py": text}))
    assert "take a Clock or a setting as a parameter" in found


def test_the_environment_and_the_wall_clock_are_fine_in_their_modules_and_monotonic_time_anywhere():
    planted = make_sources(
        {
            "bot/settings.py": "import os\nos.environ",
            "bot/clock.py": "from datetime import datetime\ndatetime.now()",
            "bot/jobs/x.py": "import time\ntime.monotonic()\nclock.now()\n",
        }
    )
    assert misplaced_names(planted) == []
    assert {module for allowed in NAMES.values() for module in allowed} == {
        "bot.settings",
        "bot.clock",
    }


@pytest.mark.parametrize(
    "line",
    [
        "from bot.providers.openai.wire import create",
        'if provider == "openai":',
        'MODEL = "sora-2-pro"',
        "# as Azure does",
        "key = settings.openai_api_key",
        '"""Works with CometAPI."""',
        "sora2 = 1",
    ],
)
def test_a_vendor_s_name_is_found(line):
    (found,) = named_vendors(make_sources({"bot/jobs/x.py": f"\n{line}\n"}))
    assert found.startswith("bot/jobs/x.py:2: names ")


def test_the_product_s_own_name_and_other_words_are_fine():
    text = '"""Sorabot: /sora generate, replicated, a max.aim, relevance of sora 20."""\n'
    assert named_vendors(make_sources({"cogs/x.py": text})) == []


def test_vendors_may_be_named_where_that_is_allowed():
    text = "openai"
    allowed = ("bot/providers/x.py", "bot/settings.py", "bot/app.py", "tests/x.py", "sandbox/x.py")
    assert named_vendors(make_sources(dict.fromkeys(allowed, text))) == []


@pytest.mark.parametrize(
    "text",
    [
        "import unittest.mock",
        "from unittest import mock",
        "from unittest.mock import Mock",
        "import mock",
        "def test_x(mocker): ...",
        "def test_x(monkeypatch):\n    monkeypatch.setattr(a, 'b', c)",
    ],
)
def test_a_mock_is_found(text):
    (found,) = mocks(make_sources({"tests/unit/x.py": text}))
    assert found.endswith("write a fake and run the contract suite of the real class over it")


def test_setting_a_variable_or_the_working_directory_is_no_mock():
    text = "def test_x(monkeypatch, tmp_path):\n    monkeypatch.setenv('A', 'b')\n"
    assert (
        mocks(make_sources({"tests/unit/x.py": text + "    monkeypatch.chdir(tmp_path)\n"})) == []
    )
