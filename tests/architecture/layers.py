"""The floors of the house, and who may call whom."""

import graphlib

from tests.architecture.imports import edges, imports
from tests.architecture.source import PRODUCT, TEST_CODE, Source, product

#: Top to bottom. A module imports its own room and lower floors; rooms on one floor are strangers.
LAYERS = (
    ("bot.__main__", "sandbox"),
    ("bot.shell",),
    ("bot.app",),
    ("cogs", "bot.web"),
    ("bot.chat",),
    ("bot.jobs",),
    ("bot.quota", "bot.safety"),
    ("bot.providers", "bot.storage", "bot.archive"),
    ("bot.media",),
    ("bot.guild",),
    ("bot.settings", "bot.model"),
    ("bot.obs", "bot.clock", "bot.backoff"),
    ("bot.errors",),
)
#: Programs of their own: they import nothing else of the product, and nothing of it imports them.
SEPARATE = ("renderer",)
LAYER_OF = {room: -number for number, rooms in enumerate(LAYERS) for room in rooms}


def package_of(module: str) -> str | None:
    """Return the room that `module`, or a name inside it, belongs to."""
    return next((r for r in LAYER_OF if module == r or module.startswith(f"{r}.")), None)


def upward_imports(sources: list[Source]) -> list[str]:
    """Report imports of a stranger, of a higher floor, and of the tests."""
    found: list[str] = []
    for source in product(sources):
        if source.module in PRODUCT and source.is_package and not source.text.strip():
            continue
        if source.top in SEPARATE:
            found += _imports_across(source, {*PRODUCT, *TEST_CODE} - {source.top})
            continue
        found += _imports_across(source, set(SEPARATE))
        here = package_of(source.module)
        if here is None:
            found.append(f"{source.path}: in no room; give it one in FLOORS of floors.py")
            continue
        for node, target in imports(source):
            top = target.partition(".")[0]
            there = package_of(target)
            if top in TEST_CODE:
                found.append(source.at(node, f"imports {target}; the product knows no tests"))
            elif top not in PRODUCT or top in SEPARATE or here in (there, target):
                continue
            elif there is None:
                found.append(source.at(node, f"imports {target}, which is in no room of FLOORS"))
            elif LAYER_OF[there] >= LAYER_OF[here]:
                which = (
                    "above" if LAYER_OF[there] > LAYER_OF[here] else "a stranger on the floor of"
                )
                advice = f"declare a Protocol in {here} and let bot.app pass it in"
                found.append(source.at(node, f"imports {there}, {which} {here}; {advice}"))
    return found


def _imports_across(source: Source, tops: set[str]) -> list[str]:
    """Report imports that cross the border of a separate program."""
    return [
        source.at(
            node,
            f"imports {target}; {' and '.join(SEPARATE)} runs as a child process: "
            "pass plain data over its stdin instead",
        )
        for node, target in imports(source)
        if target.partition(".")[0] in tops
    ]


def circles(sources: list[Source]) -> list[str]:
    """Report a circle of imports, one at a time."""
    graph = edges(sources)
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        way = " → ".join(reversed(error.args[1]))
        return [f"circle: {way}; move what both need to a lower module"]
    return []
