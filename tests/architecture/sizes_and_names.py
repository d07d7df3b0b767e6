"""How long a file and a command may be."""

import ast
from collections.abc import Iterator
from pathlib import PurePosixPath

from tests.architecture.source import Source, product

FILE_LINES = 400
COMMAND_LINES = 19
#: Names that gather whatever has no place; a file is named for its one noun.
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "shared", "stuff"}
#: Decorators that make a function a command: `@app_commands.command()`, `@group.command()`, …
COMMANDS = {"command", "context_menu", "hybrid_command"}


def long_files(sources: list[Source]) -> list[str]:
    """Report files over the ceiling."""
    return [
        f"{source.path}: {lines} lines, over {FILE_LINES}; find the second noun in it and split"
        for source in sources
        if (lines := len(source.text.splitlines())) > FILE_LINES
    ]


def long_commands(sources: list[Source]) -> list[str]:
    """Report commands that do more than ask a service and answer."""
    return [
        source.at(
            node, f"/{node.name}: {lines} lines, over {COMMAND_LINES}; the rule in it belongs lower"
        )
        for source in product(sources)
        for node in commands(source)
        if (lines := length(node)) > COMMAND_LINES
    ]


def vaguely_named_files(sources: list[Source]) -> list[str]:
    """Report files and folders named for nothing in particular."""
    return [
        f"{source.path}: a drawer; name it for the one thing in it"
        for source in sources
        if VAGUE_NAMES & {part.removesuffix(".py") for part in PurePosixPath(source.path).parts}
    ]


def commands(source: Source) -> Iterator[ast.AsyncFunctionDef]:
    """Yield the coroutines that Discord calls: decorated, or given to a ContextMenu."""
    callbacks = {
        source.origin(keyword.value).rpartition(".")[2]
        for node in source.nodes
        if isinstance(node, ast.Call) and source.origin(node.func).endswith("ContextMenu")
        for keyword in node.keywords
        if keyword.arg == "callback"
    }
    for node in source.nodes:
        if isinstance(node, ast.AsyncFunctionDef):
            makers = (d.func if isinstance(d, ast.Call) else d for d in node.decorator_list)
            names = {source.origin(maker).rpartition(".")[2] for maker in makers}
            if names & COMMANDS or node.name in callbacks:
                yield node


def length(node: ast.AsyncFunctionDef) -> int:
    """Return the lines of signature and body, without decorators and docstring."""
    lines = (node.end_lineno or node.lineno) - node.lineno + 1
    if ast.get_docstring(node) is not None:
        lines -= (node.body[0].end_lineno or 0) - node.body[0].lineno + 1
    return lines
