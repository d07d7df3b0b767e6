"""Faults while polling, listing and deleting at an OpenAI-shaped API.

The provider retries these calls, because they cost nothing. It never takes a fault for an answer
about a render.
"""

from __future__ import annotations

import logging

import pytest

from bot.errors import (
    ProviderAccountError,
    ProviderTroubleError,
    RemoteNotFoundError,
)
from bot.providers.base import RenderState, RenderStatus
from tests.contract.conftest import REQUEST
from tests.wire.other_host import OtherHost
from tests.wire.videos_api import KEY
from tests.wire.videos_faults import VideosFault


@pytest.mark.parametrize(
    "fault",
    [
        VideosFault.html(502),
        VideosFault.html(200),
        VideosFault.error(500, "oops"),
        VideosFault.error(429, "slow down"),
        VideosFault.cut(),
        VideosFault.empty(200),
    ],
    ids=["502", "200 html", "500", "429", "cut", "empty"],
)
async def test_trouble_while_polling_is_never_a_failed_render(videos_api, openai, fault):
    remote = await openai.submit(REQUEST)
    videos_api.fault("retrieve", fault, times=9)
    seen = (await openai.poll([remote.id]))[remote.id]
    assert isinstance(seen, ProviderTroubleError)
    assert seen.retryable


@pytest.mark.parametrize(
    "fault", [VideosFault.html(502), VideosFault.error(429, "m", retry_after="3")]
)
async def test_a_poll_that_stumbles_once_still_answers(videos_api, openai, autojump_clock, fault):
    remote = await openai.submit(REQUEST)
    videos_api.fault("retrieve", fault)
    seen = (await openai.poll([remote.id]))[remote.id]
    assert isinstance(seen, RenderStatus)
    assert videos_api.requests["retrieve"] == 2
    [waited_s] = [each for each in autojump_clock.slept_s if each]
    assert (waited_s == 3.0) == ("retry-after" in fault.headers)


async def test_a_long_hint_is_handed_on_and_not_waited_out(videos_api, openai, autojump_clock):
    remote = await openai.submit(REQUEST)
    videos_api.fault("retrieve", VideosFault.error(429, "m", retry_after="45"), times=5)
    seen = (await openai.poll([remote.id]))[remote.id]
    assert isinstance(seen, ProviderTroubleError)
    assert seen.retry_after_s == 45.0
    assert not any(autojump_clock.slept_s)
    assert videos_api.requests["retrieve"] == 1


async def test_a_poll_that_is_sent_elsewhere_leaves_the_key_at_home(videos_api, openai):
    remote = await openai.submit(REQUEST)
    async with OtherHost(b"{}") as host:
        videos_api.fault("retrieve", VideosFault.redirect(host.url), times=9)
        seen = (await openai.poll([remote.id]))[remote.id]
    assert isinstance(seen, ProviderTroubleError)
    assert host.headers_seen
    assert KEY not in repr(host.headers_seen)


async def test_a_poll_that_is_refused_is_not_repeated(videos_api, openai):
    remote = await openai.submit(REQUEST)
    for fault, expected in (
        (VideosFault.error(401, "m"), ProviderAccountError),
        (VideosFault.error(403, "m"), ProviderAccountError),
        (VideosFault.error(404, "m"), RemoteNotFoundError),
        (VideosFault.error(400, "task_not_exist"), RemoteNotFoundError),
        (VideosFault.error(400, "m"), ProviderTroubleError),
    ):
        before = videos_api.requests["retrieve"]
        videos_api.fault("retrieve", fault)
        assert type((await openai.poll([remote.id]))[remote.id]) is expected
        assert videos_api.requests["retrieve"] == before + 1


async def test_a_page_for_browsers_with_404_does_not_lose_a_job(videos_api, openai):
    remote = await openai.submit(REQUEST)
    videos_api.fault("retrieve", VideosFault.html(404), times=9)
    assert isinstance((await openai.poll([remote.id]))[remote.id], ProviderTroubleError)


async def test_one_lost_job_does_not_hide_the_others(videos_api, openai):
    videos_api.fault("create", VideosFault.lost())
    lost = await openai.submit(REQUEST)
    kept = await openai.submit(REQUEST)
    seen = await openai.poll([lost.id, kept.id, "../../etc/passwd", "..", ""])
    assert isinstance(seen[kept.id], RenderStatus)
    assert [type(seen[each]) for each in (lost.id, "../../etc/passwd", "..", "")] == [
        RemoteNotFoundError
    ] * 4
    assert videos_api.violations == []


async def test_ids_of_any_spelling_come_back_whole(videos_api, openai):
    for odd in ("video_YWJj+/8=", "a b?c#d%2e", "ünï/..", "..a"):
        videos_api.add_render({"prompt": "p"}, id=odd)
        seen = (await openai.poll([odd]))[odd]
        assert isinstance(seen, RenderStatus), odd
        assert seen.id == odd
        assert await openai.delete(odd)
    assert videos_api.violations == []
    assert videos_api.renders == {}


async def test_an_unknown_status_keeps_the_job_running_and_is_logged_once(
    videos_api, openai, caplog
):
    remote = await openai.submit(REQUEST)
    videos_api.renders[remote.id].status = "daydreaming"
    with caplog.at_level(logging.INFO):
        for _ in range(3):
            seen = (await openai.poll([remote.id]))[remote.id]
            assert isinstance(seen, RenderStatus)
            assert seen.state is RenderState.RUNNING
    assert sum("daydreaming" in line for line in caplog.messages) == 1


async def test_the_api_can_slow_down_polling(videos_api, openai):
    videos_api.poll_after_ms = 2500
    remote = await openai.submit(REQUEST)
    assert remote.poll_after_s == 2.5
    seen = (await openai.poll([remote.id]))[remote.id]
    assert isinstance(seen, RenderStatus)
    assert seen.poll_after_s == 2.5


async def test_the_list_is_read_to_its_end(videos_api, openai, autojump_clock):
    videos_api.page_max = 10
    for number in range(37):
        videos_api.add_render({"prompt": f"p{number}"})
    found = await openai.recent(autojump_clock.now().replace(year=2020))
    assert {each.prompt for each in found} == {f"p{number}" for number in range(37)}
    assert videos_api.requests["list"] == 4


async def test_the_list_is_left_where_it_gets_older_than_asked(videos_api, openai, autojump_clock):
    videos_api.page_max = 10
    now_s = int(autojump_clock.now().timestamp())
    for number in range(90):
        videos_api.add_render({"prompt": f"p{number}"}, created_at=now_s - 60 * number)
    since = autojump_clock.now().replace(microsecond=0)
    since = since.fromtimestamp(now_s - 60 * 12, since.tzinfo)
    found = await openai.recent(since)
    assert {each.prompt for each in found} == {f"p{number}" for number in range(13)}
    assert videos_api.requests["list"] == 2


async def test_half_a_list_is_no_list(videos_api, openai, autojump_clock):
    videos_api.page_max = 10
    for number in range(25):
        videos_api.add_render({"prompt": f"p{number}"})
    for fault in (
        VideosFault.html(502),
        VideosFault.error(404, "m"),
        VideosFault.json(200, {"data": [{}]}),
    ):
        await openai.recent(autojump_clock.now().replace(year=2020))
        videos_api.fault("list", VideosFault.slow(0), *[fault] * 3)
        with pytest.raises(ProviderTroubleError):
            await openai.recent(autojump_clock.now().replace(year=2020))
        videos_api.drop_faults()


async def test_a_list_that_runs_in_circles_is_given_up(videos_api, openai, autojump_clock):
    page = {"data": [{"id": "video_1", "status": "queued"}], "has_more": True}
    videos_api.fault("list", VideosFault.json(200, page), times=9)
    with pytest.raises(ProviderTroubleError):
        await openai.recent(autojump_clock.now())
    assert videos_api.requests["list"] == 2


async def test_a_server_that_lists_everything_at_once_is_understood(
    videos_api, openai, autojump_clock
):
    page = {"object": "list", "data": [{"id": "video_1", "status": "queued"}]}
    videos_api.fault("list", VideosFault.json(200, page), times=9)
    assert [each.id for each in await openai.recent(autojump_clock.now())] == ["video_1"]


async def test_deleting_what_is_still_rendered_is_trouble_and_no_lie(videos_api, openai):
    videos_api.ready_after_s = 60
    remote = await openai.submit(REQUEST)
    with pytest.raises(ProviderTroubleError):
        await openai.delete(remote.id)
    assert remote.id in videos_api.renders


async def test_a_server_without_delete_is_told_from_one_that_deleted(videos_api, openai):
    remote = await openai.submit(REQUEST)
    videos_api.fault("delete", VideosFault.json(405, {"detail": "Method Not Allowed"}))
    assert await openai.delete(remote.id) is False
    videos_api.fault("delete", VideosFault.json(200, {"id": remote.id, "deleted": False}))
    assert await openai.delete(remote.id) is False
    assert await openai.delete(remote.id) is True
    assert await openai.delete(remote.id) is True
