"""The dialects of OpenAI's Videos API, each tested against a double that rejects what the server's
documentation does not allow.
"""

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
    ProviderRejectedError,
    ProviderTroubleError,
    RemoteNotFoundError,
    RenderFailedError,
    SourceGoneError,
    UnknownOutcomeError,
    UnsupportedError,
)
from bot.model import Operation, Size
from bot.providers.base import ProviderRequest, RenderState, RenderStatus
from bot.providers.registry import VENDORS
from tests.contract.conftest import SHORT_TIMEOUTS
from tests.wire.azure.wire import AzureWire
from tests.wire.cometapi.wire import SHAPES, CometWire
from tests.wire.litellm.wire import LiteLLMWire
from tests.wire.openai.wire import OpenAIWire
from tests.wire.other_host import OtherHost
from tests.wire.provider_double.faults import ProviderFault
from tests.wire.provider_double.server import ProviderDouble
from tests.wire.provider_double.wire import Refusal, RenderStage, Step
from tests.wire.sglang.wire import SglangWire
from tests.wire.vllm.wire import VllmWire

_ALL = (OpenAIWire, AzureWire, CometWire, LiteLLMWire, SglangWire, VllmWire)
_REQUEST = ProviderRequest(
    idempotency_key="K7Q2",
    prompt='a "calico" cat\nplays piano — ピアノ; &c.',
    model="",
    seconds=4,
    size=Size(width_px=1280, height_px=720),
    seed=7,
)


class _ProviderBesideDouble:
    """A provider beside its double."""

    def __init__(self, double, clock) -> None:
        self.double = double
        account = VENDORS[double.wire.name].read_account(
            double.environ(), clock, timeouts=SHORT_TIMEOUTS
        )
        self.provider = VENDORS[double.wire.name].make_provider(account)
        self.request = replace(_REQUEST, model=account.models[0].name)

    async def finished(self, stage=RenderStage.READY, **changes):
        remote = await self.provider.submit(replace(self.request, **changes))
        self.double.finish(remote.id, stage)
        return remote.id

    async def seen(self, remote_id):
        return (await self.provider.poll([remote_id]))[remote_id]


@pytest.fixture
async def connect(autojump_clock):
    """A function that connects a provider to the double of a server.

    After the test, it asserts that no request broke the server's documentation.
    """
    tables = []

    async def laid(wire):
        double = await ProviderDouble(wire).__aenter__()
        tables.append(_ProviderBesideDouble(double, autojump_clock))
        return tables[-1]

    yield laid
    for table in tables:
        await table.provider.close()
        await table.double.__aexit__()
        assert table.double.violations == []


@pytest.fixture(params=_ALL, ids=lambda wire: wire.name)
async def connected(request, connect):
    return await connect(request.param())


async def test_each_dialect_makes_a_clip(connected, target):
    remote_id = await connected.finished()
    seen = await connected.seen(remote_id)
    assert isinstance(seen, RenderStatus)
    assert seen.state is RenderState.READY
    await connected.provider.download(remote_id, target, max_bytes=10**7)
    assert target.read_bytes() == connected.double.content


async def test_each_dialect_takes_a_picture(connected, tmp_path):
    image = tmp_path / "cat.png"
    Image.new("RGB", (64, 36), (200, 90, 30)).save(image)
    await connected.provider.submit(replace(connected.request, image=image))
    assert connected.double.last.paid_call.image == image.read_bytes()


async def test_each_dialect_has_just_the_calls_that_it_says(connected):
    can = connected.provider.capabilities()
    remote_id = await connected.finished()
    for operation in (Operation.REMIX, Operation.EXTEND):
        request = replace(
            connected.request, prompt="on", operation=operation, source_remote_id=remote_id
        )
        if operation in can.models[0].operations:
            await connected.provider.submit(request)
        else:
            with pytest.raises(SourceGoneError):
                await connected.provider.submit(request)
    assert await connected.provider.delete(remote_id) is can.can_delete
    await connected.provider.check()


@pytest.mark.parametrize("shape", SHAPES)
async def test_all_four_shapes_of_answers_end_alike(connect, target, shape):
    table = await connect(CometWire(shape))
    made = await table.provider.submit(table.request)
    for stage, state, progress in (
        (RenderStage.QUEUED, RenderState.QUEUED, 0),
        (RenderStage.RUNNING, RenderState.RUNNING, 42),
        (RenderStage.READY, RenderState.READY, 100),
    ):
        render = table.double.renders[made.id]
        render.stage, render.progress = stage, progress
        seen = await table.seen(made.id)
        assert isinstance(seen, RenderStatus)
        assert (seen.id, seen.state) == (made.id, state)
        assert seen.progress in (None, progress)
    await table.provider.download(made.id, target, max_bytes=10**7)
    assert target.read_bytes() == table.double.content
    assert table.double.seen[-1].at_media is (shape != "flat")


@pytest.mark.parametrize("shape", SHAPES)
async def test_all_four_shapes_tell_moderation_from_failure(connect, shape):
    table = await connect(CometWire(shape))
    told = []
    for stage in (RenderStage.FAILED, RenderStage.MODERATED):
        seen = await table.seen(await table.finished(stage))
        assert isinstance(seen, RenderStatus)
        told.append(type(seen.error))
    assert told == [RenderFailedError, ModerationError]


async def test_an_address_under_the_reason_of_a_failure_is_no_clip(connect, target):
    table = await connect(CometWire("envelope"))
    remote_id = await table.finished(RenderStage.FAILED)
    row = table.double.wire.shown(table.double.last).json
    row["data"]["fail_reason"] = table.double.last.media_url
    table.double.fault(Step.POLL, ProviderFault.json(200, row))
    with pytest.raises(ProviderTroubleError):
        await table.provider.download(remote_id, target, max_bytes=10**7)
    assert not table.double.requests[Step.CONTENT]


async def test_a_500_that_calls_the_request_wrong_is_final_and_not_repeated(connect):
    table = await connect(CometWire())
    said = {"message": "no such size", "type": "comet_api_error", "code": "invalid_request"}
    wrong = ProviderFault.json(500, {"error": said})
    remote_id = await table.finished(RenderStage.RUNNING)
    table.double.fault(Step.CREATE, wrong)
    with pytest.raises(ProviderRejectedError):
        await table.provider.submit(table.request)
    table.double.fault(Step.POLL, wrong, times=9)
    assert type(await table.seen(remote_id)) is ProviderTroubleError
    assert table.double.requests[Step.POLL] == 1


@pytest.mark.parametrize("status", [301, 302])
async def test_a_wrong_address_that_leads_to_a_page_loses_no_render(connect, status):
    table = await connect(CometWire())
    remote_id = await table.finished()
    async with OtherHost(b"<!DOCTYPE html><title>CometAPI</title>") as host:
        table.double.fault(Step.POLL, ProviderFault.redirect(host.url, status), times=9)
        assert type(await table.seen(remote_id)) is ProviderTroubleError
    assert table.double.wire.key not in repr(host.headers_seen)


async def test_a_render_that_is_unknown_with_400_is_not_there(connect):
    table = await connect(CometWire())
    assert type(await table.seen("task_1")) is RemoteNotFoundError


async def test_a_third_creation_within_the_minute_is_not_sent(connect, autojump_clock):
    table = await connect(AzureWire())
    settings = table.double.environ() | {"AZURE_OPENAI_REQUESTS_PER_MINUTE": ""}
    account = VENDORS["azure"].read_account(settings, autojump_clock, timeouts=SHORT_TIMEOUTS)
    provider = VENDORS["azure"].make_provider(account)
    first = await provider.submit(table.request)
    await provider.submit(table.request)
    for _ in range(3):  # polls do not count
        await provider.poll([first.id])
    with pytest.raises(NotAcceptedError) as caught:
        await provider.submit(table.request)
    assert 55 < (caught.value.retry_after_s or 0) <= 60
    assert table.double.requests[Step.CREATE] == 2
    await autojump_clock.sleep(60)
    await provider.submit(table.request)
    assert max(autojump_clock.slept_s) == 60
    await provider.close()


async def test_a_list_that_forgets_is_no_proof_that_an_order_never_arrived(connect, autojump_clock):
    table = await connect(AzureWire())
    since = autojump_clock.now()
    remote_id = await table.finished()
    assert [each.id for each in await table.provider.recent(since)] == [remote_id]
    await autojump_clock.sleep(24 * 3600 + 1)
    with pytest.raises(ProviderTroubleError):
        await table.provider.recent(since)


async def test_an_answer_under_another_name_still_may_be_the_order(connect, autojump_clock):
    """Azure, vLLM and SGLang list a render under other names, so the provider reports no model.

    With a wrong model, the bot would not recognise a render whose answer was lost, and would pay
    for it a second time.
    """
    for wire in (AzureWire(), VllmWire(), SglangWire()):
        table = await connect(wire)
        since = autojump_clock.now()
        table.double.fault(Step.CREATE, ProviderFault.cut())
        with pytest.raises(UnknownOutcomeError):
            await table.provider.submit(table.request)
        [found] = await table.provider.recent(since)
        assert found.model is None
        assert found.seconds in (None, table.request.seconds)
        assert found.size in (None, table.request.size)
        assert found.prompt in (None, table.request.prompt)


async def test_one_upstreams_list_answers_polls_but_proves_nothing(connect, autojump_clock):
    table = await connect(LiteLLMWire())
    ids = [await table.finished() for _ in range(4)]
    answers = await table.provider.poll(ids)
    assert all(isinstance(each, RenderStatus) for each in answers.values())
    assert table.double.requests[Step.LIST] == 1
    assert table.double.requests[Step.POLL] == 0
    with pytest.raises(UnsupportedError):
        await table.provider.recent(autojump_clock.now())


async def test_a_long_id_goes_out_as_one_part_of_the_path(connect):
    table = await connect(LiteLLMWire())
    remote_id = await table.finished()
    assert set("/+=") & set(remote_id)
    assert isinstance(await table.seen(remote_id), RenderStatus)
    path = table.double.seen[-1].path
    assert path.removeprefix("/v1/videos/") == quote(remote_id, safe="")


@pytest.mark.parametrize("wire", [VllmWire, SglangWire])
async def test_a_server_of_ones_own_needs_no_key(connect, wire, autojump_clock):
    table = await connect(wire())
    settings = {name: value for name, value in table.double.environ().items() if value != wire.key}
    account = VENDORS[wire.name].read_account(settings, autojump_clock, timeouts=SHORT_TIMEOUTS)
    provider = VENDORS[wire.name].make_provider(account)
    with pytest.raises(ProviderAccountError):
        await provider.submit(table.request)
    assert "authorization" not in table.double.seen[-1].headers
    table.double.violations.clear()  # this one wants a key
    await provider.close()


@pytest.mark.parametrize("wire", [VllmWire, SglangWire])
async def test_a_server_that_takes_seeds_is_sent_them(connect, wire, tmp_path):
    table = await connect(wire())
    image = tmp_path / "cat.png"
    Image.new("RGB", (64, 36)).save(image)
    for request in (table.request, replace(table.request, image=image)):
        await table.provider.submit(request)
        assert str(table.double.last.paid_call.more["seed"]) == "7"


async def test_a_render_that_does_not_stop_is_trouble_and_stays(connect):
    table = await connect(VllmWire())
    remote_id = await table.finished(RenderStage.RUNNING)
    table.double.refuse(Step.DELETE, Refusal.CONFLICT, times=9)
    with pytest.raises(ProviderTroubleError):
        await table.provider.cancel(remote_id)
    assert remote_id in table.double.renders


async def test_a_server_without_a_cancel_is_told_from_one_that_cancelled(connect):
    table = await connect(SglangWire())
    remote_id = await table.finished(RenderStage.RUNNING)
    table.double.fault(Step.CANCEL, ProviderFault.json(404, {"detail": "Not Found"}))
    assert await table.provider.cancel(remote_id) is False
    table.double.fault(Step.CANCEL, ProviderFault.json(405, {"detail": "Method Not Allowed"}))
    assert await table.provider.cancel(remote_id) is False
    table.double.fault(
        Step.CANCEL, ProviderFault.json(200, {"id": remote_id, "status": "completed"})
    )
    assert await table.provider.cancel(remote_id) is False
    assert await table.provider.cancel(remote_id) is True


async def test_a_result_without_an_address_is_at_the_server_itself(connect, target):
    table = await connect(SglangWire())
    remote_id = await table.finished()
    row = table.double.wire.shown(table.double.last).json | {"url": None}
    table.double.fault(Step.POLL, ProviderFault.json(200, row))
    await table.provider.download(remote_id, target, max_bytes=10**7)
    assert not table.double.seen[-1].at_media


@pytest.mark.parametrize("status", [404, 405])
@pytest.mark.parametrize("name", ["video_url", "url", "output", "metadata"])
async def test_a_clip_that_is_only_at_an_address_of_an_article_is_fetched_there(
    connect, target, name, status
):
    table = await connect(OpenAIWire())
    remote_id = await table.finished()
    table.double.fault(Step.CONTENT, ProviderFault.json(status, {"detail": "Not Found"}))
    async with OtherHost(table.double.content) as host:
        address = {"url": host.url} if name in ("output", "metadata") else host.url
        row = table.double.wire.shown(table.double.last).json | {name: address}
        table.double.fault(Step.POLL, ProviderFault.json(200, row), times=2)
        await table.provider.download(remote_id, target, max_bytes=10**7)
    assert target.read_bytes() == table.double.content
    assert table.double.wire.key not in repr(host.headers_seen)


@pytest.mark.parametrize(
    ("status", "expected"), [(404, RemoteNotFoundError), (405, ProviderTroubleError)]
)
async def test_a_finished_clip_that_is_nowhere_is_asked_for_once(connect, target, status, expected):
    table = await connect(OpenAIWire())
    remote_id = await table.finished()
    table.double.fault(Step.CONTENT, ProviderFault.json(status, {"detail": "Not Found"}))
    with pytest.raises(expected):
        await table.provider.download(remote_id, target, max_bytes=10**7)
    assert table.double.requests[Step.CONTENT] == 1
    await table.provider.download(remote_id, target, max_bytes=10**7)


async def test_the_day_of_a_models_end_is_learnt(connect, autojump_clock):
    table = await connect(OpenAIWire())
    settings = table.double.environ() | {"OPENAI_MODELS": "sora-2; sora-2-pro"}
    provider = VENDORS["openai"].make_provider(
        VENDORS["openai"].read_account(settings, autojump_clock)
    )
    for answer in (
        ProviderFault.html(502),
        ProviderFault.json(200, {"data": [{"shutdown_date": "soon"}]}),
    ):
        table.double.fault(Step.CHECK, answer, times=1 if answer.status == 200 else 9)
        await provider.refresh()
        table.double.drop_faults()
    assert {model.retired_on for model in provider.capabilities().models} == {None}
    await provider.refresh()
    days = {model.name: model.retired_on for model in provider.capabilities().models}
    assert days == {"sora-2": None, "sora-2-pro": date(2026, 9, 24)}
    await provider.close()


@pytest.mark.parametrize("wire", [SglangWire, VllmWire], ids=lambda wire: wire.name)
async def test_an_empty_list_of_a_server_that_forgets_is_believed(connect, autojump_clock, wire):
    table = await connect(wire())
    table.double.fault(Step.LIST, ProviderFault.json(200, {"object": "list", "data": []}))
    assert not await table.provider.recent(autojump_clock.now())


@pytest.mark.parametrize("wire", [OpenAIWire, AzureWire], ids=lambda wire: wire.name)
async def test_an_empty_half_of_a_list_of_any_other_is_trouble(connect, autojump_clock, wire):
    table = await connect(wire())
    table.double.fault(Step.LIST, ProviderFault.json(200, {"object": "list", "data": []}), times=9)
    with pytest.raises(ProviderTroubleError, match="does not say that it ends"):
        await table.provider.recent(autojump_clock.now())
