"""A bot with two providers: when a job fails over from one to the other, and what members see."""

from __future__ import annotations

import asyncio
import socket
import time
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.model import Job, State
from tests.behaviour.clips import generate_clip, message_of, private_answer, wait_until_finished
from tests.behaviour.harness import BotHarness, bot_harness, words
from tests.behaviour.settings_panel import choose, open_settings
from tests.wire.videos_api import VideosApi
from tests.wire.videos_faults import VideosFault

DEARER = "sora-2 usd_per_second=0.20"
OTHER = "reel seconds=4 sizes=1280x720 usd_per_second=0.01 image=yes label=Reel"
BUSY = VideosFault.error(429, "slow down", "rate_limit_exceeded")
NO_KEY = VideosFault.error(401, "no", "invalid_api_key")
MOVED = "oved here from `openai`, which took no new work"


@asynccontextmanager
async def two(
    folder: Path, *, models: str = "sora-2", api: VideosApi | None = None, **variables: str
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
            "LITELLM_PROXY_MAX_CONCURRENT": "20",
        }
        async with bot_harness(folder, names | variables, api=api) as t:
            yield t, other
            assert (t.api.violations, other.violations) == ([], [])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def drain(t: BotHarness, name: str) -> str:
    return private_answer(await t.moderator.slash(t.channel, "sora-mod provider drain", name=name))


def cards(t: BotHarness, prompt: str) -> str:
    """Return the text of all status cards that contain a prompt."""
    shown = [words(each.embeds[0]) for each in t.channel.history() if each.embeds]
    return "\n".join(each for each in shown if prompt in each)


def clip_of(t: BotHarness, job: Job) -> str:
    """Return the text of the message that carries a clip."""
    message = message_of(t, job)
    assert message is not None
    return message.content


async def ended(t: BotHarness, state: State) -> Job:
    """Wait until the only job is final; assert that it is in `state`, and return it."""

    async def over() -> Job | None:
        job = await t.job()
        return job if job.state.is_final else None

    job = await t.until(over)
    assert job.state is state, job.error_text
    return job


async def test_a_service_is_drained_then_killed_and_comes_back_and_nothing_is_lost_or_doubled(
    tmp_path: Path,
) -> None:
    api = VideosApi(ready_after_s=600, poll_after_ms=50, port=free_port())
    limits = {
        "OPENAI_MAX_CONCURRENT": "20",
        "QUOTA_CLIPS_PER_DAY": "none",
        "QUOTA_SECONDS_PER_DAY": "none",
    }
    async with two(tmp_path, api=api, **limits) as (t, other):
        for number in range(5):
            await t.alice.slash(t.channel, "sora generate", prompt=f"old {number}", count=4)

        async def rendering() -> bool:
            jobs = [each for each in await t.jobs() if each.user_id == t.alice.id]
            return [each.state for each in jobs] == [State.RENDERING] * 20

        await t.until(rendering)
        assert api.creates == Counter({f"old {number}": 4 for number in range(5)})

        shown = await drain(t, "openai")
        assert "🚰 **openai** · drained here · 20 of 20 under way" in shown
        assert "✅ **litellm** · ok · ▶ **next**" in shown
        await t.bob.slash(t.channel, "sora generate", prompt="after the drain")
        await t.until(lambda: "Watch the clip" in cards(t, "after the drain"))
        assert "· litellm" in cards(t, "after the drain")

        await api.__aexit__()
        heard = len(api.seen)
        await t.bob.slash(t.channel, "sora generate", prompt="after the kill", count=2)
        await t.until(lambda: "2 variants · Done" in cards(t, "after the kill"))

        async def unanswered() -> bool:
            (seen,) = [
                each
                for each in await t.app.jobs.provider_admin.all(t.guild.id)
                if each.name == "openai"
            ]
            return seen.health.failures_in_a_row >= 1

        # Wait until one poll of each render has failed.
        await t.until(unanswered)
        assert await rendering()
        assert len(api.seen) == heard

        for remote in api.renders.values():
            remote.ready_s = time.monotonic()
        await api.__aenter__()
        jobs = await wait_until_finished(t, 23)

        assert api.creates == Counter({f"old {number}": 4 for number in range(5)})
        assert other.creates == Counter({"after the drain": 1, "after the kill": 2})
        took = Counter((job.spec.provider, job.failed_over_from) for job in jobs)
        assert took == Counter({("openai", None): 20, ("litellm", None): 3})
        assert len({job.remote_id for job in jobs if job.spec.provider == "openai"}) == 20
        files = [file.filename for each in t.clips() for file in each.attachments]
        assert sorted(files) == sorted(f"sora-{job.id}.mp4" for job in jobs)
        assert (await t.usage_of(t.alice.id)).clips == 20
        assert (await t.usage_of(t.bob.id)).clips == 3
        for number in range(5):
            await t.until(lambda: "4 variants · Done" in cards(t, f"old {number}"))  # noqa: B023
            assert "· openai" in cards(t, f"old {number}")
            assert "litellm" not in cards(t, f"old {number}")


async def test_what_waits_at_a_drained_service_goes_to_the_other_and_its_card_says_so(
    tmp_path: Path,
) -> None:
    api = VideosApi(ready_after_s=600, poll_after_ms=50)
    async with two(tmp_path, api=api, models=DEARER, OPENAI_MAX_CONCURRENT="1") as (t, other):
        await t.alice.slash(t.channel, "sora generate", prompt="a cat", count=3)
        await t.until(lambda: api.creates["a cat"])
        await drain(t, "openai")
        for remote in api.renders.values():
            remote.ready_s = time.monotonic()
        jobs = await wait_until_finished(t, 3)
        stayed, *went = jobs
        assert (stayed.spec.provider, stayed.failed_over_from) == ("openai", None)
        assert {(job.spec.provider, job.failed_over_from) for job in went} == {
            ("litellm", "openai")
        }
        assert (api.creates["a cat"], other.creates["a cat"]) == (1, 2)
        await t.until(lambda: "3 variants · Done" in cards(t, "a cat"))
        shown = cards(t, "a cat")
        assert f"`{went[0].id}`, `{went[1].id}` m{MOVED}." in shown
        assert "1 × Sora 2 · 4 s · 1280x720 · $0.40 · openai" in shown
        assert "2 × Sora 2 · 4 s · 1280x720 · $0.80 · litellm" in shown
        assert (await t.usage_of(t.alice.id)).usd_micros == 2_000_000


@pytest.mark.parametrize("trouble", ["busy", "no key", "unreachable"])
async def test_a_create_that_was_certainly_refused_goes_to_the_other_service(
    tmp_path: Path, trouble: str
) -> None:
    async with two(tmp_path, models=DEARER) as (t, other):
        if trouble == "unreachable":
            await t.api.__aexit__()
        else:
            t.api.fault("create", BUSY if trouble == "busy" else NO_KEY)
        await t.alice.slash(t.channel, "sora generate", prompt="a cat")
        job = await ended(t, State.DONE)
        assert (job.spec.provider, job.failed_over_from) == ("litellm", "openai")
        assert (t.api.creates["a cat"], other.creates["a cat"]) == (0, 1)
        assert len(t.clips()) == 1
        # The member's quota counts the second provider's price.
        assert (await t.usage_of(t.alice.id)).usd_micros == 800_000
        await t.until(lambda: "Done" in cards(t, "a cat"))
        assert f"M{MOVED}." in cards(t, "a cat")
        assert "$0.80 · litellm" in cards(t, "a cat")
        assert f"$0.80 · litellm · m{MOVED}" in clip_of(t, job)
        status = private_answer(await t.alice.slash(t.channel, "sora status", job=job.id))
        assert f"m{MOVED}" in status


@pytest.mark.parametrize("accepted", [True, False])
async def test_a_create_of_unknown_outcome_never_goes_to_the_other_service(
    tmp_path: Path, accepted: bool
) -> None:
    async with two(tmp_path) as (t, other):
        t.api.fault("create", VideosFault.cut(accepted=accepted))
        await t.alice.slash(t.channel, "sora generate", prompt="a cat")
        job = await t.until(lambda: settled(t))
        assert t.api.creates["a cat"] + other.creates["a cat"] == 1
        # Only a request that certainly never arrived may go to the other provider.
        assert not accepted or job.spec.provider == "openai"
        assert len(t.clips()) == 1


async def settled(t: BotHarness) -> Job | None:
    job = await t.job()
    return job if job.state is State.DONE else None


@pytest.mark.parametrize(("fault", "state"), [(BUSY, State.DONE), (NO_KEY, State.FAILED)])
async def test_a_dearer_service_that_the_members_limit_does_not_allow_is_not_used(
    tmp_path: Path, fault: VideosFault, state: State
) -> None:
    async with two(tmp_path, models=DEARER) as (t, other):
        await t.moderator.slash(t.channel, "sora-mod quota set", usd=0.5)
        t.api.fault("create", fault)
        await t.alice.slash(t.channel, "sora generate", prompt="a cat")
        job = await ended(t, state)
        assert (job.spec.provider, job.failed_over_from) == ("openai", None)
        assert other.creates.total() == 0
        done = state is State.DONE
        assert t.api.creates["a cat"] == int(done)
        assert (await t.usage_of(t.alice.id)).usd_micros == (400_000 if done else 0)
        await t.until(lambda: "Done" in cards(t, "a cat") or "Failed" in cards(t, "a cat"))
        assert "litellm" not in cards(t, "a cat")


@pytest.mark.parametrize(("fault", "state"), [(BUSY, State.DONE), (NO_KEY, State.FAILED)])
async def test_a_model_that_a_member_chose_is_never_replaced(
    tmp_path: Path, fault: VideosFault, state: State
) -> None:
    async with two(tmp_path, models=OTHER) as (t, other):
        t.api.fault("create", fault)
        chosen = "openai/sora-2"
        await t.alice.slash(t.channel, "sora generate", prompt="a cat", model=chosen)
        job = await ended(t, state)
        assert (job.spec.provider, job.spec.model) == ("openai", "sora-2")
        assert other.creates.total() == 0


async def test_a_model_that_was_left_to_the_bot_is_replaced_rather_than_not_made(
    tmp_path: Path,
) -> None:
    async with two(tmp_path, models=OTHER) as (t, other):
        t.api.fault("create", NO_KEY)
        await t.alice.slash(t.channel, "sora generate", prompt="a cat")
        job = await ended(t, State.DONE)
        assert (job.spec.provider, job.spec.model) == ("litellm", "reel")
        assert other.creates["a cat"] == 1
        await t.until(lambda: "Done" in cards(t, "a cat"))
        assert "Reel · 4 s · 1280x720 · $0.04 · litellm" in cards(t, "a cat")


async def test_the_log_channel_hears_of_an_outage_once(tmp_path: Path) -> None:
    async with two(tmp_path) as (t, other):
        log = t.guild.create_text_channel("log")
        await choose(t, await open_settings(t), "log", log)
        t.api.fault("create", NO_KEY, times=50)
        for number in range(3):
            await t.alice.slash(t.channel, "sora generate", prompt=f"a cat {number}")
        await wait_until_finished(t, 3)
        await t.until(log.history)
        # One new request tried the provider again and was refused. The outage is still the same,
        # so moderators are not told again.
        t.clock.forward(400)
        await t.bob.slash(t.channel, "sora generate", prompt="a dog")
        await wait_until_finished(t, 4)
        # An answer that asks for a pause does not end the outage either.
        for number, answer in enumerate((BUSY, NO_KEY), 5):
            t.api.drop_faults()
            t.api.fault("create", answer, times=50)
            t.clock.forward(700)
            await t.bob.slash(t.channel, "sora generate", prompt=f"a dog {number}")
            await wait_until_finished(t, number)
        await asyncio.sleep(0.5)
        (told,) = [each.content for each in log.history()]
        assert "The video service `openai` is out of service: it refuses the account" in told
        assert t.api.requests["create"] >= 4
        assert other.creates.total() == 6


@pytest.mark.parametrize("code", ["rejected_order", "moderation"])
async def test_words_that_are_turned_away_with_403_take_no_service_out(
    tmp_path: Path, code: str
) -> None:
    refusal = "Content violates usage guidelines. Failed check: SAFETY_CHECK_TYPE_BIO"
    refused = {"code": "The caller does not have permission to do this", "error": refusal}
    fault = VideosFault.html(403) if code == "rejected_order" else VideosFault.json(403, refused)
    async with two(tmp_path) as (t, other):
        t.api.fault("create", fault)
        other.fault("create", fault)
        await t.alice.slash(t.channel, "sora generate", prompt="' OR 1=1; --")
        job = await ended(t, State.FAILED)
        assert (job.error_code, job.failed_over_from) == (code, None)
        providers = await t.app.jobs.provider_admin.all(t.guild.id)
        assert [each.health.reason for each in providers] == ["", ""]


async def test_two_services_that_say_at_once_do_not_pass_a_job_to_and_fro(tmp_path: Path) -> None:
    at_once = VideosFault.error(429, "slow down", "rate_limit_exceeded", retry_after="0")
    async with two(tmp_path) as (t, other):
        t.api.fault("create", at_once, times=500)
        other.fault("create", at_once, times=500)
        await t.alice.slash(t.channel, "sora generate", prompt="a cat")
        await t.until(lambda: other.requests["create"] >= 1)
        await asyncio.sleep(1)
        assert t.api.requests["create"] + other.requests["create"] < 12


@pytest.mark.parametrize(
    "gone",
    [
        VideosFault.error(404, "The model `sora-2` does not exist", "model_not_found"),
        VideosFault.error(503, "No available channel for model sora-2", "model_not_found"),
        VideosFault.html(404),
        VideosFault.redirect("https://elsewhere.example/", 301),
    ],
    ids=["model", "relay's model", "path", "address"],
)
async def test_what_one_service_does_not_make_any_more_is_made_by_the_other(
    tmp_path: Path, gone: VideosFault
) -> None:
    async with two(tmp_path) as (t, other):
        t.api.fault("create", gone, times=50)
        await t.alice.slash(t.channel, "sora generate", prompt="a cat")
        job = await ended(t, State.DONE)
        assert (job.spec.provider, job.failed_over_from) == ("litellm", "openai")
        assert (t.api.creates["a cat"], other.creates["a cat"]) == (0, 1)


async def test_a_test_of_a_service_without_balance_starts_no_second_outage(tmp_path: Path) -> None:
    empty = VideosFault.error(429, "You exceeded your current quota", "insufficient_quota")
    async with two(tmp_path) as (t, _):
        log = t.guild.create_text_channel("log")
        await choose(t, await open_settings(t), "log", log)
        t.api.fault("create", empty, times=50)
        for number in range(3):
            await t.alice.slash(t.channel, "sora generate", prompt=f"a cat {number}")
            await wait_until_finished(t, number + 1)
            page = private_answer(
                await t.moderator.slash(t.channel, "sora-mod provider test", name="openai")
            )
            assert "All is well" not in page
        await t.until(log.history)
        await asyncio.sleep(0.3)
        assert len(log.history()) == 1
        assert t.api.requests["create"] == 3


async def test_a_service_that_is_out_changes_nothing_in_what_is_told_of_its_clips(
    tmp_path: Path,
) -> None:
    async with two(tmp_path, models=OTHER) as (t, other):
        parent = await generate_clip(t, t.alice, "a cat", model="litellm/reel")
        await generate_clip(t, t.alice, "a dog", model="openai/sora-2")
        message = message_of(t, parent)
        assert message is not None
        await t.reply(t.bob, message, "by night")
        *_, child = await wait_until_finished(t, 3)
        assert "from its words and last frame." in clip_of(t, child)
        other.fault("create", NO_KEY)
        await t.bob.slash(t.channel, "sora generate", prompt="x", model="litellm/reel")
        await t.until(lambda: "Failed" in cards(t, "x"))
        posted = message_of(t, child)
        assert posted is not None
        told = private_answer(await t.bob.context_menu(t.channel, "Clip details", posted))
        assert "from its words and last frame." in told

        chosen = await t.bob.autocomplete(t.channel, "sora gallery", "model", "reel")
        assert [each["value"] for each in chosen] == ["litellm/reel"]
        shown = private_answer(await t.bob.slash(t.channel, "sora gallery", model="litellm/reel"))
        assert "a cat" in shown
        assert "a dog" not in shown


async def test_the_pages_of_a_gallery_stay_those_of_its_model_when_its_service_goes_out(
    tmp_path: Path,
) -> None:
    async with two(tmp_path, models=OTHER, QUOTA_CLIPS_PER_DAY="100") as (t, other):
        await generate_clip(t, t.alice, "a dog", model="openai/sora-2")
        for number in range(7):
            await generate_clip(t, t.alice, f"cat {number}", model="litellm/reel")
        shown = await t.bob.slash(t.channel, "sora gallery", model="litellm/reel")
        assert shown.response is not None
        other.fault("create", NO_KEY)
        await t.bob.slash(t.channel, "sora generate", prompt="x", model="litellm/reel")
        await t.until(lambda: "Failed" in cards(t, "x"))
        await t.bob.click(shown.response, label="More ▶")
        assert "cat 0" in private_answer(shown)
        assert "a dog" not in private_answer(shown)
