"""Variants of one request share one message, with a file and a button for each, if they fit into
it.
"""

from pathlib import Path
from typing import Any

import discord
import pytest

from bot.model import Job, State
from tests.behaviour.clips import button_labels, message_of, private_answer, wait_until_finished
from tests.behaviour.harness import BotHarness, bot_harness, words
from tests.behaviour.test_failover import DEARER, drain, two
from tests.wire.clips import make_clip
from tests.wire.videos_api import VideosApi
from tests.wire.videos_faults import VideosFault
from tests.wire.videos_render import LoopbackRender

PROMPT = "a calico cat plays piano"


def held() -> VideosApi:
    """Return a loopback video API whose renders end only when a test calls `let_go`."""
    return VideosApi(ready_after_s=600, poll_after_ms=20)


async def ordered(t: BotHarness, count: int = 4, channel=None) -> list[Job]:
    """Have alice request `count` variants; return their jobs as soon as all are being rendered."""
    place = t.channel if channel is None else channel
    asked = await t.alice.slash(place, "sora generate", prompt=PROMPT, count=count)
    assert not asked.ephemeral, private_answer(asked)

    async def all_rendering() -> list[Job] | None:
        jobs = await t.jobs()
        there = [job for job in jobs if job.state is State.RENDERING]
        return sorted(there, key=lambda job: job.variant) if len(there) == count else None

    return await t.until(all_rendering)


async def let_go(t: BotHarness, *jobs: Job, into: State = State.DONE) -> None:
    """End the renders of these jobs one after the other; wait until each job is in the state
    `into`.
    """
    for job in jobs:
        t.api.renders[job.remote_id or ""].ready_s = 0

        async def ended(job_id: str = job.id) -> bool:
            now = await t.app.store.job(job_id)
            return now is not None and now.state is into

        await t.until(ended)


def refuse_edits(t: BotHarness, message: discord.Message, **trouble: Any) -> None:
    """Make the next edit of this message fail; edits of status cards still work."""
    t.env.inject_error("PATCH", f"/channels/*/messages/{message.id}", **trouble)


def refuse_posts(t: BotHarness) -> None:
    """Make Discord refuse the next new message in the channel as too large."""
    t.env.inject_error("POST", f"/channels/{t.channel.id}/messages", status=413, code=40005)


def names(message: discord.Message) -> list[str]:
    return [each.filename for each in message.attachments]


def files(*jobs: Job) -> list[str]:
    return [f"sora-{job.id}.mp4" for job in jobs]


async def test_four_variants_are_one_message_in_their_order_with_a_remix_button_each(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path, api=held()) as t:
        jobs = await ordered(t)
        await let_go(t, *jobs)
        (message,) = t.clips()
        assert names(message) == files(*jobs)
        assert button_labels(message) == [
            *(f"Remix {job.id}" for job in jobs),
            *(f"Details {job.id}" for job in jobs),
        ]
        assert "4 variants are ready" in message.content
        assert all(f"`{job.id}`" in message.content for job in jobs)
        assert [user.id for user in message.mentions] == [t.alice.id]


async def test_buttons_stand_in_the_order_of_the_clips_whichever_ended_first(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path, api=held()) as t:
        jobs = await ordered(t, 3)
        await let_go(t, jobs[2], jobs[0], jobs[1])
        (message,) = t.clips()
        ended = [jobs[2], jobs[0], jobs[1]]
        assert names(message) == files(*ended)
        assert button_labels(message)[:3] == [f"Remix {job.id}" for job in ended]


async def test_each_variants_button_remixes_that_variant(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, api=held()) as t:
        jobs = await ordered(t, 3)
        await let_go(t, *jobs)
        t.api.ready_after_s = 0
        for job in jobs:
            pressed = await t.bob.click(t.clips()[0], label=f"Remix {job.id}")
            await t.bob.submit_modal(pressed, {"words": f"as {job.id}"})
        remixes = (await wait_until_finished(t, 6))[3:]
        assert {each.parent_id for each in remixes} == {job.id for job in jobs}
        assert all(each.spec.change == f"as {each.parent_id}" for each in remixes)
        sources = {each.body["prompt"]: each.source for each in t.api.continuations}
        assert sources == {f"as {job.id}": job.remote_id for job in jobs}


async def test_variants_of_two_services_are_told_apart_above_their_one_message(
    tmp_path: Path,
) -> None:
    async with two(tmp_path, api=held(), models=DEARER, OPENAI_MAX_CONCURRENT="1") as (t, other):
        await t.alice.slash(t.channel, "sora generate", prompt=PROMPT, count=3)
        await t.until(lambda: t.api.creates[PROMPT])
        await drain(t, "openai")
        for remote in t.api.renders.values():
            remote.ready_s = 0
        jobs = await wait_until_finished(t, 3)
        assert other.creates[PROMPT] == 2
        (message,) = t.clips()
        shown = [file.removeprefix("sora-").removesuffix(".mp4") for file in names(message)]
        (stayed,) = [job.id for job in jobs if job.spec.provider == "openai"]
        at = dict(enumerate(shown, start=1))
        lines = [line for line in message.content.splitlines() if line.startswith("-#")]
        went = ", ".join(f"{number}: `{each}`" for number, each in at.items() if each != stayed)
        moved = "moved here from `openai`, which took no new work"
        assert sorted(lines) == sorted(
            [
                f"-# Sora 2 · 4 s · 1280x720 · $0.40 · openai · {shown.index(stayed) + 1}: `{stayed}`",
                f"-# Sora 2 · 4 s · 1280x720 · $0.80 · litellm · {moved} · {went}",
            ]
        )


async def test_the_variants_are_different_clips(tmp_path: Path) -> None:
    api = held()

    def different(remote: LoopbackRender) -> Path:
        path = tmp_path / f"{remote.id}.mp4"
        return make_clip(path, size=(128 + 2 * int(remote.id[-1], 16), 72))

    api.content_of = different
    async with bot_harness(tmp_path / "data", api=api) as t:
        jobs = await ordered(t, 3)
        await let_go(t, *jobs)
        (message,) = t.clips()
        contents = [await each.read() for each in message.attachments]
        assert len(set(contents)) == 3
        for job, content in zip(jobs, contents, strict=True):
            path = t.api.renders[job.remote_id or ""].content
            assert isinstance(path, Path)
            assert path.read_bytes() == content


async def test_when_one_variant_fails_the_others_are_there(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, api=held()) as t:
        jobs = await ordered(t, 3)
        t.api.renders[jobs[1].remote_id or ""].error = {"code": "boom", "message": "no"}
        await let_go(t, jobs[0])
        await let_go(t, jobs[1], into=State.FAILED)
        await let_go(t, jobs[2])
        (message,) = t.clips()
        assert names(message) == files(jobs[0], jobs[2])
        assert "2 variants are ready" in message.content
        await t.until(lambda: "3 variants · 2 done" in t.card_text())
        assert "Nothing was counted" in t.card_text()
        usage = await t.usage_of(t.alice.id)
        assert usage.clips == 2


async def test_one_that_is_too_large_is_kept_and_the_others_are_there(tmp_path: Path) -> None:
    big = make_clip(tmp_path / "big.mp4", size=(128, 72), pad_to_bytes=27 * 1024 * 1024)
    async with bot_harness(tmp_path / "data", api=held()) as t:
        jobs = await ordered(t, 3)
        t.api.renders[jobs[0].remote_id or ""].content = big
        await let_go(t, jobs[0], into=State.KEPT)
        await let_go(t, jobs[1], jobs[2])
        (message,) = t.clips()
        assert names(message) == files(jobs[1], jobs[2])
        await t.until(lambda: f"Get my clip {jobs[0].id}" in button_labels(t.card()))
        assert "28.3 MB" in t.card_text()


async def test_one_that_the_message_has_no_room_for_gets_one_of_its_own(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, api=held()) as t:
        jobs = await ordered(t, 3)
        await let_go(t, jobs[0])
        refuse_edits(t, t.clips()[0], status=413, code=40005)
        await let_go(t, *jobs[1:])
        first, second = t.clips()
        assert names(first) == files(jobs[0])
        assert button_labels(first) == ["Remix", "Again", "Extend", "Delete"]
        assert names(second) == files(*jobs[1:])


async def test_one_that_no_message_has_room_for_is_kept_and_the_message_stays(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path, api=held()) as t:
        jobs = await ordered(t, 3)
        await let_go(t, jobs[0])
        refuse_edits(t, t.clips()[0], status=413, code=40005)
        refuse_posts(t)
        await let_go(t, jobs[1], into=State.KEPT)
        await let_go(t, jobs[2])
        (message,) = t.clips()
        assert names(message) == files(jobs[0], jobs[2])


async def test_after_the_message_was_deleted_by_hand_the_next_variant_makes_a_new_one(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path, api=held()) as t:
        jobs = await ordered(t, 3)
        await let_go(t, jobs[0])
        await t.delete_message(t.clips()[0])
        await let_go(t, jobs[1], jobs[2])
        (message,) = t.clips()
        assert names(message) == files(jobs[1], jobs[2])
        assert button_labels(message)[:2] == [f"Remix {job.id}" for job in jobs[1:]]


@pytest.mark.parametrize("code", [50083, 50013], ids=["archived", "no permission"])
async def test_a_message_that_may_not_be_edited_is_left_and_a_second_one_follows(
    tmp_path: Path, code: int
) -> None:
    async with bot_harness(tmp_path, api=held()) as t:
        thread = await t.thread()
        jobs = await ordered(t, 3, thread)
        await let_go(t, jobs[0])
        refuse_edits(t, t.clips(thread)[0], status=400, code=code)
        await let_go(t, jobs[1], jobs[2])
        first, second = t.clips(thread)
        assert names(first) == files(jobs[0])
        assert names(second) == files(jobs[1], jobs[2])


async def test_a_discord_that_stumbles_over_the_edit_gets_the_variant_once_later(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path, api=held()) as t:
        jobs = await ordered(t, 2)
        await let_go(t, jobs[0])
        refuse_edits(t, t.clips()[0], status=503, times=8)
        await let_go(t, jobs[1])
        (message,) = t.clips()
        assert names(message) == files(*jobs)


async def test_a_restart_between_two_variants_makes_no_duplicates(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, api=held()) as t:
        jobs = await ordered(t, 3)
        await let_go(t, jobs[0])
        await t.restart()
        await let_go(t, jobs[1])
        await t.restart()
        await let_go(t, jobs[2])
        (message,) = t.clips()
        assert names(message) == files(*jobs)
        pressed = await t.bob.click(message, label=f"Remix {jobs[1].id}")
        assert jobs[1].id in str(pressed.modal)


async def test_a_kill_after_the_file_joined_the_message_makes_no_duplicates(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path, api=held()) as t:
        jobs = await ordered(t, 3)
        await let_go(t, *jobs[:2])
        # Make the job look as if the bot had died after it edited the message and before it
        # committed that.
        await t.app.store.database.write(
            lambda conn: conn.execute(
                "UPDATE jobs SET state = 'posting', message_id = NULL, finished_at = NULL,"
                " due_at = 0 WHERE id = ?",
                (jobs[1].id,),
            ).fetchall()
        )
        await t.restart()
        await let_go(t, *jobs[1:])
        (message,) = t.clips()
        assert names(message) == files(*jobs)


async def test_after_fifty_minutes_a_variant_gets_a_message_of_its_own(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, api=held(), OPENAI_DEADLINE_S="7200") as t:
        jobs = await ordered(t, 3)
        await let_go(t, jobs[0])
        t.clock.forward(51 * 60)
        await let_go(t, jobs[1])
        first, second = t.clips()
        assert names(first) == files(jobs[0])
        assert names(second) == files(jobs[1])
        assert button_labels(second)[0] == "Remix"
        assert "your clip is ready" in second.content


async def test_a_kept_variant_fetched_elsewhere_goes_there_alone(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, api=held()) as t:
        other = t.guild.create_text_channel("other")
        jobs = await ordered(t, 3)
        await let_go(t, jobs[0])
        refuse_edits(t, t.clips()[0], status=413, code=40005)
        refuse_posts(t)
        await let_go(t, jobs[1], into=State.KEPT)
        shown = await t.alice.slash(other, "sora status", job=jobs[1].id)
        assert shown.response is not None
        await t.alice.click(shown.response, label=f"Get my clip {jobs[1].id}")
        await let_go(t, jobs[1])
        (elsewhere,) = t.clips(other)
        assert names(elsewhere) == files(jobs[1])
        assert button_labels(elsewhere)[0] == "Remix"
        await let_go(t, jobs[2])
        (message,) = t.clips()
        assert names(message) == files(jobs[0], jobs[2])


async def test_the_card_leads_to_each_variant(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, api=held()) as t:
        jobs = await ordered(t, 2)
        await let_go(t, *jobs)
        await t.until(lambda: "2 variants · Done" in t.card_text())
        told = words(t.card().embeds[0])
        for job in await wait_until_finished(t, 2):
            assert f"`{job.id}` [Watch the clip](" in told
            assert str(job.message_id) in told


async def test_a_moderated_variant_does_not_name_the_others(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        t.api.fault("create", VideosFault.error(400, "blocked", "moderation_blocked"))
        await t.alice.slash(t.channel, "sora generate", prompt=PROMPT, count=2)

        async def both_ended() -> bool:
            return sorted(job.state for job in await t.jobs()) == [State.DONE, State.FAILED]

        await t.until(both_ended)
        (message,) = t.clips()
        (done,) = [job for job in await t.jobs() if job.state is State.DONE]
        assert names(message) == files(done)
        assert button_labels(message)[0] == "Remix"
        assert message_of(t, done) is not None
