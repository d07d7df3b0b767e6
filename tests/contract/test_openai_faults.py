"""Faults during a paid call to an OpenAI-shaped API: each raises its own error, and no call is
sent twice.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from bot.errors import (
    ModerationError,
    NotAcceptedError,
    NotOfferedError,
    ProviderAccountError,
    ProviderRejectedError,
    RenderFailedError,
    SourceGoneError,
    UnknownOutcomeError,
)
from bot.model import Operation
from bot.providers.base import RenderState, RenderStatus
from tests.contract.conftest import REQUEST, make_openai
from tests.wire.other_host import OtherHost
from tests.wire.videos_api import VideosApi
from tests.wire.videos_faults import VideosFault

_FAULTS = [
    ("401", VideosFault.error(401, "no", "invalid_api_key"), ProviderAccountError),
    ("402", VideosFault.json(402, {"error": "balance used up"}), ProviderAccountError),
    ("403", VideosFault.error(403, "not for this project"), ProviderAccountError),
    ("403 of a guard before the API", VideosFault.html(403), ProviderRejectedError),
    ("503 for a model", VideosFault.error(503, "No channel", "model_not_found"), NotOfferedError),
    ("403 for a model", VideosFault.error(403, "no access", "model_not_found"), NotOfferedError),
    ("429", VideosFault.error(429, "slow down", "rate_limit_exceeded"), NotAcceptedError),
    ("429 html", VideosFault.html(429), NotAcceptedError),
    (
        "429 without a balance",
        VideosFault.json(429, {"error": {"message": "m", "type": "insufficient_quota"}}),
        ProviderAccountError,
    ),
    ("503 overload", VideosFault.error(503, "busy", "server_overloaded"), NotAcceptedError),
    (
        "503 with a time",
        VideosFault.json(503, {"detail": "later"}, retry_after="9"),
        NotAcceptedError,
    ),
    ("503 without a word", VideosFault.json(503, {"detail": "no"}), UnknownOutcomeError),
    ("503 html with a time", VideosFault.html(503, retry_after="9"), UnknownOutcomeError),
    ("500", VideosFault.error(500, "oops"), UnknownOutcomeError),
    ("502 html", VideosFault.html(502), UnknownOutcomeError),
    ("504 taken", VideosFault.html(504).but_accepted(), UnknownOutcomeError),
    ("524", VideosFault.html(524), UnknownOutcomeError),
    ("408", VideosFault.empty(408), UnknownOutcomeError),
    ("200 html", VideosFault.html(200), UnknownOutcomeError),
    ("200 empty", VideosFault.empty(200), UnknownOutcomeError),
    ("204", VideosFault.empty(204), UnknownOutcomeError),
    (
        "200 no id",
        VideosFault.json(200, {"object": "video", "status": "queued"}),
        UnknownOutcomeError,
    ),
    ("200 null", VideosFault.json(200, None), UnknownOutcomeError),
    ("200 a list", VideosFault.json(200, [1]), UnknownOutcomeError),
    ("200 error", VideosFault.json(200, {"error": {"message": "no"}}), UnknownOutcomeError),
    ("cut, taken", VideosFault.cut(), UnknownOutcomeError),
    ("cut, not taken", VideosFault.cut(accepted=False), UnknownOutcomeError),
    ("too slow", VideosFault.slow(5), UnknownOutcomeError),
    ("303", VideosFault.redirect("/v1/videos/video_1", 303), UnknownOutcomeError),
    ("400", VideosFault.error(400, "bad size"), ProviderRejectedError),
    ("409", VideosFault.error(409, "conflict"), ProviderRejectedError),
    ("413", VideosFault.html(413), ProviderRejectedError),
    (
        "422",
        VideosFault.json(422, {"detail": [{"loc": ["body"], "msg": "m"}]}),
        ProviderRejectedError,
    ),
    ("moderation", VideosFault.error(400, "no", "moderation_blocked"), ModerationError),
    ("sentinel", VideosFault.error(400, "no", "sentinel_block"), ModerationError),
    ("policy", VideosFault.error(403, "no", "content_policy_violation"), ModerationError),
    ("sentence", VideosFault.error(400, "Violates our content policy."), ModerationError),
]
_REFUSALS_OF_A_CREATE = [
    ("307", VideosFault.redirect("/v1/videos", 307)),
    ("404", VideosFault.error(404, "no such model", "model_not_found")),
    ("404 html", VideosFault.html(404)),
    ("405", VideosFault.json(405, {"detail": "Method Not Allowed"})),
]
_SHAPES = [
    None,
    "trouble",
    {"message": "trouble"},
    {"code": "c", "message": "trouble"},
    {"message": "trouble", "type": "t", "param": None, "code": None},
    {"error": None},
    {"error": "trouble"},
    {"error": {"message": "trouble"}},
    {"detail": "trouble"},
    {"detail": [{"loc": ["body", "size"], "msg": "trouble"}]},
    {"status": 500, "title": "T", "detail": "trouble"},
    [{"error": {"code": 500, "message": "trouble"}}],
    [],
    42,
]


@pytest.mark.parametrize(
    ("fault", "expected"), [row[1:] for row in _FAULTS], ids=[row[0] for row in _FAULTS]
)
async def test_a_paid_call_that_fails_is_sent_once_and_named_rightly(
    videos_api, openai, paid, fault, expected
):
    before = videos_api.requests.total()
    videos_api.fault(paid.route, fault)
    with pytest.raises(expected) as caught:
        await openai.submit(paid.request)
    assert type(caught.value) is expected
    assert videos_api.requests[paid.route] == 1
    assert videos_api.requests.total() == before + 1
    assert videos_api.violations == []


@pytest.mark.parametrize(
    "fault",
    [row[1] for row in _REFUSALS_OF_A_CREATE],
    ids=[row[0] for row in _REFUSALS_OF_A_CREATE],
)
async def test_a_create_without_an_address_is_refused_for_good(videos_api, openai, fault):
    videos_api.fault("create", fault)
    with pytest.raises(ProviderRejectedError):
        await openai.submit(REQUEST)
    assert videos_api.requests.total() == 1
    assert openai.capabilities().models[0].operations == frozenset(Operation)


@pytest.mark.parametrize("shape", _SHAPES, ids=repr)
@pytest.mark.parametrize(
    ("status", "expected"), [(400, ProviderRejectedError), (500, UnknownOutcomeError)]
)
async def test_every_shape_of_error_is_understood_when_ordering(
    videos_api, openai, paid, shape, status, expected
):
    videos_api.fault(paid.route, VideosFault.json(status, shape))
    with pytest.raises(expected) as caught:
        await openai.submit(paid.request)
    assert str(status) in str(caught.value)
    assert "trouble" in str(caught.value) or "trouble" not in repr(shape)


@pytest.mark.parametrize("shape", _SHAPES, ids=repr)
async def test_every_shape_of_error_is_understood_in_a_failed_job(videos_api, openai, shape):
    videos_api.fault(
        "create", VideosFault.render_failed({"error": None} if shape is None else shape)
    )
    remote = await openai.submit(REQUEST)
    seen = (await openai.poll([remote.id]))[remote.id]
    assert isinstance(seen, RenderStatus)
    assert seen.state is RenderState.FAILED
    assert isinstance(seen.error, RenderFailedError)


async def test_a_job_stopped_by_the_content_rules_says_so(videos_api, openai, paid):
    videos_api.fault(paid.route, VideosFault.moderated())
    remote = await openai.submit(paid.request)
    seen = (await openai.poll([remote.id]))[remote.id]
    assert isinstance(seen, RenderStatus)
    assert isinstance(seen.error, ModerationError)


@pytest.mark.parametrize("operation", Operation)
async def test_a_server_that_is_not_there_has_certainly_not_taken_the_order(
    autojump_clock, operation
):
    async with VideosApi() as gone:
        base_url = gone.base_url
    openai = make_openai(base_url, autojump_clock)
    source = None if operation is Operation.GENERATE else "video_1"
    with pytest.raises(NotAcceptedError):
        await openai.submit(replace(REQUEST, operation=operation, source_remote_id=source))
    await openai.close()


@pytest.mark.parametrize(
    ("headers", "expected_s"),
    [
        ({"retry_after": "7"}, 7.0),
        ({"retry_after": "9999"}, 120.0),
        ({"retry_after_ms": "1500", "retry_after": "7"}, 1.5),
        ({"retry_after": "Fri, 01 Jan 1999 00:00:00 GMT"}, 0.0),
        ({"retry_after": "soon"}, None),
        ({"retry_after": "-5"}, None),
        ({}, None),
    ],
)
async def test_a_full_api_says_when_to_come_back(videos_api, openai, paid, headers, expected_s):
    videos_api.fault(paid.route, VideosFault.error(429, "full", **headers))
    with pytest.raises(NotAcceptedError) as caught:
        await openai.submit(paid.request)
    assert caught.value.retry_after_s == expected_s


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_an_order_never_follows_a_redirect(videos_api, openai, paid, status):
    async with OtherHost() as host:
        videos_api.fault(paid.route, VideosFault.redirect(host.url, status))
        with pytest.raises((UnknownOutcomeError, ProviderRejectedError, SourceGoneError)):
            await openai.submit(paid.request)
    assert host.headers_seen == []
    assert videos_api.requests[paid.route] == 1


async def test_a_cancelled_order_is_not_sent_again(videos_api, openai, paid):
    videos_api.fault(paid.route, VideosFault.slow(0.2))
    task = asyncio.create_task(openai.submit(paid.request))
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert videos_api.requests[paid.route] == 1


async def test_an_order_whose_answer_was_lost_is_found_in_the_list(
    videos_api, openai, autojump_clock, paid
):
    since = autojump_clock.now()
    videos_api.fault(paid.route, VideosFault.cut(accepted=True))
    with pytest.raises(UnknownOutcomeError):
        await openai.submit(paid.request)
    [found] = [each for each in await openai.recent(since) if each.prompt == REQUEST.prompt]
    seconds = {"create": 4, "remix": 8, "extend": 8 + 4}[paid.route]
    assert (found.model, found.seconds, found.size) == ("sora-2", seconds, REQUEST.size)
    assert found.source_remote_id == (
        paid.request.source_remote_id if paid.route == "remix" else None
    )
    assert videos_api.creates[REQUEST.prompt] == 1


async def test_a_picture_goes_along_as_a_file(videos_api, openai, tmp_path: Path):
    image = tmp_path / "cat.bin"
    image.write_bytes(b"\xff\xd8\xff\xe0" + bytes(3000))
    await openai.submit(replace(REQUEST, image=image))
    assert videos_api.violations == []
    assert videos_api.images == [image.read_bytes()]
    assert videos_api.forms == [
        {
            "prompt": REQUEST.prompt,
            "model": "sora-2",
            "seconds": "4",
            "size": "1280x720",
            "input_reference": "image/jpeg",
        }
    ]


async def test_a_picture_that_is_none_costs_nothing(videos_api, openai, tmp_path: Path):
    for content in (b"<html>", b""):
        image = tmp_path / "cat.png"
        image.write_bytes(content)
        with pytest.raises(ProviderRejectedError):
            await openai.submit(replace(REQUEST, image=image))
    assert videos_api.requests["create"] == 0
