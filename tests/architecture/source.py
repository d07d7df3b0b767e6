"""Python files as the analyser sees them, and where a name in them comes from."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

#: The product, and what may know everything about it.
PRODUCT = ("bot", "cogs", "renderer", "sandbox")
TEST_CODE = ("tests", "benchmarks")


@dataclass(frozen=True)
class Source:
    """One file."""

    #: Below the project's root, with slashes.
    path: str
    text: str = field(repr=False)

    @property
    def module(self) -> str:
        """The dotted name; that of a package for its `__init__`."""
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
        """All nodes, also those inside functions and `if TYPE_CHECKING`."""
        return tuple(ast.walk(self.tree))

    @cached_property
    def bindings(self) -> dict[str, str]:
        """Where each imported name comes from: `{"dt": "datetime.datetime"}`."""
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
        """Return the full dotted name of `a.b.c`, "" for what is no plain dotted name.

        A name that was not imported is taken for one of this module's own, or a builtin.
        """
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return ""
        return ".".join([self.bindings.get(node.id, node.id), *reversed(parts)])

    def at(self, node: ast.AST, problem: str) -> str:
        """Return one line of a report."""
        return f"{self.path}:{getattr(node, 'lineno', 1)}: {problem}"


def read(root: Path) -> list[Source]:
    """Read every Python file of the project below `root`."""
    return [
        Source(path.relative_to(root).as_posix(), path.read_text(encoding="utf-8"))
        for folder in (*PRODUCT, *TEST_CODE)
        for path in sorted((root / folder).rglob("*.py"))
    ]


def product(sources: list[Source]) -> Iterator[Source]:
    """Yield what the strict rules hold for: not the tests and benchmarks."""
    return (source for source in sources if source.top in PRODUCT)


def make_sources(files: dict[str, str]) -> list[Source]:
    """Make sources out of `{path: text}`, to show a rule what it must find."""
    return [Source(path, text) for path, text in files.items()]


def report(found: list[str]) -> str:
    """Return a report for people, one line for each thing found."""
    return "\n".join(["", *found])
