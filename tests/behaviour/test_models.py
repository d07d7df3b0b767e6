"""The models that members are offered: their prices, their providers, and retired ones."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.model import State
from tests.behaviour.clips import generate_clip, private_answer
from tests.behaviour.harness import BotHarness, bot_harness
from tests.behaviour.settings_panel import choose, open_settings
from tests.wire.openrouter.wire import OpenRouterWire
from tests.wire.provider_double.server import ProviderDouble
from tests.wire.provider_double.wire import Step
from tests.wire.videos_api import VideosApi
from tests.wire.videos_faults import VideosFault

SILENT = "reel seconds=5,10 sizes=1280x720,720x1280 usd_per_second=1280x720:0.05,720x1280:0.09"
FREE = "home seconds=4 sizes=832x480 usd_per_second=0 audio=yes label=Home"


@asynccontextmanager
async def two(
    folder: Path, models: str, **variables: str
) -> AsyncGenerator[tuple[BotHarness, VideosApi]]:
    """Run a bot with two providers: `openai` first, then `litellm` with the models in `models`.

    Yields the harness, whose `api` belongs to `openai`, and the loopback API of `litellm`.
    """
    async with VideosApi(poll_after_ms=20) as other:
        names = {
            "VIDEO_PROVIDERS": "openai,litellm",
            "LITELLM_PROXY_API_KEY": other.key,
            "LITELLM_PROXY_API_BASE": other.base_url,
            "LITELLM_PROXY_MODELS": models,
        }
        async with bot_harness(folder, names | variables) as t:
            # Wait until the bot has fetched both model lists at its start; otherwise that fetch
            # could use up a fault that a test sets.
            await t.until(lambda: t.api.requests["models"] and other.requests["models"])
            yield t, other


async def offered(t: BotHarness, typed: str = "") -> dict[str, str]:
    """Return the choices that alice is offered for the option `model`: names by values."""
    found = await t.alice.autocomplete(t.channel, "sora generate", "model", typed, prompt="x")
    return {str(each["value"]): str(each["name"]) for each in found}


async def retire(t: BotHarness, days: dict[str, str]) -> None:
    """Make the first provider's model list name days on which its models are or were shut down."""
    told = [{"id": name, "object": "model", "shutdown_date": day} for name, day in days.items()]
    t.api.fault("models", VideosFault.json(200, {"object": "list", "data": told}))
    await t.app.providers["openai"].refresh()


async def test_a_model_is_offered_with_its_service_its_price_and_its_sound(tmp_path: Path) -> None:
    async with two(tmp_path, f"{SILENT}; {FREE}") as (t, _):
        assert await offered(t) == {
            "openai/sora-2": "Sora 2 · openai · $0.40 a clip · audio",
            "openai/sora-2-pro": "Sora 2 Pro · openai · $1.20 a clip · audio",
            # The price is that of the model's shortest clip at its default size.
            "litellm/reel": "reel · litellm · $0.25 a clip",
            "litellm/home": "Home · litellm · free · audio",
        }
        assert set(await offered(t, "LITE")) == {"litellm/reel", "litellm/home"}


async def test_where_there_is_one_service_its_name_is_left_out(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        assert (await offered(t))["openai/sora-2"] == "Sora 2 · $0.40 a clip · audio"


async def test_a_long_name_is_cut_and_its_price_is_not(tmp_path: Path) -> None:
    label = "Motion " * 20
    models = f'm seconds=4 sizes=1280x720 usd_per_second=0.1 audio=yes label="{label}"'
    async with two(tmp_path, models) as (t, _):
        name = (await offered(t))["litellm/m"]
        assert len(name) == 100
        assert name.startswith("Motion Motion")
        assert name.endswith("… · litellm · $0.40 a clip · audio")


async def test_only_what_can_be_asked_for_now_is_offered(tmp_path: Path) -> None:
    async with two(tmp_path, FREE) as (t, _):
        await t.moderator.slash(t.channel, "sora-mod provider drain", name="openai")
        assert set(await offered(t)) == {"litellm/home"}
        # Only one of two providers can be used now, but a choice still names its provider.
        assert (await offered(t))["litellm/home"] == "Home · litellm · free · audio"
        await t.moderator.slash(t.channel, "sora-mod provider drain", name="openai", back=True)
        t.api.fault("models", VideosFault.error(401, "no", "invalid_api_key"))
        await t.moderator.slash(t.channel, "sora-mod provider test", name="openai")
        assert set(await offered(t)) == {"litellm/home"}


async def test_the_servers_choice_of_models_and_service_decides_what_is_offered_and_first(
    tmp_path: Path,
) -> None:
    async with two(tmp_path, FREE) as (t, _):
        await t.moderator.slash(t.channel, "sora-mod provider use", name="litellm")
        assert list(await offered(t)) == ["litellm/home", "openai/sora-2", "openai/sora-2-pro"]
        await choose(t, await open_settings(t, "models"), "models", "openai/sora-2", "litellm/home")
        assert list(await offered(t)) == ["litellm/home", "openai/sora-2"]


@pytest.mark.parametrize("name", ["openai/sora-2", "sora 2", "SORA-2"])
async def test_a_retired_model_is_refused_with_the_nearest_to_it(tmp_path: Path, name: str) -> None:
    # The nearest model to a retired one accepts reference images, as the retired one did. The free
    # model does not.
    near = "near seconds=4 sizes=1280x720 usd_per_second=0.12 image=yes label=Near"
    async with two(tmp_path, f"{FREE}; {near}") as (t, other):
        await retire(t, {"sora-2": "2026-09-24", "sora-2-pro": "2026-09-24"})
        assert set(await offered(t)) == {"litellm/home", "litellm/near"}
        refused = await t.alice.slash(t.channel, "sora generate", prompt="a cat", model=name)
        assert private_answer(refused).strip() == (
            "**model**: Sora 2 was retired on 2026-09-24. The nearest to it is `Near`."
        )
        assert await t.jobs() == []
        assert (await t.usage_of(t.alice.id)).clips == 0
        assert (t.api.creates.total(), other.creates.total()) == (0, 0)


async def test_a_model_is_made_until_the_day_of_its_retirement(tmp_path: Path) -> None:
    async with two(tmp_path, FREE) as (t, _):
        tomorrow = t.clock.now().date().replace(year=t.clock.now().year + 1)
        await retire(t, {"sora-2": str(tomorrow), "sora-2-pro": "2026-09-24"})
        assert set(await offered(t)) == {"openai/sora-2", "litellm/home"}
        assert (await generate_clip(t, t.alice, "a cat", model="Sora 2")).spec.provider == "openai"


async def test_the_same_model_elsewhere_stands_in_for_a_retired_one(tmp_path: Path) -> None:
    async with two(tmp_path, "sora-2") as (t, _):
        await retire(t, {"sora-2": "2026-09-24"})
        job = await generate_clip(t, t.alice, "a cat", model="Sora 2")
        assert (job.spec.provider, job.spec.model) == ("litellm", "sora-2")


async def test_a_service_all_of_whose_models_are_retired_says_so_in_the_list(
    tmp_path: Path,
) -> None:
    async with two(tmp_path, FREE) as (t, _):
        await retire(t, {"sora-2": "2026-09-24"})
        page = private_answer(await t.moderator.slash(t.channel, "sora-mod provider list"))
        assert (
            "**openai** · ok · ▶ **next** · 0 of 4 under way · Sora 2 Pro, Sora 2 (retired)" in page
        )
        await retire(t, {"sora-2": "2026-09-24", "sora-2-pro": "2026-09-24"})
        page = private_answer(await t.moderator.slash(t.channel, "sora-mod provider list"))
        assert "🗄️ **openai** · retired: none of its models is made any more" in page
        assert "**litellm** · ok · ▶ **next**" in page


async def test_a_clip_that_was_ordered_before_its_model_was_retired_still_comes(
    tmp_path: Path,
) -> None:
    async with two(tmp_path, FREE) as (t, _):
        t.api.ready_after_s = 1.0
        await t.alice.slash(t.channel, "sora generate", prompt="a cat")
        await t.wait_for_state(State.RENDERING)
        await retire(t, {"sora-2": "2026-09-24", "sora-2-pro": "2026-09-24"})
        assert (await t.wait_for_state(State.DONE)).spec.model == "sora-2"
        await t.until(lambda: "Sora 2" in t.card_text())


async def test_sizes_are_offered_though_the_model_is_out_of_service(tmp_path: Path) -> None:
    async with two(tmp_path, SILENT) as (t, _):
        t.api.fault("models", VideosFault.error(401, "no", "invalid_api_key"))
        await t.moderator.slash(t.channel, "sora-mod provider test", name="openai")
        for option in ("seconds", "size"):
            chosen = {"prompt": "x", "model": "openai/sora-2"}
            assert await t.alice.autocomplete(t.channel, "sora generate", option, "", **chosen)


async def test_a_name_longer_than_discord_takes_spoils_no_list(tmp_path: Path) -> None:
    path = "/srv/models/" + "deep/" * 20 + "model"
    long = f"{path} seconds=4 sizes=1280x720 usd_per_second=0 label=Deep"
    async with two(tmp_path, f"{long}; {FREE}") as (t, _):
        found = await offered(t)
        assert all(len(value) <= 100 for value in found)
        assert "litellm/home" in found
        assert (await generate_clip(t, t.alice, "a cat", model="Deep")).spec.model == path
        assert "Deep" in found


async def test_models_that_could_not_be_learned_at_the_start_are_soon_asked_for_again(
    tmp_path: Path,
) -> None:
    async with ProviderDouble(OpenRouterWire()) as double:
        double.fault(Step.CHECK, VideosFault.html(502), times=3)
        names = {"VIDEO_PROVIDERS": "openrouter", "OPENROUTER_MODELS": "google/veo-3.1-lite"}
        async with bot_harness(tmp_path, double.environ() | names) as t:
            await t.until(lambda: t.app.providers["openrouter"].capabilities().models)
