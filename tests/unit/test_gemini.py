from __future__ import annotations

import json

import pytest

from bot.errors import (
    BadClipError,
    ModerationError,
    NotAcceptedError,
    OversizeClipError,
    ProviderAccountError,
    ProviderTroubleError,
    RenderFailedError,
    SettingsError,
    SourceGoneError,
)
from bot.model import Operation, Size
from bot.providers.base import ProviderRequest, RenderState, RenderStatus
from bot.providers.http import error_body
from bot.providers.http.timeouts import Timeouts
from bot.providers.vendors.gemini import GEMINI, GeminiProvider
from tests.wire.autojump_clock import AutojumpClock
from tests.wire.gemini.wire import GeminiWire, recorded
from tests.wire.provider_double.faults import ProviderFault
from tests.wire.provider_double.server import ProviderDouble
from tests.wire.provider_double.wire import Refusal, RenderStage, Step

_MIB = 1024 * 1024
_OMNI = "gemini-omni-1.1-flash"
_REQUEST = ProviderRequest(
    idempotency_key="K7Q2",
    prompt="a cat",
    model=_OMNI,
    seconds=4,
    size=Size(width_px=720, height_px=1280),
    seed=7,
)
_SHORT_TIMEOUTS = Timeouts(connect_s=1, read_s=1, create_s=1, call_s=3, idle_s=0.3, download_s=2)


@pytest.fixture
async def double():
    async with ProviderDouble(GeminiWire()) as running:
        yield running


@pytest.fixture
async def make(double):
    made: list[GeminiProvider] = []

    def build(models: str = _OMNI) -> GeminiProvider:
        environ = double.environ() | {"GEMINI_MODELS": models}
        made.append(
            GeminiProvider(GEMINI.read_account(environ, AutojumpClock(), timeouts=_SHORT_TIMEOUTS))
        )
        return made[-1]

    yield build
    for each in made:
        await each.close()


@pytest.fixture
async def finished(make, double):
    """A provider and the id of a render that is finished."""
    provider = make()
    remote = await provider.submit(_REQUEST)
    double.finish()
    return provider, remote.id


async def _seen(provider: GeminiProvider, remote_id: str) -> RenderStatus:
    seen = (await provider.poll([remote_id]))[remote_id]
    assert isinstance(seen, RenderStatus), seen
    return seen


def _says(double: ProviderDouble, body: object, step: Step = Step.POLL, times: int = 1) -> None:
    content = json.dumps(body).encode()
    double.fault(step, ProviderFault.raw(content, content_type="application/json"), times=times)


async def test_an_order_has_the_shape_that_the_guide_has(make, double):
    await make().submit(_REQUEST)
    assert double.last.paid_call.more == {
        "type": "video",
        "delivery": "uri",
        "aspect_ratio": "9:16",
        "resolution": "720p",
        "duration": "4s",
    }


async def test_no_order_names_an_address_to_report_to(double):
    account = GEMINI.read_account(
        {**double.environ(), "GEMINI_WEBHOOK_SECRET": "whsec_c2VjcmV0"},
        AutojumpClock(),
        public_url="https://bot.example",
        timeouts=_SHORT_TIMEOUTS,
    )
    provider = GeminiProvider(account)
    await provider.submit(_REQUEST)
    assert b"bot.example" not in double.seen[-1].body
    assert provider.capabilities().has_webhook is False
    await provider.close()


async def test_a_clip_within_the_answer_comes_down_like_any_other(finished, double, tmp_path):
    provider, remote_id = finished
    double.wire.within = double.content
    assert (await _seen(provider, remote_id)).state is RenderState.READY
    target = tmp_path / "clip.mp4"
    got = await provider.download(remote_id, target, max_bytes=_MIB)
    assert target.read_bytes() == double.content
    assert (got.path, got.size_bytes) == (target, len(double.content))
    assert double.requests[Step.CONTENT] == 0


async def test_a_clip_within_an_answer_of_many_megabytes_is_not_lost(finished, double, tmp_path):
    provider, remote_id = finished
    free = (17 * _MIB).to_bytes(4, "big") + b"free" + bytes(17 * _MIB - 8)
    double.wire.within = double.content + free
    assert (await _seen(provider, remote_id)).state is RenderState.READY
    got = await provider.download(remote_id, tmp_path / "clip.mp4", max_bytes=32 * _MIB)
    assert got.path.read_bytes() == double.wire.within


@pytest.mark.parametrize(
    ("spoil", "max_bytes", "expected"),
    [
        (lambda clip: clip[:-1], _MIB, BadClipError),
        (lambda clip: b"<html>" + clip, _MIB, BadClipError),
        (lambda clip: clip, 100, OversizeClipError),
    ],
)
async def test_a_clip_within_the_answer_is_verified(
    finished, double, tmp_path, spoil, max_bytes, expected
):
    provider, remote_id = finished
    double.wire.within = spoil(double.content)
    with pytest.raises(expected):
        await provider.download(remote_id, tmp_path / "clip.mp4", max_bytes=max_bytes)
    assert list(tmp_path.iterdir()) == []


async def test_what_is_no_base64_is_no_clip(finished, double, tmp_path):
    provider, remote_id = finished
    said = recorded("completed")
    said["steps"][-1]["content"] = [{"type": "video", "data": "AAAA*AAAA"}]
    _says(double, said)
    with pytest.raises(BadClipError, match="no base64"):
        await provider.download(remote_id, tmp_path / "clip.mp4", max_bytes=_MIB)
    assert list(tmp_path.iterdir()) == []


async def test_an_address_of_its_own_host_is_asked_for_the_bytes(finished, double, tmp_path):
    provider, remote_id = finished
    said = recorded("completed")
    [video] = said["steps"][-1]["content"]
    video["uri"] = f"{double.base_url}/files/{remote_id}:download"
    _says(double, said, times=2)
    await provider.download(remote_id, tmp_path / "clip.mp4", max_bytes=_MIB)
    assert double.seen[-1].path.endswith(":download?alt=media")
    assert double.seen[-1].headers["x-goog-api-key"] == double.wire.key
    assert double.violations == []


async def test_an_address_elsewhere_is_asked_as_it_is_and_without_the_key(
    finished, double, tmp_path
):
    provider, remote_id = finished
    await _seen(provider, remote_id)
    said, address = recorded("completed"), double.last.media_url
    said["steps"][-1]["content"][0]["uri"] = address
    _says(double, said, times=2)
    await provider.download(remote_id, tmp_path / "clip.mp4", max_bytes=_MIB)
    asked = double.seen[-1]
    assert asked.at_media
    assert address.endswith(asked.path)
    assert double.violations == []  # such as the key


async def test_words_instead_of_a_clip_are_a_refusal_that_says_why(finished, double):
    provider, remote_id = finished
    double.last.stage = RenderStage.MODERATED
    seen = await _seen(provider, remote_id)
    assert seen.state is RenderState.FAILED
    assert type(seen.error) is ModerationError
    assert "I can't make a video of that person." in str(seen.error)


@pytest.mark.parametrize("text", ["", "Here is your clip."])
async def test_a_clip_that_was_made_and_is_not_there_is_waited_for(finished, double, text):
    provider, remote_id = finished
    said = recorded("completed")
    said["steps"][-1]["content"] = [{"type": "text", "text": text}, {"type": "video"}, 7, {}]
    _says(double, said)
    assert (await _seen(provider, remote_id)).state is RenderState.RUNNING


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"status": "failed", "error": {"code": "SAFETY", "message": "no"}}, ModerationError),
        ({"status": "failed", "error": None, "finish_reason": "SAFETY"}, ModerationError),
        ({"status": "failed", "error": {"message": "out of luck"}}, RenderFailedError),
        ({"status": "incomplete"}, RenderFailedError),
        ({"status": "requires_action"}, RenderFailedError),
        ({"status": "budget_exceeded"}, ProviderAccountError),
    ],
)
async def test_an_end_without_a_clip_says_why(finished, double, changes, expected):
    provider, remote_id = finished
    _says(double, changes)
    seen = await _seen(provider, remote_id)
    assert seen.state is RenderState.FAILED
    assert type(seen.error) is expected


async def test_a_full_api_says_in_its_body_when_to_come_back(make, double):
    provider = make()
    assert double.refuse(Step.CREATE, Refusal.THROTTLED)
    with pytest.raises(NotAcceptedError) as refused:
        await provider.submit(_REQUEST)
    assert refused.value.retry_after_s == 34.07
    remote = await provider.submit(_REQUEST)
    double.refuse(Step.POLL, Refusal.THROTTLED, times=9)
    seen = (await provider.poll([remote.id]))[remote.id]
    assert isinstance(seen, ProviderTroubleError)
    assert seen.retry_after_s == 34.07


async def test_a_cancelled_clip_that_was_made_all_the_same_is_paid_for(make, double):
    provider = make()
    remote = await provider.submit(_REQUEST)
    _says(double, recorded("cancelled") | {"usage": recorded("completed")["usage"]})
    assert await provider.cancel(remote.id) is False
    assert await provider.cancel(remote.id) is True


async def test_a_cancel_that_did_not_stop_it_yet_is_trouble(make, double):
    provider = make()
    remote = await provider.submit(_REQUEST)
    _says(double, recorded("created"))
    with pytest.raises(ProviderTroubleError, match="still in_progress"):
        await provider.cancel(remote.id)


async def test_an_edit_says_what_it_is_and_leaves_the_shape_to_its_source(finished, double):
    provider, remote_id = finished
    order = ProviderRequest(
        idempotency_key="R3M1",
        prompt="at night",
        model=_OMNI,
        seconds=4,
        size=_REQUEST.size,
        seed=7,
        operation=Operation.REMIX,
        source_remote_id=remote_id,
    )
    await provider.submit(order)
    sent = json.loads(double.seen[-1].body)
    assert sent["previous_interaction_id"] == remote_id
    assert sent["generation_config"] == {"video_config": {"task": "edit"}}
    assert sent["response_format"] == {"type": "video", "delivery": "uri"}


async def test_extensions_are_composed_unless_the_operator_wants_them(make, double):
    [model] = make().capabilities().models
    assert Operation.EXTEND not in model.operations
    provider = make("gemini-omni-1.2-flash extend=yes")
    order = ProviderRequest(
        idempotency_key="EX7D",
        prompt="it goes on",
        model="gemini-omni-1.2-flash",
        seconds=12,
        size=_REQUEST.size,
        seed=7,
        operation=Operation.EXTEND,
        source_remote_id="v1_abc",
    )
    with pytest.raises(SourceGoneError):
        await provider.submit(order)
    assert double.requests.total() == 0


@pytest.mark.parametrize(
    "models",
    [
        f"{_OMNI} sizes=3840x2160 usd_per_second=0.39",
        f"{_OMNI} sizes=1024x1024 usd_per_second=0.1",
        f"{_OMNI} seconds=2,4",
        f"{_OMNI} seconds=5,11",
        "gemini-omni-1.2-flash seconds=16",
        "veo-3.1-generate-preview",
    ],
)
def test_a_setting_that_it_cannot_do_is_named(models):
    environ = {"GEMINI_API_KEY": "key-12345678", "GEMINI_MODELS": models}
    with pytest.raises(SettingsError) as caught:
        GeminiProvider(GEMINI.read_account(environ, AutojumpClock()))
    assert caught.value.variable == "GEMINI_MODELS"


@pytest.mark.parametrize(
    "message",
    [
        "API key not valid. Please pass a valid API key.",
        "API key expired. Please renew the API key.",
        "API Key not found. Please pass a valid API key.",
        "Your prepayment credits are depleted. Please go to AI Studio.",
    ],
)
def test_what_the_operator_must_mend_is_told_from_a_wrong_order(message):
    assert error_body.parse_value([{"error": {"code": 400, "message": message}}]).is_account


@pytest.mark.parametrize(
    ("message", "is_moderation"),
    [
        ("The prompt was blocked: PROHIBITED_CONTENT.", True),
        ("finish reason SAFETY", True),
        ("This was blocked for safety reasons.", True),
        ("Invalid value at safety_settings.", False),
        ("Requests to this API method are blocked: API_KEY_SERVICE_BLOCKED", False),
        ("For your safety, the key was blocked. See our policies.", False),
    ],
)
def test_a_matter_of_content_is_told_from_other_refusals(message, is_moderation):
    said = error_body.parse_value({"error": {"code": "invalid_request", "message": message}})
    assert said.is_moderation is is_moderation


@pytest.mark.parametrize(
    ("details", "expected_s"),
    [
        ([{"@type": "RetryInfo", "retryDelay": "7s"}], 7.0),
        ([7, {}, {"retryDelay": "0.5s"}], 0.5),
        ([{"retryDelay": "99999s"}], 120.0),
        ([{"retryDelay": "soon"}], None),
        ([{"retryDelay": 7}], None),
        ("7s", None),
        (None, None),
    ],
)
def test_a_delay_among_the_details_is_read(details, expected_s):
    said = error_body.parse_value([{"error": {"message": "m", "details": details}}])
    assert said.retry_after_s == expected_s
