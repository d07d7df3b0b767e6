"""What members can do in the simulated Discord: send commands, press buttons, write messages."""

from __future__ import annotations

import mimetypes
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.patience import PATIENCE_S
from tests.wire import discord_rules as rules
from tests.wire.discord_commands import CommandRegistry, UnavailableError
from tests.wire.discord_errors import DiscordApiError
from tests.wire.discord_interactions import (
    AUTOCOMPLETE,
    COMMAND,
    COMPONENT,
    MODAL,
    MODAL_SUBMIT,
    Interactions,
    SentInteraction,
)
from tests.wire.discord_messages import Messages
from tests.wire.discord_payloads import THREADS, Payload
from tests.wire.discord_permissions import Permission
from tests.wire.discord_reactions import Reactions
from tests.wire.discord_uploads import store
from tests.wire.discord_world import DiscordWorld, Where, Who

_TEXT_INPUT, _FILE_UPLOAD = 4, 19
_SINGLE_VALUE = frozenset({_TEXT_INPUT, 21, 23})


class MemberActions:
    """What a member can do.

    Each method for an interaction returns its record before the bot responds.
    """

    def __init__(self, world: DiscordWorld) -> None:
        self.world = world
        self._messages: Messages
        self._interactions: Interactions
        self._commands: CommandRegistry
        self._reactions = Reactions(world)

    async def slash(
        self, user: Who, channel: Where, command: str, options: Mapping[str, Any] | None = None
    ) -> SentInteraction:
        """Send a slash command such as "sora generate"; values must have the options' types.

        Attachments are given as a Path or as returned by `upload`; members, roles and channels by
        name. Raises UnavailableError for input that Discord's client would not send.
        """
        user_id, place = self._at(user, channel)
        data = self._commands.chat_input(command, options or {}, user_id, place)
        return self._interactions.send(COMMAND, data, user_id, place)

    async def autocomplete(
        self,
        user: Who,
        channel: Where,
        command: str,
        options: Mapping[str, Any],
        *,
        focused: str,
    ) -> SentInteraction:
        """Type into one option of a command.

        The bot's suggestions arrive as the record's `choices`.
        """
        user_id, place = self._at(user, channel)
        data = self._commands.chat_input(command, options, user_id, place, focused=focused)
        return self._interactions.send(AUTOCOMPLETE, data, user_id, place)

    async def menu(self, user: Who, channel: Where, name: str, target: Payload) -> SentInteraction:
        """Use a context menu on a message or a user; `target` is the payload of either."""
        user_id, place = self._at(user, channel)
        if "channel_id" in target:
            if target["channel_id"] != place["id"]:
                raise UnavailableError("the message is in another channel")
            target = self._messages.content_filter.as_target(self._shown(user_id, target))
        data = self._commands.menu(name, target, user_id, place)
        return self._interactions.send(COMMAND, data, user_id, place)

    async def press(
        self, user: Who, message: Payload, custom_id: str, *, values: list[str] | None = None
    ) -> SentInteraction:
        """Press a button of a message, or choose `values` in a select menu.

        The current version of the message counts, not the given one. Raises UnavailableError if the
        member can't see the message, or if the component is missing or disabled.
        """
        user_id, place = self._at(user, message["channel_id"])
        message = self._shown(user_id, message)
        for part in rules.nested(message["components"]):
            if part.get("custom_id") == custom_id:
                break
        else:
            there = [
                p["custom_id"] for p in rules.nested(message["components"]) if "custom_id" in p
            ]
            raise UnavailableError(f"no component {custom_id!r}; there are {there}")
        if part.get("disabled"):
            raise UnavailableError(f"{custom_id!r} is disabled")
        data = {"custom_id": custom_id, "component_type": part["type"], "id": part["id"]}
        if values is not None:
            data["values"] = values
        return self._interactions.send(COMPONENT, data, user_id, place, message=message)

    async def submit_modal(
        self, shown: SentInteraction, values: Mapping[str, Any]
    ) -> SentInteraction:
        """Submit the modal with which the bot answered `shown`.

        Unnamed fields keep their default.
        """
        if shown.callback_type != MODAL:
            raise UnavailableError("this interaction was not answered with a modal")
        modal = shown.data
        fields = [p for p in rules.nested(modal["components"]) if "custom_id" in p]
        unknown = set(values) - {field["custom_id"] for field in fields}
        if unknown:
            raise UnavailableError(f"the modal has no {sorted(unknown)}")
        resolved: dict[str, dict[str, Payload]] = {}
        data: Payload = {
            "custom_id": modal["custom_id"],
            "components": [self._filled(part, values, resolved) for part in modal["components"]],
            "resolved": resolved,
        }
        place = self.world.channel(shown.payload["channel_id"])
        message = shown.payload.get("message")
        return self._interactions.send(MODAL_SUBMIT, data, shown.user_id, place, message=message)

    def _filled(
        self, part: Payload, values: Mapping[str, Any], resolved: dict[str, dict[str, Payload]]
    ) -> Payload:
        """Return a modal's component as Discord's client sends it back with the member's input."""
        sent: Payload = {"type": part["type"], "id": part.get("id") or 1}
        if "components" in part:
            return sent | {
                "components": [self._filled(p, values, resolved) for p in part["components"]]
            }
        if "component" in part:
            return sent | {"component": self._filled(part["component"], values, resolved)}
        if "custom_id" not in part:
            return sent
        custom_id = part["custom_id"]
        sent["custom_id"] = custom_id
        if part["type"] == _TEXT_INPUT:
            text = values.get(custom_id, part.get("value") or "")
            low = part.get("min_length") or (1 if part.get("required", True) else 0)
            if len(text) > (part.get("max_length") or 4000) or (text and len(text) < low):
                raise UnavailableError(f"{custom_id!r}: the text's length is not allowed")
            if not text and part.get("required", True):
                raise UnavailableError(f"{custom_id!r} must be filled in")
            return sent | {"value": text}
        if part["type"] in _SINGLE_VALUE:
            return sent | {"value": values.get(custom_id)}
        chosen = list(values.get(custom_id, []))
        if part["type"] == _FILE_UPLOAD:
            files = [self.upload(f) if isinstance(f, Path) else f for f in chosen]
            resolved.setdefault("attachments", {}).update({f["id"]: f for f in files})
            chosen = [f["id"] for f in files]
        return sent | {"values": chosen}

    async def message(
        self,
        channel: Where,
        author: Who,
        content: str,
        *,
        reply_to: Payload | None = None,
        ping: bool = True,
        attachments: Sequence[Path | Payload] = (),
    ) -> Payload:
        """Write a message as a member, optionally as a reply.

        ping         whether a reply pings the author of the message that it replies to.
        attachments  each given as a Path or as returned by `upload`.
        """
        user_id, place = self._at(author, channel)
        in_thread = place["type"] in THREADS
        if in_thread and place["thread_metadata"]["locked"]:
            raise UnavailableError("the thread is locked")
        needed = Permission.SEND_MESSAGES_IN_THREADS if in_thread else Permission.SEND_MESSAGES
        body: Payload = {"content": content}
        if reply_to is not None:
            needed |= Permission.READ_MESSAGE_HISTORY
            if reply_to["channel_id"] != place["id"]:
                raise UnavailableError("a reply stays in the channel")
            reply_to = self._shown(user_id, reply_to)
            everything = ["users", "roles", "everyone"]
            body["allowed_mentions"] = {"parse": everything, "replied_user": ping}
        if needed & ~self.world.permissions(user_id, place):
            raise UnavailableError(f"{author!r} may not write there")
        files = [dict(f) if isinstance(f, dict) else self.upload(f) for f in attachments]
        for attachment in files:
            del attachment["ephemeral"]
        return self._messages.post(
            place, self.world.users[user_id], body, [], reference=reply_to, attachments=files
        )

    async def delete(self, message: Payload, *, by: Who = "owner") -> None:
        """Delete a message, as its author or a moderator can.

        Raises UnavailableError if the member may not.
        """
        user_id, _ = self._at(by, message["channel_id"])
        message = self._shown(user_id, message)
        if message["author"]["id"] != user_id:
            self._try(
                lambda: self.world.require_permission(
                    message["channel_id"], Permission.MANAGE_MESSAGES, of=user_id
                )
            )
        self._messages.discard(message)

    async def react(self, user: Who, message: Payload, emoji: str) -> None:
        """Add a member's reaction to a message; `emoji` is a character or "name:id"."""
        user_id, _ = self._at(user, message["channel_id"])
        shown = self._shown(user_id, message)
        self._try(lambda: self._reactions.add(user_id, shown, emoji))

    async def unreact(self, user: Who, message: Payload, emoji: str) -> None:
        """Take one's own emoji back."""
        user_id, _ = self._at(user, message["channel_id"])
        self._reactions.remove(user_id, self._shown(user_id, message), emoji)

    async def clear_reactions(
        self, message: Payload, emoji: str | None = None, *, by: Who = "owner"
    ) -> None:
        """Remove reactions with `emoji` from a message, or all reactions, as a moderator can."""
        user_id, _ = self._at(by, message["channel_id"])
        shown = self._shown(user_id, message)
        self._try(lambda: self._reactions.clear(user_id, shown, emoji))

    def upload(self, source: Path | bytes, *, filename: str | None = None, **shape: int) -> Payload:
        """Return the attachment object for a file that a member uploads with a command or message.

        shape  may be `width` and `height` in pixels, which Discord adds for images and videos.
        """
        data = source if isinstance(source, bytes) else source.read_bytes()
        name = filename or (source.name if isinstance(source, Path) else "upload.bin")
        path = self.world.folder / f"member-{self.world.snowflakes.take()}"
        kept = self._messages.attachments.keep("0", store(path, name, data), {})
        kept |= {"ephemeral": True, "content_type": mimetypes.guess_type(name)[0], **shape}
        return kept

    async def wait_for(
        self, channel: Where, predicate: Callable[[Payload], Any], timeout_s: float = PATIENCE_S
    ) -> Payload:
        """Return the first message of a channel for which `predicate` is truthy.

        Raises TimeoutError if there is none after `timeout_s` seconds.
        """
        channel_id = self.world.channel(channel)["id"]

        def found() -> Payload | None:
            return next((m for m in self.world.messages.get(channel_id, ()) if predicate(m)), None)

        return await self.world.changes.until(found, timeout_s)

    def _at(self, user: Who, channel: Where) -> tuple[str, Payload]:
        user_id, place = self.world.user_id(user), self.world.channel(channel)
        if not self.world.permissions(user_id, place) & Permission.VIEW_CHANNEL:
            raise UnavailableError(f"{user!r} cannot see {place.get('name', 'this DM')!r}")
        return user_id, place

    def _shown(self, user_id: str, message: Payload) -> Payload:
        """Return the current version of a message.

        Raises UnavailableError if it is deleted, or is ephemeral for another member.
        """
        live = self._try(lambda: self.world.message(message["channel_id"], message["id"]))
        asker = live.get("interaction_metadata", {}).get("user", {}).get("id")
        if live["flags"] & rules.EPHEMERAL and asker != user_id:
            raise UnavailableError("this message is for somebody else alone")
        return live

    @staticmethod
    def _try(act: Callable[[], Any]) -> Any:
        """Run `act`; raise UnavailableError if the simulated Discord refuses it."""
        try:
            return act()
        except DiscordApiError as refused:
            raise UnavailableError(str(refused)) from refused
