"""Creating, editing and deleting simulated messages: one set of rules for all kinds of channels."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from tests.wire import discord_payloads as payloads
from tests.wire import discord_rules as rules
from tests.wire.discord_attachments import Attachments, show
from tests.wire.discord_content_filter import USER_MENTION, ContentFilter
from tests.wire.discord_errors import invalid, refusal
from tests.wire.discord_payloads import DM, THREADS, Payload
from tests.wire.discord_permissions import Permission
from tests.wire.discord_uploads import Links, StoredFile
from tests.wire.discord_world import DiscordWorld

GUILD_MESSAGES_INTENT, DIRECT_MESSAGES_INTENT = 1 << 9, 1 << 12

REPLY, CHAT_INPUT_REPLY, CONTEXT_MENU_REPLY = 19, 20, 23
_KEPT_FLAGS = 4 | rules.EPHEMERAL | rules.LOADING | 4096 | rules.COMPONENTS_V2


class Messages:
    """The messages of all channels in the simulated Discord.

    nonce_window  how long `enforce_nonce` prevents a second message; "the past few minutes" in
                  Discord's documentation.
    """

    def __init__(self, world: DiscordWorld, links: Callable[[], Links]) -> None:
        self._world = world
        self.attachments = Attachments(world, links)
        self.content_filter = ContentFilter(world)
        self.nonce_window = timedelta(minutes=5)
        self._nonces: dict[tuple[str, str], tuple[datetime, str, str]] = {}
        #: For each nonce, the number of messages made with it; 2 means that a message was posted
        #: twice.
        self.made: Counter[str] = Counter()

    def create(self, channel_id: str, body: Payload, files: list[StoredFile]) -> Payload:
        """Post a message as the bot; raise DiscordApiError if Discord would refuse it.

        With `enforce_nonce`, a nonce used within `nonce_window` returns the message made with it.
        """
        world = self._world
        channel = world.visible_channel(channel_id)
        in_thread = channel["type"] in THREADS
        needed = Permission.SEND_MESSAGES_IN_THREADS if in_thread else Permission.SEND_MESSAGES
        if files:
            needed |= Permission.ATTACH_FILES
        if body.get("embeds"):
            needed |= Permission.EMBED_LINKS
        world.require_permission(channel_id, needed)
        if channel["type"] == DM and channel["recipients"][0]["id"] in world.closed_dms:
            raise refusal(50007)
        if in_thread and channel["thread_metadata"]["locked"]:
            self._demand_thread_keys(channel, 160005)
        rules.check_message(body, files, world.limit_bytes(channel))
        nonce = body.get("nonce")
        twin = self._twin(str(nonce)) if nonce and body.get("enforce_nonce") else None
        if twin is not None:
            return twin
        reference = self._reference(channel, body.get("message_reference"))
        message = self.post(channel, world.bot, body, files, reference=reference, nonce=nonce)
        if nonce:
            self.made[str(nonce)] += 1
            self._nonces[world.bot["id"], str(nonce)] = (world.now(), channel_id, message["id"])
        return message

    def _twin(self, nonce: str) -> Payload | None:
        made_at, channel_id, message_id = self._nonces.get(
            (self._world.bot["id"], nonce), (None, "", "")
        )
        if made_at is None or self._world.now() - made_at > self.nonce_window:
            return None
        posts = self._world.messages.get(channel_id, [])
        return next((post for post in posts if post["id"] == message_id), None)

    def _demand_thread_keys(self, thread: Payload, code: int) -> None:
        if not self._world.permissions("bot", thread) & Permission.MANAGE_THREADS:
            raise refusal(code)

    def _reference(self, channel: Payload, wanted: Payload | None) -> Payload | None:
        if not wanted:
            return None
        held = self._world.permissions("bot", channel)
        if not held & Permission.READ_MESSAGE_HISTORY:
            raise refusal(160002)
        # Discord treats messages of other channels and ephemeral messages like deleted ones.
        posts = [p for p in self._world.messages[channel["id"]] if not p["flags"] & rules.EPHEMERAL]
        target = next((p for p in posts if p["id"] == str(wanted["message_id"])), None)
        if target is None and wanted.get("fail_if_not_exists", True):
            reason = "REPLIES_UNKNOWN_MESSAGE"
            raise invalid("message_reference", reason, "Unknown message", breaks_rule=False)
        return target

    def edit(
        self, channel_id: str, message_id: str, body: Payload, files: list[StoredFile]
    ) -> Payload:
        """Edit a message of the bot; raise DiscordApiError if Discord would refuse it."""
        channel = self._world.visible_channel(channel_id)
        message = self.public(channel_id, message_id)
        if message["author"]["id"] != self._world.bot["id"]:
            raise refusal(50005)
        if channel["type"] in THREADS and channel["thread_metadata"]["archived"]:
            raise refusal(50083)
        return self.revise(channel, message, body, files)

    def remove(self, channel_id: str, message_id: str) -> None:
        self._world.visible_channel(channel_id)
        message = self.public(channel_id, message_id)
        if message["author"]["id"] != self._world.bot["id"]:
            self._world.require_permission(channel_id, Permission.MANAGE_MESSAGES)
        self.discard(message)

    def public(self, channel_id: str, message_id: str) -> Payload:
        """Return a message that is not ephemeral.

        Raises DiscordApiError for an ephemeral message, which only its interaction token can reach.
        """
        message = self._world.message(channel_id, message_id)
        if message["flags"] & rules.EPHEMERAL:
            raise refusal(10008)
        return message

    def history(self, channel_id: str, query: dict[str, str]) -> list[Payload]:
        """Return up to `limit` messages (1 to 100, default 50), newest first."""
        self._world.visible_channel(channel_id)
        limit = int(query.get("limit", "50"))
        if not 1 <= limit <= 100:
            raise invalid("limit", "NUMBER_TYPE_MAX", "int value should be between 1 and 100.")
        held = self._world.permissions("bot", channel_id)
        if not held & Permission.READ_MESSAGE_HISTORY:
            return []
        found = [p for p in self._world.messages[channel_id] if not p["flags"] & rules.EPHEMERAL]
        if "after" in query:
            found = [p for p in found if int(p["id"]) > int(query["after"])][:limit]
        elif "around" in query:
            middle = int(query["around"])
            nearest = sorted(found, key=lambda p: abs(int(p["id"]) - middle))[:limit]
            found = sorted(nearest, key=lambda p: int(p["id"]))
        elif "before" in query:
            found = [p for p in found if int(p["id"]) < int(query["before"])]
        return [self.content_filter.for_bot(post) for post in reversed(found[-limit:])]

    def post(
        self,
        channel: Payload,
        author: Payload,
        body: Payload,
        files: list[StoredFile],
        *,
        reference: Payload | None = None,
        nonce: Any = None,
        attachments: list[Payload] | None = None,
        extra: Payload | None = None,
    ) -> Payload:
        """Add a message without checking permissions, and send the event to the bot."""
        world = self._world
        message = payloads.message(world.snowflakes.take(), channel["id"], author, world.now())
        message |= {"tts": bool(body.get("tts")), "flags": (body.get("flags") or 0) & _KEPT_FLAGS}
        if reference is not None:
            message["type"] = REPLY
            message["message_reference"] = {
                "type": 0,
                "message_id": reference["id"],
                "channel_id": channel["id"],
                **({"guild_id": channel["guild_id"]} if "guild_id" in channel else {}),
            }
            message["referenced_message"] = reference
        if nonce is not None:
            message["nonce"] = nonce
        message["attachments"] = attachments or []
        message |= extra or {}
        self._fill(message, body, files, reference)
        if channel["type"] in THREADS and channel["thread_metadata"]["archived"]:
            world.edit_thread(channel, {"archived": False})
        if reference is not None:
            self.content_filter.note_reply(message, reference)
        world.messages[channel["id"]].append(message)
        channel["last_message_id"] = message["id"]
        if channel["type"] in THREADS:
            channel["message_count"] += 1
            channel["total_message_sent"] += 1
            # The author of a message in a thread and the members it mentions join the thread
            # (Discord's blog on threads, 2021-07-27).
            for person in (author, *message["mentions"]):
                world.join_thread(channel, person)
        self._tell("MESSAGE_CREATE", message)
        return message

    def revise(
        self, channel: Payload, message: Payload, body: Payload, files: list[StoredFile]
    ) -> Payload:
        """Edit a message in place without checking permissions, and send the event to the bot."""
        rules.check_message(body, files, self._world.limit_bytes(channel), before=message)
        edited = dict(message)
        if edited["flags"] & rules.LOADING:
            edited["flags"] &= ~rules.LOADING
        else:
            edited["edited_timestamp"] = payloads.iso(self._world.now())
        if "flags" in body:
            added = (body["flags"] or 0) & (4 | rules.COMPONENTS_V2)
            edited["flags"] = (edited["flags"] & ~4) | added
        self._fill(edited, body, files, message.get("referenced_message"))
        message |= edited
        self._tell("MESSAGE_UPDATE", message)
        return message

    def discard(self, message: Payload) -> None:
        channel = self._world.channels[message["channel_id"]]
        posts = self._world.messages[channel["id"]]
        posts.remove(message)
        for reply in [p for p in posts if p.get("referenced_message") is message]:
            reply["referenced_message"] = None
        if channel["type"] in THREADS:
            channel["message_count"] -= 1
        gone = {"id": message["id"], "channel_id": channel["id"]}
        if "guild_id" in channel:
            gone["guild_id"] = channel["guild_id"]
        if not message["flags"] & rules.EPHEMERAL and self._world.is_visible(channel):
            self._world.emit("MESSAGE_DELETE", gone, _intent(channel))
        self._world.changes.notify()

    def _fill(
        self, message: Payload, body: Payload, files: list[StoredFile], reference: Payload | None
    ) -> None:
        if "attachments" in body or files:
            message["attachments"] = self.attachments.after(message, body, files)
        for key in ("content", "embeds", "components"):
            if key in body:
                message[key] = copy.deepcopy(body[key]) or ("" if key == "content" else [])
        # The message shows the poll unchanged; votes are not simulated.
        if body.get("poll"):
            message["poll"] = body["poll"]
        if body.get("sticker_ids"):
            raise invalid("sticker_ids", "STICKER_NOT_FOUND", "This server has no stickers.")
        rules.number(message["components"])
        for part in (message["embeds"], message["components"]):
            show(part, message["attachments"])
        if "content" in body or "allowed_mentions" in body or reference is not None:
            self._mention(message, body.get("allowed_mentions"), reference)

    def _mention(
        self, message: Payload, allowed: Payload | None, reference: Payload | None
    ) -> None:
        """Set the list of members whom a message pings.

        Without `allowed_mentions`, every mentioned member is pinged.
        """
        texts = [message["content"]]
        texts += [
            part["content"] for part in rules.nested(message["components"]) if "content" in part
        ]
        named = [i for text in texts for i in USER_MENTION.findall(text) if i in self._world.users]
        if allowed is not None and "users" not in (allowed.get("parse") or []):
            chosen = {str(user_id) for user_id in allowed.get("users") or []}
            named = [user_id for user_id in named if user_id in chosen]
        replied = True if allowed is None else allowed.get("replied_user", False)
        if reference is not None and replied:
            named.append(reference["author"]["id"])
        message["mentions"] = [self._world.users[user_id] for user_id in dict.fromkeys(named)]

    # ---- who hears what

    def _tell(self, event: str, message: Payload) -> None:
        self._world.changes.notify()
        channel = self._world.channels[message["channel_id"]]
        if message["flags"] & rules.EPHEMERAL:
            return
        if not self._world.is_visible(channel):
            return
        heard = self.content_filter.for_bot(message)
        if "guild_id" in channel:
            heard["guild_id"] = channel["guild_id"]
            member = self._world.members.get(message["author"]["id"])
            if member is not None:
                heard["member"] = {key: value for key, value in member.items() if key != "user"}
        self._world.emit(event, heard, _intent(channel))


def _intent(channel: Payload) -> int:
    return DIRECT_MESSAGES_INTENT if channel["type"] == DM else GUILD_MESSAGES_INTENT
