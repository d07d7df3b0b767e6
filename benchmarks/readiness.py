"""Measures the time from a finished render at the video API to the posted clip in Discord."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from benchmarks.bot_log import print_warnings
from benchmarks.figures import heading, quantiles, table
from benchmarks.processes import sorabot_variables
from tests.wire.bot_process import bot_process
from tests.wire.discord_double import LoopbackDiscord
from tests.wire.videos_api import VideosApi

_POLL_AFTER_MS = 500
_TELLING_S = 0.5
_POST = ("POST", "/channels/{channel}/messages")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadinessConfig:
    """How much is measured: `clips` clips, each requested after the one before was posted."""

    clips: int = 20
    ready_after_s: float = 1.0


async def run(config: ReadinessConfig) -> None:
    """Measure and print."""
    heading("Ready → posted through the real process, the API asking for polls every 0.5 s")
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        folder = Path(name)
        api = VideosApi(poll_after_ms=_POLL_AFTER_MS)
        async with LoopbackDiscord() as discord, api:
            place = {
                "DISCORD_TOKEN": discord.token,
                "DISCORD_API_URL": discord.api_url,
                "DISCORD_GATEWAY_URL": discord.gateway_url,
                "OPENAI_API_KEY": api.key,
                "OPENAI_BASE_URL": api.base_url,
            }
            async with bot_process(folder, sorabot_variables(place)) as bot:
                await discord.ready(30)
                await _ask_for_clips(discord, api, config)
                whole = _ready_to_posted(discord, api)
                told = await asyncio.to_thread(_told_to_posted, folder)
                print_warnings(bot)
    rows = [_row("ready → posted, as seen from outside", whole)]
    rows.append(_row("the bot was told → it is posted", told))
    table(["milliseconds", "mean", "p50", "p95", "worst"], rows)


async def _ask_for_clips(discord: LoopbackDiscord, api: VideosApi, config: ReadinessConfig) -> None:
    for number in range(config.clips):
        # Vary the rendering time evenly, so that renders don't become ready in step with the polls.
        api.ready_after_s = config.ready_after_s + _POLL_AFTER_MS / 1000 * number / config.clips
        await discord.slash("alice", "clips", "sora generate", {"prompt": f"cat {number}"})
        await discord.until(lambda wanted=number + 1: len(_posts(discord)) >= wanted, 60)
    # Wait: the bot gets Discord's answer to the last post a moment after the post is recorded.
    await asyncio.sleep(_TELLING_S)


def _posts(discord: LoopbackDiscord) -> list[tuple[str, float]]:
    """Return the text of each posted clip and its time of arrival (`time.perf_counter`)."""
    return [(c.body["content"], c.arrived_s) for c in discord.called(*_POST) if c.files]


def _ready_to_posted(discord: LoopbackDiscord, api: VideosApi) -> list[float]:
    skew_s = time.perf_counter() - time.monotonic()
    ready_s = {job.prompt: job.ready_s + skew_s for job in api.renders.values()}
    found: list[float] = []
    for text, arrived_s in _posts(discord):
        prompt = max((p for p in ready_s if p in text), key=len)
        found.append(arrived_s - ready_s[prompt])
    return found


def _told_to_posted(folder: Path) -> list[float]:
    address = f"file:{folder / 'data' / 'sorabot.db'}?mode=ro"
    with closing(sqlite3.connect(address, uri=True)) as conn:
        rows = conn.execute("SELECT finished_at - rendered_at FROM jobs WHERE state = 'done'")
        return [row[0] / 1000 for row in rows]


def _row(name: str, values_s: Sequence[float]) -> Sequence[object]:
    told = quantiles(1000 * value_s for value_s in values_s)
    return name, told.mean, told.p50, told.p95, told.worst
