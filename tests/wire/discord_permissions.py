"""Computes a member's permissions in a channel, from roles and permission overwrites."""

from __future__ import annotations

from enum import IntFlag
from typing import Any


class Permission(IntFlag):
    """The permission bits that the simulated Discord checks."""

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

#: All permission bits that have a meaning in Discord (as of 2026-08).
ALL = (1 << 53) - 1

#: The permissions of @everyone in a new server, as far as the simulation checks permissions.
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

#: Permissions of both people in a DM: all that @everyone has, and none of a moderator's.
IN_A_DM = EVERYONE


def in_channel(
    guild: dict[str, Any], member: dict[str, Any], channel: dict[str, Any]
) -> Permission:
    """Return the permissions of `member` in `channel` (for a thread: in its parent channel).

    As documented, the owner and administrators may do all. For other members the permissions of
    their roles are added up; then the overwrites of @everyone, of the roles together, and of the
    member apply.
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
