"""Guild settings that another process changes, such as the operator's shell, apply at once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from bot.app import open_admin_context
from bot.guild import EVERYWHERE
from bot.storage.guild_settings import Actor
from tests.behaviour.clips import private_answer
from tests.behaviour.harness import BotHarness, bot_harness
from tests.wire.videos_api import VideosApi


def slow() -> VideosApi:
    return VideosApi(ready_after_s=600, poll_after_ms=1000)


async def changed_elsewhere(t: BotHarness, guild_id: int, **changes: Any) -> None:
    """Change guild settings over a second database connection, as another process would."""
    context = await open_admin_context(t.settings)
    try:
        seen = await context.guild_store.guild_settings(guild_id)
        actor = Actor(user_id=None, at=context.clock.now())
        changed = replace(seen, **changes)
        assert await context.guild_store.replace_guild_settings(
            guild_id, changed, actor, expected=seen
        )
    finally:
        await context.store.close()


async def asked(t: BotHarness) -> str | None:
    """Have alice request a clip; return the text of the refusal, or None if there was none."""
    shown = await t.alice.slash(t.channel, "sora generate", prompt="a cat")
    assert shown.response is not None
    return private_answer(shown) if shown.ephemeral else None


async def test_an_order_is_made_anew_under_the_rules_of_now(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, api=slow()) as t:
        assert await asked(t) is None
        await changed_elsewhere(t, t.guild.id, default_seconds=12)
        assert await asked(t) is None
        assert [job.spec.seconds for job in await t.jobs()] == [4, 12]


async def test_an_order_that_the_rules_of_now_forbid_is_refused_with_their_words(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path, api=slow()) as t:
        assert await asked(t) is None
        other = t.guild.create_text_channel("other")
        await changed_elsewhere(t, t.guild.id, channel_ids=(other.id,))
        assert f"<#{other.id}>" in (await asked(t) or "")
        assert len(await t.jobs()) == 1


async def test_a_service_that_the_operator_has_just_drained_gets_no_order(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, api=slow()) as t:
        assert await asked(t) is None
        await changed_elsewhere(t, EVERYWHERE, drained_providers=("openai",))
        assert "No video service is available" in (await asked(t) or "")
        assert len(await t.jobs()) == 1
