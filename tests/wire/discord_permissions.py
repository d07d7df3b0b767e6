"""Who may do what in a channel: roles, overwrites, and the rules for threads."""

from __future__ import annotations

from enum import IntFlag
from typing import Any


class Permission(IntFlag):
    """The bits that this double looks at; the others pass through as numbers."""

    ADMINISTRATOR = 1 << 3
    MANAGE_CHANNELS = 1 << 4
    MANAGE_GUILD = 1 << 5
    ADD_REACTIONS = 1 << 6
    VIEW_CHANNEL = 1 << 10
    SEND_MESSAGES = 1 << 11
    MANAGE_MESSAGES = 1 << 13
    EMBED_LINKS = 1 << 14
    ATTACH_FILES = 1 << 15
    READ_MESSAGE_HISTORY = 1 << 16
    MENTION_EVERYONE = 1 << 17
    USE_APPLICATION_COMMANDS = 1 << 31
    MANAGE_THREADS = 1 << 34
    CREATE_PUBLIC_THREADS = 1 << 35
    CREATE_PRIVATE_THREADS = 1 << 36
    SEND_MESSAGES_IN_THREADS = 1 << 38


P = Permission

#: Every bit that Discord had given a meaning by 2026-08.
ALL = (1 << 53) - 1

#: What @everyone may do in a fresh server, as far as this double cares.
EVERYONE = (
    P.VIEW_CHANNEL
    | P.SEND_MESSAGES
    | P.ADD_REACTIONS
    | P.EMBED_LINKS
    | P.ATTACH_FILES
    | P.READ_MESSAGE_HISTORY
    | P.USE_APPLICATION_COMMANDS
    | P.CREATE_PUBLIC_THREADS
    | P.CREATE_PRIVATE_THREADS
    | P.SEND_MESSAGES_IN_THREADS
)

#: In a DM there is nobody to withhold anything, but nobody to moderate either.
IN_A_DM = EVERYONE


def in_channel(
    guild: dict[str, Any], member: dict[str, Any], channel: dict[str, Any]
) -> Permission:
    """Return what `member` may do in `channel` (for a thread: pass its parent).

    The order is the documented one: owner and administrators, then the sum of the roles, then the
    overwrite of @everyone, then all role overwrites at once, then the member's own.
    """
    user_id = member["user"]["id"]
    if guild["owner_id"] == user_id:
        return Permission(ALL)
    held = {guild["id"], *member["roles"]}
    bits = 0
    for role in guild["roles"]:
        if role["id"] in held:
            bits |= int(role["permissions"])
    if bits & P.ADMINISTRATOR:
        return Permission(ALL)
    overwrites = {entry["id"]: entry for entry in channel.get("permission_overwrites", [])}
    for group in ([guild["id"]], member["roles"], [user_id]):
        found = [overwrites[target] for target in group if target in overwrites]
        for entry in found:
            bits &= ~int(entry["deny"])
        for entry in found:
            bits |= int(entry["allow"])
    if not bits & P.VIEW_CHANNEL:
        return Permission(0)
    return Permission(bits)
