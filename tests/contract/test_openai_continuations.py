"""Remixes and extensions at an OpenAI-shaped API: the bytes sent, and the error when an API has no
such endpoint.
"""

from __future__ import annotations

import json
import logging
from dataclasses import replace

import pytest

from bot.errors import (
    ProviderAccountError,
    ProviderRejectedError,
    SourceGoneError,
    UnknownOutcomeError,
)
from bot.model import Operation
from bot.providers.base import RenderState, RenderStatus
from tests.contract.conftest import REQUEST
from tests.wire.videos_faults import VideosFault

_NO_SOURCE = [
    ("404", VideosFault.error(404, "Video 'video_1' not found.", "not_found")),
    ("404 without a word", VideosFault.empty(404)),
    ("404 detail", VideosFault.json(404, {"detail": "Video not found"})),
    ("410", VideosFault.error(410, "gone")),
    ("400 of CometAPI", VideosFault.json(400, {"code": "task_not_exist", "message": "no"})),
    ("400 of new-api", VideosFault.error(400, "task_origin_not_exist")),
    ("400 code", VideosFault.error(400, "bad request", "video_not_found")),
    ("400 sentence", VideosFault.error(400, "The video `video_1` does not exist.")),
    ("422 sentence", VideosFault.error(422, "Source video has expired")),
    ("no such", VideosFault.error(400, "No such video: video_1")),
    ("301", VideosFault.redirect("/login", 301)),
    ("308", VideosFault.redirect("/v1/other", 308)),
]
_NO_CALL = [
    ("405", VideosFault.json(405, {"detail": "Method Not Allowed"})),
    ("501", VideosFault.error(501, "not implemented")),
    ("404 html", VideosFault.html(404)),
    ("404 of FastAPI", VideosFault.json(404, {"detail": "Not Found"})),
    ("404 of OpenAI", VideosFault.error(404, "Invalid URL (POST /v1/videos/v/remix)")),
    ("404 of Go", VideosFault(status=404, body=b"404 page not found\n", content_type="text/plain")),
]
_ABOUT_THE_REQUEST = [
    ("400", VideosFault.error(400, "prompt too long")),
    ("not completed", VideosFault.error(400, "The video is not completed.")),
    ("model", VideosFault.error(400, "The video model does not exist", "model_not_found")),
    ("409", VideosFault.error(409, "The video is still being made.")),
]


def _faults(rows):
    return pytest.mark.parametrize("fault", [row[1] for row in rows], ids=[row[0] for row in rows])


def _operations(openai):
    return {operation for model in openai.capabilities().models for operation in model.operations}


async def test_a_remix_sends_its_words_and_nothing_else(videos_api, openai, parent):
    request = replace(REQUEST, seconds=12, operation=Operation.REMIX, source_remote_id=parent.id)
    remote = await openai.submit(request)
    assert videos_api.violations == []
    [asked] = videos_api.continuations
    assert (asked.route, asked.source, asked.body) == (
        "remix",
        parent.id,
        {"prompt": REQUEST.prompt},
    )
    assert (remote.source_remote_id, remote.prompt) == (parent.id, REQUEST.prompt)
    # A remix has the length of its source; OpenAI's API ignores the length requested.
    assert (remote.model, remote.seconds, remote.size) == ("sora-2", 8, REQUEST.size)
    assert videos_api.creates[REQUEST.prompt] == 1


async def test_an_extension_names_its_source_and_the_seconds_to_add(videos_api, openai, parent):
    request = replace(REQUEST, operation=Operation.EXTEND, source_remote_id=parent.id)
    remote = await openai.submit(request)
    assert videos_api.violations == []
    [asked] = videos_api.continuations
    assert asked.route == "extend"
    assert asked.body == {"prompt": REQUEST.prompt, "seconds": "4", "video": {"id": parent.id}}
    assert remote.seconds == 8 + 4
    assert videos_api.creates[REQUEST.prompt] == 1


async def test_the_result_can_be_polled_and_continued_again(openai, continuation):
    child = await openai.submit(continuation.request)
    grandchild = await openai.submit(replace(continuation.request, source_remote_id=child.id))
    seen = (await openai.poll([grandchild.id]))[grandchild.id]
    assert isinstance(seen, RenderStatus)
    assert seen.state is RenderState.READY
    assert seen.seconds == (8 if continuation.route == "remix" else 8 + 4 + 4)


@_faults(_NO_SOURCE)
async def test_a_source_that_is_not_there_has_certainly_cost_nothing(
    videos_api, openai, continuation, fault
):
    videos_api.fault(continuation.route, fault)
    with pytest.raises(SourceGoneError):
        await openai.submit(continuation.request)
    assert videos_api.requests[continuation.route] == 1
    assert _operations(openai) == set(Operation)


@_faults(_NO_CALL)
async def test_an_extension_that_the_server_lacks_is_taken_back_and_logged_once(
    videos_api, openai, parent, fault, caplog
):
    caplog.set_level(logging.WARNING, "bot.providers.vendors.http_provider")
    videos_api.fault("extend", fault, times=2)
    for _ in range(2):
        with pytest.raises(SourceGoneError):
            await openai.submit(
                replace(REQUEST, operation=Operation.EXTEND, source_remote_id=parent.id)
            )
    assert videos_api.requests["extend"] == 2
    assert _operations(openai) == set(Operation) - {Operation.EXTEND}
    said = [each for each in caplog.records if each.name == "bot.providers.vendors.http_provider"]
    assert ["extend" in each.getMessage() for each in said] == [True]


@_faults(_NO_CALL)
async def test_a_server_without_remixes_is_asked_for_edits_from_the_next_on(
    videos_api, openai, parent, fault
):
    request = replace(REQUEST, operation=Operation.REMIX, source_remote_id=parent.id)
    videos_api.fault("remix", fault)
    with pytest.raises(SourceGoneError):
        await openai.submit(request)
    assert videos_api.requests["edit"] == 0
    assert _operations(openai) == set(Operation)
    await openai.submit(request)
    asked = videos_api.continuations[-1]
    assert asked.route == "edit"
    assert asked.body == {"prompt": REQUEST.prompt, "video": {"id": parent.id}}
    assert videos_api.requests["remix"] == 1
    assert videos_api.creates[REQUEST.prompt] == 1


@_faults(_NO_CALL)
async def test_a_server_without_remixes_and_edits_is_asked_for_neither(
    videos_api, openai, parent, fault
):
    request = replace(REQUEST, operation=Operation.REMIX, source_remote_id=parent.id)
    videos_api.fault("remix", fault)
    videos_api.fault("edit", fault)
    for _ in range(2):
        with pytest.raises(SourceGoneError):
            await openai.submit(request)
    assert _operations(openai) == set(Operation) - {Operation.REMIX}
    assert videos_api.creates[REQUEST.prompt] == 0


@_faults(_ABOUT_THE_REQUEST)
async def test_a_refusal_for_another_reason_is_no_missing_source(
    videos_api, openai, continuation, fault
):
    videos_api.fault(continuation.route, fault)
    with pytest.raises(ProviderRejectedError):
        await openai.submit(continuation.request)
    assert _operations(openai) == set(Operation)


async def test_a_refused_key_or_a_lost_answer_is_no_missing_source(
    videos_api, openai, continuation
):
    for fault, expected in (
        (VideosFault.error(404, "no", "invalid_api_key"), ProviderAccountError),
        (VideosFault.error(403, "The video does not exist."), ProviderAccountError),
        (VideosFault.error(500, "The video does not exist."), UnknownOutcomeError),
        (VideosFault.html(200), UnknownOutcomeError),
    ):
        videos_api.fault(continuation.route, fault)
        with pytest.raises(expected):
            await openai.submit(continuation.request)
    assert _operations(openai) == set(Operation)


async def test_a_source_that_was_deleted_is_gone(videos_api, openai, continuation, parent):
    await openai.delete(parent.id)
    with pytest.raises(SourceGoneError):
        await openai.submit(continuation.request)
    assert videos_api.creates[REQUEST.prompt] == 0


@pytest.mark.parametrize("source", [None, "", ".", "..", "a\nb", "x" * 2000])
async def test_a_source_that_is_no_id_is_not_asked_for(videos_api, openai, continuation, source):
    with pytest.raises(SourceGoneError):
        await openai.submit(replace(continuation.request, source_remote_id=source))
    assert videos_api.requests[continuation.route] == 0


async def test_a_source_of_any_spelling_is_named_whole(videos_api, openai, continuation):
    odd = "video_b3BlbmFp/c29yYQ+=?#%2f"
    videos_api.add_render({"prompt": "odd", "seconds": "8"}, id=odd)
    await openai.submit(replace(continuation.request, source_remote_id=odd))
    assert [asked.source for asked in videos_api.continuations] == [odd]
    assert videos_api.violations == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("videos/{id}/remix", {"prompt": "p", "seconds": "4"}),
        ("videos/{id}/remix", {"prompt": ""}),
        ("videos/{id}/remix", {}),
        ("videos/extensions", {"prompt": "p", "seconds": 4, "video": {"id": "{id}"}}),
        ("videos/extensions", {"prompt": "p", "seconds": "5", "video": {"id": "{id}"}}),
        ("videos/extensions", {"prompt": "p", "seconds": "4", "video": "{id}"}),
        ("videos/extensions", {"prompt": "p", "video": {"id": "{id}"}}),
    ],
)
async def test_the_loopback_api_bears_no_other_request(videos_api, openai, parent, path, body):
    filled = json.loads(json.dumps(body).replace("{id}", parent.id))
    with pytest.raises(ProviderRejectedError):
        await openai._transport.create_from_source(path.replace("{id}", parent.id), filled)
    assert len(videos_api.violations) == 1
    assert videos_api.creates.total() == 1


async def test_the_loopback_api_continues_finished_renders_only(videos_api, openai, continuation):
    videos_api.renders[continuation.request.source_remote_id].status = "in_progress"
    with pytest.raises(ProviderRejectedError):
        await openai.submit(continuation.request)
    assert videos_api.creates[REQUEST.prompt] == 0


async def test_a_test_can_make_clips_of_what_was_ordered(
    videos_api, openai, continuation, parent, target
):
    plain = videos_api.content
    videos_api.content_of = lambda job: plain + _free(job.route) if job.source else None
    child = await openai.submit(continuation.request)
    for remote, told in ((parent, b""), (child, _free(continuation.route))):
        got = await openai.download(remote.id, target, max_bytes=10**7)
        assert got.path.read_bytes() == plain + told
        target.unlink()


def _free(word: str) -> bytes:
    """A box that players skip."""
    return (8 + len(word)).to_bytes(4) + b"free" + word.encode()
