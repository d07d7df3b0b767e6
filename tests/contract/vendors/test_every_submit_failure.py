"""Failed paid calls at every vendor: each fault raises its own error, and no call is sent twice."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from bot.errors import (
    ModerationError,
    NotAcceptedError,
    NotOfferedError,
    ProviderAccountError,
    ProviderError,
    ProviderRejectedError,
    SourceGoneError,
    UnknownOutcomeError,
)
from bot.model import Operation
from bot.providers.base import ProviderRequest
from tests.contract.vendors.harness import VendorHarness, make
from tests.wire.other_host import OtherHost
from tests.wire.provider_double.faults import ProviderFault
from tests.wire.provider_double.server import ProviderDouble
from tests.wire.provider_double.wire import Refusal, RenderStage

_CERTAIN = [
    ("401", ProviderFault.json(401, {"error": "no"}), ProviderAccountError),
    ("402", ProviderFault.json(402, {"detail": "balance used up"}), ProviderAccountError),
    ("403", ProviderFault.json(403, {"error": {"message": "not for you"}}), ProviderAccountError),
    ("409", ProviderFault.json(409, {"error": {"message": "conflict"}}), ProviderRejectedError),
    ("413 html", ProviderFault.html(413), ProviderRejectedError),
    (
        "422",
        ProviderFault.json(422, {"detail": [{"loc": ["body"], "msg": "m"}]}),
        ProviderRejectedError,
    ),
    ("429", ProviderFault.json(429, {"detail": "slow down"}), NotAcceptedError),
    ("429 html", ProviderFault.html(429), NotAcceptedError),
    (
        "503 with a time",
        ProviderFault.json(503, {"detail": "later"}, retry_after="9"),
        NotAcceptedError,
    ),
    ("451", ProviderFault.json(451, {"detail": "no"}), ModerationError),
]
_UNKNOWN = [
    ("500", ProviderFault.json(500, {"error": "oops"})),
    ("500 taken", ProviderFault.json(500, {"error": "oops"}).but_accepted()),
    ("502 html", ProviderFault.html(502)),
    ("503 without a word", ProviderFault.json(503, {"detail": "no"})),
    ("503 html with a time", ProviderFault.html(503, retry_after="9")),
    ("504 taken", ProviderFault.html(504).but_accepted()),
    ("524", ProviderFault.html(524)),
    ("408", ProviderFault.empty(408)),
    ("200 html", ProviderFault.html(200)),
    ("200 empty", ProviderFault.empty(200)),
    ("204", ProviderFault.empty(204)),
    ("200 {}", ProviderFault.json(200, {})),
    ("200 null", ProviderFault.json(200, None)),
    ("200 a list", ProviderFault.json(200, [1])),
    ("200 a word", ProviderFault.json(200, "yes")),
    ("200 error", ProviderFault.json(200, {"error": {"message": "no"}})),
    ("303", ProviderFault.redirect("/elsewhere", 303)),
    ("cut, taken", ProviderFault.cut()),
    ("cut, not taken", ProviderFault.cut(accepted=False)),
    ("truncated", ProviderFault.truncated().but_accepted()),
    ("never ending", ProviderFault.endless().but_accepted()),
]
_LATE = [("too slow", ProviderFault.slow(5)), ("gone quiet", ProviderFault.drip().but_accepted())]
_REFUSALS = [
    (Refusal.REJECTED, ProviderRejectedError),
    (Refusal.MODERATED, ModerationError),
    (Refusal.BAD_KEY, ProviderAccountError),
    (Refusal.NO_BALANCE, ProviderAccountError),
    (Refusal.THROTTLED, NotAcceptedError),
    (Refusal.OVERLOADED, NotAcceptedError),
    (Refusal.BROKEN, UnknownOutcomeError),
]


async def _refused(harness: VendorHarness, request: ProviderRequest) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await harness.provider.submit(request)
    return caught.value


async def _spoiled(
    harness: VendorHarness, requests: Sequence[ProviderRequest], name: str, fault: ProviderFault
) -> list[ProviderError]:
    """Make the paid call of each request fail with `fault`; return the errors.

    Asserts that each call was sent once, and accepted only if the fault says so.
    """
    told: list[ProviderError] = []
    for request in requests:
        named = replace(request, prompt=f"{name}: {request.prompt}")
        harness.fail_paid_call(fault, named)
        before = harness.double.tries[named.prompt]
        told.append(await _refused(harness, named))
        assert harness.double.tries[named.prompt] == before + 1, name
        assert harness.double.creates[named.prompt] == fault.accepted, name
    return told


async def test_an_order_that_is_turned_away_says_why(harness):
    requests = await harness.native_requests()
    told = {row[0]: await _spoiled(harness, requests, *row[:2]) for row in _CERTAIN}
    assert _kinds(told) == {name: {expected} for name, _, expected in _CERTAIN}
    assert harness.double.violations == []


async def test_an_order_that_may_have_been_taken_is_never_called_refused(harness):
    requests = await harness.native_requests()
    told = {name: await _spoiled(harness, requests, name, fault) for name, fault in _UNKNOWN}
    assert _kinds(told) == {name: {UnknownOutcomeError} for name, _ in _UNKNOWN}
    assert harness.double.violations == []


async def test_an_order_whose_answer_never_comes_may_have_been_taken(harness):
    requests = await harness.native_requests()
    answers = await asyncio.gather(
        *(
            _spoiled(harness, requests[at:][:1], name, fault)
            for name, fault in _LATE
            for at in range(3)
        )
    )
    assert {type(error) for told in answers for error in told} == {UnknownOutcomeError}
    assert harness.double.violations == []


async def test_a_refusal_in_the_vendors_own_words_is_understood(harness):
    told: dict[str, list[ProviderError]] = {}
    for request in await harness.native_requests():
        for kind, _ in _REFUSALS:
            if harness.refuse(kind, request):
                before = harness.paid_calls()
                told.setdefault(kind, []).append(await _refused(harness, request))
                assert harness.paid_calls() == before + 1
                harness.double.drop_faults()
        assert harness.double.creates[request.prompt] == 0
    assert _kinds(told) == {kind: {expected} for kind, expected in _REFUSALS if kind in told}
    assert {Refusal.REJECTED, Refusal.BAD_KEY, Refusal.THROTTLED} <= told.keys()


async def test_a_full_api_says_when_to_come_back(harness):
    requests = await harness.native_requests()
    for number, (headers, expected_s) in enumerate(
        (({"retry_after": "7"}, 7.0), ({"retry_after": "soon"}, None), ({}, None))
    ):
        fault = ProviderFault.json(429, {"detail": "full"}, **headers)
        for error in await _spoiled(harness, requests, str(number), fault):
            assert isinstance(error, NotAcceptedError)
            assert error.retry_after_s == expected_s


async def test_an_address_that_is_not_there_took_nothing(harness):
    for request in await harness.native_requests():
        for status in (404, 405, 410):
            # A provider may try another endpoint after a 404, 405 or 410, because nothing was
            # accepted. So the fault holds for several calls.
            harness.fail_paid_call(
                ProviderFault.json(status, {"error": {"message": "no such thing"}}),
                request,
                times=9,
            )
            error = await _refused(harness, request)
            gone = request.operation is not Operation.GENERATE and type(error) is SourceGoneError
            assert gone or type(error) in (NotOfferedError, ProviderRejectedError)
            harness.double.drop_faults()
        assert harness.double.creates[request.prompt] == 0
    assert harness.double.violations == []


async def test_an_order_never_follows_a_redirect(harness):
    requests = await harness.native_requests()
    async with OtherHost() as host:
        for status in (301, 302, 303, 307, 308):
            told = await _spoiled(
                harness, requests, str(status), ProviderFault.redirect(host.url, status)
            )
            for error in told:
                assert isinstance(
                    error, UnknownOutcomeError | ProviderRejectedError | SourceGoneError
                )
    assert host.headers_seen == []


async def test_a_source_that_the_vendor_lost_can_be_told_from_a_refused_order(harness):
    requests = await harness.native_requests()
    harness.double.renders.clear()
    for request in requests:
        if request.operation is not Operation.GENERATE:
            assert type(await _refused(harness, request)) is SourceGoneError
            assert harness.double.creates[request.prompt] == 0


async def test_a_source_that_is_not_finished_makes_no_order(harness):
    requests = await harness.native_requests()
    for render in harness.double.renders.values():
        render.stage = RenderStage.RUNNING
    for request in requests:
        if request.operation is not Operation.GENERATE:
            error = await _refused(harness, request)
            assert isinstance(error, ProviderRejectedError | SourceGoneError | NotAcceptedError)
            assert harness.double.creates[request.prompt] == 0
    assert harness.double.violations == []


async def test_a_key_that_is_refused_takes_no_order(harness):
    settings = {
        name: "key-of-nobody-012345" if value == harness.wire.key else value
        for name, value in harness.double.environ().items()
    }
    request = harness.request()
    remote_id = await harness.submitted()
    stranger = make(harness.wire, settings, harness.clock)
    with pytest.raises(ProviderAccountError):
        await stranger.submit(request)
    assert isinstance((await stranger.poll([remote_id]))[remote_id], ProviderAccountError)
    await stranger.close()
    assert harness.double.creates[request.prompt] == 1
    assert harness.double.violations == []


async def test_a_server_that_is_not_there_has_certainly_not_taken_the_order(harness):
    async with ProviderDouble(harness.wire) as gone:
        settings = gone.environ()
    absent = make(harness.wire, settings, harness.clock)
    with pytest.raises(NotAcceptedError):
        await absent.submit(harness.request())
    await absent.close()


async def test_a_cancelled_order_is_not_sent_again(harness):
    request = harness.request()
    harness.fail_paid_call(ProviderFault.slow(0.2), request)
    task = asyncio.create_task(harness.provider.submit(request))
    while not harness.paid_calls():
        await asyncio.sleep(0.005)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert harness.paid_calls() == 1


async def test_a_picture_that_is_none_costs_nothing(harness, tmp_path):
    image = tmp_path / "cat.png"
    image.write_bytes(b"<html>")
    for model in harness.models:
        if model.takes_image:
            with pytest.raises(ProviderRejectedError):
                await harness.provider.submit(harness.request(model, image=image))
    assert harness.paid_calls() == 0


def _kinds(told: Mapping[str, Sequence[ProviderError]]) -> dict[str, set[type[ProviderError]]]:
    return {name: {type(error) for error in errors} for name, errors in told.items()}
