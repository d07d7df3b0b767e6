"""Tests what a status card says after the bot was away."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from tests.chaos.actions import ask
from tests.chaos.bot_pool import bot_pool
from tests.chaos.harness import ChaosHarness, chaos_harness, until

_RESUMED = "Resumed after a restart"


def put_back(harness: ChaosHarness, seconds: int) -> None:
    """Move all times of jobs into the past, as if the bot had been away since then."""
    columns = ("created_at", "state_at", "due_at", "submitted_at", "rendered_at", "posting_at")
    with closing(sqlite3.connect(harness.database)) as conn:
        for column in columns:
            conn.execute(f"UPDATE jobs SET {column} = {column} - {seconds * 1000}")  # noqa: S608
        conn.commit()


@pytest.mark.parametrize("away_s", [0, 90])
async def test_a_card_says_so_when_the_bot_was_away_for_more_than_a_minute(away_s: int) -> None:
    async with bot_pool() as pool, chaos_harness(pool) as harness:
        harness.openai.ready_after_s = 2.0
        async with harness.connected_bot():
            asked = await ask(harness)
            await until(
                lambda: harness.rows(
                    "SELECT 1 FROM jobs WHERE state = 'rendering' AND progress > 0"
                )
            )
        put_back(harness, away_s)
        async with harness.connected_bot():
            await until(lambda: harness.rows("SELECT 1 FROM jobs WHERE state = 'done'"))
            later = await ask(harness)

            def cards() -> list[str]:
                posts = [each.card for each in (asked, later)]
                world = harness.discord.world
                return [
                    str(world.message(each["channel_id"], each["id"])["embeds"]) for each in posts
                ]

            await until(lambda: all("Watch the clip" in each for each in cards()))
            assert [_RESUMED in each for each in cards()] == [away_s > 60, False]
