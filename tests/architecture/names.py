"""Rules: which names the project's files, classes and identifiers must not have."""

import ast
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from tests.architecture.source import Source, product

#: Words that don't say what a file contains. A file is named after its one subject.
VAGUE_WORDS = {
    *("util", "utils", "utility", "utilities", "helper", "helpers", "tool", "tools", "toolbox"),
    *("common", "shared", "core", "general", "generic", "main", "lib", "manager", "managers"),
    *("misc", "miscellaneous", "various", "stuff", "things", "extras"),
    *("constants", "consts", "types", "functions", "classes", "mixins", "legacy"),
}
#: Words that the glossary (docs/glossary.md) has replaced, each with its replacement.
RETIRED_WORDS = {
    **dict.fromkeys(("absences",), "not-found debounce"),
    **dict.fromkeys(("ballast",), "reserve file"),
    **dict.fromkeys(("chore", "chores", "errand", "errands"), "outbox message"),
    **dict.fromkeys(("courier", "couriers"), "publisher"),
    **dict.fromkeys(("hasten", "hastened"), "poll now"),
    **dict.fromkeys(("house", "houses", "houserules"), "guild settings"),
    **dict.fromkeys(("keeper", "keepers"), "moderator or moderation service"),
    **dict.fromkeys(("kick", "kicks", "kicked"), "wake"),
    **dict.fromkeys(("kitchen", "kitchens"), "provider"),
    **dict.fromkeys(("leavings", "tidying"), "retention"),
    **dict.fromkeys(("nursery",), "process pool"),
    **dict.fromkeys(("purse", "purses", "treasurer"), "budget status or budget monitor"),
    **dict.fromkeys(("rehome", "rehomed", "rehoming"), "failover"),
    **dict.fromkeys(("reprieve", "reprieved"), "extend deadlines"),
    **dict.fromkeys(("shelf", "shelves"), "clip search"),
    **dict.fromkeys(("sweep", "sweeps", "swept"), "reconcile"),
    **dict.fromkeys(("town", "towns"), "test harness"),
    **dict.fromkeys(("wish", "wishes"), "clip options"),
    **dict.fromkeys(("workshop",), "worker context or assembly"),
}
#: Names that keep a retired word, because databases, files, metrics or running tasks have them, or
#: because the renderer draws or plays the thing itself.
ALLOWED_NAMES = {
    *("house_rules", "shelves", "errands", "chore"),  # tables, and a column
    "errand",  # The database stores this value of TaskKind.OUTBOX, and metrics have it as a label.
    "sora_errands_waiting",
    "sorabot.db.ballast",  # All releases have given the reserve file this name.
    *("_house", "shelf"),  # The renderer draws a `_house`; `shelf` is a kind of audio filter.
}


def vaguely_named_files(sources: list[Source]) -> list[str]:
    """Report each file or folder with a vague word in its name, such as `utils`."""
    return [
        f"{source.path}: {word!r} says nothing; name it after the one thing that it holds"
        for source in sources
        for word in sorted(VAGUE_WORDS & _words_of_path(source.path))
    ]


def _words_of_path(path: str) -> set[str]:
    """Return the words in the names of a file and its folders.

    Names such as `__main__` are skipped.
    """
    parts = (part.removesuffix(".py") for part in PurePosixPath(path).parts)
    return {word for part in parts if not part.startswith("__") for word in part.split("_")}


def classes_with_one_name(sources: list[Source]) -> list[str]:
    """Report each public top-level class that has the same name as another one."""
    first: dict[str, Source] = {}
    found: list[str] = []
    for source in sources:
        for node in source.tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                other = first.setdefault(node.name, source)
                if other is not source:
                    problem = (
                        f"class {node.name} is also in {other.path}; "
                        "name one of the two after what sets it apart"
                    )
                    found.append(source.at(node, problem))
    return found


def retired_names(sources: list[Source]) -> list[str]:
    """Report retired words in the product's identifiers, file names and one-word strings."""
    return [
        source.at(node, f"{name!r}: {word!r} is retired; say {RETIRED_WORDS[word]!r} (glossary.md)")
        for source in product(sources)
        for node, name in _names(source)
        if name not in ALLOWED_NAMES
        for word in _words_of_name(name)
        if word in RETIRED_WORDS
    ]


def _names(source: Source) -> Iterator[tuple[ast.AST, str]]:
    """Yield the names in a file: its own, and those of identifiers and in one-word strings."""
    yield source.tree, PurePosixPath(source.path).stem
    for node in source.nodes:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node, node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node, node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node, node.attr
        elif isinstance(node, ast.arg):
            yield node, node.arg
        elif isinstance(node, ast.Constant) and re.fullmatch(r"[\w.]+", str(node.value)):
            yield node, str(node.value)


def _words_of_name(name: str) -> list[str]:
    """Split `snake_case` and `CamelCase` into lower-case words."""
    return [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)]
