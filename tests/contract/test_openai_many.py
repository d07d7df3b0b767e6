"""Polling many renders at once: one list request replaces many requests and is just as reliable."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bot.errors import ProviderTroubleError, RemoteNotFoundError
from bot.providers.base import RenderState, RenderStatus
from tests.contract.conftest import REQUEST
from tests.patience import PATIENCE_S
from tests.wire.videos_faults import VideosFault

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


async def submitted(openai, count: int) -> list[str]:
    requests = [replace(REQUEST, idempotency_key=f"JOB{number}") for number in range(count)]
    return [(await openai.submit(request)).id for request in requests]


async def test_many_renders_are_asked_for_with_one_request(videos_api, openai):
    ids = await submitted(openai, 30)
    answers = await openai.poll(ids)
    assert {answers[each].state for each in ids} == {RenderState.READY}
    assert videos_api.requests["list"] == 1
    assert videos_api.requests["retrieve"] == 0


async def test_one_render_is_asked_for_by_its_id(videos_api, openai):
    (only,) = await submitted(openai, 1)
    await openai.poll([only])
    assert videos_api.requests["list"] == 0
    assert videos_api.requests["retrieve"] == 1


async def test_what_the_list_no_longer_shows_is_asked_for_by_id(videos_api, openai):
    old = await submitted(openai, 2)
    videos_api.page_max = 2
    new = await submitted(openai, 5)
    answers = await openai.poll([*old, new[-1]])
    assert all(isinstance(answers[each], RenderStatus) for each in [*old, new[-1]])
    assert videos_api.requests["list"] == 2
    assert videos_api.requests["retrieve"] == 2


async def test_an_id_that_nobody_knows_is_still_told_as_such(videos_api, openai):
    ids = await submitted(openai, 2)
    answers = await openai.poll([*ids, "video_unknown"])
    assert isinstance(answers["video_unknown"], RemoteNotFoundError)
    assert all(isinstance(answers[each], RenderStatus) for each in ids)


@pytest.mark.parametrize(
    "fault",
    [
        VideosFault.html(502),
        VideosFault.html(200),
        VideosFault.empty(200),
        VideosFault.error(401, "no"),
    ],
    ids=["502", "200 html", "empty", "401"],
)
async def test_a_list_in_trouble_is_made_up_for_by_ids(videos_api, openai, fault):
    ids = await submitted(openai, 3)
    videos_api.fault("list", fault, times=9)
    answers = await openai.poll(ids)
    assert all(isinstance(answers[each], RenderStatus) for each in ids)
    assert videos_api.requests["retrieve"] == 3


async def test_a_server_without_a_list_is_not_asked_for_it_again(videos_api, openai):
    ids = await submitted(openai, 3)
    videos_api.fault("list", VideosFault.error(404, "no such route"), times=9)
    await openai.poll(ids)
    asked = videos_api.requests["list"]
    await openai.poll(ids)
    assert videos_api.requests["list"] == asked
    assert videos_api.requests["retrieve"] == 6


async def test_one_answer_that_hangs_does_not_hold_up_the_others(videos_api, openai):
    ids = await submitted(openai, 2)
    ids.append((await openai.submit(replace(REQUEST, idempotency_key="SLOW", prompt="slow"))).id)
    videos_api.fault("list", VideosFault.error(404, "no such route"), times=9)
    videos_api.fault("retrieve", VideosFault.slow(60), prompt="slow", times=9)
    async with asyncio.timeout(PATIENCE_S):
        answers = await openai.poll(ids)
    kinds = [type(answers[each]) for each in ids]
    assert kinds.count(RenderStatus) == 2
    assert kinds.count(ProviderTroubleError) == 1


@pytest.mark.parametrize("status", [404, 405, 410, 501])
async def test_a_list_that_was_there_and_is_not_for_once_proves_nothing(openai, videos_api, status):
    known = await openai.submit(REQUEST)
    assert [each.id for each in await openai.recent(LONG_AGO)] == [known.id]
    videos_api.fault("list", VideosFault.json(status, {"error": {"message": "no such route"}}))
    with pytest.raises(ProviderTroubleError):
        await openai.recent(LONG_AGO)
    assert [each.id for each in await openai.recent(LONG_AGO)] == [known.id]
