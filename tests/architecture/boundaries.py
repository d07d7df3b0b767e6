"""Rules: which modules may import a library, read environment variables, or read the wall clock."""

import ast
from collections.abc import Iterator

from tests.architecture.imports import imports
from tests.architecture.source import Source, product

#: For each library, the modules that may import it. A package name stands for all its modules.
LIBRARIES = {
    "aiohttp": ("bot.web", "bot.chat"),
    "aiosqlite": ("bot.storage.sqlite.backup",),
    "av": ("bot.media", "renderer"),
    "cryptography": ("bot.providers.webhooks.key_ring",),
    "discord": ("bot.chat", "cogs", "sandbox"),
    "dotenv": ("bot.settings",),
    "httpx": (
        "bot.providers.http.transport",
        "bot.providers.http.payloads",
        "bot.safety.remote",
        "bot.archive.object_store",
    ),
    "numpy": ("bot.media", "renderer"),
    "PIL": ("bot.media", "renderer"),
    "prometheus_client": ("bot.obs.metrics",),
    "simcord": ("sandbox",),
    "sqlite3": ("bot.storage",),
}
#: For each name, such as `os.environ`, the modules that may call it or pass it on.
NAMES = {
    **dict.fromkeys(
        ("os.environ", "os.environb", "os.getenv", "os.getenvb", "os.putenv", "os.unsetenv"),
        ("bot.settings",),
    ),
    **dict.fromkeys(
        (
            "datetime.date.today",
            "datetime.datetime.now",
            "datetime.datetime.today",
            "datetime.datetime.utcnow",
            "discord.utils.utcnow",
            "time.ctime",
            "time.gmtime",
            "time.localtime",
            "time.time",
            "time.time_ns",
        ),
        ("bot.clock",),
    ),
}


def is_within(module: str, allowed: tuple[str, ...]) -> bool:
    """Return whether `module` is one of `allowed`, or is inside one of them."""
    return any(module == name or module.startswith(f"{name}.") for name in allowed)


def misplaced_libraries(sources: list[Source]) -> list[str]:
    """Report each import of a library by a module that LIBRARIES does not allow to import it."""
    found: list[str] = []
    for source in product(sources):
        for node, target in imports(source):
            library = target.partition(".")[0]
            allowed = LIBRARIES.get(library)
            if allowed is not None and not is_within(source.module, allowed):
                problem = (
                    f"only {', '.join(allowed)} may import {library}; add a function there "
                    "and call it, or extend LIBRARIES in tests/architecture/boundaries.py"
                )
                found.append(source.at(node, problem))
    return found


def misplaced_names(sources: list[Source]) -> list[str]:
    """Report each use of the environment or the wall clock that NAMES does not allow."""
    return [
        source.at(
            node,
            f"only {', '.join(NAMES[name])} may use {name}; take a Clock or a setting as a parameter",
        )
        for source in product(sources)
        for node, name in uses(source)
        if name in NAMES and not is_within(source.module, NAMES[name])
    ]


def uses(source: Source) -> Iterator[tuple[ast.AST, str]]:
    """Yield every dotted name that a file reads, and every name that it imports."""
    for node in source.nodes:
        if isinstance(node, ast.ImportFrom):
            yield from ((node, f"{node.module}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Attribute):
            yield node, source.origin(node)
