"""Tests that the names of files, classes and identifiers are clear and follow the glossary."""

import pytest

from tests.architecture.names import (
    RETIRED_WORDS,
    classes_with_one_name,
    retired_names,
    vaguely_named_files,
)
from tests.architecture.source import make_sources, report


def test_no_file_has_a_vague_name(sources):
    found = vaguely_named_files(sources)
    assert not found, report(found)


def test_no_two_public_classes_share_a_name(sources):
    found = classes_with_one_name(sources)
    assert not found, report(found)


def test_no_name_has_a_retired_word(sources):
    found = retired_names(sources)
    assert not found, report(found)


@pytest.mark.parametrize(
    "path",
    [
        "bot/utils.py",
        "tests/helpers/x.py",
        "cogs/common/__init__.py",
        "bot/core/x.py",
        "bot/chat/json_utils.py",
        "bot/jobs/job_manager.py",
        "renderer/misc.py",
    ],
)
def test_a_vague_name_is_found(path):
    (found,) = vaguely_named_files(make_sources({path: ""}))
    assert found.startswith(f"{path}: ")
    assert "name it after the one thing" in found


def test_names_that_only_look_vague_are_fine():
    paths = ("bot/__main__.py", "bot/providers/base.py", "bot/jobs/library.py", "bot/coretex.py")
    assert vaguely_named_files(make_sources(dict.fromkeys(paths, ""))) == []


def test_a_class_name_that_is_used_twice_is_found():
    planted = make_sources(
        {
            "bot/jobs/a.py": "class Cursor: ...",
            "renderer/b.py": "import x\nclass Cursor: ...",
            "cogs/c.py": "class _Cursor: ...\ndef f():\n    class Cursor: ...",
            "sandbox/d.py": "class _Cursor: ...",
        }
    )
    (found,) = classes_with_one_name(planted)
    assert found.startswith("renderer/b.py:2: class Cursor is also in bot/jobs/a.py; name one")


@pytest.mark.parametrize(
    "text",
    [
        "class HouseRules: ...",
        "class DiscordCourier: ...",
        "def rehome(): ...",
        "async def _kick(): ...",
        "def f(kitchen): ...",
        "kitchen = 1",
        "def f():\n    for kitchen in x:\n        pass",
        "class A:\n    def __init__(self):\n        self.purse = 1",
        "x = row['errand_kind']",
    ],
)
def test_a_retired_word_is_found(text):
    (found,) = retired_names(make_sources({"bot/jobs/x.py": text}))
    assert " is retired; say " in found
    assert found.startswith("bot/jobs/x.py:")


def test_a_file_with_a_retired_word_is_found():
    (found,) = retired_names(make_sources({"bot/jobs/keeper.py": ""}))
    assert found.startswith("bot/jobs/keeper.py:1: 'keeper'")


def test_stored_names_sentences_and_words_that_contain_a_retired_one_are_fine():
    text = (
        "TABLES = ('house_rules', 'errands', 'shelves')\nlighthouse = 1\nkicker = 2\n"
        "FILE = 'sorabot.db.ballast'\nWORDS = 'a house by the sea'\n"
    )
    assert retired_names(make_sources({"bot/x.py": text, "tests/x.py": "kitchen = 1"})) == []


def test_a_retired_word_has_a_replacement_that_is_not_retired():
    for replacement in RETIRED_WORDS.values():
        assert not set(replacement.split()) & set(RETIRED_WORDS)
