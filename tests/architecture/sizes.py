"""Rules: the maximum length of a file, and of a command's function."""

import ast
from collections.abc import Iterator

from tests.architecture.source import Source, product

FILE_LINES = 400
COMMAND_LINES = 19
#: Decorators that turn a function into a command, such as `@app_commands.command()`.
COMMANDS = {"command", "context_menu", "hybrid_command"}


def long_files(sources: list[Source]) -> list[str]:
    """Report each file of more than FILE_LINES lines."""
    return [
        f"{source.path}: {lines} lines, over {FILE_LINES}; move one of its subjects into a file of its own"
        for source in sources
        if (lines := len(source.text.splitlines())) > FILE_LINES
    ]


def long_commands(sources: list[Source]) -> list[str]:
    """Report each command of more than COMMAND_LINES lines."""
    return [
        source.at(
            node,
            f"/{node.name}: {lines} lines, over {COMMAND_LINES}; a command calls a service and shows "
            "the result: move the rest to bot.jobs or bot.chat",
        )
        for source in product(sources)
        for node in commands(source)
        if (lines := length(node)) > COMMAND_LINES
    ]


def commands(source: Source) -> Iterator[ast.AsyncFunctionDef]:
    """Yield the coroutines that are commands, by decorator or as callback of a ContextMenu."""
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
    """Return a function's number of lines, without decorators and docstring."""
    lines = (node.end_lineno or node.lineno) - node.lineno + 1
    if ast.get_docstring(node) is not None:
        lines -= (node.body[0].end_lineno or 0) - node.body[0].lineno + 1
    return lines
