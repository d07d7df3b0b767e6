"""One home per library, for the environment and for the wall clock."""

import ast
from collections.abc import Iterator

from tests.architecture.imports import imports
from tests.architecture.source import Source, product

#: Who may import a library: modules, or rooms with all that is in them.
LIBRARIES = {
    "aiohttp": ("bot.web", "bot.chat"),
    "aiosqlite": ("bot.storage.sqlite.backup",),
    "av": ("bot.media", "renderer"),
    "cryptography": ("bot.providers.webhooks.key_ring",),
    "discord": ("bot.chat", "cogs", "sandbox"),
    "dotenv": ("bot.settings",),
    "httpx": (
        "bot.providers.http.transport",
        "bot.providers.http.responses",
        "bot.safety.remote",
        "bot.archive.object_store",
    ),
    "numpy": ("bot.media", "renderer"),
    "PIL": ("bot.media", "renderer"),
    "prometheus_client": ("bot.obs.metrics",),
    "simcord": ("sandbox",),
    "sqlite3": ("bot.storage",),
}
#: Who may use a name, called or passed on.
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
    """Whether `module` is one of `homes` or inside one."""
    return any(module == home or module.startswith(f"{home}.") for home in allowed)


def misplaced_libraries(sources: list[Source]) -> list[str]:
    """Report imports of a library by a module that should not know it."""
    found: list[str] = []
    for source in product(sources):
        for node, target in imports(source):
            library = target.partition(".")[0]
            homes = LIBRARIES.get(library)
            if homes is not None and not is_within(source.module, homes):
                told = f"{library} is for {', '.join(homes)}; ask that module for what you need"
                found.append(source.at(node, told))
    return found


def misplaced_names(sources: list[Source]) -> list[str]:
    """Report uses of the environment and the wall clock outside their homes."""
    return [
        source.at(
            node, f"{name} is for {', '.join(NAMES[name])}; take a Clock or a setting instead"
        )
        for source in product(sources)
        for node, name in uses(source)
        if name in NAMES and not is_within(source.module, NAMES[name])
    ]


def uses(source: Source) -> Iterator[tuple[ast.AST, str]]:
    """Yield every dotted name that is read, and every name that is imported."""
    for node in source.nodes:
        if isinstance(node, ast.ImportFrom):
            yield from ((node, f"{node.module}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Attribute):
            yield node, source.origin(node)
