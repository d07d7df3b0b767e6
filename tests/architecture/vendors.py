"""Video vendors have no name outside the providers, and mocks none anywhere."""

import ast
import re
from collections.abc import Iterator

from tests.architecture.boundaries import is_within
from tests.architecture.imports import imports
from tests.architecture.source import Source

#: Who may name vendors: their files, their settings, and what puts the two together.
ALLOWED = ("bot.providers", "bot.settings", "bot.app")
#: Companies, gateways and models. Letters around a word make it another; digits and _ do not.
VENDORS = re.compile(
    r"(?<![a-z])(?:openai|cometapi|azure|litellm|v-?llm|sglang|x\.?ai|grok|gemini|veo|fal[._]ai"
    r"|replicate\.com|runwayml|openrouter|kling|seedance|chatgpt|dall-?e|sora[-_ .]?2(?![0-9]))(?![a-z])",
    re.IGNORECASE,
)
MOCKS = ("unittest.mock", "mock", "pytest_mock")
#: What replaces a part of the code under the test's feet.
PATCHES = ("monkeypatch.setattr", "monkeypatch.setitem", "monkeypatch.delattr")


def named_vendors(sources: list[Source]) -> list[str]:
    """Report vendors' names in code, strings, docstrings and comments of bot, cogs and renderer."""
    return [
        f"{source.path}:{number}: names {match[0]!r}; make it data of a provider or a setting"
        for source in sources
        if source.top in ("bot", "cogs", "renderer") and not is_within(source.module, ALLOWED)
        for number, line in enumerate(source.text.splitlines(), 1)
        for match in VENDORS.finditer(line)
    ]


def mocks(sources: list[Source]) -> list[str]:
    """Report mocks, also those that pytest's fixtures offer."""
    advice = "write a fake and run the real thing's contract suite over it"
    return [
        source.at(node, f"{what}; {advice}") for source in sources for node, what in _mocks(source)
    ]


def _mocks(source: Source) -> Iterator[tuple[ast.AST, str]]:
    for node, target in imports(source):
        if is_within(target, MOCKS):
            yield node, target
    for node in source.nodes:
        if isinstance(node, ast.Attribute) and source.origin(node) in PATCHES:
            yield node, source.origin(node)
        elif isinstance(node, ast.arg) and node.arg == "mocker":
            yield node, "the fixture mocker"
