"""Starts this release of the bot on the database and the Discord messages of the previous release.

Ids stay as they were, because menus and the search index hold values that are computed from
them. Timestamps are shifted, so that the old process seems to have stopped 90 seconds ago.
"""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import simcord
from simcord.backend.models import Channel, Message, Reaction, Role, ThreadMetadata, User
from simcord.results import InteractionResult

from tests.behaviour.harness import BotHarness, bot_harness
from tests.wire.videos_api import VideosApi

FOLDER = Path(__file__).parents[1] / "fixtures" / "release_0_1_0"
_STOPPED_AGO_MS = 90_000
#: A number in the dump counts as a timestamp when it is within 60 days of the time of the dump. No
#: id in the search index is that close.
_NEAR_MS = 60 * 86_400_000
#: Seconds that a render takes unless a test ends it; longer than any test runs.
_LATER_S = 3_600.0
_MODAL_OPENED = 3


@dataclass(slots=True, kw_only=True)
class Before:
    """The bot of this release, running on the old database, and the record of the old messages."""

    t: BotHarness
    left: dict[str, Any]
    path: Path
    #: Members by guild id and user id; the guild id None stands for direct messages.
    people: dict[tuple[int | None, int], Any]
    channels: dict[str, simcord.ChannelHandle]
    #: The handlers of buttons and menus that discord.py has right after the start, before the bot
    #: has sent any message.
    known: dict[Any, Any] = field(default_factory=dict)
    #: The settings that a test has changed with an old menu, as pairs of guild id and name.
    changed: set[tuple[int, str]] = field(default_factory=set)

    def rows(self, sql: str, *values: object) -> list[sqlite3.Row]:
        """Run a query on the current database and return its rows."""
        with closing(sqlite3.connect(self.path)) as conn:
            conn.row_factory = sqlite3.Row
            return conn.execute(sql, values).fetchall()

    def job(self, prompt: str) -> sqlite3.Row:
        """Return the row of the only job with this prompt. Raises ValueError unless there is
        exactly one.
        """
        (row,) = self.rows("SELECT * FROM jobs WHERE prompt = ?", prompt)
        return row

    def open_jobs(self) -> int:
        (row,) = self.rows("SELECT count(*) FROM jobs WHERE finished_at IS NULL")
        return row[0]

    async def settled(self, most_open: int = 0) -> None:
        """Wait until at most `most_open` jobs are unfinished; with 0, also until the outbox is
        empty.
        """

        def few() -> bool:
            (outbox,) = self.rows("SELECT count(*) FROM errands")
            return self.open_jobs() <= most_open and (most_open > 0 or outbox[0] == 0)

        await self.t.until(few)

    def forget_sent(self) -> None:
        """Remove the handlers of buttons and menus that discord.py has added since the start.

        discord.py 2.7.1 adds a handler for each message that it sends. With those, a component that
        the bot forgot to register as persistent would wrongly work in a test.
        """
        held = _buttons(self.t)
        held.clear()
        held.update(self.known)

    def put(self, message: dict[str, Any]) -> simcord.ResponseMessage:
        """Put a message back into its channel exactly as the old release left it."""
        stored = _message(self.t.env, message)
        self.t.env.backend.messages[stored.channel_id][stored.id] = stored
        return simcord.ResponseMessage(self.t.env, stored)

    def opened(self, form: dict[str, Any]) -> InteractionResult:
        """Return a form that a member opened before the upgrade and has not submitted yet."""
        guild_id = form["guild_id"] and int(form["guild_id"])
        record = self.t.env.backend.new_interaction(
            _MODAL_OPENED, int(form["channel_id"]), int(form["user_id"]), guild_id
        )
        record.source_message_id = int(form["message_id"])
        record.show_modal(deepcopy(form["modal"]))
        return InteractionResult(self.t.env, record)


@asynccontextmanager
async def release_before(folder: Path) -> AsyncGenerator[Before]:
    """Run the bot of this release on the old data; its two renders in progress stay unfinished."""
    left = json.loads((FOLDER / "messages.json").read_text("utf-8"))
    async with VideosApi(poll_after_ms=20) as other, bot_harness(folder, _variables(other)) as t:
        people, channels = _recreate(t, left)
        await t.env.settle()
        await t.app.close()
        path = folder / "sorabot.db"
        _lay_out(folder, left["taken_at_ms"], int(t.clock.now().timestamp() * 1000))
        before = Before(t=t, left=left, path=path, people=people, channels=channels)
        for message in left["messages"]:
            before.put(message)
        _tell_renders(before, {"openai": t.api, "litellm": other})
        t.api.ready_after_s = _LATER_S
        # No message may be sent until the handlers that discord.py has at the start are recorded.
        for method in ("POST", "PATCH"):
            t.env.inject_error(method, "/channels/*/messages*", status=503, times=None)
        await t.restart()
        before.known |= _buttons(t)
        t.env.backend.faults.clear()
        yield before
        assert (t.api.violations, other.violations) == ([], [])


def _buttons(t: BotHarness) -> dict[Any, Any]:
    return t.app.client._connection._view_store._dynamic_items


def _variables(other: VideosApi) -> dict[str, str]:
    return {
        "VIDEO_PROVIDERS": "openai,litellm",
        "OPENAI_MODELS": "sora-2; sora-2-pro",
        "OPENAI_MAX_CONCURRENT": "2",
        "LITELLM_PROXY_API_KEY": other.key,
        "LITELLM_PROXY_API_BASE": other.base_url,
        "LITELLM_PROXY_MODELS": "sora-2 usd_per_second=0.20 label=Relayed",
        "QUOTA_CLIPS_PER_DAY": "200",
        "QUOTA_SECONDS_PER_DAY": "2000",
        "BUDGET_USD_PER_DAY": "none",
        "BUDGET_USD_PER_MONTH": "none",
    }


def walk(nodes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return components and all components nested inside them, as one flat list."""
    return [found for node in nodes for found in (node, *walk(list(node.get("components") or ())))]


def _recreate(t: BotHarness, left: dict[str, Any]) -> tuple[dict[Any, Any], dict[str, Any]]:
    """Create the servers, channels and members of the record in the simulated Discord.

    They also replace those that the harness made.
    """
    backend, people, channels = t.env.backend, {}, {}
    for each in left["users"]:
        user = User(id=backend.reserve_id(int(each["id"])), name=each["name"])
        backend.users[user.id] = user
        people[None, user.id] = simcord.UserHandle(t.env, user)
    guilds = {}
    for each in left["guilds"]:
        owner = people[None, int(each["owner_id"])]
        guild = guilds[each["id"]] = t.env.create_guild(
            each["name"], id=int(each["id"]), owner=owner
        )
        roles = {}
        for role in each["roles"]:
            made = Role(
                id=backend.reserve_id(int(role["id"])),
                name=role["name"],
                permissions=int(role["permissions"]),
            )
            backend.guilds[guild.id].roles[made.id] = made
            roles[role["id"]] = simcord.RoleHandle(t.env, guild, made)
        for member in each["members"]:
            user = people[None, int(member["id"])]
            held = [roles[role] for role in member["roles"]]
            people[guild.id, user.id] = guild.add_member(user, roles=held)
    for each in left["channels"]:
        guild = guilds.get(each["guild_id"])
        channels[each["name"]] = simcord.ChannelHandle(t.env, guild, _channel(t, each))
    t.guild, t.channel = guilds[left["guilds"][0]["id"]], channels["clips"]
    named = {person.name: person for (guild_id, _), person in people.items() if guild_id}
    t.alice, t.bob, t.moderator = (named[name] for name in ("alice", "bob", "mona"))
    return people, channels


def _channel(t: BotHarness, each: dict[str, Any]) -> Channel:
    backend, now = t.env.backend, t.env.backend.now_iso()
    channel = Channel(
        # A thread that was created from a message has the same id as that message.
        id=int(each["id"]),
        type=each["type"],
        name=each["name"],
        guild_id=each["guild_id"] and int(each["guild_id"]),
        parent_id=each["parent_id"] and int(each["parent_id"]),
        recipient_ids=[int(user_id) for user_id in each["recipient_ids"]],
    )
    backend.channels[channel.id], backend.messages[channel.id] = channel, {}
    if channel.guild_id is None:
        backend.dm_channels[channel.recipient_ids[0]] = channel.id
        return channel
    guild = backend.guilds[channel.guild_id]
    if channel.is_thread:
        channel.owner_id = backend.bot_user.id
        channel.thread_metadata = ThreadMetadata(archive_timestamp=now, create_timestamp=now)
        channel.thread_members[backend.bot_user.id] = now
        guild.thread_ids.append(channel.id)
    else:
        guild.channel_ids.append(channel.id)
    return channel


def _message(env: simcord.Env, each: dict[str, Any]) -> Message:
    backend, channel_id = env.backend, int(each["channel_id"])
    files = [(file["filename"], _content(file["filename"])) for file in each["attachments"]]
    author = each["author_id"]
    return Message(
        id=int(each["id"]),
        channel_id=channel_id,
        author_id=backend.bot_user.id if author == "bot" else int(author),
        content=each["content"],
        timestamp=backend.now_iso(),
        type=each["type"],
        flags=each["flags"],
        embeds=deepcopy(each["embeds"]),
        components=deepcopy(each["components"]),
        attachments=backend.store_attachments(channel_id, files),
        reference=deepcopy(each["reference"]),
        interaction_metadata=deepcopy(each["interaction_metadata"]),
        reactions=[
            Reaction(emoji=emoji, user_ids=[int(user_id) for user_id in user_ids])
            for emoji, user_ids in each["reactions"].items()
        ],
    )


def _content(name: str) -> bytes:
    if name.endswith(".mp4"):
        return (FOLDER / "clips" / "clip.mp4").read_bytes()
    return b"as it was"


def _lay_out(folder: Path, taken_at_ms: int, now_ms: int) -> None:
    """Copy the old database, archive and reference images into a data folder, with shifted
    timestamps.
    """
    for each in folder.glob("sorabot.db*"):
        each.unlink()
    shift_ms = now_ms - _STOPPED_AGO_MS - taken_at_ms

    def moved(match: re.Match[str]) -> str:
        instant_ms = int(match[0])
        is_one = abs(instant_ms - taken_at_ms) < _NEAR_MS
        return str(instant_ms + shift_ms) if is_one else match[0]

    dump = (FOLDER / "database.sql").read_text("utf-8").replace("DATA_DIR", str(folder))
    with closing(sqlite3.connect(folder / "sorabot.db")) as conn:
        conn.executescript(re.sub(r"\b\d{13}\b", moved, dump))
        for (key,) in conn.execute("SELECT archive_key FROM clips"):
            target = folder / "clips" / key
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(FOLDER / "clips" / "clip.mp4", target)
    shutil.copytree(FOLDER / "pictures", folder / "pictures", dirs_exist_ok=True)


def _tell_renders(before: Before, apis: dict[str, VideosApi]) -> None:
    """Give the loopback video APIs the renders that the old bot had ordered from them."""
    rows = before.rows("SELECT * FROM jobs WHERE remote_id IS NOT NULL OR state = 'submitting'")
    for row in rows:
        api = apis[row["provider"]]
        is_ready = row["state"] not in ("submitting", "rendering")
        api.ready_after_s = 0.0 if is_ready else _LATER_S
        texts = {name: str(row[name]) for name in ("prompt", "model", "seconds")}
        texts["size"] = f"{row['width_px']}x{row['height_px']}"
        # A job in state "submitting" has no remote id: the old bot stopped before the API's answer
        # arrived.
        remote_id = row["remote_id"] or "video_0000c001"
        api.add_render(texts, id=remote_id, created_at=row["submitted_at"] // 1000)
