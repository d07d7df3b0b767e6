import re
from datetime import timedelta
from pathlib import Path

from bot.jobs.catalogue import ClipOptions
from bot.model import State, Viewer
from tests.behaviour.harness import bot_harness, words
from tests.wire.videos_api import VideosApi

PROMPT = "a calico cat plays piano"


async def test_a_prompt_becomes_a_card_and_then_a_clip_in_the_same_channel(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        answered = await t.alice.slash(t.channel, "sora generate", prompt=PROMPT, seconds=8)
        assert answered.response is not None
        assert not answered.ephemeral
        assert "piano" in words(answered.response.embeds[0])
        job = await t.wait_for_state(State.DONE)
        (clip,) = t.clips()
        assert clip.id == job.message_id
        assert clip.attachments[0].filename == f"sora-{job.id}.mp4"
        assert await clip.attachments[0].read() == t.api.content
        assert [user.id for user in clip.mentions] == [t.alice.id]
        assert PROMPT in clip.content
        assert "$0.80" in clip.content
        await t.until(lambda: "Done" in t.card_text())
        assert str(job.message_id) in t.card_text()
        assert t.api.violations == []
        assert t.api.creates[PROMPT] == 1


async def test_the_card_shows_real_progress_and_loses_its_cancel_button_at_the_end(
    tmp_path: Path,
) -> None:
    api = VideosApi(ready_after_s=1.0, poll_after_ms=50)
    async with bot_harness(tmp_path, api=api) as t:
        await t.alice.slash(t.channel, "sora generate", prompt=PROMPT)
        await t.until(lambda: "▰" in t.card_text())
        assert t.card().components
        await t.wait_for_state(State.DONE)
        await t.until(lambda: "Done" in t.card_text())
        assert not t.card().components


async def test_in_a_thread_the_clip_lands_in_the_thread(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        thread = await t.thread()
        await t.alice.slash(thread, "sora generate", prompt=PROMPT)
        await t.wait_for_state(State.DONE)
        assert len(t.clips(thread)) == 1
        assert t.clips() == []


async def test_count_makes_variants_with_one_card_and_one_reservation(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        await t.alice.slash(t.channel, "sora generate", prompt=PROMPT, count=3)

        async def all_done() -> bool:
            return [job.state for job in await t.jobs()] == [State.DONE] * 3

        await t.until(all_done)
        jobs = await t.jobs()
        assert len({job.seed for job in jobs}) == 3
        assert len({job.request_id for job in jobs}) == 1
        (message,) = t.clips()
        shown = [each.filename for each in message.attachments]
        posted = sorted(jobs, key=lambda job: str(job.finished_at))
        assert shown == [f"sora-{job.id}.mp4" for job in posted]
        assert re.findall(r"`(\w+)`", message.content) == [job.id for job in posted]
        await t.until(lambda: "3 variants · Done" in t.card_text())
        assert all(job.id in t.card_text() for job in jobs)


async def test_variants_that_do_not_all_fit_the_quota_are_refused_together(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, QUOTA_CLIPS_PER_DAY="3") as t:
        refused = await t.alice.slash(t.channel, "sora generate", prompt=PROMPT, count=4)
        assert refused.ephemeral
        assert await t.jobs() == []


async def test_an_over_quota_member_is_told_the_limit_and_when_it_returns(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, QUOTA_CLIPS_PER_DAY="1") as t:
        await t.alice.slash(t.channel, "sora generate", prompt=PROMPT)
        refused = await t.alice.slash(t.channel, "sora generate", prompt="another")
        assert refused.response is not None
        assert refused.ephemeral
        assert "1 clip in 24 hours" in refused.response.content
        assert ":R>" in refused.response.content
        await t.wait_for_state(State.DONE)
        assert t.api.creates.total() == 1
        answered = await t.bob.slash(t.channel, "sora generate", prompt="bob's own")
        assert not answered.ephemeral


async def test_refused_options_are_named_with_what_is_possible(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        for options, said in (
            ({"seconds": 7}, "4, 8 or 12"),
            ({"size": "640x480"}, "1280x720"),
            ({"model": "vhs"}, "`Sora 2`"),
            ({"model": "openai/sora-2", "size": "1792x1024"}, "1280x720"),
            ({"prompt": "\u200b\u200b"}, "prompt"),
        ):
            refused = await t.alice.slash(
                t.channel, "sora generate", **({"prompt": PROMPT} | options)
            )
            assert refused.response is not None
            assert refused.ephemeral
            assert said.casefold() in refused.response.content.casefold()
        assert await t.jobs() == []
        long_ago = t.clock.now().replace(year=2020)
        used = await t.app.store.read_ledger(lambda ledger: ledger.usage(t.alice.id, long_ago))
        assert used.clips == 0


async def test_autocomplete_shows_models_with_prices_and_only_possible_sizes(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path) as t:
        models = await t.alice.autocomplete(t.channel, "sora generate", "model", "pro", prompt="x")
        assert [each["value"] for each in models] == ["openai/sora-2-pro"]
        assert "$1.20 a clip" in models[0]["name"]
        sizes = await t.alice.autocomplete(
            t.channel, "sora generate", "size", "", prompt="x", model="openai/sora-2", seconds=8
        )
        assert [each["value"] for each in sizes] == ["1280x720", "720x1280"]
        assert "$0.80 for 8 s" in sizes[0]["name"]


async def test_a_redelivered_interaction_makes_no_second_job(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        await t.alice.slash(t.channel, "sora generate", prompt=PROMPT)
        job = await t.wait_for_state(State.DONE)
        request = await t.app.store.request(job.request_id)
        assert request is not None
        viewer = Viewer(user_id=t.alice.id, guild_id=t.guild.id)
        card = await t.app.jobs.submit(ClipOptions(prompt=PROMPT), viewer, request)
        assert [status.job.id for status in card.statuses] == [job.id]
        assert t.api.creates[PROMPT] == 1


async def test_hostile_prompts_ping_nobody(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        hostile = f"@everyone <@{t.bob.id}> look **here** https://evil.example"
        await t.alice.slash(t.channel, "sora generate", prompt=hostile)
        await t.wait_for_state(State.DONE)
        (clip,) = t.clips()
        assert [user.id for user in clip.mentions] == [t.alice.id]
        assert not clip.mention_everyone
        assert "\\<@" in clip.content


async def test_a_job_is_dated_by_the_real_clock_inside_commands_too(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        before = t.clock.now()
        await t.alice.slash(t.channel, "sora generate", prompt=PROMPT)
        job = await t.job()
        assert before - timedelta(seconds=1) <= job.created_at <= t.clock.now()


async def test_a_model_with_a_long_name_can_be_chosen(tmp_path: Path) -> None:
    # Discord refuses an autocomplete choice whose value is longer than 100 characters.
    name = "org/" + "m" * 110
    models = f"{name} seconds=4 sizes=1280x720 usd_per_second=0.1"
    async with bot_harness(tmp_path, OPENAI_MODELS=models) as t:
        (offered,) = await t.alice.autocomplete(t.channel, "sora generate", "model", "m")
        chosen = offered["value"]
        assert len(chosen) <= 100
        await t.alice.slash(t.channel, "sora generate", prompt="a cat", model=chosen)
        assert (await t.wait_for_state(State.DONE)).spec.model == name
