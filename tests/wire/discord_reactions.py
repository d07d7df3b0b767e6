"""Simulated reactions: who reacted to which message with which emoji, and the events for a bot."""

from __future__ import annotations

from tests.wire.discord_payloads import DM, Payload
from tests.wire.discord_permissions import Permission
from tests.wire.discord_world import DiscordWorld

GUILD_REACTIONS_INTENT, DIRECT_REACTIONS_INTENT = 1 << 10, 1 << 13


class Reactions:
    """The reactions to all messages; each message's `reactions` field is kept current.

    An emoji is a character, or "name:id" for a custom emoji of a server.
    """

    def __init__(self, world: DiscordWorld) -> None:
        self._world = world
        #: Message id → emoji → ids of the users who reacted with it, oldest reaction first.
        self._givers: dict[str, dict[str, list[str]]] = {}

    def add(self, user_id: str, message: Payload, emoji: str) -> None:
        """Add a user's reaction to a message; if the user has already reacted so, nothing changes.

        Raises DiscordApiError 50013 if the user may not react. A first reaction with an emoji needs
        the permission ADD_REACTIONS; joining in one doesn't.
        """
        givers = self._givers.setdefault(message["id"], {})
        needed = Permission.READ_MESSAGE_HISTORY
        if emoji not in givers:
            needed |= Permission.ADD_REACTIONS
        self._world.require_permission(message["channel_id"], needed, of=user_id)
        if user_id in givers.setdefault(emoji, []):
            return
        givers[emoji].append(user_id)
        event = self._event(message, emoji, user_id)
        event["message_author_id"] = message["author"]["id"]
        if "guild_id" in event:
            event["member"] = self._world.members[user_id]
        self._tell("MESSAGE_REACTION_ADD", message, event)

    def remove(self, user_id: str, message: Payload, emoji: str) -> None:
        """Remove a user's reaction with `emoji` from a message, if there is one."""
        givers = self._givers.get(message["id"], {}).get(emoji, [])
        if user_id in givers:
            givers.remove(user_id)
            event = self._event(message, emoji, user_id)
            self._tell("MESSAGE_REACTION_REMOVE", message, event)

    def clear(self, user_id: str, message: Payload, emoji: str | None = None) -> None:
        """Remove all users' reactions with `emoji`, or all reactions, as a moderator can."""
        self._world.require_permission(
            message["channel_id"], Permission.MANAGE_MESSAGES, of=user_id
        )
        event = self._place(message)
        if emoji is None:
            self._givers.pop(message["id"], None)
            self._tell("MESSAGE_REACTION_REMOVE_ALL", message, event)
        else:
            self._givers.get(message["id"], {}).pop(emoji, None)
            event["emoji"] = _partial(emoji)
            self._tell("MESSAGE_REACTION_REMOVE_EMOJI", message, event)

    def _place(self, message: Payload) -> Payload:
        channel = self._world.channels[message["channel_id"]]
        place = {"channel_id": channel["id"], "message_id": message["id"]}
        return place | ({"guild_id": channel["guild_id"]} if "guild_id" in channel else {})

    def _event(self, message: Payload, emoji: str, user_id: str) -> Payload:
        place = self._place(message)
        return place | {"user_id": user_id, "emoji": _partial(emoji), "burst": False, "type": 0}

    def _tell(self, event: str, message: Payload, data: Payload) -> None:
        bot_id = self._world.bot["id"]
        message["reactions"] = [
            {
                "emoji": _partial(emoji),
                "count": len(givers),
                "count_details": {"burst": 0, "normal": len(givers)},
                "burst_colors": [],
                "me": bot_id in givers,
                "me_burst": False,
            }
            for emoji, givers in self._givers.get(message["id"], {}).items()
            if givers
        ]
        self._world.changes.notify()
        channel = self._world.channels[message["channel_id"]]
        is_dm = channel["type"] == DM
        if self._world.is_visible(channel):
            self._world.emit(
                event, data, DIRECT_REACTIONS_INTENT if is_dm else GUILD_REACTIONS_INTENT
            )


def _partial(emoji: str) -> Payload:
    name, _, emoji_id = emoji.partition(":")
    return {"id": emoji_id or None, "name": name}
