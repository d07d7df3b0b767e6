"""The layers of the project's packages, and the rules which imports they allow."""

import graphlib

from tests.architecture.imports import edges, imports
from tests.architecture.source import PRODUCT, TEST_CODE, Source, product

#: The layers of packages, from top to bottom. A module imports only its own package and packages of
#: lower layers; packages on one layer don't import each other.
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
    ("bot.settings", "bot.model", "bot.guild"),
    ("bot.obs", "bot.clock", "bot.backoff", "bot.guild_setting"),
    ("bot.errors",),
)
#: Separate programs: no other package of the product imports them, and they import no other
#: package.
SEPARATE = ("renderer",)
THIS_FILE = "tests/architecture/layers.py"
#: Higher numbers are higher layers.
LAYER_OF = {package: -number for number, layer in enumerate(LAYERS) for package in layer}


def package_of(module: str) -> str | None:
    """Return the package in LAYERS that contains `module`, or None.

    `module` may also be the dotted name of something inside a module.
    """
    return next((p for p in LAYER_OF if module == p or module.startswith(f"{p}.")), None)


def upward_imports(sources: list[Source]) -> list[str]:
    """Report imports of a higher layer, of another package on the same layer, and of test code."""
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
            found.append(f"{source.path}: on no layer; add it to LAYERS in {THIS_FILE}")
            continue
        for node, target in imports(source):
            top = target.partition(".")[0]
            there = package_of(target)
            if top in TEST_CODE:
                found.append(
                    source.at(node, f"imports {target}; the product must not import test code")
                )
            elif top not in PRODUCT or top in SEPARATE or here in (there, target):
                continue
            elif there is None:
                found.append(
                    source.at(node, f"imports {target}, which is on no layer of {THIS_FILE}")
                )
            elif LAYER_OF[there] >= LAYER_OF[here]:
                is_above = LAYER_OF[there] > LAYER_OF[here]
                where = "above" if is_above else "on the same layer as"
                advice = f"declare a Protocol in {here} and let bot.app pass it in"
                found.append(source.at(node, f"imports {there}, {where} {here}; {advice}"))
    return found


def _imports_across(source: Source, tops: set[str]) -> list[str]:
    """Report imports between a separate program and the rest of the product."""
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
    """Report the first import cycle that is found among the modules."""
    graph = edges(sources)
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        path = " → ".join(reversed(error.args[1]))
        return [f"circle: {path}; move what both need to a lower module"]
    return []
