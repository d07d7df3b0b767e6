"""The README, the architecture page and the glossary agree with the code."""

import ast
import re
from pathlib import Path

import pytest
from discord import app_commands
from discord.ext import commands

from bot.providers import registry
from cogs.account import AccountCog
from cogs.generate import GenerateCog
from cogs.history import HistoryCog
from cogs.mod_blocks import ModBlocksCog
from cogs.mod_provider import ModProviderCog
from cogs.mod_quota import ModQuotaCog
from cogs.mod_settings import ModSettingsCog
from cogs.mod_usage import ModUsageCog
from cogs.remix import RemixCog
from cogs.status import StatusCog

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
LAYERS_PICTURE = (ROOT / "docs" / "images" / "layers.svg").read_text(encoding="utf-8")

GLOSSARY = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
#: For each row of the glossary: the term, and the names in the code that carry it.
TERMS = [
    (cells[0], cells[-1])
    for line in GLOSSARY.splitlines()
    if line.startswith("| ") and (cells := line.strip("| ").split(" | "))[0] not in {"term", "---"}
]

COGS: tuple[type[commands.Cog], ...] = (AccountCog, GenerateCog, HistoryCog, RemixCog, StatusCog)
COMMANDS = [command for cog in COGS for command in cog.__cog_app_commands__]
PACKAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (
        *(ROOT / "bot").iterdir(),
        *(ROOT / top for top in ("cogs", "renderer", "sandbox")),
    )
    if path.is_dir() and (path / "__init__.py").is_file()
)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_the_readme_names_every_command_with_its_options(command: object) -> None:
    name, options = command.name, [each.name for each in command.parameters]  # type: ignore[attr-defined]
    row = next(line for line in README.splitlines() if line.startswith(f"| `/sora {name}"))
    words = re.findall(r"\w+", row.split("|")[1])
    assert words == ["sora", name, *options]


MODERATION_COGS: tuple[type[commands.Cog], ...] = (
    ModBlocksCog,
    ModProviderCog,
    ModQuotaCog,
    ModSettingsCog,
    ModUsageCog,
)
MODERATION_COMMANDS = [
    query
    for cog in MODERATION_COGS
    for command in cog.__cog_app_commands__
    for query in (command.commands if isinstance(command, app_commands.Group) else [command])
]


@pytest.mark.parametrize("command", MODERATION_COMMANDS, ids=lambda command: command.qualified_name)
def test_the_readme_names_every_moderators_command_with_its_options(command: object) -> None:
    options = command.parameters  # type: ignore[attr-defined]
    asked = [each.name if each.required else f"[{each.name}]" for each in options]
    words = [command.qualified_name, *asked]  # type: ignore[attr-defined]
    rows = [line for line in README.splitlines() if line.startswith("| `/sora-mod")]
    named = [each.removeprefix("/sora-mod ") for row in rows for each in row.split("`")[1::2]]
    assert " ".join(words) in named


@pytest.mark.parametrize("provider", registry.provider_names())
def test_the_readme_names_every_provider(provider: str) -> None:
    cells = [line.split("|")[1] for line in README.splitlines() if line.startswith("| `")]
    assert any(f"`{provider}`" in cell for cell in cells)


@pytest.mark.parametrize("package", PACKAGES)
def test_the_architecture_page_and_its_picture_name_every_package(package: str) -> None:
    assert f"`{package}`" in ARCHITECTURE
    assert f">{package}<" in LAYERS_PICTURE


def test_the_readme_opens_with_a_picture_and_exactly_two_commands() -> None:
    handshake = README.split("## ")[0]
    assert handshake.index("![") < handshake.index("```")
    block = handshake.split("```")[1].strip().splitlines()
    assert [line.split("#")[0].strip() for line in block] == ["make sandbox", "make test"]


def test_the_architecture_page_fits_on_a_page() -> None:
    assert len(ARCHITECTURE.splitlines()) <= 100


@pytest.fixture(scope="module")
def definitions() -> set[str]:
    """The names of all classes and functions in the project and its tests."""
    return {
        node.name
        for top in ("bot", "cogs", "renderer", "sandbox", "tests")
        for path in (ROOT / top).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
    }


def is_in_the_code(name: str, definitions: set[str]) -> bool:
    return (ROOT / name).exists() if "/" in name else name in definitions


@pytest.mark.parametrize(("term", "carriers"), TERMS)
def test_what_carries_a_term_of_the_glossary_exists(
    term: str, carriers: str, definitions: set[str]
) -> None:
    names = re.findall(r"`([^`]+)`", carriers)
    assert names, f"docs/glossary.md: name the class, function or file that carries {term!r}"
    missing = [name for name in names if not is_in_the_code(name, definitions)]
    assert not missing, f"docs/glossary.md: {term!r} is carried by {missing}, which is not there"


def test_a_term_that_the_code_lacks_is_noticed(definitions: set[str]) -> None:
    assert is_in_the_code("ClipOptions", definitions)
    assert is_in_the_code("bot/guild.py", definitions)
    assert not is_in_the_code("ClipWishes", definitions)
    assert not is_in_the_code("bot/kitchen.py", definitions)


def test_the_glossary_has_each_term_once_and_is_linked() -> None:
    terms = [term for term, _ in TERMS]
    assert len(terms) == len(set(terms)) > 50
    assert "(glossary.md)" in ARCHITECTURE
    assert "(docs/glossary.md)" in (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


PATHS = sorted(set(re.findall(r"`((?:bot|cogs|renderer|sandbox|tests)/[\w/.]+)`", ARCHITECTURE)))


@pytest.mark.parametrize("path", PATHS)
def test_a_path_on_the_architecture_page_exists(path: str) -> None:
    assert (ROOT / path).exists(), f"docs/architecture.md names {path}; say where it is now"
