"""What a bot may read of a message: over the gateway, over REST, and in interactions."""

from __future__ import annotations

import copy
import re

from tests.wire.discord_payloads import DM, Payload
from tests.wire.discord_world import DiscordWorld

MESSAGE_CONTENT_INTENT = 1 << 15
USER_MENTION = re.compile(r"<@!?(\d+)>")
_HIDDEN: Payload = {"content": "", "embeds": [], "attachments": [], "components": []}


class ContentFilter:
    """Blanks message content that a bot may read only with the intent message_content.

    Without the intent, a bot reads a message of another author only if the message is in a DM,
    mentions the bot, replies with a ping to a regular message of the bot, or is the target of a
    message command. Replies to a bot's slash command responses are not such replies
    (discord-api-docs, 2026-08-06).
    """

    def __init__(self, world: DiscordWorld) -> None:
        self._world = world
        #: Ids of messages that reply with a ping to a regular message of the bot; they stay
        #: readable when that message is deleted.
        self._addressed: set[str] = set()

    def note_reply(self, reply: Payload, target: Payload) -> None:
        """Remember a new reply if it pings the bot and replies to a regular message of the bot."""
        bot_id = self._world.bot["id"]
        is_regular = target["author"]["id"] == bot_id and "interaction_metadata" not in target
        if is_regular and bot_id in {user["id"] for user in reply["mentions"]}:
            self._addressed.add(reply["id"])

    def for_bot(self, message: Payload) -> Payload:
        """Return a copy of a message as the bot may read it.

        A message replied to is judged by itself.
        """
        return self._copy(message, readable=self._may_read(message))

    def as_target(self, message: Payload) -> Payload:
        """Return a copy of a message as the target of a message command, which bots may read."""
        return self._copy(message, readable=True)

    def _copy(self, message: Payload, *, readable: bool) -> Payload:
        target = message.get("referenced_message")
        rest = {key: value for key, value in message.items() if key != "referenced_message"}
        seen = copy.deepcopy(rest)
        if not readable:
            seen |= copy.deepcopy(_HIDDEN)
            seen.pop("poll", None)
        if "referenced_message" in message:
            # Discord never includes the message to which a referenced message replies.
            flat = {k: v for k, v in (target or {}).items() if k != "referenced_message"}
            seen["referenced_message"] = self.for_bot(flat) if flat else None
        return seen

    def _may_read(self, message: Payload) -> bool:
        world = self._world
        bot_id = world.bot["id"]
        if world.privileged_intents & MESSAGE_CONTENT_INTENT or message["author"]["id"] == bot_id:
            return True
        channel = world.channels.get(message["channel_id"])
        if channel is not None and channel["type"] == DM:
            return True
        return message["id"] in self._addressed or bot_id in USER_MENTION.findall(
            message["content"]
        )
