"""Finds buttons, menus and forms that don't work after a restart because they aren't registered."""

import ast
import re
from collections.abc import Collection, Iterator

from tests.architecture.source import Source, product

WHERE = "bot/chat/persistent_components.py"
FORMS = ("discord.ui.Modal", "SafeModal")
#: Decorators that put a button or menu into a view; the bot forgets views when it restarts.
VIEW_ITEMS = {"discord.ui.button", "discord.ui.select"}


def unregistered_items(sources: list[Source], registered: Collection[str]) -> list[str]:
    """Report button and menu classes (those with a `template`) that are not in `registered`.

    `registered` holds dotted class names. An abstract base class, which other classes derive from
    and which has no `pressed` method itself, need not be registered.
    """
    items = [
        (source, node)
        for source in product(sources)
        for node in source.nodes
        if isinstance(node, ast.ClassDef) and any(each.arg == "template" for each in node.keywords)
    ]
    bases = {name_of(source, base) for source, node in items for base in node.bases}
    return [
        source.at(
            node, f"{node.name} answers nothing after a restart; add it to DYNAMIC_ITEMS in {WHERE}"
        )
        for source, node in items
        if f"{source.module}.{node.name}" not in registered
        and not (f"{source.module}.{node.name}" in bases and not is_complete(node))
    ]


def is_complete(node: ast.ClassDef) -> bool:
    """Return whether a class itself implements `pressed` or `callback`.

    An abstract method doesn't count.
    """
    methods = {each.name: each for each in node.body if isinstance(each, ast.AsyncFunctionDef)}
    press = methods.get("pressed") or methods.get("callback")
    return press is not None and not press.decorator_list


def name_of(source: Source, base: ast.expr) -> str:
    """Return the dotted name of a base class, without its type arguments."""
    name = source.origin(base.value if isinstance(base, ast.Subscript) else base)
    return name if "." in name else f"{source.module}.{name}"


def unregistered_forms(sources: list[Source], patterns: Collection[str]) -> list[str]:
    """Report forms (modals) whose custom id starts with none of the regexes `patterns`."""
    words = {word for pattern in patterns for word in first_words(pattern)}
    found: list[str] = []
    for source in product(sources):
        for node in forms(source):
            word = id_word(node)
            if word is None:
                problem = "give the form a custom_id written as 'sora:<word>:…', and register it"
                found.append(source.at(node, f"{problem} in MODAL_HANDLERS in {WHERE}"))
            elif word not in words:
                problem = f"the form sora:{word} is taken by no handler; add its pattern"
                found.append(source.at(node, f"{problem} to MODAL_HANDLERS in {WHERE}"))
    return found


def forms(source: Source) -> Iterator[ast.Call | ast.ClassDef]:
    """Yield the calls that create a form (modal), and the classes that derive from one."""
    for node in source.nodes:
        if isinstance(node, ast.Call):
            makes = [node.func]
        elif isinstance(node, ast.ClassDef) and node.name != "SafeModal":
            makes = node.bases
        else:
            continue
        if any(source.origin(each).endswith(FORMS) for each in makes):
            yield node


def id_word(node: ast.Call | ast.ClassDef) -> str | None:
    """Return `word` from a form's literal custom id "sora:word:…", or None if it is no literal."""
    for keyword in node.keywords:
        if keyword.arg == "custom_id":
            match = re.match(r"f?['\"]sora:([a-z-]+):", ast.unparse(keyword.value))
            return None if match is None else match[1]
    return None


def first_words(pattern: str) -> list[str]:
    """Return the words that may follow "sora:" in a pattern such as `sora:(?P<a>on|off):`."""
    match = re.match(r"sora:(?:\((?:\?P<\w+>)?)?([a-z|-]+)", pattern)
    return [] if match is None else match[1].split("|")


def items_of_views(sources: list[Source]) -> list[str]:
    """Report buttons and menus that are methods of a view, and so stop working after a restart."""
    return [
        source.at(
            node,
            "this item answers nothing after a restart; derive from SafeButton in "
            "bot/chat/transport/error_handler.py and register it",
        )
        for source in product(sources)
        for node in source.nodes
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for each in node.decorator_list
        if source.origin(each.func if isinstance(each, ast.Call) else each) in VIEW_ITEMS
    ]
