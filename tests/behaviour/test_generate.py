"""`/sora generate` as members see it."""

from pathlib import Path

import pytest

from bot.model import State
from tests.behaviour.town import town, words
from tests.wire.videos_api import VideosApi

PROMPT = "a calico cat plays piano"


async def test_a_prompt_becomes_a_card_and_then_a_clip_in_the_same_channel(tmp_path: Path) -> None:
    async with town(tmp_path) as t:
        answered = await t.alice.slash(t.channel, "sora generate", prompt=PROMPT, seconds=8)
        assert answered.response is not None
        assert not answered.ephemeral
        assert "piano" in words(answered.response.embeds[0])
        job = await t.job_in(State.DONE)
        (clip,) = t.clips()
        assert clip.id == job.message_id
        assert clip.attachments[0].filename == f"sora-{job.id}.mp4"
        assert await clip.attachments[0].read() == t.api.content
        assert [user.id for user in clip.mentions] == [t.alice.id]
        assert PROMPT in clip.content
        assert "$0.80" in clip.content
        await t.until(lambda: "Done" in t.card_text())
        assert str(job.message_id) in t.card_text()
        assert t.api.violations == []
        assert t.api.creates[PROMPT] == 1
