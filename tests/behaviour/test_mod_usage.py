"""`/sora-mod jobs` and `/sora-mod usage`: what moderators see of a guild's jobs, and can stop."""

from __future__ import annotations

import asyncio
import csv
from datetime import timedelta
from io import BytesIO, StringIO
from pathlib import Path

import pytest
import simcord
from PIL import Image

from bot.chat.moderation.usage_report import escape_formula
from bot.errors import TooLateError
from bot.model import Job, State, Viewer
from sandbox.live_page import catch_up
from tests.behaviour.clips import button_labels, generate_clip, private_answer, wait_until_finished
from tests.behaviour.harness import BotHarness, bot_harness, words
from tests.wire.videos_api import VideosApi
from tests.wire.videos_faults import VideosFault

PLENTY = {"QUOTA_CLIPS_PER_DAY": "100", "QUOTA_USD_PER_DAY": "100"}


def order_in(told: str, jobs: list[Job]) -> list[str]:
    """Return the ids of the jobs that occur in the text `told`, in the order of the text."""
    return sorted((job.id for job in jobs if f"`{job.id}`" in told), key=told.index)


async def listed(t: BotHarness, **options: object) -> str:
    return private_answer(await t.moderator.slash(t.channel, "sora-mod jobs", **options))


async def failed(t: BotHarness, actor: simcord.MemberActor) -> Job:
    """Have `actor` request a clip that the video API rejects; return the failed job."""
    t.api.fault("create", VideosFault.moderated())
    await actor.slash(t.channel, "sora generate", prompt="a rude dog")

    async def has_failed() -> Job | None:
        job = (await t.jobs())[-1]
        return job if job.state is State.FAILED else None

    return await t.until(has_failed)


async def test_the_list_has_each_job_with_member_model_place_and_words(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, PLENTY, api=VideosApi(ready_after_s=600)) as t:
        thread = await t.thread()
        await t.alice.slash(t.channel, "sora generate", prompt="a *calico* cat")
        await t.bob.slash(thread, "sora generate", prompt="a dog", seconds=8)
        cat, dog = await t.jobs()
        told = await listed(t)
        assert order_in(told, [cat, dog]) == [dog.id, cat.id]
        for piece in ("a \\*calico\\* cat", "Sora 2 · 4 s", "Sora 2 · 8 s", ":R>"):
            assert piece in told
        assert f"<@{t.alice.id}> in <#{t.channel.id}>" in told
        assert f"<@{t.bob.id}> in <#{thread.id}>" in told
        only = await listed(t, user=t.bob.user)
        assert order_in(only, [cat, dog]) == [dog.id]
        assert "There are none" in await listed(t, state="done")


async def test_each_state_has_its_own_list(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, PLENTY, OPENAI_MAX_CONCURRENT="1") as t:
        done = await generate_clip(t, t.alice, "a cat")
        bad = await failed(t, t.alice)
        t.api.ready_after_s = 600
        for prompt in ("first", "second", "third"):
            await t.bob.slash(t.channel, "sora generate", prompt=prompt)
        first, second, third = (await t.jobs())[2:]
        await t.bob.slash(t.channel, "sora cancel", job=third.id)
        jobs = await t.jobs()
        expected = {
            "under way": [second.id, first.id],
            "waiting": [second.id],
            "done": [done.id],
            "failed": [bad.id],
            "kept": [],
            "cancelled": [third.id],
        }
        for state, ids in expected.items():
            page = await t.moderator.slash(t.channel, "sora-mod jobs", state=state)
            assert order_in(private_answer(page), jobs) == ids, state
            stoppable = ids if state in ("under way", "waiting") else []
            assert button_labels(page.response)[:-1] == [f"Cancel {each}" for each in stoppable]
        assert "content rules" in await listed(t, state="failed")


async def test_a_moderator_stops_a_members_job_from_the_list(tmp_path: Path) -> None:
    async with bot_harness(
        tmp_path, api=VideosApi(ready_after_s=600), OPENAI_MAX_CONCURRENT="1"
    ) as t:
        await t.alice.slash(t.channel, "sora generate", prompt="a cat", count=2)
        job = (await t.jobs())[-1]
        page = await t.moderator.slash(t.channel, "sora-mod jobs")
        assert page.response is not None
        assert f"Cancel {job.id}" in button_labels(page.response)
        told = private_answer(await t.moderator.click(page.response, label=f"Cancel {job.id}"))
        assert f"Cancelled `{job.id}`" in told
        assert (await t.jobs())[-1].state is State.CANCELLED
        await t.moderator.click(page.response, label="Refresh")
        assert f"`{job.id}`" not in private_answer(page)
        assert f"Cancel {job.id}" not in button_labels(page.response)


async def test_whose_clip_a_moderator_stopped_is_in_the_audit_log_once(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, VIDEO_PROVIDERS="local", LOCAL_MAX_CONCURRENT="1") as t:
        await t.alice.slash(t.channel, "sora generate", prompt="a cat", count=4, seconds=12)
        rendering = await t.until(lambda: in_state(t, State.RENDERING))
        waiting = [job for job in await t.jobs() if job.id != rendering.id]
        own, button, by_id = waiting
        await t.alice.slash(t.channel, "sora cancel", job=own.id)
        page = await t.moderator.slash(t.channel, "sora-mod jobs")
        assert page.response is not None
        for job in (button, rendering, button):
            await t.moderator.click(page.response, label=f"Cancel {job.id}")
        await t.moderator.slash(t.channel, "sora cancel", job=by_id.id)
        audit_log = private_answer(
            await t.moderator.slash(t.channel, "sora-mod audit", user=t.alice.user)
        )
        assert own.id not in audit_log
        assert f"**clip stopped** · <@{t.alice.id}> · by <@{t.moderator.id}>" in audit_log
        for job, state in ((button, "queued"), (rendering, "rendering"), (by_id, "queued")):
            assert audit_log.count(f"{job.id}, {state} → to be cancelled") == 1
        await t.until(lambda: ended(t))
        assert (await t.usage_of(t.alice.id)).clips == 0


async def test_whoever_wants_the_same_end_at_the_same_moment_gets_it(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, VIDEO_PROVIDERS="local", LOCAL_MAX_CONCURRENT="1") as t:
        await t.alice.slash(t.channel, "sora generate", prompt="a cat", count=2, seconds=12)
        rendering = await t.until(lambda: in_state(t, State.RENDERING))
        (waiting,) = [job for job in await t.jobs() if job.id != rendering.id]
        owner = Viewer(user_id=t.alice.id, guild_id=t.guild.id)
        moderator = Viewer(user_id=t.moderator.id, guild_id=t.guild.id, is_moderator=True)
        ends = [t.app.jobs.cancel(waiting.id, each) for each in (owner, owner, moderator)]
        assert {job.state for job in await asyncio.gather(*ends)} == {State.CANCELLED}
        with pytest.raises(TooLateError, match="is cancelled already"):
            await t.app.jobs.cancel(waiting.id, moderator)


async def in_state(t: BotHarness, state: State) -> Job | None:
    return next((job for job in await t.jobs() if job.state is state), None)


async def ended(t: BotHarness) -> bool:
    return all(job.state is State.CANCELLED for job in await t.jobs())


async def test_pages_go_on_outlive_a_restart_and_lead_back(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, PLENTY, api=VideosApi(ready_after_s=600)) as t:
        for number in range(12):
            await t.alice.slash(t.channel, "sora generate", prompt=f"cat {number}")
            await t.bob.slash(t.channel, "sora generate", prompt=f"dog {number}")
        jobs = await t.jobs()
        latest_first = [job.id for job in reversed(jobs) if job.user_id == t.alice.id]
        result = await t.moderator.slash(t.channel, "sora-mod jobs", user=t.alice.user)
        page = result.response
        assert page is not None
        assert order_in(private_answer(result), jobs) == latest_first[:5]
        await t.moderator.click(page, label="More ▶")
        assert order_in(private_answer(result), jobs) == latest_first[5:10]
        await t.restart()
        await t.moderator.click(page, label="More ▶")
        assert order_in(private_answer(result), jobs) == latest_first[10:]
        assert "More ▶" not in button_labels(page)
        await t.moderator.click(page, label="◀ Latest")
        assert order_in(private_answer(result), jobs) == latest_first[:5]


async def test_a_page_that_is_just_full_has_no_empty_one_behind_it(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, PLENTY, api=VideosApi(ready_after_s=600)) as t:
        for number in range(5):
            await t.alice.slash(t.channel, "sora generate", prompt=f"cat {number}")
        result = await t.moderator.slash(t.channel, "sora-mod jobs")
        assert order_in(private_answer(result), await t.jobs())
        assert "More ▶" not in button_labels(result.response)


async def test_the_longest_words_fit_on_a_page(tmp_path: Path) -> None:
    models = f'"{"m" * 60}" label="{"L" * 80}" seconds=4 sizes=1280x720 usd_per_second=0.01'
    async with bot_harness(tmp_path, PLENTY, OPENAI_MODELS=models) as t:
        jobs = [await generate_clip(t, t.alice, f"{n} a" + "*" * 900) for n in range(5)]
        assert len(order_in(await listed(t, state="done"), jobs)) == 5


async def test_jobs_of_another_server_and_of_direct_messages_are_not_there(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        reels, carol = await t.add_to_another_guild()
        there = await generate_clip(t, carol, "a cat abroad", reels)
        await t.alice.user.slash("sora generate", prompt="a private cat")
        await wait_until_finished(t, 2)
        told = await listed(t, state="done")
        assert order_in(told, await t.jobs()) == []
        assert there.id not in told
        assert "Nobody made a clip" in private_answer(
            await t.moderator.slash(t.channel, "sora-mod usage")
        )


async def test_who_is_a_moderator_no_longer_sees_no_further_page(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, PLENTY, api=VideosApi(ready_after_s=600)) as t:
        await t.alice.slash(t.channel, "sora generate", prompt="a cat")
        page = await t.moderator.slash(t.channel, "sora-mod jobs")
        job = await t.job()
        assert page.response is not None
        role = t.guild.roles["Keepers"]
        t.env.backend.remove_member_role(t.guild.id, t.moderator.id, role.id)
        await t.env.settle()
        told = private_answer(await t.moderator.click(page.response, label="Refresh"))
        assert "may manage this server" in told
        told = private_answer(await t.moderator.click(page.response, label=f"Cancel {job.id}"))
        assert "somebody else" in told
        assert (await t.job()).state is not State.CANCELLED


async def table(result: simcord.InteractionResult, name: str) -> list[dict[str, str]]:
    """Return the rows of the CSV file `name` that is attached to an answer."""
    assert result.response is not None
    (file,) = [each for each in result.response.attachments if each.filename == name]
    return list(csv.DictReader(StringIO((await file.read()).decode(), newline="")))


async def test_usage_says_what_was_done_in_words_and_tables(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, PLENTY) as t:
        await generate_clip(t, t.alice, "a cat", seconds=8)
        await generate_clip(t, t.alice, "a cat")
        await generate_clip(t, t.bob, "a dog")
        await failed(t, t.bob)
        result = await t.moderator.slash(t.channel, "sora-mod usage")
        assert result.response is not None
        lines = result.response.content.splitlines()
        assert lines == [
            "### Usage of the last 30 days",
            f"1. <@{t.alice.id}> 2 clips · 12 s · $1.20",
            f"2. <@{t.bob.id}> 1 clip · 4 s · $0.40 · 1 failed",
        ]
        (embed,) = result.response.embeds
        assert embed.description == "**3** clips · **16 s** of video · **$1.60** · **1** failed"
        today = (await t.jobs())[-1].created_at.date()
        *before, last = await table(result, "usage-days.csv")
        assert last == {
            "day": today.isoformat(),
            "clips": "3",
            "seconds": "16",
            "usd": "1.600000",
            "failed": "1",
        }
        assert [row["day"] for row in before] == [
            (today - timedelta(days=days)).isoformat() for days in range(30, 0, -1)
        ]
        assert {row["clips"] for row in before} == {"0"}
        assert await table(result, "usage-members.csv") == [
            {
                "member": f"<@{t.alice.id}>",
                "clips": "2",
                "seconds": "12",
                "usd": "1.200000",
                "failed": "0",
            },
            {
                "member": f"<@{t.bob.id}>",
                "clips": "1",
                "seconds": "4",
                "usd": "0.400000",
                "failed": "1",
            },
        ]


async def test_the_chart_is_in_the_embed_and_told_to_who_cannot_see_it(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, PLENTY) as t:
        await generate_clip(t, t.alice, "a cat")
        result = await t.moderator.slash(t.channel, "sora-mod usage", days=7)
        assert "last 7 days" in private_answer(result)
        assert result.response is not None
        (embed,) = result.response.embeds
        assert "usage.png" in str(embed.image.url)
        (chart,) = [each for each in result.response.attachments if each.filename == "usage.png"]
        assert "1 in all for $0.40" in str(chart.description)
        content = await chart.read()
        assert len(content) <= 100_000
        with Image.open(BytesIO(content)) as picture:
            assert picture.format == "PNG"
        stored = t.env.backend.get_message(t.channel.id, result.response.id)
        assert stored.ping_user_ids == []


async def test_a_day_is_counted_for_as_long_as_was_asked(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, PLENTY) as t:
        await generate_clip(t, t.alice, "a cat")
        t.clock.forward(timedelta(days=2).total_seconds())
        await catch_up(t.env, t.clock)
        await generate_clip(t, t.bob, "a dog")
        one = private_answer(await t.moderator.slash(t.channel, "sora-mod usage", days=1))
        assert "last 24 hours" in one
        assert f"<@{t.alice.id}>" not in one
        three = await t.moderator.slash(t.channel, "sora-mod usage", days=3)
        assert f"<@{t.alice.id}>" in private_answer(three)
        assert [row["clips"] for row in await table(three, "usage-days.csv")] == list("0101")


async def test_more_members_than_the_words_have_room_for_are_in_the_table(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, PLENTY) as t:
        members = [t.guild.add_member(t.env.create_user(f"m{n}")) for n in range(9)]
        for member in members:
            await generate_clip(t, member, "a cat")
        result = await t.moderator.slash(t.channel, "sora-mod usage")
        assert "and 1 other, in the table" in private_answer(result)
        assert len(await table(result, "usage-members.csv")) == 9


async def test_without_any_clip_usage_says_so(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        result = await t.moderator.slash(t.channel, "sora-mod usage", days=90)
        assert "Nobody made a clip" in private_answer(result)
        assert result.response is not None
        assert "**0** clips" in words(result.response.embeds[0])
        assert len(await table(result, "usage-days.csv")) == 91
        assert await table(result, "usage-members.csv") == []


async def test_a_clip_from_when_the_clock_was_wrong_does_not_stretch_the_days(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path, PLENTY) as t:
        await generate_clip(t, t.alice, "a cat")
        t.clock.forward(timedelta(days=9000).total_seconds())
        await generate_clip(t, t.alice, "a cat to come")
        t.clock.forward(timedelta(days=-9000).total_seconds())
        result = await t.moderator.slash(t.channel, "sora-mod usage", days=7)
        assert f"<@{t.alice.id}> 2 clips" in private_answer(result)
        assert len(await table(result, "usage-days.csv")) == 9


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_begins_a_formula(sign: str) -> None:
    assert escape_formula(f"{sign}cmd|' /C calc'!A0") == f"'{sign}cmd|' /C calc'!A0"
    assert escape_formula("2026-11-20") == "2026-11-20"
