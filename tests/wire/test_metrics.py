"""Tests of GET /metrics on a real bot: metrics after a clip, and those that the dashboard uses."""

from __future__ import annotations

import asyncio
import json
import re
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import ClientSession
from prometheus_client.parser import text_string_to_metric_families

from tests.patience import PATIENCE_S
from tests.unit.test_metrics import samples, value
from tests.wire.bot_process import BotProcess
from tests.wire.discord_double import LoopbackDiscord
from tests.wire.test_end_to_end import PROMPT, clips, eventually, running
from tests.wire.videos_api import VideosApi

DASHBOARD = Path(__file__).parents[2] / "docs" / "grafana-dashboard.json"
SEND = ("POST", r"/channels/\d+/messages$")


@asynccontextmanager
async def pages(
    folder: Path, discord: LoopbackDiscord, api: VideosApi
) -> AsyncIterator[tuple[BotProcess, ClientSession]]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    async with (
        running(folder, discord, api, HTTP_BIND=address) as bot,
        ClientSession(f"http://{address}") as client,
    ):
        yield bot, client


async def scraped(client: ClientSession) -> bytes:
    async with client.get("/metrics") as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        return await answer.read()


async def a_clip(discord: LoopbackDiscord, api: VideosApi) -> Mapping[str, Any]:
    discord.fail_next(*SEND, 429, retry_after_s=0.1, scope="shared")
    await discord.slash("alice", "clips", "sora generate", {"prompt": PROMPT})
    await discord.until(lambda: clips(discord, "clips"))
    (clip,) = clips(discord, "clips")
    return clip


async def test_a_clip_leaves_its_traces_and_no_names(tmp_path: Path) -> None:
    async with (
        LoopbackDiscord() as discord,
        VideosApi(poll_after_ms=200) as api,
        pages(tmp_path, discord, api) as (bot, client),
    ):
        before = await scraped(client)
        assert value(before, "sora_discord_connected") in (0, 1)
        assert value(before, "sora_usd_spent_24h") == 0
        clip = await a_clip(discord, api)
        # The bot reads database metrics again only when the last values are more than five seconds
        # old.
        await asyncio.sleep(5.1)
        page = await scraped(client)
        assert value(page, "sora_jobs_ended_24h", {"state": "done"}) == 1
        assert value(page, "sora_usd_spent_24h")
        assert value(page, "sora_usd_reserved") == 0
        assert value(page, "sora_discord_connected") == 1
        for kind in ("submit", "poll", "deliver"):
            assert value(page, "sora_steps_total", {"kind": kind, "outcome": "ok"})
        taken = {"outcome": "taken"}
        assert value(page, "sora_ack_seconds_count", taken) == 1
        assert 0 < (value(page, "sora_ack_seconds_sum", taken) or 0) < 3
        for call, times in {"submit": 1, "download": 1}.items():
            labels = {"provider": "openai", "call": call, "outcome": "ok"}
            assert value(page, "sora_provider_requests_total", labels) == times
        assert value(page, "sora_discord_429_total", {"scope": "shared"}) == 1
        assert value(page, "sora_loop_lag_seconds_count")
        job_id = clip["attachments"][0]["filename"].removeprefix("sora-").removesuffix(".mp4")
        hidden = [PROMPT, f'"{job_id}"', discord.world.user_id("alice"), discord.token, api.key]
        text = page.decode()
        assert not [each for each in hidden if each in text]
        assert not re.findall(r'="\d{15,}"', text)
        assert "Traceback" not in bot.log()


def queries(dashboard: Mapping[str, Any]) -> Iterator[str]:
    for panel in dashboard["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["definition"]


def selectors(query: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield each metric in a dashboard's query, with the label values that the query demands."""
    for match in re.finditer(r"((?:sora|process)_[a-z0-9_]+)(?:\{([^}]*)\})?", query):
        wanted = re.findall(r'(\w+)(!?=~?)"([^"]*)"', match[2] or "")
        yield match[1], {name: text for name, how, text in wanted if how == "="}


async def test_every_query_of_the_dashboard_finds_its_metric(tmp_path: Path) -> None:
    dashboard = json.loads(DASHBOARD.read_text("utf-8"))
    async with (
        LoopbackDiscord() as discord,
        VideosApi(poll_after_ms=200) as api,
        pages(tmp_path, discord, api) as (_, client),
    ):
        await a_clip(discord, api)
        await eventually(lambda: api.creates[PROMPT] == 1)
        page = await scraped(client)
    there = samples(page)
    labels_of: dict[str, set[str]] = {}
    for name, labels in there:
        labels_of.setdefault(name, set()).update(key for key, _ in labels)
    asked = [(query, *each) for query in queries(dashboard) for each in selectors(query)]
    assert len(asked) > 20
    for query, name, wanted in asked:
        assert name in labels_of, f"{name} of {query} is not on the page"
        by = {
            word.strip()
            for group in re.findall(r"by \(([^)]*)\)", query)
            for word in group.split(",")
        }
        unknown = (by | set(wanted)) - labels_of[name] - {"instance"}
        assert not unknown, f"{name} has no label {unknown} in {query}"
    # For metrics that always exist, check that the label values in the dashboard's query exist,
    # too.
    for query, name, wanted in asked:
        if name in ("sora_provider_condition", "sora_loop_lag_seconds_bucket"):
            found = [labels for each, labels in there if each == name]
            assert any(set(wanted.items()) <= labels for labels in found), query


async def test_every_metric_of_ours_is_on_the_dashboard_and_explained(tmp_path: Path) -> None:
    text = DASHBOARD.read_text("utf-8")
    words = (DASHBOARD.parent / "observability.md").read_text("utf-8")
    async with (
        LoopbackDiscord() as discord,
        VideosApi() as api,
        pages(tmp_path, discord, api) as (_, client),
    ):
        page = await scraped(client)
    families = [each.name for each in text_string_to_metric_families(page.decode())]
    ours = [name for name in families if name.startswith("sora_")]
    assert len(ours) >= 15
    assert not [name for name in ours if name not in text]
    assert not [name for name in ours if f"`{name}" not in words]


async def test_readyz_says_in_words_what_is_missing(tmp_path: Path) -> None:
    async with (
        LoopbackDiscord() as discord,
        VideosApi() as api,
        pages(tmp_path, discord, api) as (_, client),
    ):

        async def told() -> tuple[int, str]:
            async with client.get("/readyz") as answer:
                return answer.status, await answer.text()

        async with asyncio.timeout(PATIENCE_S):
            while await told() != (200, "ready\n"):
                await asyncio.sleep(0.05)
        await discord.__aexit__(None, None, None)
        async with asyncio.timeout(PATIENCE_S):
            while await told() != (503, "not ready: Discord is not connected\n"):
                await asyncio.sleep(0.2)
        async with client.get("/livez") as answer:
            assert answer.status == 200
