"""Tests that a real bot process makes one card, one clip and one paid call, despite failures.

The failures are errors of Discord, and signals to the process.
"""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.patience import PATIENCE_S
from tests.wire.bot_process import bot_process
from tests.wire.discord_double import LoopbackDiscord
from tests.wire.process_pool import shared_pool
from tests.wire.test_end_to_end import (
    KILLABLE_MODULE,
    PROMPT,
    clips,
    eventually,
    running,
    variables,
)
from tests.wire.videos_api import VideosApi

CALLBACK = ("POST", "/callback$")
SEND = ("POST", r"/channels/\d+/messages$")
MESSAGES = "/channels/{channel}/messages"


def cards(discord: LoopbackDiscord, channel: str) -> list[Mapping[str, Any]]:
    return [post for post in discord.posts(channel) if post["embeds"] and not post["attachments"]]


def uploads(discord: LoopbackDiscord) -> int:
    return sum(1 for call in discord.called("POST", MESSAGES) if call.files)


async def delivered(discord: LoopbackDiscord, api: VideosApi) -> None:
    """Wait until the clip is posted and its card links to it; check that there is one of each."""
    await discord.until(lambda: clips(discord, "clips"))
    (clip,) = clips(discord, "clips")
    await discord.until(lambda: clip["id"] in json.dumps(cards(discord, "clips")))
    (card,) = cards(discord, "clips")
    assert clip["id"] in card["embeds"][0]["description"]
    assert max(discord.made_by_nonce.values()) == 1
    assert api.creates[PROMPT] == 1
    assert discord.violations == []


@pytest.mark.parametrize("trouble", ["cut", "reset", "502", "late", "slow", "403"])
async def test_a_first_answer_that_goes_wrong_leaves_one_card_that_is_kept_true(
    tmp_path: Path, trouble: str
) -> None:
    async with (
        LoopbackDiscord() as discord,
        VideosApi(poll_after_ms=200) as api,
        running(tmp_path, discord, api, module=KILLABLE_MODULE) as bot,
    ):
        match trouble:
            case "cut":
                discord.cut_next(*CALLBACK, times=2)
            case "reset":
                discord.reset_next(*CALLBACK, times=2)
            case "502":
                discord.fail_next(*CALLBACK, 502, after_work=True)
            case "late":
                discord.fail_next(*CALLBACK, 404, 10062)
            case "slow":
                discord.delay_next(*CALLBACK, 4)
            case _:
                discord.fail_next(*CALLBACK, 403, 50001)
        await discord.slash("alice", "clips", "sora generate", {"prompt": PROMPT})
        await delivered(discord, api)
        assert "Traceback" not in bot.log()


async def test_the_card_after_a_picture_comes_once_though_its_receipt_is_lost(
    tmp_path: Path,
) -> None:
    async with (
        LoopbackDiscord() as discord,
        VideosApi(poll_after_ms=200) as api,
        running(tmp_path, discord, api, module=KILLABLE_MODULE),
    ):
        discord.cut_next("POST", r"/webhooks/\d+/[^/]+$")
        picture = (Path(__file__).parents[2] / "docs/images").glob("*.png")
        image = discord.upload(next(picture).read_bytes(), filename="a.png")
        options = {"prompt": PROMPT, "image": image, "size": "720x1280"}
        await discord.slash("alice", "clips", "sora generate", options)
        await delivered(discord, api)


async def test_a_clip_gets_through_a_rest_that_breaks_in_every_way(tmp_path: Path) -> None:
    async with (
        LoopbackDiscord() as discord,
        VideosApi(poll_after_ms=200) as api,
        running(tmp_path, discord, api) as bot,
    ):
        discord.reset_next(*SEND)
        discord.fail_next(*SEND, 503, after_work=True)
        discord.cut_next(*SEND)
        discord.fail_next(*SEND, 429, retry_after_s=0.2, scope="global")
        discord.fail_next(*SEND, 500)
        discord.drip_next(*SEND, 0.3)
        await discord.slash("alice", "clips", "sora generate", {"prompt": PROMPT})
        await delivered(discord, api)
        assert "Traceback" not in bot.log()


async def test_a_command_that_comes_too_late_is_one_line_in_the_log(tmp_path: Path) -> None:
    async with LoopbackDiscord() as discord, VideosApi() as api:
        async with running(tmp_path, discord, api, module=KILLABLE_MODULE) as bot:
            discord.fail_next(*CALLBACK, 404, 10062)
            await discord.slash("alice", "clips", "sora status")
            await eventually(lambda: "took no answer" in bot.log())
            assert await bot.stop() == 0
            assert bot.log().count("took no answer") == 1
            assert "Traceback" not in bot.log()
        assert len(discord.called("POST", "/interactions/{interaction}/{token}/callback")) == 1


async def test_an_answer_whose_receipt_is_lost_counts_as_given(tmp_path: Path) -> None:
    async with (
        LoopbackDiscord() as discord,
        VideosApi() as api,
        running(tmp_path, discord, api, module=KILLABLE_MODULE) as bot,
    ):
        discord.cut_next(*CALLBACK)
        sent = await discord.slash("alice", "clips", "sora quota")
        await eventually(lambda: "its response got lost" in bot.log())
        assert sent.is_ephemeral
        assert sent.followups == []
        assert "took no answer" not in bot.log()


async def test_an_answer_that_never_gets_through_is_no_defect_of_the_bot(tmp_path: Path) -> None:
    async with (
        LoopbackDiscord() as discord,
        VideosApi() as api,
        running(tmp_path, discord, api, module=KILLABLE_MODULE) as bot,
    ):
        discord.reset_next("POST", "/(callback|webhooks/.*)$", times=99)
        await discord.slash("alice", "clips", "sora quota")
        await eventually(lambda: "could not answer interaction" in bot.log())
        assert bot.log().count("Discord failed to take an answer") == 1
        assert "Traceback" not in bot.log()
        discord.faults.clear()
        sent = await discord.slash("alice", "clips", "sora quota")
        await sent.answered()


async def test_a_gateway_that_is_shut_at_first_is_tried_until_it_opens(tmp_path: Path) -> None:
    async with LoopbackDiscord() as discord, VideosApi(poll_after_ms=200) as api:
        discord.gateway.refuse_next(2)
        async with running(tmp_path, discord, api) as bot:
            assert "trying again with another client" in bot.log()
            await discord.slash("alice", "clips", "sora generate", {"prompt": PROMPT})
            await delivered(discord, api)
            assert await bot.stop() == 0
        assert len(discord.called("PUT", "/applications/{application}/commands")) == 1


async def test_commands_are_told_once_over_two_starts(tmp_path: Path) -> None:
    async with LoopbackDiscord() as discord, VideosApi() as api:
        for _ in range(2):
            async with running(tmp_path, discord, api) as bot:
                sent = await discord.slash("alice", "clips", "sora quota")
                await sent.answered()
                assert await bot.stop() == 0
        assert len(discord.called("PUT", "/applications/{application}/commands")) == 1


async def test_a_term_while_it_waits_for_the_gateway_ends_it(tmp_path: Path) -> None:
    async with LoopbackDiscord() as discord, VideosApi() as api:
        discord.gateway.refuse_next(99)
        async with bot_process(tmp_path, variables(discord, api), pool=shared_pool()) as bot:
            await eventually(lambda: "trying again with another client" in bot.log())
            assert await bot.stop(5) == 0


async def test_a_term_lets_an_upload_end_and_claims_nothing_more(tmp_path: Path) -> None:
    async with LoopbackDiscord() as discord, VideosApi(poll_after_ms=200) as api:
        async with running(tmp_path, discord, api) as bot:
            discord.delay_next(*SEND, 3)
            await discord.slash("alice", "clips", "sora generate", {"prompt": PROMPT})
            await eventually(lambda: uploads(discord))
            began_s = time.monotonic()
            bot.process.send_signal(signal.SIGTERM)
            await asyncio.sleep(0.5)
            late = await discord.slash("bob", "clips", "sora generate", {"prompt": "a late one"})
            await late.answered()
            assert await asyncio.wait_for(bot.process.wait(), PATIENCE_S) == 0
            assert time.monotonic() - began_s < 20
            assert len(clips(discord, "clips")) == 1
            assert api.creates["a late one"] == 0
        async with running(tmp_path, discord, api) as bot:
            await eventually(lambda: len(clips(discord, "clips")) == 2)
            await asyncio.sleep(1)
            assert await bot.stop() == 0
        assert len(clips(discord, "clips")) == 2
        assert set(discord.made_by_nonce.values()) == {1}
        assert (api.creates[PROMPT], api.creates["a late one"]) == (1, 1)


@pytest.mark.parametrize("times", [1, 2], ids=["one signal", "a second signal"])
async def test_an_upload_that_does_not_end_is_handed_over(tmp_path: Path, times: int) -> None:
    async with LoopbackDiscord() as discord, VideosApi(poll_after_ms=200) as api:
        async with running(tmp_path, discord, api) as bot:
            discord.delay_next(*SEND, 60)
            await discord.slash("alice", "clips", "sora generate", {"prompt": PROMPT})
            await eventually(lambda: uploads(discord))
            began_s = time.monotonic()
            for _ in range(times):
                bot.process.send_signal(signal.SIGTERM)
                await asyncio.sleep(0.5)
            code = await asyncio.wait_for(bot.process.wait(), PATIENCE_S)
            took_s = time.monotonic() - began_s
            # The second SIGTERM ends the process at once, as if the process had no handler for
            # SIGTERM.
            assert (code, took_s < 2) == ((0, False) if times == 1 else (-signal.SIGTERM, True))
        async with running(tmp_path, discord, api) as bot:
            await delivered(discord, api)
