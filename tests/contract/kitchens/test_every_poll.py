"""Polls, lists, cancels, deletes and checks, at every vendor: patient, and never a lie."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from bot.errors import (
    ProviderAccountError,
    ProviderError,
    ProviderTroubleError,
    RemoteNotFoundError,
    UnsupportedError,
)
from bot.providers.base import Remote, RemoteState
from tests.contract.kitchens.scene import MIB, make
from tests.wire.kitchen.faults import Fault
from tests.wire.kitchen.wire import Refusal, Stage, Step
from tests.wire.stranger import Stranger

_TROUBLE = [
    Fault.html(502),
    Fault.html(200),
    Fault.html(404),
    Fault.json(500, {"error": "oops"}),
    Fault.json(429, {"detail": "slow down"}),
    Fault.json(400, {"error": {"message": "not now"}}),
    Fault.json(200, None),
    Fault.json(200, [1]),
    Fault.json(200, "yes"),
    Fault.empty(200),
    Fault.cut(),
    Fault.truncated(),
    Fault.drip(),
    Fault.slow(5),
    Fault.endless(),
]

_REFUSALS = [
    (Refusal.BAD_KEY, ProviderAccountError),
    (Refusal.NO_BALANCE, ProviderAccountError),
    (Refusal.UNKNOWN_ID, RemoteNotFoundError),
    (Refusal.THROTTLED, ProviderTroubleError),
    (Refusal.OVERLOADED, ProviderTroubleError),
    (Refusal.BROKEN, ProviderTroubleError),
]


async def test_trouble_while_polling_is_never_a_failed_render(scene):
    ids: list[str] = []
    for number, fault in enumerate(_TROUBLE):
        ids.append(await scene.submitted(prompt=f"p{number}"))
        scene.kitchen.fault(Step.LOOK, fault, prompt=f"p{number}", times=9)
    answers = await asyncio.gather(*(scene.polled(each) for each in ids))
    for fault, seen in zip(_TROUBLE, answers, strict=True):
        assert type(seen) is ProviderTroubleError, (fault, seen)
        assert seen.retryable


async def test_a_poll_that_stumbles_once_still_answers(scene):
    remote_id = await scene.submitted()
    for fault in (Fault.html(502), Fault.json(429, {"detail": "m"}, retry_after="3")):
        before = scene.kitchen.requests[Step.LOOK]
        scene.kitchen.fault(Step.LOOK, fault)
        assert isinstance(await scene.polled(remote_id), Remote)
        assert scene.kitchen.requests[Step.LOOK] == before + 2
    assert 3.0 in scene.clock.slept_s


async def test_a_long_hint_is_handed_on_and_not_waited_out(scene):
    remote_id = await scene.submitted()
    scene.kitchen.fault(Step.LOOK, Fault.json(429, {"detail": "m"}, retry_after="45"), times=9)
    seen = await scene.polled(remote_id)
    assert isinstance(seen, ProviderTroubleError)
    assert seen.retry_after_s == 45.0
    assert scene.kitchen.requests[Step.LOOK] == 1


async def test_a_poll_refused_in_the_vendors_own_words_is_understood(scene):
    remote_id = await scene.submitted()
    expected = {kind: error for kind, error in _REFUSALS if scene.wire.refusal(kind, Step.LOOK)}
    told = {}
    for kind in expected:
        scene.kitchen.refuse(Step.LOOK, kind, times=9)
        told[kind] = type(await scene.polled(remote_id))
        scene.kitchen.drop_faults()
    assert told == expected
    assert {Refusal.BAD_KEY, Refusal.UNKNOWN_ID} <= told.keys()


async def test_a_result_that_cannot_be_had_is_no_failed_render(scene):
    remote_id = await scene.submitted(Stage.READY)
    await scene.polled(remote_id)
    if scene.kitchen.requests[Step.RESULT]:
        scene.kitchen.fault(Step.RESULT, Fault.cut(), times=9)
        assert type(await scene.polled(remote_id)) is ProviderTroubleError


async def test_one_lost_render_does_not_hide_the_others(scene):
    lost = await scene.submitted(prompt="lost")
    del scene.kitchen.renders[scene.kitchen.last.id]
    kept = await scene.submitted()
    seen = await scene.provider.poll([lost, kept, lost])
    assert set(seen) == {lost, kept}
    assert type(seen[lost]) is RemoteNotFoundError
    assert isinstance(seen[kept], Remote)
    assert scene.kitchen.violations == []


async def test_an_id_of_any_spelling_reaches_no_other_address(scene):
    await scene.polled(await scene.submitted())
    usual = {seen.path.partition("?")[0].count("/") for seen in scene.kitchen.seen}
    scene.kitchen.seen.clear()
    for odd in ("", ".", "..", "../../etc/passwd", "?", "#", "a b", "a/../../b", "\n"):
        assert isinstance(await scene.polled(odd), ProviderError)
    for path in (seen.path.partition("?")[0] for seen in scene.kitchen.seen):
        assert path.count("/") in usual
        assert not path.endswith(("/", "/.", "/.."))


async def test_an_unknown_status_keeps_the_render_running_and_is_logged_once(scene, caplog):
    remote_id = await scene.submitted(Stage.ODD)
    with caplog.at_level(logging.INFO):
        for _ in range(3):
            seen = await scene.polled(remote_id)
            assert isinstance(seen, Remote)
            assert seen.state is RemoteState.RUNNING
    assert sum("not known" in line for line in caplog.messages) == 1
    assert scene.kitchen.finish().stage is Stage.READY
    seen = await scene.polled(remote_id)
    assert isinstance(seen, Remote)
    assert seen.state is RemoteState.READY


async def test_a_poll_that_is_sent_elsewhere_leaves_the_key_at_home(scene):
    remote_id = await scene.submitted()
    async with Stranger(b"{}") as host:
        scene.kitchen.fault(Step.LOOK, Fault.redirect(host.url), times=9)
        seen = await scene.polled(remote_id)
    assert not isinstance(seen, Remote) or seen.state is not RemoteState.FAILED
    assert scene.wire.key not in repr(host.headers_seen)


async def test_a_cancelled_render_is_not_finished_and_a_finished_one_not_cancelled(scene, tmp_path):
    running = await scene.submitted(prompt="running")
    if not scene.provider.capabilities().can_cancel:
        before = scene.kitchen.requests.total()
        assert await scene.provider.cancel(running) is False
        assert scene.kitchen.requests.total() == before
        return
    assert await scene.provider.cancel(running) is True
    seen = await scene.polled(running)
    assert isinstance(seen, RemoteNotFoundError) or (
        isinstance(seen, Remote) and seen.state is RemoteState.FAILED
    )
    assert await scene.provider.cancel(running) in (True, False)
    # It is finished by the time that the cancel arrives: paid for, so it is kept.
    finished = await scene.submitted(Stage.READY)
    assert await scene.provider.cancel(finished) is False
    seen = await scene.polled(finished)
    assert isinstance(seen, Remote)
    assert seen.state is RemoteState.READY
    await scene.provider.download(finished, Path(tmp_path / "clip.mp4"), max_bytes=MIB)
    assert scene.kitchen.violations == []


async def test_a_cancel_that_nobody_answers_is_trouble(scene):
    remote_id = await scene.submitted()
    if scene.provider.capabilities().can_cancel:
        for step in (Step.CANCEL, Step.DELETE):
            scene.kitchen.fault(step, Fault.html(502), times=9)
        with pytest.raises(ProviderTroubleError):
            await scene.provider.cancel(remote_id)
        assert isinstance(await scene.polled(remote_id), Remote)


async def test_a_deleted_copy_is_gone_and_stays_gone(scene):
    remote_id = await scene.submitted(Stage.READY)
    if not scene.provider.capabilities().can_delete:
        before = scene.kitchen.requests.total()
        assert await scene.provider.delete(remote_id) is False
        assert scene.kitchen.requests.total() == before
        return
    assert await scene.provider.delete(remote_id) is True
    assert isinstance(await scene.polled(remote_id), RemoteNotFoundError)
    assert await scene.provider.delete(remote_id) is True
    assert scene.kitchen.violations == []


async def test_the_list_has_every_render_or_there_is_none(scene):
    since = scene.clock.now()
    ids = {await scene.submitted(prompt=f"p{number}") for number in range(3)}
    if not scene.provider.capabilities().can_list:
        with pytest.raises(UnsupportedError):
            await scene.provider.recent(since)
        return
    found = {each.id: each for each in await scene.provider.recent(since)}
    assert set(found) == ids
    assert {each.prompt for each in found.values()} <= {None, "p0", "p1", "p2"}
    scene.kitchen.fault(Step.LIST, Fault.html(502), times=9)
    with pytest.raises(ProviderTroubleError):
        await scene.provider.recent(since)
    assert scene.kitchen.violations == []


async def test_a_check_tells_a_good_key_from_a_bad_one_and_orders_nothing(scene):
    settings = {
        name: "key-of-nobody-012345" if value == scene.wire.key else value
        for name, value in scene.kitchen.environ().items()
    }
    stranger = make(scene.wire, settings, scene.clock)
    try:
        said = await scene.provider.check()
    except UnsupportedError:
        said = "no call is free"
    else:
        with pytest.raises(ProviderAccountError):
            await stranger.check()
        for step in Step:
            scene.kitchen.fault(step, Fault.html(502), times=9)
        with pytest.raises(ProviderTroubleError):
            await scene.provider.check()
    await stranger.close()
    assert 0 < len(said) < 100
    assert scene.paid_calls() == 0
    assert scene.kitchen.violations == []


async def test_nothing_secret_reaches_the_log(scene, caplog, tmp_path: Path):
    echo = f"Incorrect API key provided: {scene.wire.key}; see http://127.0.0.1/x?sig=open-sesame"
    with caplog.at_level(logging.DEBUG):
        remote_id = await scene.submitted(Stage.READY)
        order = scene.order(prompt="refused")
        scene.spoil(Fault.json(401, {"error": {"message": echo}}), order)
        with pytest.raises(ProviderAccountError) as refused:
            await scene.provider.submit(order)
        scene.kitchen.fault(Step.LOOK, Fault.json(401, {"error": {"message": echo}}))
        seen = await scene.polled(remote_id)
        scene.kitchen.fault(Step.CONTENT, Fault.raw(b"no clip"))
        with pytest.raises(ProviderError) as broken:
            await scene.provider.download(remote_id, tmp_path / "clip.mp4", max_bytes=MIB)
    told = repr((caplog.text, seen, str(seen), refused.value, broken.value, vars(scene.provider)))
    assert scene.wire.key not in told
    assert "open-sesame" not in told
