"""Orders in trouble, at every vendor: each fault has its name, and none is sent twice."""

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
    RejectedOrderError,
    SourceGoneError,
    UnknownOutcomeError,
)
from bot.model import Operation
from bot.providers.base import RenderOrder
from tests.contract.kitchens.scene import Scene, make
from tests.wire.kitchen.faults import Fault
from tests.wire.kitchen.server import Kitchen
from tests.wire.kitchen.wire import Refusal, Stage
from tests.wire.stranger import Stranger

_CERTAIN = [
    ("401", Fault.json(401, {"error": "no"}), ProviderAccountError),
    ("402", Fault.json(402, {"detail": "balance used up"}), ProviderAccountError),
    ("403", Fault.json(403, {"error": {"message": "not for you"}}), ProviderAccountError),
    ("409", Fault.json(409, {"error": {"message": "conflict"}}), RejectedOrderError),
    ("413 html", Fault.html(413), RejectedOrderError),
    ("422", Fault.json(422, {"detail": [{"loc": ["body"], "msg": "m"}]}), RejectedOrderError),
    ("429", Fault.json(429, {"detail": "slow down"}), NotAcceptedError),
    ("429 html", Fault.html(429), NotAcceptedError),
    ("503 with a time", Fault.json(503, {"detail": "later"}, retry_after="9"), NotAcceptedError),
    ("451", Fault.json(451, {"detail": "no"}), ModerationError),
]
_UNKNOWN = [
    ("500", Fault.json(500, {"error": "oops"})),
    ("500 taken", Fault.json(500, {"error": "oops"}).but_accepted()),
    ("502 html", Fault.html(502)),
    ("503 without a word", Fault.json(503, {"detail": "no"})),
    ("503 html with a time", Fault.html(503, retry_after="9")),
    ("504 taken", Fault.html(504).but_accepted()),
    ("524", Fault.html(524)),
    ("408", Fault.empty(408)),
    ("200 html", Fault.html(200)),
    ("200 empty", Fault.empty(200)),
    ("204", Fault.empty(204)),
    ("200 {}", Fault.json(200, {})),
    ("200 null", Fault.json(200, None)),
    ("200 a list", Fault.json(200, [1])),
    ("200 a word", Fault.json(200, "yes")),
    ("200 error", Fault.json(200, {"error": {"message": "no"}})),
    ("303", Fault.redirect("/elsewhere", 303)),
    ("cut, taken", Fault.cut()),
    ("cut, not taken", Fault.cut(accepted=False)),
    ("truncated", Fault.truncated().but_accepted()),
    ("never ending", Fault.endless().but_accepted()),
]
_LATE = [("too slow", Fault.slow(5)), ("gone quiet", Fault.drip().but_accepted())]
_REFUSALS = [
    (Refusal.REJECTED, RejectedOrderError),
    (Refusal.MODERATED, ModerationError),
    (Refusal.BAD_KEY, ProviderAccountError),
    (Refusal.NO_BALANCE, ProviderAccountError),
    (Refusal.THROTTLED, NotAcceptedError),
    (Refusal.OVERLOADED, NotAcceptedError),
    (Refusal.BROKEN, UnknownOutcomeError),
]


async def _refused(scene: Scene, order: RenderOrder) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await scene.provider.submit(order)
    return caught.value


async def _spoiled(
    scene: Scene, orders: Sequence[RenderOrder], name: str, fault: Fault
) -> list[ProviderError]:
    """Send every kind of order into a fault; return what each was told."""
    told: list[ProviderError] = []
    for order in orders:
        named = replace(order, prompt=f"{name}: {order.prompt}")
        scene.spoil(fault, named)
        before = scene.kitchen.tries[named.prompt]
        told.append(await _refused(scene, named))
        assert scene.kitchen.tries[named.prompt] == before + 1, name
        assert scene.kitchen.creates[named.prompt] == fault.accepted, name
    return told


async def test_an_order_that_is_turned_away_says_why(scene):
    orders = await scene.orders()
    told = {row[0]: await _spoiled(scene, orders, *row[:2]) for row in _CERTAIN}
    assert _kinds(told) == {name: {expected} for name, _, expected in _CERTAIN}
    assert scene.kitchen.violations == []


async def test_an_order_that_may_have_been_taken_is_never_called_refused(scene):
    orders = await scene.orders()
    told = {name: await _spoiled(scene, orders, name, fault) for name, fault in _UNKNOWN}
    assert _kinds(told) == {name: {UnknownOutcomeError} for name, _ in _UNKNOWN}
    assert scene.kitchen.violations == []


async def test_an_order_whose_answer_never_comes_may_have_been_taken(scene):
    orders = await scene.orders()
    answers = await asyncio.gather(
        *(_spoiled(scene, orders[at:][:1], name, fault) for name, fault in _LATE for at in range(3))
    )
    assert {type(error) for told in answers for error in told} == {UnknownOutcomeError}
    assert scene.kitchen.violations == []


async def test_a_refusal_in_the_vendors_own_words_is_understood(scene):
    told: dict[str, list[ProviderError]] = {}
    for order in await scene.orders():
        for kind, _ in _REFUSALS:
            if scene.refuse(kind, order):
                before = scene.paid_calls()
                told.setdefault(kind, []).append(await _refused(scene, order))
                assert scene.paid_calls() == before + 1
                scene.kitchen.drop_faults()
        assert scene.kitchen.creates[order.prompt] == 0
    assert _kinds(told) == {kind: {expected} for kind, expected in _REFUSALS if kind in told}
    assert {Refusal.REJECTED, Refusal.BAD_KEY, Refusal.THROTTLED} <= told.keys()


async def test_a_full_api_says_when_to_come_back(scene):
    orders = await scene.orders()
    for number, (headers, expected_s) in enumerate(
        (({"retry_after": "7"}, 7.0), ({"retry_after": "soon"}, None), ({}, None))
    ):
        fault = Fault.json(429, {"detail": "full"}, **headers)
        for error in await _spoiled(scene, orders, str(number), fault):
            assert isinstance(error, NotAcceptedError)
            assert error.retry_after_s == expected_s


async def test_an_address_that_is_not_there_took_nothing(scene):
    for order in await scene.orders():
        for status in (404, 405, 410):
            # Where one call is not there, another one may be tried: nothing was taken yet.
            scene.spoil(Fault.json(status, {"error": {"message": "no such thing"}}), order, times=9)
            error = await _refused(scene, order)
            gone = order.operation is not Operation.GENERATE and type(error) is SourceGoneError
            assert gone or type(error) in (NotOfferedError, RejectedOrderError)
            scene.kitchen.drop_faults()
        assert scene.kitchen.creates[order.prompt] == 0
    assert scene.kitchen.violations == []


async def test_an_order_never_follows_a_redirect(scene):
    orders = await scene.orders()
    async with Stranger() as host:
        for status in (301, 302, 303, 307, 308):
            told = await _spoiled(scene, orders, str(status), Fault.redirect(host.url, status))
            for error in told:
                assert isinstance(error, UnknownOutcomeError | RejectedOrderError | SourceGoneError)
    assert host.headers_seen == []


async def test_a_source_that_the_vendor_lost_can_be_told_from_a_refused_order(scene):
    orders = await scene.orders()
    scene.kitchen.renders.clear()
    for order in orders:
        if order.operation is not Operation.GENERATE:
            assert type(await _refused(scene, order)) is SourceGoneError
            assert scene.kitchen.creates[order.prompt] == 0


async def test_a_source_that_is_not_finished_makes_no_order(scene):
    orders = await scene.orders()
    for render in scene.kitchen.renders.values():
        render.stage = Stage.RUNNING
    for order in orders:
        if order.operation is not Operation.GENERATE:
            error = await _refused(scene, order)
            assert isinstance(error, RejectedOrderError | SourceGoneError | NotAcceptedError)
            assert scene.kitchen.creates[order.prompt] == 0
    assert scene.kitchen.violations == []


async def test_a_key_that_is_refused_takes_no_order(scene):
    settings = {
        name: "key-of-nobody-012345" if value == scene.wire.key else value
        for name, value in scene.kitchen.environ().items()
    }
    order = scene.order()
    remote_id = await scene.submitted()
    stranger = make(scene.wire, settings, scene.clock)
    with pytest.raises(ProviderAccountError):
        await stranger.submit(order)
    assert isinstance((await stranger.poll([remote_id]))[remote_id], ProviderAccountError)
    await stranger.close()
    assert scene.kitchen.creates[order.prompt] == 1
    assert scene.kitchen.violations == []


async def test_a_server_that_is_not_there_has_certainly_not_taken_the_order(scene):
    async with Kitchen(scene.wire) as gone:
        settings = gone.environ()
    absent = make(scene.wire, settings, scene.clock)
    with pytest.raises(NotAcceptedError):
        await absent.submit(scene.order())
    await absent.close()


async def test_a_cancelled_order_is_not_sent_again(scene):
    order = scene.order()
    scene.spoil(Fault.slow(0.2), order)
    task = asyncio.create_task(scene.provider.submit(order))
    while not scene.paid_calls():
        await asyncio.sleep(0.005)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert scene.paid_calls() == 1


async def test_a_picture_that_is_none_costs_nothing(scene, tmp_path):
    image = tmp_path / "cat.png"
    image.write_bytes(b"<html>")
    for model in scene.models:
        if model.takes_image:
            with pytest.raises(RejectedOrderError):
                await scene.provider.submit(scene.order(model, image=image))
    assert scene.paid_calls() == 0


def _kinds(told: Mapping[str, Sequence[ProviderError]]) -> dict[str, set[type[ProviderError]]]:
    return {name: {type(error) for error in errors} for name, errors in told.items()}
