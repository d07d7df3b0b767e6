"""Finds guild settings that moderators can choose and that no service obeys."""

import ast
from collections.abc import Iterable

from tests.architecture.source import Source

#: Packages whose code obeys guild settings. Storage, the panel and the audit log only keep or show
#: the settings, so a use there doesn't count.
SERVICES = ("bot.jobs.", "bot.quota.")
#: A file that mentions neither of these has no guild settings in hand: an attribute of the same
#: name, such as `models`, belongs to something else there.
MARKS = ("GuildSettings", "guild_settings")


def unused_settings(sources: list[Source], fields: Iterable[str], queries: str) -> list[str]:
    """Report each field of GuildSettings that neither a service nor a query compares or uses.

    queries  the SQL queries of the storage, in which `house_rules.<column>` is a use.
    """
    read = {
        node.attr
        for source in sources
        if source.module.startswith(SERVICES) and any(mark in source.text for mark in MARKS)
        for node in source.nodes
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Load)
        and not (isinstance(node.value, ast.Name) and node.value.id == "self")
    }
    return [
        f"bot/guild.py: nothing in bot/jobs or bot/quota reads GuildSettings.{name}, so the "
        "setting changes nothing: see docs/how-to/add-a-guild-setting.md, step 3"
        for name in fields
        if name not in read and f"house_rules.{name}" not in queries
    ]
