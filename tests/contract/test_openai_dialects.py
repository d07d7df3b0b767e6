"""The dialects of OpenAI's Videos API, each at a kitchen that is as strict as its documents."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from urllib.parse import quote

import pytest
from PIL import Image

from bot.errors import (
    ModerationError,
    NotAcceptedError,
    ProviderAccountError,
    ProviderTroubleError,
    RejectedOrderError,
    RemoteNotFoundError,
    RenderFailedError,
    SourceGoneError,
    UnknownOutcomeError,
    UnsupportedError,
)
from bot.model import Operation, Size
from bot.providers.base import Remote, RemoteState, RenderOrder
from bot.providers.registry import VENDORS
from tests.contract.conftest import HURRIED
from tests.wire.azure.wire import AzureWire
from tests.wire.cometapi.wire import SHAPES, CometWire
from tests.wire.kitchen.faults import Fault
from tests.wire.kitchen.server import Kitchen
from tests.wire.kitchen.wire import Refusal, Stage, Step
from tests.wire.litellm.wire import LiteLLMWire
from tests.wire.openai.wire import OpenAIWire
from tests.wire.sglang.wire import SglangWire
from tests.wire.stranger import Stranger
from tests.wire.vllm.wire import VllmWire

_ALL = (OpenAIWire, AzureWire, CometWire, LiteLLMWire, SglangWire, VllmWire)
_ORDER = RenderOrder(
    key="K7Q2",
    prompt='a "calico" cat\nplays piano — ピアノ; &c.',
    model="",
    seconds=4,
    size=Size(width_px=1280, height_px=720),
    seed=7,
)


class _Table:
    """A provider beside its kitchen."""

    def __init__(self, kitchen, clock) -> None:
        self.kitchen = kitchen
        account = VENDORS[kitchen.wire.name].account(kitchen.environ(), clock, patience=HURRIED)
        self.provider = VENDORS[kitchen.wire.name].make(account)
        self.order = replace(_ORDER, model=account.models[0].name)

    async def finished(self, stage=Stage.READY, **changes):
        remote = await self.provider.submit(replace(self.order, **changes))
        self.kitchen.finish(remote.id, stage)
        return remote.id

    async def seen(self, remote_id):
        return (await self.provider.poll([remote_id]))[remote_id]


@pytest.fixture
async def lay(hasty_clock):
    """Lays a table for a wire; nothing on it may have broken the documents in the end."""
    tables = []

    async def laid(wire):
        kitchen = await Kitchen(wire).__aenter__()
        tables.append(_Table(kitchen, hasty_clock))
        return tables[-1]

    yield laid
    for table in tables:
        await table.provider.close()
        await table.kitchen.__aexit__()
        assert table.kitchen.violations == []


@pytest.fixture(params=_ALL, ids=lambda wire: wire.name)
async def table(request, lay):
    return await lay(request.param())


async def test_each_dialect_makes_a_clip(table, target):
    remote_id = await table.finished()
    seen = await table.seen(remote_id)
    assert isinstance(seen, Remote)
    assert seen.state is RemoteState.READY
    await table.provider.download(remote_id, target, max_bytes=10**7)
    assert target.read_bytes() == table.kitchen.content


async def test_each_dialect_takes_a_picture(table, tmp_path):
    image = tmp_path / "cat.png"
    Image.new("RGB", (64, 36), (200, 90, 30)).save(image)
    await table.provider.submit(replace(table.order, image=image))
    assert table.kitchen.last.asked.image == image.read_bytes()


async def test_each_dialect_has_just_the_calls_that_it_says(table):
    can = table.provider.capabilities()
    remote_id = await table.finished()
    for operation in (Operation.REMIX, Operation.EXTEND):
        order = replace(table.order, prompt="on", operation=operation, source=remote_id)
        if operation in can.models[0].operations:
            await table.provider.submit(order)
        else:
            with pytest.raises(SourceGoneError):
                await table.provider.submit(order)
    assert await table.provider.delete(remote_id) is can.can_delete
    await table.provider.check()


@pytest.mark.parametrize("shape", SHAPES)
async def test_all_four_shapes_of_answers_end_alike(lay, target, shape):
    table = await lay(CometWire(shape))
    made = await table.provider.submit(table.order)
    for stage, state, progress in (
        (Stage.QUEUED, RemoteState.QUEUED, 0),
        (Stage.RUNNING, RemoteState.RUNNING, 42),
        (Stage.READY, RemoteState.READY, 100),
    ):
        render = table.kitchen.renders[made.id]
        render.stage, render.progress = stage, progress
        seen = await table.seen(made.id)
        assert isinstance(seen, Remote)
        assert (seen.id, seen.state) == (made.id, state)
        assert seen.progress in (None, progress)
    await table.provider.download(made.id, target, max_bytes=10**7)
    assert target.read_bytes() == table.kitchen.content
    assert table.kitchen.seen[-1].at_media is (shape != "flat")


@pytest.mark.parametrize("shape", SHAPES)
async def test_all_four_shapes_tell_moderation_from_failure(lay, shape):
    table = await lay(CometWire(shape))
    told = []
    for stage in (Stage.FAILED, Stage.MODERATED):
        seen = await table.seen(await table.finished(stage))
        assert isinstance(seen, Remote)
        told.append(type(seen.error))
    assert told == [RenderFailedError, ModerationError]


async def test_an_address_under_the_reason_of_a_failure_is_no_clip(lay, target):
    table = await lay(CometWire("envelope"))
    remote_id = await table.finished(Stage.FAILED)
    row = table.kitchen.wire.shown(table.kitchen.last).json
    row["data"]["fail_reason"] = table.kitchen.last.media_url
    table.kitchen.fault(Step.LOOK, Fault.json(200, row))
    with pytest.raises(ProviderTroubleError):
        await table.provider.download(remote_id, target, max_bytes=10**7)
    assert not table.kitchen.requests[Step.CONTENT]


async def test_a_500_that_calls_the_request_wrong_is_final_and_not_repeated(lay):
    table = await lay(CometWire())
    said = {"message": "no such size", "type": "comet_api_error", "code": "invalid_request"}
    wrong = Fault.json(500, {"error": said})
    remote_id = await table.finished(Stage.RUNNING)
    table.kitchen.fault(Step.CREATE, wrong)
    with pytest.raises(RejectedOrderError):
        await table.provider.submit(table.order)
    table.kitchen.fault(Step.LOOK, wrong, times=9)
    assert type(await table.seen(remote_id)) is ProviderTroubleError
    assert table.kitchen.requests[Step.LOOK] == 1


@pytest.mark.parametrize("status", [301, 302])
async def test_a_wrong_address_that_leads_to_a_page_loses_no_render(lay, status):
    table = await lay(CometWire())
    remote_id = await table.finished()
    async with Stranger(b"<!DOCTYPE html><title>CometAPI</title>") as host:
        table.kitchen.fault(Step.LOOK, Fault.redirect(host.url, status), times=9)
        assert type(await table.seen(remote_id)) is ProviderTroubleError
    assert table.kitchen.wire.key not in repr(host.headers_seen)


async def test_a_render_that_is_unknown_with_400_is_not_there(lay):
    table = await lay(CometWire())
    assert type(await table.seen("task_1")) is RemoteNotFoundError


async def test_a_third_creation_within_the_minute_is_not_sent(lay, hasty_clock):
    table = await lay(AzureWire())
    settings = table.kitchen.environ() | {"AZURE_OPENAI_REQUESTS_PER_MINUTE": ""}
    account = VENDORS["azure"].account(settings, hasty_clock, patience=HURRIED)
    provider = VENDORS["azure"].make(account)
    first = await provider.submit(table.order)
    await provider.submit(table.order)
    for _ in range(3):  # polls do not count
        await provider.poll([first.id])
    with pytest.raises(NotAcceptedError) as caught:
        await provider.submit(table.order)
    assert 55 < (caught.value.retry_after_s or 0) <= 60
    assert table.kitchen.requests[Step.CREATE] == 2
    await hasty_clock.sleep(60)
    await provider.submit(table.order)
    assert max(hasty_clock.slept_s) == 60
    await provider.close()


async def test_a_list_that_forgets_is_no_proof_that_an_order_never_arrived(lay, hasty_clock):
    table = await lay(AzureWire())
    since = hasty_clock.now()
    remote_id = await table.finished()
    assert [each.id for each in await table.provider.recent(since)] == [remote_id]
    await hasty_clock.sleep(24 * 3600 + 1)
    with pytest.raises(ProviderTroubleError):
        await table.provider.recent(since)


async def test_an_answer_under_another_name_still_may_be_the_order(lay, hasty_clock):
    """Else an order whose answer was lost would be made, and paid for, a second time."""
    for wire in (AzureWire(), VllmWire(), SglangWire()):
        table = await lay(wire)
        since = hasty_clock.now()
        table.kitchen.fault(Step.CREATE, Fault.cut())
        with pytest.raises(UnknownOutcomeError):
            await table.provider.submit(table.order)
        [found] = await table.provider.recent(since)
        assert found.model is None
        assert found.seconds in (None, table.order.seconds)
        assert found.size in (None, table.order.size)
        assert found.prompt in (None, table.order.prompt)


async def test_one_upstreams_list_answers_polls_but_proves_nothing(lay, hasty_clock):
    table = await lay(LiteLLMWire())
    ids = [await table.finished() for _ in range(4)]
    answers = await table.provider.poll(ids)
    assert all(isinstance(each, Remote) for each in answers.values())
    assert table.kitchen.requests[Step.LIST] == 1
    assert table.kitchen.requests[Step.LOOK] == 0
    with pytest.raises(UnsupportedError):
        await table.provider.recent(hasty_clock.now())


async def test_a_long_id_goes_out_as_one_part_of_the_path(lay):
    table = await lay(LiteLLMWire())
    remote_id = await table.finished()
    assert set("/+=") & set(remote_id)
    assert isinstance(await table.seen(remote_id), Remote)
    path = table.kitchen.seen[-1].path
    assert path.removeprefix("/v1/videos/") == quote(remote_id, safe="")


@pytest.mark.parametrize("wire", [VllmWire, SglangWire])
async def test_a_server_of_ones_own_needs_no_key(lay, wire, hasty_clock):
    table = await lay(wire())
    settings = {name: value for name, value in table.kitchen.environ().items() if value != wire.key}
    account = VENDORS[wire.name].account(settings, hasty_clock, patience=HURRIED)
    provider = VENDORS[wire.name].make(account)
    with pytest.raises(ProviderAccountError):
        await provider.submit(table.order)
    assert "authorization" not in table.kitchen.seen[-1].headers
    table.kitchen.violations.clear()  # this one wants a key
    await provider.close()


@pytest.mark.parametrize("wire", [VllmWire, SglangWire])
async def test_a_server_that_takes_seeds_is_sent_them(lay, wire, tmp_path):
    table = await lay(wire())
    image = tmp_path / "cat.png"
    Image.new("RGB", (64, 36)).save(image)
    for order in (table.order, replace(table.order, image=image)):
        await table.provider.submit(order)
        assert str(table.kitchen.last.asked.more["seed"]) == "7"


async def test_a_render_that_does_not_stop_is_trouble_and_stays(lay):
    table = await lay(VllmWire())
    remote_id = await table.finished(Stage.RUNNING)
    table.kitchen.refuse(Step.DELETE, Refusal.CONFLICT, times=9)
    with pytest.raises(ProviderTroubleError):
        await table.provider.cancel(remote_id)
    assert remote_id in table.kitchen.renders


async def test_a_server_without_a_cancel_is_told_from_one_that_cancelled(lay):
    table = await lay(SglangWire())
    remote_id = await table.finished(Stage.RUNNING)
    table.kitchen.fault(Step.CANCEL, Fault.json(404, {"detail": "Not Found"}))
    assert await table.provider.cancel(remote_id) is False
    table.kitchen.fault(Step.CANCEL, Fault.json(405, {"detail": "Method Not Allowed"}))
    assert await table.provider.cancel(remote_id) is False
    table.kitchen.fault(Step.CANCEL, Fault.json(200, {"id": remote_id, "status": "completed"}))
    assert await table.provider.cancel(remote_id) is False
    assert await table.provider.cancel(remote_id) is True


async def test_a_result_without_an_address_is_at_the_server_itself(lay, target):
    table = await lay(SglangWire())
    remote_id = await table.finished()
    row = table.kitchen.wire.shown(table.kitchen.last).json | {"url": None}
    table.kitchen.fault(Step.LOOK, Fault.json(200, row))
    await table.provider.download(remote_id, target, max_bytes=10**7)
    assert not table.kitchen.seen[-1].at_media


@pytest.mark.parametrize("status", [404, 405])
@pytest.mark.parametrize("name", ["video_url", "url", "output", "metadata"])
async def test_a_clip_that_is_only_at_an_address_of_an_article_is_fetched_there(
    lay, target, name, status
):
    table = await lay(OpenAIWire())
    remote_id = await table.finished()
    table.kitchen.fault(Step.CONTENT, Fault.json(status, {"detail": "Not Found"}))
    async with Stranger(table.kitchen.content) as host:
        address = {"url": host.url} if name in ("output", "metadata") else host.url
        row = table.kitchen.wire.shown(table.kitchen.last).json | {name: address}
        table.kitchen.fault(Step.LOOK, Fault.json(200, row), times=2)
        await table.provider.download(remote_id, target, max_bytes=10**7)
    assert target.read_bytes() == table.kitchen.content
    assert table.kitchen.wire.key not in repr(host.headers_seen)


@pytest.mark.parametrize(
    ("status", "expected"), [(404, RemoteNotFoundError), (405, ProviderTroubleError)]
)
async def test_a_finished_clip_that_is_nowhere_is_asked_for_once(lay, target, status, expected):
    table = await lay(OpenAIWire())
    remote_id = await table.finished()
    table.kitchen.fault(Step.CONTENT, Fault.json(status, {"detail": "Not Found"}))
    with pytest.raises(expected):
        await table.provider.download(remote_id, target, max_bytes=10**7)
    assert table.kitchen.requests[Step.CONTENT] == 1
    await table.provider.download(remote_id, target, max_bytes=10**7)


async def test_the_day_of_a_models_end_is_learnt(lay, hasty_clock):
    table = await lay(OpenAIWire())
    settings = table.kitchen.environ() | {"OPENAI_MODELS": "sora-2; sora-2-pro"}
    provider = VENDORS["openai"].make(VENDORS["openai"].account(settings, hasty_clock))
    for answer in (Fault.html(502), Fault.json(200, {"data": [{"shutdown_date": "soon"}]})):
        table.kitchen.fault(Step.CHECK, answer, times=1 if answer.status == 200 else 9)
        await provider.refresh()
        table.kitchen.drop_faults()
    assert {model.retired_on for model in provider.capabilities().models} == {None}
    await provider.refresh()
    days = {model.name: model.retired_on for model in provider.capabilities().models}
    assert days == {"sora-2": None, "sora-2-pro": date(2026, 9, 24)}
    await provider.close()


@pytest.mark.parametrize("wire", [SglangWire, VllmWire], ids=lambda wire: wire.name)
async def test_an_empty_list_of_a_server_that_forgets_is_believed(lay, hasty_clock, wire):
    table = await lay(wire())
    table.kitchen.fault(Step.LIST, Fault.json(200, {"object": "list", "data": []}))
    assert not await table.provider.recent(hasty_clock.now())


@pytest.mark.parametrize("wire", [OpenAIWire, AzureWire], ids=lambda wire: wire.name)
async def test_an_empty_half_of_a_list_of_any_other_is_trouble(lay, hasty_clock, wire):
    table = await lay(wire())
    table.kitchen.fault(Step.LIST, Fault.json(200, {"object": "list", "data": []}), times=9)
    with pytest.raises(ProviderTroubleError, match="does not say that it ends"):
        await table.provider.recent(hasty_clock.now())
