"""The state of the simulated Discord: users, channels, messages and files."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from bot.clock import Clock
from tests.wire import discord_payloads as payloads
from tests.wire.discord_errors import refusal
from tests.wire.discord_payloads import PRIVATE_THREAD, THREADS, Payload, Snowflakes
from tests.wire.discord_permissions import EVERYONE, IN_A_DM, Permission, in_channel
from tests.wire.discord_uploads import StoredFile

#: Discord's limit for a file in a server without boosts: 20 MiB since 2026-09-03 (discord-api-docs
#: reference, PR 8578).
DEFAULT_UPLOAD_LIMIT_BYTES = 20 * 1024 * 1024

GUILDS_INTENT, GUILD_MEMBERS_INTENT = 1 << 0, 1 << 1

Who = str | Payload
Where = str | Payload


class DiscordWorld:
    """The state of the simulated Discord: one server, its members and channels, and the DMs.

    Members and channels can be given by name ("alice", "general"), id, or payload. A change calls
    `emit(event, data, intent)` if a bot with this intent would receive an event about it.
    """

    def __init__(self, clock: Clock, folder: Path, *, bot_name: str = "sorabot") -> None:
        self._clock = clock
        self._shift = timedelta()
        self._ids: dict[str, str] = {}
        self.folder = folder
        self.snowflakes = Snowflakes(self.now)
        self.changes = ChangeNotifier()
        self.emit: Callable[[str, Payload, int], None] = lambda _event, _data, _intent: None
        self.upload_limit_bytes = DEFAULT_UPLOAD_LIMIT_BYTES
        self.dm_upload_limit_bytes = DEFAULT_UPLOAD_LIMIT_BYTES
        self.closed_dms: set[str] = set()
        #: The privileged intents that the bot may use, as if set in Discord's developer portal.
        self.privileged_intents = 0
        self.users: dict[str, Payload] = {}
        self.members: dict[str, Payload] = {}
        self.channels: dict[str, Payload] = {}
        #: For each thread, the user ids of its members, each with the payload of the membership.
        self.thread_members: dict[str, dict[str, Payload]] = {}
        self.messages: dict[str, list[Payload]] = {}
        self.files: dict[str, StoredFile] = {}
        self._build(bot_name)

    def _build(self, bot_name: str) -> None:
        owner_id = self.snowflakes.take()
        guild_id = self.snowflakes.take()
        self.guild = payloads.guild(guild_id, "Loopback", owner_id)
        self.guild["roles"].append(payloads.role(guild_id, "@everyone", EVERYONE, 0))
        self._ids["everyone"] = guild_id
        powers = Permission.MANAGE_GUILD | Permission.MANAGE_MESSAGES
        moderators = self.add_role("moderators", powers)
        bots = self.add_role("bots", EVERYONE)
        self._person(owner_id, "owner", [])
        self.add_member("alice")
        self.add_member("bob")
        self.add_member("moderator", roles=[moderators["id"]])
        self.bot = self._person(self.snowflakes.take(), bot_name, [bots["id"]], bot=True)
        self._ids["bot"] = self.bot["id"]
        # Applications made since 2016 have the same id as their bot user.
        self.application = payloads.application(self.bot["id"], bot_name, self.users[owner_id])
        self.add_channel("general")
        self.add_channel("clips")
        self.add_thread("general", "film-club")
        self.dm("alice")

    # ---- time

    def now(self) -> datetime:
        return self._clock.now() + self._shift

    def forward(self, seconds: float) -> None:
        """Move the simulated clock ahead, such as past the 15 minutes of an interaction token."""
        self._shift += timedelta(seconds=seconds)

    # ---- looking things up

    def user_id(self, who: Who) -> str:
        key = who if isinstance(who, str) else who["id"]
        return self._ids.get(key, key)

    def user(self, who: Who) -> Payload:
        return self.users[self.user_id(who)]

    def channel(self, where: Where) -> Payload:
        key = where if isinstance(where, str) else where["id"]
        return self.channels[self._ids.get(key, key)]

    def role(self, name: str) -> Payload:
        wanted = self._ids.get(name, name)
        return next(role for role in self.guild["roles"] if role["id"] == wanted)

    def permissions(self, who: Who, where: Where) -> Permission:
        """Return a user's permissions in a channel; none if the user can't see the channel."""
        user_id, channel = self.user_id(who), self.channel(where)
        if channel["type"] == payloads.DM:
            insiders = {self.bot["id"], channel["recipients"][0]["id"]}
            return IN_A_DM if user_id in insiders else Permission(0)
        if user_id not in self.members:
            return Permission(0)
        place = self.channels[channel["parent_id"]] if channel["type"] in THREADS else channel
        held = in_channel(self.guild, self.members[user_id], place)
        if channel["type"] == PRIVATE_THREAD and not held & Permission.MANAGE_THREADS:
            return held if user_id in self.thread_members[channel["id"]] else Permission(0)
        return held

    def is_visible(self, channel: Payload) -> bool:
        """Return whether the bot receives the events of a channel or thread."""
        return bool(self.permissions("bot", channel) & Permission.VIEW_CHANNEL)

    def visible_channel(self, channel_id: str) -> Payload:
        """Return a channel that the bot can see.

        Raises DiscordApiError 10003 if there is no such channel, and 50001 if the bot can't see it.
        """
        if channel_id not in self.channels:
            raise refusal(10003)
        if not self.is_visible(self.channels[channel_id]):
            raise refusal(50001)
        return self.channels[channel_id]

    def require_permission(self, channel_id: str, needed: Permission, *, of: Who = "bot") -> None:
        """Raise DiscordApiError 50013 unless a user has all `needed` permissions in a channel."""
        if needed & ~self.permissions(of, channel_id):
            raise refusal(50013)

    def message(self, channel_id: str, message_id: str) -> Payload:
        for message in self.messages.get(channel_id, ()):
            if message["id"] == message_id:
                return message
        raise refusal(10008)

    def limit_bytes(self, channel: Payload) -> int:
        is_dm = channel["type"] == payloads.DM
        return self.dm_upload_limit_bytes if is_dm else self.upload_limit_bytes

    # ---- building

    def _person(self, user_id: str, name: str, roles: list[str], *, bot: bool = False) -> Payload:
        self.users[user_id] = payloads.user(user_id, name, bot=bot)
        self.members[user_id] = payloads.member(self.users[user_id], roles, self.now())
        self._ids[name] = user_id
        return self.users[user_id]

    def add_member(
        self, name: str, *, roles: list[str] | None = None, bot: bool = False
    ) -> Payload:
        """Add a member to the server.

        `roles` are ids of roles; `bot` makes the member another bot.
        """
        return self._person(self.snowflakes.take(), name, roles or [], bot=bot)

    def add_role(self, name: str, permissions: int) -> Payload:
        role_id = self.snowflakes.take()
        role = payloads.role(role_id, name, permissions, len(self.guild["roles"]))
        self.guild["roles"].append(role)
        self._ids[name] = role_id
        self.emit("GUILD_ROLE_CREATE", {"guild_id": self.guild["id"], "role": role}, GUILDS_INTENT)
        return role

    def add_channel(self, name: str) -> Payload:
        channel = payloads.text_channel(
            self.snowflakes.take(), self.guild["id"], name, len(self.channels)
        )
        self._keep(name, channel)
        self.emit("CHANNEL_CREATE", channel, GUILDS_INTENT)
        return channel

    def add_thread(
        self,
        parent: Where,
        name: str,
        *,
        owner: Who = "owner",
        members: Sequence[Who] = (),
        **options: Any,
    ) -> Payload:
        """Open a thread, whose first members are its owner and `members`.

        Only they and moderators see a private thread. `options` may contain thread_id, kind and
        auto_archive_min.
        """
        thread_id = options.pop("thread_id", None) or self.snowflakes.take()
        place, owner_id = self.channel(parent), self.user_id(owner)
        thread = payloads.thread(thread_id, place, name, owner_id, self.now(), **options)
        self._keep(name, thread)
        joined = [owner_id, *(self.user_id(who) for who in members)]
        self.thread_members[thread_id] = {
            user_id: payloads.thread_member(thread_id, user_id, self.now()) for user_id in joined
        }
        thread["member_count"] = len(self.thread_members[thread_id])
        if self.is_visible(thread):
            self.emit("THREAD_CREATE", self._as_met(thread, newly_created=True), GUILDS_INTENT)
        return thread

    def _as_met(self, thread: Payload, **more: Any) -> Payload:
        """Return a thread as the bot receives it: with the bot's own membership, if it joined."""
        mine = self.thread_members[thread["id"]].get(self.bot["id"])
        return {**thread, **more, **({"member": mine} if mine else {})}

    def join_thread(self, where: Where, who: Who) -> None:
        """Add a user to a thread if the user sees its channel; a member stays a member."""
        thread, user_id = self.channel(where), self.user_id(who)
        joined = self.thread_members[thread["id"]]
        if user_id in joined or not self.permissions(user_id, thread["parent_id"]):
            return
        was_visible = self.is_visible(thread)
        joined[user_id] = payloads.thread_member(thread["id"], user_id, self.now())
        if not was_visible and self.is_visible(thread):
            self.emit("THREAD_CREATE", self._as_met(thread), GUILDS_INTENT)
        member = {**joined[user_id], "member": self.members[user_id], "presence": None}
        self._tell_thread_members(thread, user_id, {"added_members": [member]})

    def leave_thread(self, where: Where, who: Who) -> None:
        """Remove a user from a thread; do nothing if the user is not in the thread."""
        thread, user_id = self.channel(where), self.user_id(who)
        if self.thread_members[thread["id"]].pop(user_id, None) is not None:
            self._tell_thread_members(thread, user_id, {"removed_member_ids": [user_id]})

    def _tell_thread_members(self, thread: Payload, user_id: str, change: Payload) -> None:
        """Send the event of a change of a thread's members; who receives it depends on intents.

        A bot without the intent for members receives only the event about itself.
        """
        thread["member_count"] = len(self.thread_members[thread["id"]])
        place = {key: thread[key] for key in ("id", "guild_id", "member_count")}
        is_bot = user_id == self.bot["id"]
        intent = GUILDS_INTENT if is_bot else GUILD_MEMBERS_INTENT
        self.emit("THREAD_MEMBERS_UPDATE", place | change, intent)

    def dm(self, who: Who) -> Payload:
        """Return the DM channel between the bot and a user, such as "dm-alice".

        Create it if missing.
        """
        person = self.user(who)
        name = f"dm-{person['username']}"
        if name not in self._ids:
            self._keep(name, payloads.dm_channel(self.snowflakes.take(), person))
        return self.channel(name)

    def _keep(self, name: str, channel: Payload) -> None:
        self.channels[channel["id"]] = channel
        self.messages[channel["id"]] = []
        self._ids[name] = channel["id"]

    # ---- changing

    def set_roles(self, who: Who, names: Sequence[str]) -> None:
        """Set a member's roles to exactly these, each given by name or id."""
        member = self.members[self.user_id(who)]
        member["roles"] = [self.role(name)["id"] for name in names]
        # A bot receives events about its own roles, whatever its intents are.
        intent = 0 if member["user"]["id"] == self.bot["id"] else GUILD_MEMBERS_INTENT
        self.emit("GUILD_MEMBER_UPDATE", {**member, "guild_id": self.guild["id"]}, intent)

    def edit_role(self, name: str, permissions: int) -> None:
        """Set a role's permissions in the server; the role "everyone" is one of them."""
        role = self.role(name)
        role["permissions"] = str(int(permissions))
        self.emit("GUILD_ROLE_UPDATE", {"guild_id": self.guild["id"], "role": role}, GUILDS_INTENT)

    def overwrite(self, where: Where, target: str, *, allow: int = 0, deny: int = 0) -> None:
        """Set a channel's permission overwrite for a member or role, given by name or id."""
        channel, target_id = self.channel(where), self._ids.get(target, target)
        kept = [entry for entry in channel["permission_overwrites"] if entry["id"] != target_id]
        kept.append(
            {
                "id": target_id,
                "type": 1 if target_id in self.members else 0,
                "allow": str(int(allow)),
                "deny": str(int(deny)),
            }
        )
        channel["permission_overwrites"] = kept
        self.emit("CHANNEL_UPDATE", channel, GUILDS_INTENT)

    def edit_thread(self, where: Where, changes: Mapping[str, Any]) -> Payload:
        """Change a thread's `archived`, `locked`, `name` or `auto_archive_duration`."""
        thread = self.channel(where)
        for key, value in changes.items():
            place = thread["thread_metadata"] if key in thread["thread_metadata"] else thread
            place[key] = value
        if "archived" in changes:
            thread["thread_metadata"]["archive_timestamp"] = payloads.iso(self.now())
        if self.is_visible(thread):
            self.emit("THREAD_UPDATE", thread, GUILDS_INTENT)
        return thread

    def delete_channel(self, where: Where) -> None:
        """Delete a channel with its threads, or a thread, including their messages."""
        channel = self.channel(where)
        for thread in [c for c in self.channels.values() if c.get("parent_id") == channel["id"]]:
            self.delete_channel(thread)
        was_visible = self.is_visible(channel)
        del self.channels[channel["id"]], self.messages[channel["id"]]
        if channel["type"] in THREADS:
            gone = {key: channel[key] for key in ("id", "guild_id", "parent_id", "type")}
            if was_visible:
                self.emit("THREAD_DELETE", gone, GUILDS_INTENT)
        else:
            self.emit("CHANNEL_DELETE", channel, GUILDS_INTENT)

    def guild_create(self) -> Payload:
        mine = [c for c in self.channels.values() if c.get("guild_id") == self.guild["id"]]
        return {
            **self.guild,
            "joined_at": payloads.iso(self.now()),
            "large": False,
            "unavailable": False,
            "member_count": len(self.members),
            "voice_states": [],
            # Without the intent for members, a bot receives only its own membership.
            "members": [self.members[self.bot["id"]]],
            "channels": [c for c in mine if c["type"] not in THREADS],
            "threads": [self._as_met(c) for c in mine if c["type"] in THREADS and self._is_met(c)],
            "presences": [],
            "stage_instances": [],
            "guild_scheduled_events": [],
            "soundboard_sounds": [],
        }

    def _is_met(self, thread: Payload) -> bool:
        return not thread["thread_metadata"]["archived"] and self.is_visible(thread)


class ChangeNotifier:
    """Wakes tasks that wait for a change in the simulated Discord."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()

    def notify(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def until(self, check: Callable[[], Any], timeout_s: float) -> Any:
        """Return the first truthy result of `check`, which is called after each change.

        Raises TimeoutError after `timeout_s` seconds.
        """
        async with asyncio.timeout(timeout_s):
            while not (found := check()):
                await self._changed.wait()
        return found
