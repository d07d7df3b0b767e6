"""Finds names of video API vendors outside `bot.providers`, and mocks anywhere."""

import ast
import re
from collections.abc import Iterator

from tests.architecture.boundaries import is_within
from tests.architecture.imports import imports
from tests.architecture.source import Source

#: Modules that may mention vendors by name: the providers, the settings, and `bot.app`.
ALLOWED = ("bot.providers", "bot.settings", "bot.app")
#: Names of vendors: companies, gateways and models. A match with a letter before or after it is
#: part of another word; a digit or an underscore there still counts as a match.
VENDORS = re.compile(
    r"(?<![a-z])(?:openai|cometapi|azure|litellm|v-?llm|sglang|x\.?ai|grok|gemini|veo|fal[._]ai"
    r"|replicate\.com|runwayml|openrouter|kling|seedance|chatgpt|dall-?e|sora[-_ .]?2(?![0-9]))(?![a-z])",
    re.IGNORECASE,
)
MOCKS = ("unittest.mock", "mock", "pytest_mock")
#: Attributes of pytest fixtures that replace a part of the code under test.
PATCHES = ("monkeypatch.setattr", "monkeypatch.setitem", "monkeypatch.delattr")


def named_vendors(sources: list[Source]) -> list[str]:
    """Report vendors' names in bot, cogs and renderer: in code, strings and comments."""
    return [
        f"{source.path}:{number}: names {match[0]!r}; make it data of a provider or a setting"
        for source in sources
        if source.top in ("bot", "cogs", "renderer") and not is_within(source.module, ALLOWED)
        for number, line in enumerate(source.text.splitlines(), 1)
        for match in VENDORS.finditer(line)
    ]


def mocks(sources: list[Source]) -> list[str]:
    """Report imports of mock libraries, and uses of fixtures that replace code under test."""
    advice = "write a fake and run the contract suite of the real class over it"
    return [
        source.at(node, f"{what}; {advice}") for source in sources for node, what in _mocks(source)
    ]


def _mocks(source: Source) -> Iterator[tuple[ast.AST, str]]:
    """Yield each AST node that is a mock, with the name by which the report calls it."""
    for node, target in imports(source):
        if is_within(target, MOCKS):
            yield node, target
    for node in source.nodes:
        if isinstance(node, ast.Attribute) and source.origin(node) in PATCHES:
            yield node, source.origin(node)
        elif isinstance(node, ast.arg) and node.arg == "mocker":
            yield node, "the fixture mocker"
