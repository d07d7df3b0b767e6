"""Simulated interactions, from sending one to the last edit with its token."""

from __future__ import annotations

import copy
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tests.patience import PATIENCE_S
from tests.wire import discord_rules as rules
from tests.wire.discord_errors import invalid, refusal
from tests.wire.discord_messages import CHAT_INPUT_REPLY, CONTEXT_MENU_REPLY, Messages
from tests.wire.discord_payloads import DM, THREADS, Payload
from tests.wire.discord_permissions import Permission
from tests.wire.discord_uploads import StoredFile
from tests.wire.discord_world import DiscordWorld

COMMAND, COMPONENT, AUTOCOMPLETE, MODAL_SUBMIT = 2, 3, 4, 5
PONG, MESSAGE, DEFERRED_MESSAGE, DEFERRED_UPDATE, UPDATE, CHOICES, MODAL = 1, 4, 5, 6, 7, 8, 9
_ANSWERS = {
    COMMAND: {MESSAGE, DEFERRED_MESSAGE, MODAL},
    COMPONENT: {MESSAGE, DEFERRED_MESSAGE, DEFERRED_UPDATE, UPDATE, MODAL},
    AUTOCOMPLETE: {CHOICES},
    MODAL_SUBMIT: {MESSAGE, DEFERRED_MESSAGE, DEFERRED_UPDATE, UPDATE},
}
FIRST_RESPONSE_LIFE = timedelta(seconds=3)
TOKEN_LIFE = timedelta(minutes=15)


@dataclass(slots=True, kw_only=True)
class SentInteraction:
    """One interaction, as the member who caused it sees it.

    answered_after_s  seconds from sending to the arrival of the bot's callback; None before that.
    callback_type     4 message, 5 deferred, 6 deferred update, 7 update, 8 choices, 9 modal.
    data              the callback's data: the message, the modal, or the choices.
    message           the response message, or the message with the pressed button; kept current.
    followups         further messages that the bot sent with the interaction's token, in order.
    edits             how often the bot edited the response or a followup.
    """

    payload: Payload
    changes: Any
    user_id: str
    at: datetime
    started_s: float
    answered_after_s: float | None = None
    callback_type: int | None = None
    data: Payload = field(default_factory=dict)
    message: Payload | None = None
    followups: list[Payload] = field(default_factory=list)
    edits: int = 0

    @property
    def content(self) -> str:
        """The current content of the response message; "" while there is none."""
        return "" if self.message is None else self.message["content"]

    @property
    def is_ephemeral(self) -> bool:
        return bool(self.message and self.message["flags"] & rules.EPHEMERAL)

    @property
    def is_loading(self) -> bool:
        return bool(self.message and self.message["flags"] & rules.LOADING)

    @property
    def choices(self) -> list[Payload]:
        return self.data.get("choices") or []

    async def answered(self, timeout_s: float = PATIENCE_S) -> SentInteraction:
        """Wait for the callback."""
        return await self.until(lambda sent: sent.callback_type is not None, timeout_s)

    async def until(
        self, check: Callable[[SentInteraction], Any], timeout_s: float = PATIENCE_S
    ) -> SentInteraction:
        """Wait until `check` returns something truthy for this interaction. Raises TimeoutError."""
        await self.changes.until(lambda: check(self), timeout_s)
        return self


class Interactions:
    """All simulated interactions, and the REST routes by which the bot responds to them."""

    def __init__(self, world: DiscordWorld, messages: Messages) -> None:
        self._world = world
        self._messages = messages
        self._by_token: dict[str, SentInteraction] = {}

    def send(
        self,
        kind: int,
        data: Payload,
        user_id: str,
        channel: Payload,
        *,
        message: Payload | None = None,
    ) -> SentInteraction:
        """Send the event INTERACTION_CREATE to the bot; return the record of the interaction."""
        world = self._world
        token = secrets.token_urlsafe(48)
        payload: Payload = {
            "id": world.snowflakes.take(),
            "application_id": world.application["id"],
            "type": kind,
            "data": data,
            # Copy the channel: a RESUME replays the event unchanged, even if the thread has changed
            # since.
            "channel": copy.deepcopy(channel),
            "channel_id": channel["id"],
            "token": token,
            "version": 1,
            "app_permissions": str(int(world.permissions("bot", channel))),
            "locale": "en-US",
            "entitlements": [],
            "authorizing_integration_owners": {"0": world.guild["id"]},
            "context": 0,
            "attachment_size_limit": world.limit_bytes(channel),
        }
        if channel["type"] == DM:
            payload |= {"context": 1, "user": world.users[user_id]}
            payload["authorizing_integration_owners"] = {"0": "0"}
        else:
            held = str(int(world.permissions(user_id, channel)))
            payload["member"] = {**world.members[user_id], "permissions": held}
            payload["guild_id"] = world.guild["id"]
            payload["guild_locale"] = world.guild["preferred_locale"]
            payload["guild"] = {"id": world.guild["id"], "locale": "en-US", "features": []}
            payload["channel"]["permissions"] = held
        if message is not None:
            payload["message"] = self._messages.content_filter.for_bot(message)
        sent = SentInteraction(
            payload=payload,
            changes=world.changes,
            user_id=user_id,
            at=world.now(),
            started_s=time.perf_counter(),
        )
        self._by_token[token] = sent
        world.emit("INTERACTION_CREATE", payload, 0)
        return sent

    # ---- the first response

    def callback(
        self,
        interaction_id: str,
        token: str,
        body: Payload,
        files: list[StoredFile],
        arrived_s: float,
    ) -> Payload:
        """Handle the bot's first response; return the response body for `with_response`."""
        sent = self._by_token.get(token)
        if sent is None or sent.payload["id"] != interaction_id:
            raise refusal(10062)
        if sent.callback_type is not None:
            raise refusal(40060)
        if self._world.now() - sent.at > FIRST_RESPONSE_LIFE:
            raise refusal(10062)
        kind, data = body.get("type"), body.get("data") or {}
        if kind not in _ANSWERS[sent.payload["type"]]:
            raise invalid("type", "INTERACTION_TYPE_INVALID", f"{kind} does not answer this.")
        before = sent.payload.get("message")
        if kind in (DEFERRED_UPDATE, UPDATE) and before is None:
            raise invalid("type", "INTERACTION_TYPE_INVALID", "There is no message to update.")
        self._respond(sent, kind, data, files)
        sent.callback_type, sent.data = kind, copy.deepcopy(data)
        if kind == MODAL:
            rules.number(sent.data["components"])
        sent.answered_after_s = arrived_s - sent.started_s
        self._world.changes.notify()
        answer: Payload = {
            "id": interaction_id,
            "type": sent.payload["type"],
            "response_message_loading": kind == DEFERRED_MESSAGE,
            "response_message_ephemeral": sent.is_ephemeral,
            "channel_id": sent.payload["channel_id"],
        }
        if "guild_id" in sent.payload:
            answer["guild_id"] = sent.payload["guild_id"]
        if sent.message is not None:
            answer["response_message_id"] = sent.message["id"]
        resource: Payload = {"type": kind}
        if kind in (MESSAGE, UPDATE):
            resource["message"] = sent.message
        return {"interaction": answer, "resource": resource}

    def _respond(
        self, sent: SentInteraction, kind: int, data: Payload, files: list[StoredFile]
    ) -> None:
        channel = self._channel(sent)
        if kind == MODAL:
            rules.check_modal(data)
        elif kind == CHOICES:
            rules.check_choices(data.get("choices") or [])
        elif kind == DEFERRED_UPDATE:
            sent.message = self._live(sent.payload["message"])
        elif kind == UPDATE:
            live = self._live(sent.payload["message"])
            sent.message = self._messages.revise(channel, live, data, files)
        else:
            self._demand_open(channel)
            if kind == DEFERRED_MESSAGE:
                loading = {"flags": rules.LOADING | (data.get("flags") or 0)}
                sent.message = self._post(sent, loading, [], self._opening(sent))
            else:
                rules.check_message(data, files, self._world.limit_bytes(channel))
                sent.message = self._post(sent, data, files, self._opening(sent))

    def _live(self, message: Payload) -> Payload:
        return self._world.message(message["channel_id"], message["id"])

    def _channel(self, sent: SentInteraction) -> Payload:
        channel = self._world.channels.get(sent.payload["channel_id"])
        if channel is None:
            raise refusal(10003)
        return channel

    def _demand_open(self, channel: Payload) -> None:
        """Raise 50083 if a thread is locked, the same error as for an archived thread.

        Source: discord-api-docs issue 5517.
        """
        if channel["type"] in THREADS and channel["thread_metadata"]["locked"]:
            held = self._world.permissions("bot", channel)
            if not held & Permission.MANAGE_THREADS:
                raise refusal(50083)

    def _opening(self, sent: SentInteraction) -> Payload:
        if sent.payload["type"] != COMMAND:
            return {}
        is_menu = sent.payload["data"]["type"] != 1
        return {"type": CONTEXT_MENU_REPLY if is_menu else CHAT_INPUT_REPLY}

    def _post(
        self, sent: SentInteraction, body: Payload, files: list[StoredFile], extra: Payload
    ) -> Payload:
        world, payload = self._world, sent.payload
        user = world.users[sent.user_id]
        owners = {"0": world.guild["id"]}
        about: Payload = {
            "id": payload["id"],
            "type": payload["type"],
            "user": user,
            "authorizing_integration_owners": owners,
        }
        old_style: Payload = {"id": payload["id"], "type": payload["type"], "user": user}
        extra = {
            "application_id": world.application["id"],
            "webhook_id": world.application["id"],
            "interaction_metadata": about,
            **extra,
        }
        if payload["type"] == COMMAND:
            extra["interaction"] = {**old_style, "name": payload["data"]["name"]}
        return self._messages.post(self._channel(sent), world.bot, body, files, extra=extra)

    def _holder(self, application_id: str, token: str) -> SentInteraction:
        sent = self._by_token.get(token)
        is_known = sent is not None and application_id == self._world.application["id"]
        if sent is None or not is_known or sent.callback_type is None:
            raise refusal(10015)
        if self._world.now() - sent.at > TOKEN_LIFE:
            raise refusal(50027)
        return sent

    def find(
        self, application_id: str, token: str, message_id: str
    ) -> tuple[SentInteraction, Payload]:
        """Return an interaction and one of its messages; `message_id` may be "@original".

        Raises DiscordApiError if the token or the message is unknown.
        """
        sent = self._holder(application_id, token)
        mine = [*([sent.message] if sent.message else []), *sent.followups]
        for post in mine:
            if message_id == post["id"] or (message_id == "@original" and post is sent.message):
                return sent, self._live(post)
        raise refusal(10008)

    def edit(
        self,
        application_id: str,
        token: str,
        message_id: str,
        body: Payload,
        files: list[StoredFile],
    ) -> Payload:
        sent, message = self.find(application_id, token, message_id)
        channel = self._channel(sent)
        self._demand_open(channel)
        self._messages.revise(channel, message, body, files)
        sent.edits += 1
        self._world.changes.notify()
        return message

    def delete(self, application_id: str, token: str, message_id: str) -> None:
        _, message = self.find(application_id, token, message_id)
        self._messages.discard(message)

    def follow_up(
        self, application_id: str, token: str, body: Payload, files: list[StoredFile]
    ) -> Payload:
        """Post a followup message with the interaction's token.

        The first followup after a deferred response replaces the "thinking" message.
        """
        sent = self._holder(application_id, token)
        channel = self._channel(sent)
        self._demand_open(channel)
        if sent.message is not None and sent.is_loading:
            self._messages.revise(channel, self._live(sent.message), body, files)
            sent.followups.append(sent.message)
        else:
            rules.check_message(body, files, self._world.limit_bytes(channel))
            sent.followups.append(self._post(sent, body, files, {}))
        self._world.changes.notify()
        return sent.followups[-1]
