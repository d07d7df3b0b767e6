"""The simulated REST routes for threads: opening and editing threads, and their members."""

from __future__ import annotations

from collections.abc import Callable

from tests.wire import discord_payloads as payloads
from tests.wire.discord_api import ApiCall, Route
from tests.wire.discord_errors import invalid, refusal
from tests.wire.discord_messages import Messages
from tests.wire.discord_payloads import DM, THREADS, Payload
from tests.wire.discord_permissions import Permission
from tests.wire.discord_world import GUILD_MEMBERS_INTENT, DiscordWorld

_CREATE = frozenset({"name", "auto_archive_duration", "type", "invitable", "rate_limit_per_user"})
_EDIT = frozenset({"name", "archived", "locked", "auto_archive_duration"})
_DURATIONS_MIN = frozenset({60, 1440, 4320, 10080})


class ThreadRoutes:
    """Routes for threads.

    A private thread that the bot has not joined gives error 50001, unless the bot may manage
    threads.
    """

    def __init__(self, world: DiscordWorld, messages: Messages) -> None:
        self._world = world
        self._messages = messages

    def table(self) -> list[Route]:
        channel = "/channels/{channel}"
        members = channel + "/thread-members"
        from_message = channel + "/messages/{message}/threads"
        wanted = frozenset({"with_member"})
        return [
            _send("PATCH", channel, self._edit_thread, _EDIT),
            _send("POST", channel + "/threads", self._open_thread, _CREATE),
            _send("POST", from_message, self._open_thread, _CREATE - {"type"}),
            Route(method="GET", template=members, handler=self._members),
            Route(method="PUT", template=members + "/@me", handler=self._join),
            Route(method="DELETE", template=members + "/@me", handler=self._leave),
            Route(method="GET", template=members + "/{user}", handler=self._member, query=wanted),
            Route(method="PUT", template=members + "/{user}", handler=self._let_in),
        ]

    def _open_thread(self, call: ApiCall) -> Payload:
        parent = self._world.visible_channel(call.params["channel"])
        if parent["type"] in THREADS or parent["type"] == DM:
            raise invalid("channel", "CHANNEL_TYPE_INVALID", "No threads here.")
        if not 1 <= len(call.body.get("name") or "") <= 100:
            raise invalid("name", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length.")
        minutes = call.body.get("auto_archive_duration") or parent["default_auto_archive_duration"]
        if minutes not in _DURATIONS_MIN:
            raise invalid("auto_archive_duration", "BASE_TYPE_CHOICES", "60, 1440, 4320 or 10080.")
        thread_id = call.params.get("message")
        default = payloads.PRIVATE_THREAD if thread_id is None else payloads.PUBLIC_THREAD
        kind = call.body.get("type") or default
        is_public = kind == payloads.PUBLIC_THREAD
        self._world.require_permission(
            parent["id"],
            Permission.CREATE_PUBLIC_THREADS if is_public else Permission.CREATE_PRIVATE_THREADS,
        )
        if thread_id is not None:
            message = self._messages.public(parent["id"], thread_id)
            if thread_id in self._world.channels:
                raise refusal(160004)
            message["flags"] |= 1 << 5
        return self._world.add_thread(
            parent,
            call.body["name"],
            owner="bot",
            thread_id=thread_id,
            kind=kind,
            auto_archive_min=minutes,
        )

    def _edit_thread(self, call: ApiCall) -> Payload:
        thread = self._world.visible_channel(call.params["channel"])
        if thread["type"] not in THREADS:
            raise refusal(50013)
        is_mine = thread["owner_id"] == self._world.bot["id"] and "locked" not in call.body
        if not is_mine:
            self._world.require_permission(thread["id"], Permission.MANAGE_THREADS)
        return self._world.edit_thread(thread, call.body)

    # ---- members

    def _thread(self, call: ApiCall) -> Payload:
        thread = self._world.visible_channel(call.params["channel"])
        if thread["type"] not in THREADS:
            raise refusal(50024)
        return thread

    def _members(self, call: ApiCall) -> list[Payload]:
        """Return a thread's members; raise 50001 if the bot lacks the intent for members."""
        thread = self._thread(call)
        if not self._world.privileged_intents & GUILD_MEMBERS_INTENT:
            raise refusal(50001)
        return list(self._world.thread_members[thread["id"]].values())

    def _member(self, call: ApiCall) -> Payload:
        joined = self._world.thread_members[self._thread(call)["id"]]
        user_id = call.params["user"]
        if user_id not in joined:
            raise refusal(10007)
        if call.query.get("with_member") in ("1", "true"):
            return {**joined[user_id], "member": self._world.members[user_id]}
        return joined[user_id]

    def _join(self, call: ApiCall) -> None:
        self._world.join_thread(self._open(call), "bot")

    def _leave(self, call: ApiCall) -> None:
        self._world.leave_thread(self._open(call), "bot")

    def _let_in(self, call: ApiCall) -> None:
        thread = self._open(call)
        self._world.require_permission(thread["id"], Permission.SEND_MESSAGES_IN_THREADS)
        if call.params["user"] not in self._world.members:
            raise refusal(10007)
        self._world.join_thread(thread, call.params["user"])

    def _open(self, call: ApiCall) -> Payload:
        thread = self._thread(call)
        if thread["thread_metadata"]["archived"]:
            raise refusal(50083)
        return thread


def _send(
    method: str, template: str, handler: Callable[[ApiCall], Payload], fields: frozenset[str]
) -> Route:
    return Route(method=method, template=template, handler=handler, fields=fields)
