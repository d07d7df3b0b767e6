from __future__ import annotations

import json

import pytest

from bot.errors import ModerationError, ProviderTroubleError, RenderFailedError, SettingsError
from bot.model import Size
from bot.providers.base import Model, ProviderRequest, RenderStatus
from bot.providers.http import error_body
from bot.providers.http.timeouts import Timeouts
from bot.providers.vendors.openrouter import OPENROUTER, OpenRouterProvider
from tests.wire.autojump_clock import AutojumpClock
from tests.wire.openrouter.wire import OpenRouterWire
from tests.wire.provider_double.faults import ProviderFault
from tests.wire.provider_double.server import ProviderDouble
from tests.wire.provider_double.wire import RenderStage, Step

_WIDE, _LARGE = Size(width_px=1280, height_px=720), Size(width_px=1920, height_px=1080)
_SMALL = Size(width_px=854, height_px=480)
_VEO = "google/veo-3.1-lite"
_GROK = "x-ai/grok-imagine-video"
_SHORT_TIMEOUTS = Timeouts(connect_s=1, read_s=0.4, create_s=1, call_s=2)


@pytest.fixture
async def wire():
    return OpenRouterWire()


@pytest.fixture
async def double(wire):
    async with ProviderDouble(wire, content=b"never asked for") as running:
        yield running


@pytest.fixture
async def make(double):
    made: list[OpenRouterProvider] = []

    def build(models: str | None, public_url: str | None = None, **others: str):
        environ = {
            "OPENROUTER_API_KEY": double.wire.key,
            "OPENROUTER_BASE_URL": double.base_url,
            "OPENROUTER_MODELS": models or "",
            **others,
        }
        made.append(
            OpenRouterProvider(
                OPENROUTER.read_account(
                    environ, AutojumpClock(), public_url=public_url, timeouts=_SHORT_TIMEOUTS
                )
            )
        )
        return made[-1]

    yield build
    for each in made:
        await each.close()


def _request(model: str, **changes: object) -> ProviderRequest:
    fields = {"idempotency_key": "K7Q2", "prompt": "a cat", "seconds": 4, "size": _WIDE, "seed": 7}
    return ProviderRequest(model=model, **{**fields, **changes})  # type: ignore[arg-type]


def _models(provider: OpenRouterProvider) -> dict[str, Model]:
    return {model.name: model for model in provider.capabilities().models}


def _veo(wire: OpenRouterWire) -> dict[str, object]:
    return next(each for each in wire.models["data"] if each["id"] == _VEO)


async def test_a_name_is_enough_once_the_api_told_the_rest(make):
    provider = make(_VEO)
    assert _models(provider) == {}
    await provider.refresh()
    model = _models(provider)[_VEO]
    assert (model.label, model.seconds) == ("Veo 3.1 Lite", (4, 6, 8))
    assert model.sizes[0] == _WIDE
    assert (len(model.sizes), model.takes_image, model.has_audio) == (4, True, True)
    assert model.price_usd_micros(4, _WIDE) == 200_000
    assert model.price_usd_micros(4, _LARGE) == 320_000


async def test_without_sound_a_clip_costs_what_it_costs_without_sound(make, double):
    provider = make(f"{_VEO} audio=no")
    await provider.refresh()
    model = _models(provider)[_VEO]
    assert (model.price_usd_micros(1, _WIDE), model.price_usd_micros(1, _LARGE)) == (30_000, 50_000)
    assert not model.has_audio
    await provider.submit(_request(_VEO))
    assert double.last.paid_call.more["generate_audio"] is False
    assert double.last.paid_call.more["seed"] == 7


async def test_where_two_prices_could_apply_the_dearer_one_does(make):
    provider = make("kwaivgi/kling-v3.0-std")
    await provider.refresh()
    [model] = provider.capabilities().models
    assert set(model.usd_micros_per_second.values()) == {126_000}
    assert model.takes_image


async def test_prices_in_cents_are_cents_and_a_surcharge_for_pictures_means_no_pictures(make):
    provider = make(_GROK)
    await provider.refresh()
    model = _models(provider)[_GROK]
    assert (model.price_usd_micros(1, _SMALL), model.price_usd_micros(1, _WIDE)) == (50_000, 70_000)
    assert not model.takes_image


@pytest.mark.parametrize(
    "skus",
    [
        {"video_tokens": "0.0000107"},
        {"cents_per_second_output": "28", "minimum_cents_per_generation": "56"},
        {"duration_seconds": "0.1", "a_new_surcharge": "0.01"},
        {"duration_seconds_720p_with_audio": "0.1"},
        {"per-video-second": "0.50"},
        {"duration_seconds": "0"},
        {"duration_seconds": "-0.1"},
        {"duration_seconds": "free"},
        {"duration_seconds": "nan"},
        {"duration_seconds": "1e9"},
        {"duration_seconds": None},
        {"duration_seconds": True},
        {"image_to_video_duration_seconds": "0.1"},
        {"duration_seconds_without_audio": "0.1"},
        {"duration_seconds_4k": "0.1"},
        {"reference_images": "0.04"},
        {},
        None,
        [],
    ],
)
async def test_a_model_whose_price_cannot_be_read_is_not_offered(make, wire, caplog, skus):
    _veo(wire)["pricing_skus"] = skus
    provider = make(f"{_VEO}; kwaivgi/kling-v3.0-std")
    await provider.refresh()
    await provider.refresh()
    assert list(_models(provider)) == ["kwaivgi/kling-v3.0-std"]
    assert sum(_VEO in line for line in caplog.messages) == 1


async def test_only_sizes_with_a_price_are_offered(make, wire):
    _veo(wire)["pricing_skus"] = {"duration_seconds_720p": "0.0000001", "reference_images": "1"}
    provider = make(_VEO)
    await provider.refresh()
    [model] = provider.capabilities().models
    assert {str(size) for size in model.sizes} == {"1280x720", "720x1280"}
    assert model.price_usd_micros(1, _WIDE) == 1  # rounded up: nothing is free
    assert model.takes_image


@pytest.mark.parametrize(
    "body", [None, [], "yes", {}, {"data": []}, {"data": None}, {"data": {"id": _VEO}}]
)
async def test_a_list_that_is_none_changes_nothing(make, wire, body):
    provider = make(_VEO)
    await provider.refresh()
    before = provider.capabilities()
    assert before.models
    wire.models = body
    await provider.refresh()
    assert provider.capabilities() == before


async def test_trouble_changes_nothing_and_a_price_that_became_unreadable_does(make, wire, double):
    provider = make(_VEO)
    await provider.refresh()
    before = provider.capabilities()
    for fault in (
        ProviderFault.html(502),
        ProviderFault.json(401, {"error": {"message": "no"}}),
        ProviderFault.cut(),
    ):
        double.fault(Step.CHECK, fault, times=3)
        await provider.refresh()
        double.drop_faults()
        assert provider.capabilities() == before
    _veo(wire)["pricing_skus"] = {"video_tokens": "0.1"}
    await provider.refresh()
    assert provider.capabilities().models == ()


async def test_what_the_setting_tells_goes_before_what_the_api_tells(make):
    told = "bytedance/seedance-2.5 seconds=5,10 sizes=1280x720 usd_per_second=0.24 label=Seed"
    provider = make(f"{told}; {_VEO} seconds=6,7")
    assert list(_models(provider)) == ["bytedance/seedance-2.5"]
    assert not provider.capabilities().models[0].takes_image  # nobody said so yet
    await provider.refresh()
    seed, veo = provider.capabilities().models
    assert (seed.label, seed.seconds, seed.price_usd_micros(5, _WIDE)) == (
        "Seed",
        (5, 10),
        1_200_000,
    )
    assert seed.takes_image
    assert veo.seconds == (6,)


async def test_the_default_setting_needs_a_key_alone(make, wire):
    provider = make(None)
    assert provider.capabilities().models == ()
    await provider.refresh()
    assert list(_models(provider)) == [_VEO, "kwaivgi/kling-v3.0-std"]


@pytest.mark.parametrize(
    "models",
    [
        f"{_VEO} remix=yes",
        f"{_VEO} extend=yes",
        "m seconds=5 sizes=3840x2160 usd_per_second=1",
        " ;",
    ],
)
async def test_a_setting_that_it_cannot_do_is_named(make, models):
    with pytest.raises(SettingsError) as caught:
        make(models)
    assert caught.value.variable == "OPENROUTER_MODELS"


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"cost": 0.2000004, "is_byok": False}, 200_001),
        ({"cost": 0.4, "is_byok": True}, None),
        ({"cost": "0.4"}, None),
        ({"cost": -1}, None),
        ({"cost": float("inf")}, None),
        ({"cost": True}, None),
        (None, None),
    ],
)
async def test_the_cost_is_the_whole_cost_or_none(make, double, usage, expected):
    provider = make(_VEO)
    remote = await provider.submit(_request(_VEO))
    double.finish()
    said = {"id": remote.id, "status": "completed", "usage": usage}
    double.fault(
        Step.POLL, ProviderFault.raw(json.dumps(said).encode(), content_type="application/json")
    )
    seen = (await provider.poll([remote.id]))[remote.id]
    assert isinstance(seen, RenderStatus)
    assert seen.cost_usd_micros == expected


@pytest.mark.parametrize(
    ("word", "error", "expected"),
    [
        ("failed", "The prompt violates the content policy", ModerationError),
        ("failed", "Upstream timed out", RenderFailedError),
        ("expired", None, RenderFailedError),
        ("cancelled", {"message": "gone"}, RenderFailedError),
    ],
)
async def test_an_end_without_a_clip_says_why(make, double, word, error, expected):
    provider = make(_VEO)
    remote = await provider.submit(_request(_VEO))
    double.fault(Step.POLL, ProviderFault.json(200, {"status": word, "error": error}))
    seen = (await provider.poll([remote.id]))[remote.id]
    assert isinstance(seen, RenderStatus)
    assert type(seen.error) is expected


@pytest.mark.parametrize(
    ("url", "secret", "is_told"),
    [
        ("https://bot.example", "whsec", True),
        ("https://bot.example", "", False),
        ("http://bot.example", "whsec", False),
        (None, "whsec", False),
    ],
)
async def test_reports_are_asked_for_where_they_can_come_and_be_verified(
    make, double, url, secret, is_told
):
    provider = make(_VEO, url, OPENROUTER_WEBHOOK_SECRET=secret)
    await provider.submit(_request(_VEO))
    assert provider.capabilities().has_webhook is is_told
    expected = f"{url}/webhooks/openrouter" if is_told else None
    assert double.last.paid_call.more.get("callback_url") == expected


async def test_a_check_shows_what_is_left(make, double):
    provider = make(_VEO)
    assert await provider.check() == "the key is taken, $74.50 left of its limit"
    double.fault(Step.CHECK, ProviderFault.json(200, {"data": {"limit_remaining": None}}))
    assert await provider.check() == "the key is taken"
    double.fault(Step.CHECK, ProviderFault.json(200, []))
    with pytest.raises(ProviderTroubleError):
        await provider.check()


def test_a_prompt_that_is_flagged_is_a_matter_of_content():
    said = {"error": {"code": 403, "message": "It requires moderation. Your input was flagged."}}
    assert error_body.parse_value(said).is_moderation


async def test_a_clip_comes_from_the_apis_own_host_with_the_key(make, double, tmp_path):
    provider = make(_VEO)
    remote = await provider.submit(_request(_VEO))
    double.finish(stage=RenderStage.READY)
    with pytest.raises(Exception, match="not an MP4"):
        await provider.download(remote.id, tmp_path / "clip.mp4", max_bytes=99)
    seen = double.seen[-1]
    assert seen.path == f"/api/v1/videos/{remote.id}/content?index=0"
    assert double.wire.key in seen.headers["authorization"]
