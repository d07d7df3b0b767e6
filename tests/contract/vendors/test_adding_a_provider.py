"""Follows the instructions in docs/adding-a-provider.md in a copy of the project, and checks that
they work.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "adding-a-provider.md"
#: Files and folders that are copied from the project. Of the tests, only those that the page
#: mentions.
_COPIED = (
    "bot",
    "cogs",
    "docs",
    "tests/contract",
    "tests/wire",
    "tests/unit/test_docs.py",
    "tests/__init__.py",
    "tests/unit/__init__.py",
    ".env.example",
    "pyproject.toml",
)
_TITLE = re.compile(r"\*\*`([^`]+)`\*\*( is empty\.)?")
#: Finds the contract tests that run for every vendor; their first argument is `harness` or `name`.
_TEST = re.compile(r"^(?:async )?def (test_\w+)\(\s*(?:harness|name)\b", re.MULTILINE)

pytestmark = pytest.mark.timeout(300)


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeBlock:
    """A fenced code block of the page."""

    language: str
    #: The file name in the last title above the block; "" if there is no title since the last
    #: heading.
    title: str
    text: str


@dataclass(slots=True, kw_only=True)
class Trial:
    """The result of following the instructions on the page."""

    folder: Path
    #: Output by command.
    said: dict[str, str] = field(default_factory=dict)
    #: The first command that failed; "" if none did.
    broken: str = ""


def _blocks(page: str) -> Iterator[CodeBlock]:
    title, language, lines = "", "", None
    for line in page.splitlines():
        if lines is not None and line != "```":
            lines.append(line)
        elif lines is not None:
            yield CodeBlock(
                language=language, title=title, text="".join(f"{row}\n" for row in lines)
            )
            lines = None
        elif line.startswith("```"):
            language, lines = line.removeprefix("```"), []
        elif found := _TITLE.fullmatch(line):
            title = found[1]
            if found[2]:
                yield CodeBlock(language="", title=title, text="")
        elif line.startswith("#"):
            title = ""


def _write(folder: Path, block: CodeBlock) -> None:
    path = folder / block.title
    if block.language == "diff":
        path.write_text(_patched(path.read_text("utf-8"), block.text), "utf-8")
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text, "utf-8")


def _patched(text: str, diff: str) -> str:
    """Insert the added lines (`+`) of a diff into a text, before the diff's unchanged lines.

    Asserts that the unchanged lines occur exactly once in the text.
    """
    rows = diff.splitlines(keepends=True)
    added = "".join(row[1:] for row in rows if row.startswith("+"))
    after = "".join(row[1:] for row in rows if row.startswith(" "))
    assert after, "the diff names no line to stand before"
    assert f"\n{text}".count(f"\n{after}") == 1, f"the line is not there once: {after}"
    return f"\n{text}".replace(f"\n{after}", f"\n{added}{after}")[1:]


async def _follow(page: str, folder: Path) -> Trial:
    """Copy the project, write the files that the page shows, and run its commands in order."""
    await asyncio.to_thread(_copy, folder)
    trial = Trial(folder=folder)
    for block in _blocks(page):
        if block.language != "sh":
            _write(folder, block)
            continue
        for command in block.text.splitlines():
            status, trial.said[command] = await _run(command, folder)
            if status != 0:
                trial.broken = command
                return trial
    return trial


def _copy(folder: Path) -> None:
    for name in _COPIED:
        source, target = ROOT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    (folder / ".venv").symlink_to(sys.prefix)


async def _run(command: str, folder: Path) -> tuple[int, str]:
    report = {"PYTEST_ADDOPTS": "--junitxml=report.xml"}
    process = await asyncio.create_subprocess_shell(
        command,
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), **report},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    if "contract/vendors" in command and (folder / "report.xml").exists():
        (folder / "report.xml").rename(folder / "contract.xml")
    return process.returncode or 0, said.decode("utf-8", "replace")


@pytest.fixture(scope="module")
def trial(tmp_path_factory) -> Trial:
    page = PAGE.read_text("utf-8")
    return asyncio.run(_follow(page, tmp_path_factory.mktemp("newcomer")))


def test_every_command_of_the_page_shows_what_it_says(trial):
    assert trial.broken == "", trial.said.get(trial.broken)
    commands = "".join(trial.said)
    for step in (
        "wires import load",
        "ruff",
        "basedpyright",
        "contract/vendors",
        "test_docs",
        "providers",
    ):
        assert step in commands


def test_the_example_passes_every_test_that_every_vendor_passes(trial):
    cases = ET.parse(trial.folder / "contract.xml").getroot().iter("testcase")  # noqa: S314 - our own
    ran = {case.attrib["name"]: len(case) for case in cases}
    files = Path(__file__).parent.glob("test_every_*.py")
    tests = {name for path in files for name in _TEST.findall(path.read_text("utf-8"))}
    assert len(tests) > 40
    assert ran == dict.fromkeys((f"{name}[lantern]" for name in tests), 0)


def test_the_example_is_one_file_one_folder_and_lines_in_others():
    shown = [block for block in _blocks(PAGE.read_text("utf-8")) if block.language != "sh"]
    lines = {block.title for block in shown if block.language == "diff"}
    assert lines == {"bot/providers/registry.py", ".env.example", "docs/configuration.md"}
    whole = {block.title for block in shown} - lines
    assert {each for each in whole if not each.startswith("tests/wire/lantern/")} == {
        "bot/providers/vendors/lantern.py"
    }


def test_what_the_page_points_to_is_there():
    page = PAGE.read_text("utf-8")
    paths = set(re.findall(r"`((?:bot|tests)/[\w./]+)`", page))
    paths |= {f"bot/providers/vendors/{name}" for name in re.findall(r"[(,:] ?`(\w+\.py)`", page)}
    assert len(paths) > 10
    missing = [path for path in paths if not (ROOT / path).exists()]
    assert [path for path in missing if "lantern" not in path] == []
