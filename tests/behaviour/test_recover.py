"""A paid call has an unknown outcome, or a render never ends: the bot never pays twice."""

from dataclasses import replace
from pathlib import Path

import pytest

from bot.model import State
from bot.providers.openai.provider import OPENAI, OpenAIProvider
from tests.behaviour.harness import FAST_TIMINGS, BotHarness, bot_harness
from tests.wire.provider_double.server import ProviderDouble
from tests.wire.provider_double.wire import Step
from tests.wire.videos_api import VideosApi
from tests.wire.videos_faults import VideosFault
from tests.wire.vllm.wire import VllmWire


def slow() -> VideosApi:
    return VideosApi(ready_after_s=600, poll_after_ms=20)


async def refunded(t: BotHarness, code: str) -> None:
    job = await t.wait_for_state(State.FAILED)
    assert (job.error_code, job.refunded) == (code, True)
    usage = await t.usage_of(t.alice.id)
    assert usage.clips == 0


async def test_without_a_list_an_unknown_create_is_given_up_and_refunded(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with bot_harness(tmp_path) as t:
        t.api.fault("create", VideosFault.cut(accepted=True))
        t.api.fault("list", VideosFault.error(404, "no such route"), times=9)
        await t.alice.slash(t.channel, "sora generate", prompt="a cat")
        await refunded(t, "render_lost")
        await t.until(lambda: "lost contact" in t.card_text())
    assert t.api.creates["a cat"] == 1
    assert "0.400000 USD may have been spent at openai" in caplog.text


async def test_a_list_that_cannot_be_read_now_is_read_again(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        t.api.fault("create", VideosFault.cut(accepted=True))
        t.api.fault("list", VideosFault.html(502), times=4)
        await t.alice.slash(t.channel, "sora generate", prompt="a cat")
        await t.wait_for_state(State.DONE)
    assert t.api.creates["a cat"] == 1


@pytest.mark.parametrize("more", [{}, {"has_more": False}], ids=["half a page", "a whole page"])
async def test_a_list_without_a_render_that_is_under_way_proves_nothing(
    tmp_path: Path, more: dict[str, bool]
) -> None:
    async with bot_harness(tmp_path, api=slow()) as t:
        await t.bob.slash(t.channel, "sora generate", prompt="a dog")
        await t.wait_for_state(State.RENDERING)
        t.api.fault("create", VideosFault.cut(accepted=True), prompt="a cat")
        empty = VideosFault.json(200, {"object": "list", "data": [], **more})
        t.api.fault("list", empty, times=3)
        await t.alice.slash(t.channel, "sora generate", prompt="a cat")

        async def both_there() -> bool:
            return [job.state for job in await t.jobs()] == [State.RENDERING] * 2

        await t.until(both_there)
    assert t.api.creates["a cat"] == 1


async def test_an_empty_list_that_does_not_say_that_it_ends_proves_nothing(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        t.api.fault("create", VideosFault.cut(accepted=True))
        t.api.fault("list", VideosFault.json(200, {"object": "list", "data": []}), times=3)
        await t.alice.slash(t.channel, "sora generate", prompt="a cat")
        await t.wait_for_state(State.DONE)
    assert t.api.creates["a cat"] == 1


async def test_two_lost_creates_of_one_prompt_each_find_a_render_of_their_own(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path) as t:
        t.api.fault("create", VideosFault.cut(accepted=True), times=2)
        await t.alice.slash(t.channel, "sora generate", prompt="a cat", count=2)

        async def both_done() -> bool:
            return [job.state for job in await t.jobs()] == [State.DONE] * 2

        await t.until(both_done)
        assert len({job.remote_id for job in await t.jobs()}) == 2
        (message,) = t.clips()
        assert len(message.attachments) == 2
    assert t.api.creates["a cat"] == 2


async def test_a_render_that_never_ends_is_given_up_at_its_deadline(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, api=slow()) as t:
        await t.alice.slash(t.channel, "sora generate", prompt="a cat")
        await t.wait_for_state(State.RENDERING)
        t.clock.forward(3600)
        await refunded(t, "deadline")
        await t.until(lambda: "took too long" in t.card_text())


async def test_a_render_that_is_ready_after_the_deadline_is_still_delivered(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path, api=VideosApi(ready_after_s=1, poll_after_ms=2000)) as t:
        await t.alice.slash(t.channel, "sora generate", prompt="a cat")
        job = await t.wait_for_state(State.RENDERING)
        remote = t.api.renders[str(job.remote_id)]
        await t.until(lambda: remote.describe()["status"] == "completed")
        t.clock.forward(3600)
        await t.wait_for_state(State.DONE)


async def test_a_refused_key_fails_the_job_and_shows_no_key(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, OPENAI_API_KEY="sk-wrong-0123456789") as t:
        await t.alice.slash(t.channel, "sora generate", prompt="a cat")
        await refunded(t, "provider_account")
        await t.until(lambda: "operator" in t.card_text())
        assert "sk-" not in t.card_text()


async def test_a_provider_taken_out_of_the_settings_ends_its_waiting_jobs(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, api=slow(), OPENAI_MAX_CONCURRENT="1") as t:
        await t.alice.slash(t.channel, "sora generate", prompt="rendering")
        await t.wait_for_state(State.RENDERING)
        # Only the provider `openai` has the chosen model, so the job cannot fail over to another.
        asked = {"prompt": "waiting", "model": "openai/sora-2"}
        await t.alice.slash(t.channel, "sora generate", **asked)
        await t.restart(VIDEO_PROVIDERS="local")

        async def waiting_ended() -> bool:
            rendering, waiting = await t.jobs()
            return (rendering.state, waiting.state) == (State.RENDERING, State.FAILED)

        await t.until(waiting_ended)
        # The other job is paid for already, so it continues when its provider is configured again.
        await t.restart(VIDEO_PROVIDERS="openai")
        rendering, _ = await t.jobs()
        t.api.renders[str(rendering.remote_id)].ready_s = 0
        await t.until(lambda: len(t.clips()) == 1)


async def test_a_server_that_keeps_renders_in_memory_has_lost_one_that_it_does_not_know(
    tmp_path: Path,
) -> None:
    async with ProviderDouble(VllmWire()) as double:
        async with bot_harness(tmp_path, double.environ(), VIDEO_PROVIDERS="vllm") as t:
            await t.alice.slash(t.channel, "sora generate", prompt="a cat")
            await t.wait_for_state(State.RENDERING)
            double.renders.clear()
            # Until the first look.
            t.clock.forward(20)
            await refunded(t, "remote_not_found")
        assert double.requests[Step.POLL] < 5


async def test_a_server_that_has_forgotten_all_its_renders_gets_a_lost_order_again(
    tmp_path: Path,
) -> None:
    async with ProviderDouble(VllmWire()) as double:
        several = {"VLLM_MAX_CONCURRENT": "2"}
        async with bot_harness(tmp_path, double.environ() | several, VIDEO_PROVIDERS="vllm") as t:
            await t.bob.slash(t.channel, "sora generate", prompt="a dog")
            await t.wait_for_state(State.RENDERING)
            double.renders.clear()
            double.fault(Step.CREATE, VideosFault.cut(accepted=False))
            await t.alice.slash(t.channel, "sora generate", prompt="a cat")

            async def both_there() -> bool:
                return [job.state for job in await t.jobs()] == [State.RENDERING] * 2

            await t.until(both_there)
        assert double.requests[Step.CREATE] == 3


async def test_a_bot_stopped_during_the_paid_call_finds_its_render_again(tmp_path: Path) -> None:
    hasty = replace(FAST_TIMINGS, stop_s=0.1)
    async with bot_harness(tmp_path, timings=hasty) as t:
        t.api.fault("create", VideosFault.slow(5))
        await t.alice.slash(t.channel, "sora generate", prompt="a cat")
        await t.wait_for_state(State.SUBMITTING)
        await t.until(lambda: t.api.requests["create"])
        await t.app.scheduler.stop()
        await t.restart()
        await t.wait_for_state(State.DONE)
        assert len(t.clips()) == 1
    assert t.api.creates["a cat"] == 1


@pytest.mark.parametrize("skew_s", [-300, 300])
async def test_a_lost_create_is_not_paid_twice_though_the_clocks_differ(
    tmp_path: Path, skew_s: int
) -> None:
    async with bot_harness(tmp_path) as t:
        t.api.fault("create", VideosFault.cut(accepted=True))
        await t.alice.slash(t.channel, "sora generate", prompt="a cat")
        await t.until(lambda: t.api.renders)
        next(iter(t.api.renders.values())).created_at += skew_s
        await refunded(t, "render_lost")
    assert t.api.creates["a cat"] == 1


async def test_a_lost_create_is_not_paid_twice_though_the_server_renames_its_model(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path) as t:
        t.api.fault("create", VideosFault.cut(accepted=True))
        await t.alice.slash(t.channel, "sora generate", prompt="a cat")
        await t.until(lambda: t.api.renders)
        next(iter(t.api.renders.values())).model = "sora-2-2025-12-08"
        await refunded(t, "render_lost")
    assert t.api.creates["a cat"] == 1


async def test_a_list_that_goes_on_after_an_empty_page_proves_nothing(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        t.api.fault("create", VideosFault.cut(accepted=True))
        page = {"object": "list", "data": [], "has_more": True, "last_id": None}
        t.api.fault("list", VideosFault.json(200, page), times=2)
        await t.alice.slash(t.channel, "sora generate", prompt="a cat")
        await t.wait_for_state(State.DONE)
    assert t.api.creates["a cat"] == 1


async def test_a_lost_create_adopts_no_render_of_another_length(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        t.api.fault("create", VideosFault.html(502))
        t.api.fault("create", VideosFault.cut(accepted=True))
        await t.alice.slash(t.channel, "sora generate", prompt="a cat", seconds=4)
        await t.until(lambda: t.api.requests["create"] == 1)
        await t.alice.slash(t.channel, "sora generate", prompt="a cat", seconds=12)

        async def both_done() -> bool:
            return [job.state for job in await t.jobs()] == [State.DONE] * 2

        await t.until(both_done)
        for job in await t.jobs():
            assert t.api.renders[str(job.remote_id)].seconds == str(job.spec.seconds)
    assert t.api.creates["a cat"] == 2


async def test_one_bad_answer_after_a_long_outage_does_not_cost_a_finished_render(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path, api=VideosApi(ready_after_s=1, poll_after_ms=2000)) as t:
        await t.alice.slash(t.channel, "sora generate", prompt="a cat")
        job = await t.wait_for_state(State.RENDERING)
        remote = t.api.renders[str(job.remote_id)]
        await t.until(lambda: remote.describe()["status"] == "completed")
        t.api.fault("retrieve", VideosFault.html(502), times=6)
        t.api.fault("content", VideosFault.html(502), times=6)
        t.clock.forward(1900)
        await t.wait_for_state(State.DONE)
        assert len(t.clips()) == 1


async def test_one_unknown_id_among_late_silences_does_not_lose_a_finished_render(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path, api=VideosApi(ready_after_s=1, poll_after_ms=2000)) as t:
        await t.alice.slash(t.channel, "sora generate", prompt="a cat")
        job = await t.wait_for_state(State.RENDERING)
        remote = t.api.renders[str(job.remote_id)]
        await t.until(lambda: remote.describe()["status"] == "completed")
        # The HTTP client sends each poll up to three times. Twelve answers of 502 are four failed
        # polls, and the fifth poll gets a 404.
        t.api.fault("retrieve", VideosFault.html(502), times=12)
        t.api.fault("retrieve", VideosFault.error(404, "no such video"))
        t.clock.forward(1900)
        await t.wait_for_state(State.DONE)


class FailingCancelProvider(OpenAIProvider):
    """A provider whose `cancel` raises an unexpected exception."""

    async def cancel(self, remote_id: str) -> bool:
        raise ZeroDivisionError(remote_id)


async def test_a_cancel_that_breaks_does_not_hold_up_the_other_renders(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, api=slow()) as t:
        broken = FailingCancelProvider(OPENAI.read_account(t.settings.others, t.clock))
        providers = t.app.providers
        assert isinstance(providers, dict)
        await providers["openai"].close()
        providers["openai"] = broken
        await t.alice.slash(t.channel, "sora generate", prompt="cancelled")
        job = await t.wait_for_state(State.RENDERING)
        await t.app.store.request_cancel(job, t.clock.now())
        await t.bob.slash(t.channel, "sora generate", prompt="fine")
        await t.until(lambda: len(t.api.renders) == 2)
        for remote in t.api.renders.values():
            remote.ready_s = 0

        async def fine_is_done() -> bool:
            return (await t.jobs())[1].state is State.DONE

        await t.until(fine_is_done)
