"""Test data for a bot at peak load: thousands of open jobs with their status cards and renders."""

from __future__ import annotations

import asyncio
import bisect
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web

from benchmarks.seeding import job_id_of
from bot.storage.sqlite.jobs import SqliteJobStore
from bot.storage.sqlite.queries import Queries
from tests.wire import discord_payloads as payloads
from tests.wire.discord_world import DiscordWorld
from tests.wire.videos_api import VideosApi
from tests.wire.videos_render import LoopbackRender

#: The number of members among whom the open jobs are divided.
MEMBERS = 200
_CHANNELS = 20
#: Each render takes an hour; when the bot starts, a quarter to three quarters of it have passed.
_RENDER_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenJobs:
    """How many open jobs are rendering and how many are queued; the oldest ones are rendering."""

    rendering: int
    queued: int = 0

    @property
    def jobs(self) -> int:
        """All of them."""
        return self.rendering + self.queued


class OpenJobsApi(VideosApi):
    """A video API on loopback whose list of renders is equally fast for any number of renders."""

    def __init__(self, open_jobs: OpenJobs) -> None:
        super().__init__(ready_after_s=_RENDER_S)
        now_s, now = time.monotonic(), int(time.time())
        for number in range(open_jobs.rendering):
            gone_s = _RENDER_S * (0.75 - 0.5 * number / open_jobs.rendering)
            job = LoopbackRender(
                id=_remote_id(number),
                prompt="a calico cat",
                model="sora-2",
                seconds="4",
                size="1280x720",
                created_at=now - int(gone_s),
                started_s=now_s - gone_s,
                ready_s=now_s - gone_s + _RENDER_S,
            )
            self.renders[job.id] = job
        #: All renders, oldest first, which is also the order of their ids.
        self._listed = list(self.renders.values())
        self._ids = list(self.renders)
        #: The number of render descriptions sent in responses so far.
        self.told = 0

    async def _list(self, request: web.Request) -> web.StreamResponse:
        after = request.query.get("after")
        end = len(self._ids) if after is None else bisect.bisect_left(self._ids, after)
        page = self._listed[max(0, end - int(request.query["limit"])) : end][::-1]
        self.told += len(page)
        return web.json_response(
            {
                "object": "list",
                "data": [job.describe() for job in page],
                "first_id": page[0].id if page else None,
                "last_id": page[-1].id if page else None,
                "has_more": end > len(page),
            }
        )

    async def _retrieve(self, request: web.Request) -> web.StreamResponse:
        self.told += 1
        return await super()._retrieve(request)


def member_name(number: int) -> str:
    """Return the name of the member who owns the open job with this number (from 0)."""
    return f"member-{number % MEMBERS}"


def channel_name(number: int) -> str:
    """Return the name of the channel of the open job with this number (from 0)."""
    return f"channel-{number % _CHANNELS}"


async def seed(path: Path, world: DiscordWorld, open_jobs: OpenJobs) -> None:
    """Write open jobs to a database; add their members, channels and status cards to `world`."""
    store = await SqliteJobStore.open(path)
    await store.close()
    for number in range(_CHANNELS):
        world.add_channel(channel_name(number))
    for number in range(MEMBERS):
        world.add_member(member_name(number))
    rows = list(_jobs(world, open_jobs))
    await asyncio.to_thread(_fill, path, rows)


def _fill(path: Path, rows: list[dict[str, Any]]) -> None:
    queries = Queries.load()
    with closing(sqlite3.connect(path, isolation_level=None)) as conn:
        conn.execute("BEGIN")
        conn.executemany(
            queries["insert_request"], [{**row, "id": row["request_id"]} for row in rows]
        )
        conn.executemany(queries["insert_job"], rows)
        conn.executemany(queries["append_entry"], rows)
        conn.execute("COMMIT")


def _jobs(world: DiscordWorld, open_jobs: OpenJobs) -> Iterator[dict[str, Any]]:
    now_ms = int(time.time() * 1000)
    for number in range(open_jobs.jobs):
        is_rendering = number < open_jobs.rendering
        gone_s = _RENDER_S * (0.75 - 0.5 * number / open_jobs.jobs)
        created_at = now_ms - int(1000 * gone_s)
        place = world.channel(channel_name(number))["id"]
        yield {
            "id": job_id_of(number + 1),
            "job_id": job_id_of(number + 1),
            "request_id": int(world.snowflakes.take()),
            "variant": 0,
            "user_id": int(world.user_id(member_name(number))),
            "guild_id": int(world.guild["id"]),
            "channel_id": int(place),
            "thread_of": None,
            "upload_limit_bytes": 10_485_760,
            "operation": "generate",
            "prompt": "a calico cat",
            "change": None,
            "parent_id": None,
            "source_remote_id": None,
            "provider": "openai",
            "model": "sora-2",
            "seconds": 4,
            "width_px": 1280,
            "height_px": 720,
            "image": None,
            "estimate_usd_micros": 400_000,
            "seed": number,
            "state": "rendering" if is_rendering else "queued",
            "created_at": created_at,
            "state_at": created_at,
            "due_at": now_ms,
            "remote_id": _remote_id(number) if is_rendering else None,
            "progress": None,
            "attempts": 0,
            "creates": 1,
            "submitted_at": created_at if is_rendering else None,
            "deadline_at": now_ms + 86_400_000,
            "rendered_at": None,
            "posting_at": None,
            "finished_at": None,
            "cancel_requested_at": None,
            "message_id": None,
            "cost_usd_micros": None,
            "error_code": None,
            "error_text": None,
            "refunded": 0,
            "remixable": 1,
            "reactions": 0,
            "deleted_at": None,
            "card_message_id": int(_card(world, place)),
            "role_ids": "[]",
            "kind": "reserve",
            "clips": 1,
            "usd_micros": 400_000,
            "at": created_at,
            "counts_at": created_at,
        }


def _card(world: DiscordWorld, place: str) -> str:
    message = payloads.message(world.snowflakes.take(), place, world.bot, world.now())
    world.messages[place].append(message)
    return message["id"]


def _remote_id(number: int) -> str:
    return f"video_open_job_{number:08x}"
