"""The project's Python files as syntax trees, which the architecture rules check."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

#: The project's top-level packages: those of the product, and those of test code, which may import
#: all.
PRODUCT = ("bot", "cogs", "renderer", "sandbox")
TEST_CODE = ("tests", "benchmarks")


@dataclass(frozen=True)
class Source:
    """One Python file."""

    #: Path of the file relative to the project's root, with slashes.
    path: str
    text: str = field(repr=False)

    @property
    def module(self) -> str:
        """The dotted name of the module; for an `__init__.py`, the name of its package."""
        return self.path.removesuffix(".py").replace("/", ".").removesuffix(".__init__")

    @property
    def top(self) -> str:
        return self.module.partition(".")[0]

    @property
    def is_package(self) -> bool:
        return self.path.endswith("__init__.py")

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.path)

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """All AST nodes of the file, including those in functions and under `if TYPE_CHECKING`."""
        return tuple(ast.walk(self.tree))

    @cached_property
    def bindings(self) -> dict[str, str]:
        """Map each name that the file imports to its full name.

        For `import datetime as dt`, the map contains `{"dt": "datetime"}`.
        """
        names: dict[str, str] = {}
        for node in self.nodes:
            if isinstance(node, ast.Import):
                for alias in node.names:
                    top = alias.name.partition(".")[0]
                    names[alias.asname or top] = alias.name if alias.asname else top
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                for alias in node.names:
                    names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
        return names

    def origin(self, node: ast.AST) -> str:
        """Return the full name of an expression such as `a.b.c`, or "" for other expressions.

        If the file does not import the first part of the name, the name is returned unchanged,
        because it is a builtin or is defined in the file.
        """
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return ""
        return ".".join([self.bindings.get(node.id, node.id), *reversed(parts)])

    def at(self, node: ast.AST, problem: str) -> str:
        """Return one line of a report: the file, the line number of `node` and the problem."""
        return f"{self.path}:{getattr(node, 'lineno', 1)}: {problem}"


def read(root: Path) -> list[Source]:
    """Read every Python file of the project below `root`."""
    return [
        Source(path.relative_to(root).as_posix(), path.read_text(encoding="utf-8"))
        for folder in (*PRODUCT, *TEST_CODE)
        for path in sorted((root / folder).rglob("*.py"))
    ]


def product(sources: list[Source]) -> Iterator[Source]:
    """Yield the files of the product (bot, cogs, renderer, sandbox), without test code."""
    return (source for source in sources if source.top in PRODUCT)


def make_sources(files: dict[str, str]) -> list[Source]:
    """Make `Source` objects from `{path: text}`, for tests whose text breaks a rule on purpose."""
    return [Source(path, text) for path, text in files.items()]


def report(found: list[str]) -> str:
    """Return the message of a failed architecture test, with one line for each problem."""
    return "\n".join(["", *found])
