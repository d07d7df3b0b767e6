"""Polling, listing, cancelling, deleting and checking at every vendor.

The provider retries these calls when they fail. It never takes a failure for an answer about a
render.
"""

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
from bot.providers.base import RenderState, RenderStatus
from tests.contract.vendors.harness import MIB, make
from tests.wire.other_host import OtherHost
from tests.wire.provider_double.faults import ProviderFault
from tests.wire.provider_double.wire import Refusal, RenderStage, Step

_TROUBLE = [
    ProviderFault.html(502),
    ProviderFault.html(200),
    ProviderFault.html(404),
    ProviderFault.json(500, {"error": "oops"}),
    ProviderFault.json(429, {"detail": "slow down"}),
    ProviderFault.json(400, {"error": {"message": "not now"}}),
    ProviderFault.json(200, None),
    ProviderFault.json(200, [1]),
    ProviderFault.json(200, "yes"),
    ProviderFault.empty(200),
    ProviderFault.cut(),
    ProviderFault.truncated(),
    ProviderFault.drip(),
    ProviderFault.slow(5),
    ProviderFault.endless(),
]

_REFUSALS = [
    (Refusal.BAD_KEY, ProviderAccountError),
    (Refusal.NO_BALANCE, ProviderAccountError),
    (Refusal.UNKNOWN_ID, RemoteNotFoundError),
    (Refusal.THROTTLED, ProviderTroubleError),
    (Refusal.OVERLOADED, ProviderTroubleError),
    (Refusal.BROKEN, ProviderTroubleError),
]


async def test_trouble_while_polling_is_never_a_failed_render(harness):
    ids: list[str] = []
    for number, fault in enumerate(_TROUBLE):
        ids.append(await harness.submitted(prompt=f"p{number}"))
        harness.double.fault(Step.POLL, fault, prompt=f"p{number}", times=9)
    answers = await asyncio.gather(*(harness.polled(each) for each in ids))
    for fault, seen in zip(_TROUBLE, answers, strict=True):
        assert type(seen) is ProviderTroubleError, (fault, seen)
        assert seen.retryable


async def test_a_poll_that_stumbles_once_still_answers(harness):
    remote_id = await harness.submitted()
    for fault in (
        ProviderFault.html(502),
        ProviderFault.json(429, {"detail": "m"}, retry_after="3"),
    ):
        before = harness.double.requests[Step.POLL]
        harness.double.fault(Step.POLL, fault)
        assert isinstance(await harness.polled(remote_id), RenderStatus)
        assert harness.double.requests[Step.POLL] == before + 2
    assert 3.0 in harness.clock.slept_s


async def test_a_long_hint_is_handed_on_and_not_waited_out(harness):
    remote_id = await harness.submitted()
    harness.double.fault(
        Step.POLL, ProviderFault.json(429, {"detail": "m"}, retry_after="45"), times=9
    )
    seen = await harness.polled(remote_id)
    assert isinstance(seen, ProviderTroubleError)
    assert seen.retry_after_s == 45.0
    assert harness.double.requests[Step.POLL] == 1


async def test_a_poll_refused_in_the_vendors_own_words_is_understood(harness):
    remote_id = await harness.submitted()
    expected = {kind: error for kind, error in _REFUSALS if harness.wire.refusal(kind, Step.POLL)}
    told = {}
    for kind in expected:
        harness.double.refuse(Step.POLL, kind, times=9)
        told[kind] = type(await harness.polled(remote_id))
        harness.double.drop_faults()
    assert told == expected
    assert {Refusal.BAD_KEY, Refusal.UNKNOWN_ID} <= told.keys()


async def test_a_result_that_cannot_be_had_is_no_failed_render(harness):
    remote_id = await harness.submitted(RenderStage.READY)
    await harness.polled(remote_id)
    if harness.double.requests[Step.RESULT]:
        harness.double.fault(Step.RESULT, ProviderFault.cut(), times=9)
        assert type(await harness.polled(remote_id)) is ProviderTroubleError


async def test_one_lost_render_does_not_hide_the_others(harness):
    lost = await harness.submitted(prompt="lost")
    del harness.double.renders[harness.double.last.id]
    kept = await harness.submitted()
    seen = await harness.provider.poll([lost, kept, lost])
    assert set(seen) == {lost, kept}
    assert type(seen[lost]) is RemoteNotFoundError
    assert isinstance(seen[kept], RenderStatus)
    assert harness.double.violations == []


async def test_an_id_of_any_spelling_reaches_no_other_address(harness):
    await harness.polled(await harness.submitted())
    usual = {seen.path.partition("?")[0].count("/") for seen in harness.double.seen}
    harness.double.seen.clear()
    for odd in ("", ".", "..", "../../etc/passwd", "?", "#", "a b", "a/../../b", "\n"):
        assert isinstance(await harness.polled(odd), ProviderError)
    for path in (seen.path.partition("?")[0] for seen in harness.double.seen):
        assert path.count("/") in usual
        assert not path.endswith(("/", "/.", "/.."))


async def test_an_unknown_status_keeps_the_render_running_and_is_logged_once(harness, caplog):
    remote_id = await harness.submitted(RenderStage.ODD)
    with caplog.at_level(logging.INFO):
        for _ in range(3):
            seen = await harness.polled(remote_id)
            assert isinstance(seen, RenderStatus)
            assert seen.state is RenderState.RUNNING
    assert sum("not known" in line for line in caplog.messages) == 1
    assert harness.double.finish().stage is RenderStage.READY
    seen = await harness.polled(remote_id)
    assert isinstance(seen, RenderStatus)
    assert seen.state is RenderState.READY


async def test_a_poll_that_is_sent_elsewhere_leaves_the_key_at_home(harness):
    remote_id = await harness.submitted()
    async with OtherHost(b"{}") as host:
        harness.double.fault(Step.POLL, ProviderFault.redirect(host.url), times=9)
        seen = await harness.polled(remote_id)
    assert not isinstance(seen, RenderStatus) or seen.state is not RenderState.FAILED
    assert harness.wire.key not in repr(host.headers_seen)


async def test_a_cancelled_render_is_not_finished_and_a_finished_one_not_cancelled(
    harness, tmp_path
):
    running = await harness.submitted(prompt="running")
    if not harness.provider.capabilities().can_cancel:
        before = harness.double.requests.total()
        assert await harness.provider.cancel(running) is False
        assert harness.double.requests.total() == before
        return
    assert await harness.provider.cancel(running) is True
    seen = await harness.polled(running)
    assert isinstance(seen, RemoteNotFoundError) or (
        isinstance(seen, RenderStatus) and seen.state is RenderState.FAILED
    )
    assert await harness.provider.cancel(running) in (True, False)
    # This render is finished, and so paid for, when the cancel arrives. The provider keeps it.
    finished = await harness.submitted(RenderStage.READY)
    assert await harness.provider.cancel(finished) is False
    seen = await harness.polled(finished)
    assert isinstance(seen, RenderStatus)
    assert seen.state is RenderState.READY
    await harness.provider.download(finished, Path(tmp_path / "clip.mp4"), max_bytes=MIB)
    assert harness.double.violations == []


async def test_a_cancel_that_nobody_answers_is_trouble(harness):
    remote_id = await harness.submitted()
    if harness.provider.capabilities().can_cancel:
        for step in (Step.CANCEL, Step.DELETE):
            harness.double.fault(step, ProviderFault.html(502), times=9)
        with pytest.raises(ProviderTroubleError):
            await harness.provider.cancel(remote_id)
        assert isinstance(await harness.polled(remote_id), RenderStatus)


async def test_a_deleted_copy_is_gone_and_stays_gone(harness):
    remote_id = await harness.submitted(RenderStage.READY)
    if not harness.provider.capabilities().can_delete:
        before = harness.double.requests.total()
        assert await harness.provider.delete(remote_id) is False
        assert harness.double.requests.total() == before
        return
    assert await harness.provider.delete(remote_id) is True
    assert isinstance(await harness.polled(remote_id), RemoteNotFoundError)
    assert await harness.provider.delete(remote_id) is True
    assert harness.double.violations == []


async def test_the_list_has_every_render_or_there_is_none(harness):
    since = harness.clock.now()
    ids = {await harness.submitted(prompt=f"p{number}") for number in range(3)}
    if not harness.provider.capabilities().can_list:
        with pytest.raises(UnsupportedError):
            await harness.provider.recent(since)
        return
    found = {each.id: each for each in await harness.provider.recent(since)}
    assert set(found) == ids
    assert {each.prompt for each in found.values()} <= {None, "p0", "p1", "p2"}
    harness.double.fault(Step.LIST, ProviderFault.html(502), times=9)
    with pytest.raises(ProviderTroubleError):
        await harness.provider.recent(since)
    assert harness.double.violations == []


async def test_a_check_tells_a_good_key_from_a_bad_one_and_orders_nothing(harness):
    settings = {
        name: "key-of-nobody-012345" if value == harness.wire.key else value
        for name, value in harness.double.environ().items()
    }
    stranger = make(harness.wire, settings, harness.clock)
    try:
        said = await harness.provider.check()
    except UnsupportedError:
        said = "no call is free"
    else:
        with pytest.raises(ProviderAccountError):
            await stranger.check()
        for step in Step:
            harness.double.fault(step, ProviderFault.html(502), times=9)
        with pytest.raises(ProviderTroubleError):
            await harness.provider.check()
    await stranger.close()
    assert 0 < len(said) < 100
    assert harness.paid_calls() == 0
    assert harness.double.violations == []


async def test_nothing_secret_reaches_the_log(harness, caplog, tmp_path: Path):
    echo = f"Incorrect API key provided: {harness.wire.key}; see http://127.0.0.1/x?sig=open-sesame"
    with caplog.at_level(logging.DEBUG):
        remote_id = await harness.submitted(RenderStage.READY)
        request = harness.request(prompt="refused")
        harness.fail_paid_call(ProviderFault.json(401, {"error": {"message": echo}}), request)
        with pytest.raises(ProviderAccountError) as refused:
            await harness.provider.submit(request)
        harness.double.fault(Step.POLL, ProviderFault.json(401, {"error": {"message": echo}}))
        seen = await harness.polled(remote_id)
        harness.double.fault(Step.CONTENT, ProviderFault.raw(b"no clip"))
        with pytest.raises(ProviderError) as broken:
            await harness.provider.download(remote_id, tmp_path / "clip.mp4", max_bytes=MIB)
    told = repr((caplog.text, seen, str(seen), refused.value, broken.value, vars(harness.provider)))
    assert harness.wire.key not in told
    assert "open-sesame" not in told
