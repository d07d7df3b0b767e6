"""Finds imports: at the top of a file, in functions, under TYPE_CHECKING, and by a string."""

import ast
from collections.abc import Iterator

from tests.architecture.source import Source

#: Functions whose first argument is the name of a module that they import.
IMPORT_FUNCTIONS = {"import_module", "__import__", "load_extension", "reload_extension"}


def imports(source: Source) -> Iterator[tuple[ast.AST, str]]:
    """Yield each import in a file with the full name of its target.

    For `from bot import model`, the target is `bot.model`.
    """
    for node in source.nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = absolute(source, node)
            for alias in node.names:
                yield node, f"{base}.{alias.name}"
        elif isinstance(node, ast.Call) and node.args:
            name = source.origin(node.func).rpartition(".")[2]
            first = node.args[0]
            if name in IMPORT_FUNCTIONS and isinstance(first, ast.Constant):
                yield node, str(first.value)


def absolute(source: Source, node: ast.ImportFrom) -> str:
    """Return the full name of the module that `node` imports from; resolve a relative import."""
    if not node.level:
        return node.module or ""
    package = source.module.split(".")
    ups = node.level - source.is_package
    return ".".join([*package[: len(package) - ups], *filter(None, [node.module])])


def edges(sources: list[Source]) -> dict[str, dict[str, ast.AST]]:
    """Map each module to those among `sources` that it imports, with the importing AST node."""
    known = {source.module for source in sources}
    graph: dict[str, dict[str, ast.AST]] = {source.module: {} for source in sources}
    for source in sources:
        for node, target in imports(source):
            module = target if target in known else target.rpartition(".")[0]
            if module in known and module != source.module:
                graph[source.module].setdefault(module, node)
    return graph


def relative_imports(sources: list[Source]) -> list[str]:
    """Report each relative import, such as `from . import x`."""
    return [
        source.at(node, f"relative import; write `from {absolute(source, node)} import …`")
        for source in sources
        for node in source.nodes
        if isinstance(node, ast.ImportFrom) and node.level
    ]
