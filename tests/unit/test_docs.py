"""The documentation and the files for contributors agree with the code and the tools."""

import json
import re
import subprocess
import sys
import tomllib
from dataclasses import MISSING, Field
from pathlib import Path
from typing import NamedTuple

import dotenv
import pytest
import yaml

from bot.clock import SystemClock
from bot.providers.registry import VENDORS
from bot.settings import Settings, declared

ROOT = Path(__file__).parents[2]
ENV_EXAMPLE = ROOT / ".env.example"
CONFIGURATION = ROOT / "docs" / "configuration.md"
GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
FORMS = sorted(path for path in (GITHUB / "ISSUE_TEMPLATE").glob("*.yml") if path.stem != "config")
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("0*.md"))
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LOCK_FILES = ("requirements.lock", "requirements-dev.lock")
#: The options of `uv pip compile` that Renovate 44.121.2 accepts (from its source code,
#: 2026-11-30).
RENOVATE_KNOWS = {
    "--universal",
    "--python-version",
    "--generate-hashes",
    "--output-file",
    "--constraint",
    "--extra",
}
SETTINGS = {each.name.upper(): each for each in declared()}
OF_VENDORS = {each.name: each for vendor in VENDORS.values() for each in vendor.variables}


class DocumentedSetting(NamedTuple):
    """What a document says about one setting of the bot."""

    help: str
    unit: str
    default: str
    example: str


def entries_of_env_example(text: str) -> list[tuple[str, DocumentedSetting]]:
    """Read the settings from the text of `.env.example`, each with the comment directly above it.

    A setting may be commented out.
    """
    found: list[tuple[str, DocumentedSetting]] = []
    above: list[str] = []
    for line in text.splitlines():
        if match := re.fullmatch(r"#?([A-Z][A-Z0-9_]*)=(.*)", line):
            examples = [c.removeprefix("Example: ") for c in above if c.startswith("Example: ")]
            words = " ".join(c for c in above if not c.startswith("Example: "))
            unit = re.search(r" \[([^]]+)\]$", words)
            entry = DocumentedSetting(
                help=words.removesuffix(unit[0]) if unit else words,
                unit=unit[1] if unit else "",
                default=match[2],
                example="".join(examples),
            )
            found.append((match[1], entry))
            above = []
        elif line.startswith("# "):
            above.append(line.removeprefix("# "))
        else:
            above = []
    return found


def entries_of_table(text: str) -> list[tuple[str, DocumentedSetting]]:
    """Read the settings from a Markdown table; a row counts if its first cell is a name in
    backticks.
    """
    found: list[tuple[str, DocumentedSetting]] = []
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if len(cells) == 5 and (name := re.fullmatch(r"`([A-Z][A-Z0-9_]*)`", cells[0])):
            _, words, unit, default, example = cells
            found.append(
                (name[1], DocumentedSetting(words, unit, default.strip("`"), example.strip("`")))
            )
    return found


READERS = {ENV_EXAMPLE: entries_of_env_example, CONFIGURATION: entries_of_table}
DOCUMENTS = pytest.mark.parametrize("document", list(READERS), ids=lambda path: path.name)


def entries(document: Path) -> list[tuple[str, DocumentedSetting]]:
    return READERS[document](document.read_text(encoding="utf-8"))


def default_of(field: Field) -> object:
    assert field.default is not MISSING, f"{field.name} has no default"
    return field.default


@DOCUMENTS
def test_every_setting_is_documented_once_and_no_other_is(document):
    names = [name for name, _ in entries(document)]
    assert sorted(names) == sorted([*SETTINGS, *OF_VENDORS])
    own = [name for name in names if name in SETTINGS]
    assert own == list(SETTINGS), f"{document.name} must list the settings in the order of the code"
    theirs = [name for name in names if name in OF_VENDORS]
    assert theirs == list(OF_VENDORS), (
        f"{document.name} must list the variables of the video APIs in the order of the code"
    )


@DOCUMENTS
@pytest.mark.parametrize("name", SETTINGS)
def test_a_documented_help_line_unit_and_example_are_those_of_the_code(document, name):
    entry = dict(entries(document)).get(name)
    assert entry is not None, f"{name} is missing in {document.name}"
    about = SETTINGS[name].metadata
    told = (about["help"], about["unit"], about["example"])
    assert (entry.help, entry.unit, entry.example) == told


@DOCUMENTS
@pytest.mark.parametrize("name", OF_VENDORS)
def test_a_documented_variable_of_a_video_api_is_that_of_its_file(document, name):
    entry = dict(entries(document)).get(name)
    assert entry is not None, f"{name} is missing in {document.name}"
    each = OF_VENDORS[name]
    assert entry == DocumentedSetting(each.meaning, each.unit, each.default, each.example)


@DOCUMENTS
@pytest.mark.parametrize("name", SETTINGS)
def test_a_documented_default_is_the_code_s_default(document, name):
    entry = dict(entries(document)).get(name)
    assert entry is not None, f"{name} is missing in {document.name}"
    read = getattr(Settings.from_env({name: entry.default}), SETTINGS[name].name)
    assert read == default_of(SETTINGS[name])
    has_default = default_of(SETTINGS[name]) not in (None, ())
    assert bool(entry.default) == has_default, f"{document.name} must show what {name} defaults to"


def test_the_example_file_as_it_is_means_the_defaults():
    written = {k: v or "" for k, v in dotenv.dotenv_values(ENV_EXAMPLE).items()}
    assert Settings.from_env(written) == Settings()


def test_the_example_file_with_every_line_uncommented_means_the_defaults(tmp_path):
    path = tmp_path / ".env"
    lines = ENV_EXAMPLE.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join(re.sub(r"^#(?=[A-Z])", "", line) for line in lines), encoding="utf-8")
    written = {k: v or "" for k, v in dotenv.dotenv_values(path).items()}
    assert sorted(written) == sorted([*SETTINGS, *OF_VENDORS])
    assert Settings.from_env(written) == Settings()
    for vendor in VENDORS.values():
        filled = {**written, vendor.key_variable: "key-0123456789"}
        plain = {vendor.key_variable: "key-0123456789"}
        if vendor.base_url and vendor.default_models:
            clock = SystemClock()
            assert (
                vendor.read_account(filled, clock).models
                == vendor.read_account(plain, clock).models
            )


@pytest.mark.parametrize("name", [name for name in SETTINGS if SETTINGS[name].metadata["example"]])
def test_an_example_is_a_value_that_is_accepted(name):
    example = SETTINGS[name].metadata["example"]
    read = getattr(Settings.from_env({name: example}), SETTINGS[name].name)
    assert read not in (None, default_of(SETTINGS[name]))


@pytest.mark.parametrize("vendor", [each for each in VENDORS.values() if each.models_example])
def test_an_example_of_models_is_accepted(vendor):
    environ = {
        vendor.key_variable: "key-0123456789",
        vendor.variables[1].name: vendor.base_url or "http://127.0.0.1:9",
        f"{vendor.prefix}_MODELS": vendor.models_example,
    }
    assert vendor.read_account(environ, SystemClock()).models


@pytest.mark.parametrize("name", SETTINGS)
def test_a_help_line_is_a_sentence(name):
    assert re.fullmatch(r"[A-Z].{10,}[.)]", SETTINGS[name].metadata["help"])


def test_a_missing_setting_a_wrong_default_and_a_wrong_unit_are_seen():
    planted = "# Words. [jobs]\n# Example: 7\n#SOME_LIMIT=4\n\n# Other words.\nOTHER=\n"
    assert entries_of_env_example(planted) == [
        ("SOME_LIMIT", DocumentedSetting("Words.", "jobs", "4", "7")),
        ("OTHER", DocumentedSetting("Other words.", "", "", "")),
    ]
    row = "| `SOME_LIMIT` | Words. | jobs | `4` | `7` |\n| `OTHER` | Other words. | | | |\n"
    assert entries_of_table(row) == entries_of_env_example(planted)


def run(folder: Path, *command: str, said: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603
        command, cwd=folder, input=said, capture_output=True, encoding="utf-8", check=False
    )


def script(name: str) -> tuple[str, str]:
    return sys.executable, str(ROOT / ".ci" / name)


def by_name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=by_name)
def test_a_workflow_pins_its_actions_by_commit_and_may_only_read(workflow):
    text = workflow.read_text(encoding="utf-8")
    used = re.findall(r"^\s*(?:- )?uses: (.*)$", text, re.MULTILINE)
    assert used
    pinned = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}  # v\d+\.\d+\.\d+")
    assert [each for each in used if not pinned.fullmatch(each)] == []
    assert yaml.safe_load(text)["permissions"] == {"contents": "read"}


def test_ci_tests_every_python_from_the_oldest_that_is_promised():
    jobs = yaml.safe_load((GITHUB / "workflows" / "ci.yml").read_text(encoding="utf-8"))["jobs"]
    assert jobs["check"]["strategy"]["matrix"]["python"] == ["3.11", "3.12", "3.13", "3.14"]
    commands = {name: [s["run"] for s in job["steps"] if "run" in s] for name, job in jobs.items()}
    assert commands["coverage"] == ["make coverage"]
    assert commands["audit"] == ["make audit"]
    assert commands["throttled"] == ["make test-throttled"]
    assert any("| python3 .ci/coverage_floor.py" in each for each in commands["proposal"])
    # The shell option pipefail is needed: without it, a failing git command in a pipe passes on no
    # commit subject, and the check succeeds.
    assert jobs["proposal"]["defaults"]["run"]["shell"] == "bash"


def test_nothing_that_needs_the_network_is_part_of_make_check():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(r"^check: lint test  ##", makefile, re.MULTILINE)
    for target in ("lint", "test"):
        recipe = re.search(rf"^{target}: .*\n((?:\t.*\n)+)", makefile, re.MULTILINE)
        assert recipe is not None
        assert "audit" not in recipe[1]


@pytest.mark.parametrize("page", DECISIONS, ids=by_name)
def test_a_decision_has_its_parts_on_one_page_and_is_listed(page):
    text = page.read_text(encoding="utf-8")
    assert text.startswith(f"# {page.name[:4]}: ")
    assert re.search(r"^(Accepted|Replaced by \[\d{4}\]).* \d{4}-\d\d-\d\d\.$", text, re.MULTILINE)
    parts = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert parts == ["Context", "Decision", "Consequences", "What would change it"]
    assert len(text.splitlines()) <= 60
    assert f"({page.name})" in (page.parent / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_a_link_to_a_file_leads_there(page):
    # Links inside code blocks are not checked.
    text = re.sub(
        r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL
    )
    links = re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", text)
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("form", FORMS, ids=by_name)
def test_an_issue_form_is_one_and_each_question_has_an_id(form):
    read = yaml.safe_load(form.read_text(encoding="utf-8"))
    assert {"name", "description", "labels", "body"} <= read.keys()
    asked = [each for each in read["body"] if each["type"] != "markdown"]
    assert len({each["id"] for each in asked}) == len(asked) > 0
    assert all(each["attributes"]["label"] for each in asked)


def test_a_security_problem_is_sent_the_private_way():
    config = yaml.safe_load((GITHUB / "ISSUE_TEMPLATE" / "config.yml").read_text(encoding="utf-8"))
    assert config["blank_issues_enabled"] is False
    (link,) = config["contact_links"]
    assert link["url"].endswith("/security/advisories/new")


def test_hooks_fetch_nothing_and_run_the_tools_that_the_lock_file_pins():
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    assert [repo["repo"] for repo in config["repos"]] == ["local"]
    for hook in config["repos"][0]["hooks"]:
        assert hook["language"] == "system"
        assert hook["entry"].startswith(".venv/bin/python ")


@pytest.mark.parametrize("name", LOCK_FILES)
def test_a_lock_file_opens_with_the_command_that_renovate_runs_again(name):
    first = re.match(r"(?:#.*\n)+?# {4}uv pip compile (.+)\n", (ROOT / name).read_text("utf-8"))
    assert first is not None
    *options, source = first[1].split()
    assert source == "pyproject.toml"
    assert f"--output-file={name}" in options
    assert {option.partition("=")[0] for option in options} <= RENOVATE_KNOWS
    (pattern,) = json.loads((GITHUB / "renovate.json").read_text("utf-8"))["pip-compile"][
        "managerFilePatterns"
    ]
    assert re.search(pattern.strip("/"), name)


def test_a_subject_of_72_characters_is_taken_and_a_longer_one_is_not(tmp_path):
    message = tmp_path / "message"
    for subject, code in (("x" * 72, 0), ("x" * 73, 1), ("Merge " + "x" * 90, 0)):
        message.write_text(f"# a comment of git's\n{subject}\n\n{'y' * 100}\n", encoding="utf-8")
        assert run(tmp_path, *script("commit_subject.py"), str(message)).returncode == code
        both = run(tmp_path, *script("commit_subject.py"), "-", said=f"short\n{subject}\n")
        assert both.returncode == code


def test_there_is_a_coverage_floor():
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert 90 <= pyproject["tool"]["coverage"]["report"]["fail_under"] <= 100


@pytest.mark.parametrize(
    ("here", "code"),
    [
        ("fail_under = 90", 0),
        ("fail_under = 91.5", 0),
        ("fail_under = 89.9", 1),
        ("# fail_under = 99", 1),
        ("", 1),
    ],
)
def test_a_coverage_floor_may_rise_and_not_sink(tmp_path, here, code):
    header = "[tool.coverage.report]\n"
    (tmp_path / "pyproject.toml").write_text(header + here, encoding="utf-8")
    judged = run(tmp_path, *script("coverage_floor.py"), said=f"{header}fail_under = 90\n")
    assert judged.returncode == code
    assert ("The floor only rises" in judged.stderr) == bool(code)
    assert run(tmp_path, *script("coverage_floor.py")).returncode == 1, (
        "there is nothing to compare with"
    )


def test_the_tests_that_the_security_page_names_exist():
    page = (ROOT / "docs" / "security.md").read_text("utf-8")
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", page)
    assert named
    for path, name in named:
        assert f"def {name}(" in (ROOT / path).read_text("utf-8"), f"{path}::{name}"
