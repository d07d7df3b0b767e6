"""Every setting stands in `.env.example` and `docs/configuration.md` as the code has it."""

import re
from dataclasses import MISSING, Field
from pathlib import Path
from typing import NamedTuple

import dotenv
import pytest

from bot.clock import SystemClock
from bot.providers.registry import VENDORS
from bot.settings import Settings, declared

ROOT = Path(__file__).parents[2]
ENV_EXAMPLE = ROOT / ".env.example"
CONFIGURATION = ROOT / "docs" / "configuration.md"
SETTINGS = {each.name.upper(): each for each in declared()}
OF_VENDORS = {each.name: each for vendor in VENDORS.values() for each in vendor.variables}


class Entry(NamedTuple):
    """What a document says of one setting."""

    help: str
    unit: str
    default: str
    example: str


def entries_of_env_example(text: str) -> list[tuple[str, Entry]]:
    """Read each assignment, commented out or not, with the comment right above it."""
    found: list[tuple[str, Entry]] = []
    above: list[str] = []
    for line in text.splitlines():
        if match := re.fullmatch(r"#?([A-Z][A-Z0-9_]*)=(.*)", line):
            examples = [c.removeprefix("Example: ") for c in above if c.startswith("Example: ")]
            words = " ".join(c for c in above if not c.startswith("Example: "))
            unit = re.search(r" \[([^]]+)\]$", words)
            entry = Entry(
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


def entries_of_table(text: str) -> list[tuple[str, Entry]]:
    """Read each table row that begins with a variable's name in back-ticks."""
    found: list[tuple[str, Entry]] = []
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if len(cells) == 5 and (name := re.fullmatch(r"`([A-Z][A-Z0-9_]*)`", cells[0])):
            _, words, unit, default, example = cells
            found.append((name[1], Entry(words, unit, default.strip("`"), example.strip("`"))))
    return found


READERS = {ENV_EXAMPLE: entries_of_env_example, CONFIGURATION: entries_of_table}
DOCUMENTS = pytest.mark.parametrize("document", list(READERS), ids=lambda path: path.name)


def entries(document: Path) -> list[tuple[str, Entry]]:
    return READERS[document](document.read_text(encoding="utf-8"))


def default_of(field: Field) -> object:
    assert field.default is not MISSING, f"{field.name} has no default"
    return field.default


@DOCUMENTS
def test_every_setting_is_documented_once_and_no_other_is(document):
    names = [name for name, _ in entries(document)]
    assert sorted(names) == sorted([*SETTINGS, *OF_VENDORS])
    own = [name for name in names if name in SETTINGS]
    assert own == list(SETTINGS), f"{document.name} must list the settings in the code's order"
    theirs = [name for name in names if name in OF_VENDORS]
    assert theirs == list(OF_VENDORS), f"{document.name} must list the APIs in the code's order"


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
def test_what_is_documented_of_a_video_api_is_what_its_file_says(document, name):
    entry = dict(entries(document)).get(name)
    assert entry is not None, f"{name} is missing in {document.name}"
    each = OF_VENDORS[name]
    assert entry == Entry(each.meaning, each.unit, each.default, each.example)


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


def test_the_example_file_with_every_line_taken_in_means_the_defaults(tmp_path):
    path = tmp_path / ".env"
    lines = ENV_EXAMPLE.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join(re.sub(r"^#(?=[A-Z])", "", line) for line in lines), encoding="utf-8")
    written = {k: v or "" for k, v in dotenv.dotenv_values(path).items()}
    assert sorted(written) == sorted([*SETTINGS, *OF_VENDORS])
    assert Settings.from_env(written) == Settings()
    for vendor in VENDORS.values():
        filled = {**written, vendor.key: "key-0123456789"}
        plain = {vendor.key: "key-0123456789"}
        if vendor.base_url and vendor.models:
            clock = SystemClock()
            assert vendor.account(filled, clock).models == vendor.account(plain, clock).models


@pytest.mark.parametrize("name", [name for name in SETTINGS if SETTINGS[name].metadata["example"]])
def test_an_example_is_a_value_that_is_accepted(name):
    example = SETTINGS[name].metadata["example"]
    read = getattr(Settings.from_env({name: example}), SETTINGS[name].name)
    assert read not in (None, default_of(SETTINGS[name]))


@pytest.mark.parametrize("vendor", [each for each in VENDORS.values() if each.models_example])
def test_an_example_of_models_is_accepted(vendor):
    environ = {
        vendor.key: "key-0123456789",
        vendor.variables[1].name: vendor.base_url or "http://127.0.0.1:9",
        f"{vendor.prefix}_MODELS": vendor.models_example,
    }
    assert vendor.account(environ, SystemClock()).models


@pytest.mark.parametrize("name", SETTINGS)
def test_a_help_line_is_a_sentence(name):
    assert re.fullmatch(r"[A-Z].{10,}[.)]", SETTINGS[name].metadata["help"])


def test_a_missing_setting_a_wrong_default_and_a_wrong_unit_are_seen():
    planted = "# Words. [jobs]\n# Example: 7\n#SOME_LIMIT=4\n\n# Other words.\nOTHER=\n"
    assert entries_of_env_example(planted) == [
        ("SOME_LIMIT", Entry("Words.", "jobs", "4", "7")),
        ("OTHER", Entry("Other words.", "", "", "")),
    ]
    row = "| `SOME_LIMIT` | Words. | jobs | `4` | `7` |\n| `OTHER` | Other words. | | | |\n"
    assert entries_of_table(row) == entries_of_env_example(planted)
