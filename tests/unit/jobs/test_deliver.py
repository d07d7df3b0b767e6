"""The nonce of a clip message, and the notice about a kept clip."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.chat.clips.clip_message import clip_nonce
from bot.errors import PlaceClosedError
from bot.jobs.deliver import kept_notice
from bot.model import Job, Place, RenderSpec, Size, State
from tests.wire.autojump_clock import AutojumpClock

HERE = Place(guild_id=7, channel_id=1573299637652029440, upload_limit_bytes=1)
DIRECT = Place(guild_id=None, channel_id=1573299637652029441, upload_limit_bytes=1)


def job(job_id: str, place: Place = HERE) -> Job:
    now = AutojumpClock().now()
    size = Size(width_px=128, height_px=72)
    return Job(
        id=job_id,
        request_id=1,
        variant=0,
        user_id=1,
        place=place,
        spec=RenderSpec(prompt="a cat", provider="p", model="m", seconds=4, size=size),
        seed=1,
        state=State.POSTING,
        created_at=now,
        state_at=now,
        due_at=now,
    )


@pytest.mark.parametrize("job_id", ["K7Q2", "K7Q2X9", "K7Q2X9K7Q2X9"])
def test_a_nonce_is_one_of_its_place_and_fits_discord(job_id: str) -> None:
    there = clip_nonce(job(job_id), is_moved=True)
    besides = clip_nonce(job(job_id, replace(HERE, channel_id=HERE.channel_id + 1)), is_moved=True)
    first = clip_nonce(job(job_id), is_moved=False)
    assert len({first, there, besides}) == 3
    assert all(len(each) <= 25 for each in (first, there, besides))
    assert there == clip_nonce(job(job_id), is_moved=True)


@pytest.mark.parametrize(
    ("asked_in", "words"), [(HERE, "in the server where you asked"), (DIRECT, "job:K7Q2` here")]
)
def test_a_member_is_told_where_a_kept_clip_can_be_got(asked_in: Place, words: str) -> None:
    told = kept_notice(job("K7Q2"), PlaceClosedError("403 Forbidden (50013)"), asked_in)
    assert words in told
    assert "I kept it for you" in told
    assert "50013" not in told
