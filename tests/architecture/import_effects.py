"""Finds modules that have side effects when imported; modules should contain only declarations."""

import ast
import builtins
from collections.abc import Iterator

from tests.architecture.source import PRODUCT, Source, product

#: Functions and classes that return a value and have no side effect, so modules may call them at
#: import.
PURE = {
    "collections.defaultdict",
    "collections.namedtuple",
    "contextvars.ContextVar",
    "dataclasses.field",
    "dataclasses.replace",
    "datetime.date",
    "datetime.datetime",
    "datetime.time",
    "datetime.timedelta",
    "datetime.timezone",
    "decimal.Decimal",
    "enum.auto",
    "fractions.Fraction",
    "logging.getLogger",
    "operator.attrgetter",
    "operator.itemgetter",
    "pathlib.Path",
    "pathlib.PurePath",
    "pathlib.PurePosixPath",
    "re.compile",
    "struct.Struct",
    "struct.calcsize",
    "types.MappingProxyType",
    "typing.NamedTuple",
    "typing.NewType",
    "typing.ParamSpec",
    "typing.TypeVar",
    "typing.TypeVarTuple",
    "typing.TypedDict",
    "typing.cast",
    # Declarations of discord.py.
    "discord.AllowedMentions",
    "discord.Color",
    "discord.Colour",
    "discord.Intents",
    "discord.Object",
    "discord.PartialEmoji",
    "discord.Permissions",
    "discord.app_commands.Choice",
    "discord.app_commands.Group",
    "discord.app_commands.locale_str",
    "discord.ui.Label",
    "discord.ui.TextDisplay",
    "discord.ui.TextInput",
    # This function only looks up a table of constants.
    "bot.providers.vendors.size_formats.sizes_of",
    # These functions declare the fields of the classes Settings and GuildSettings.
    "bot.guild._field_with",
    "bot.guild._setting",
    "bot.settings._choice_parser",
    "bot.settings._setting",
    "bot.settings._url_parser",
}
IMPURE_BUILTINS = {
    "__import__",
    "breakpoint",
    "compile",
    "eval",
    "exec",
    "exit",
    "input",
    "open",
    "print",
}
#: Methods that return a value and have no side effect, whatever object they are called on.
PURE_METHODS = {
    *("casefold", "encode", "format", "join", "lower", "replace", "split", "splitlines", "strip"),
    *("fromkeys", "get", "items", "keys", "union", "values", "maketrans"),
    *("joinpath", "with_name", "with_suffix"),
    *("all", "none", "default"),  # discord.Intents, AllowedMentions, Permissions
    *("parse",),  # `parse` is a method of value classes in bot.model.
}
#: Calling a class with one of these bases creates a constant, which has no side effect.
VALUE_BASES = {"Enum", "StrEnum", "IntEnum", "NamedTuple"}


def modules_with_import_effects(sources: list[Source]) -> list[str]:
    """Report each statement that has a side effect when its module is imported."""
    values = value_classes(sources)
    found: list[str] = []
    for source in product(sources):
        found += [
            source.at(node, "runs at import; move it into a function")
            for node in _impure_statements(source, source.tree.body)
        ]
        for call in _calls_at_import(source.tree):
            if not _is_pure(source, call, values):
                problem = f"calls {ast.unparse(call.func)}() at import; move it into a function"
                found.append(source.at(call, problem))
    return found


def packages_with_content(sources: list[Source]) -> list[str]:
    """Report each `__init__.py` of the product (bot, cogs, renderer, sandbox) that is not empty."""
    return [
        f"{source.path}: must be empty; move its content into a module and import from there"
        for source in sources
        if source.top in PRODUCT and source.is_package and source.text.strip()
    ]


def value_classes(sources: list[Source]) -> set[str]:
    """Return the full names of all dataclasses, enums and named tuples of the project."""
    return {
        f"{source.module}.{node.name}"
        for source in sources
        for node in source.nodes
        if isinstance(node, ast.ClassDef)
        and (
            any(source.origin(base).rpartition(".")[2] in VALUE_BASES for base in node.bases)
            or any("dataclass" in ast.unparse(each) for each in node.decorator_list)
        )
    }


def _impure_statements(source: Source, body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements of a module body or class body that are not declarations.

    Calls that stand alone as a statement are left out, because `_calls_at_import` finds calls.
    """
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield from _impure_statements(source, node.body)
        elif isinstance(node, ast.If):
            test = ast.unparse(node.test)
            if test.endswith("TYPE_CHECKING") or test.startswith("sys."):
                yield from _impure_statements(source, [*node.body, *node.orelse])
            elif not _is_main_guard(node):
                yield node
        elif isinstance(node, ast.Expr):
            if not isinstance(node.value, (ast.Constant, ast.Call)):
                yield node
        elif not isinstance(node, _DECLARATIONS):
            yield node


_DECLARATIONS = (
    ast.Import,
    ast.ImportFrom,
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.Assign,
    ast.AnnAssign,
    ast.Pass,
)


def _is_main_guard(node: ast.If) -> bool:
    return ast.unparse(node.test) == "__name__ == '__main__'" and not node.orelse


def _calls_at_import(tree: ast.Module) -> Iterator[ast.Call]:
    """Yield the calls outside function bodies.

    Calls of decorators are left out, as they only declare.
    """
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Call):
            yield node
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            waiting += [*node.args.defaults, *filter(None, node.args.kw_defaults)]
        elif isinstance(node, ast.ClassDef):
            waiting += [*node.bases, *(each.value for each in node.keywords), *node.body]
        elif not (isinstance(node, ast.If) and _is_main_guard(node)):
            waiting += ast.iter_child_nodes(node)


def _is_pure(source: Source, call: ast.Call, values: set[str]) -> bool:
    name = source.origin(call.func)
    if "." not in name and name in dir(builtins):
        return name not in IMPURE_BUILTINS
    if {name, f"{source.module}.{name}"} & (PURE | values):
        return True
    return isinstance(call.func, ast.Attribute) and call.func.attr in PURE_METHODS
