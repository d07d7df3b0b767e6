"""`/sora history` shows a member's own jobs in every state, and the jobs of others that are
visible.
"""

from pathlib import Path

import discord
import pytest

from bot.model import Job, State
from tests.behaviour.clips import (
    button_labels,
    generate_clip,
    message_of,
    private_answer,
    wait_until_finished,
)
from tests.behaviour.harness import BotHarness, bot_harness
from tests.wire.videos_api import VideosApi
from tests.wire.videos_faults import VideosFault

PLENTY = {"QUOTA_CLIPS_PER_DAY": "100", "QUOTA_USD_PER_DAY": "100"}


async def shown(t: BotHarness, actor=None, channel=None, **options: object) -> str:
    who = t.alice if actor is None else actor
    place = t.channel if channel is None else channel
    return private_answer(await who.slash(place, "sora history", **options))


def order_in(told: str, jobs: list[Job]) -> list[str]:
    """Return the ids of the jobs that occur in the text `told`, in the order of the text."""
    return sorted((job.id for job in jobs if f"`{job.id}`" in told), key=told.index)


async def test_own_jobs_are_shown_newest_first_with_links_and_reasons(tmp_path: Path) -> None:
    api = VideosApi(poll_after_ms=20)
    async with bot_harness(tmp_path, api=api) as t:
        done = await generate_clip(t, t.alice, "a calico cat")
        api.fault("create", VideosFault.moderated())
        await t.alice.slash(t.channel, "sora generate", prompt="a rude dog")

        async def has_failed() -> bool:
            return (await t.jobs())[-1].state is State.FAILED

        await t.until(has_failed)
        failed = (await t.jobs())[-1]
        api.ready_after_s = 600
        await t.alice.slash(t.channel, "sora generate", prompt="a slow snail")
        waiting = (await t.jobs())[-1]
        told = await shown(t)
        assert order_in(told, [done, failed, waiting]) == [waiting.id, failed.id, done.id]
        assert f"/{t.channel.id}/{done.message_id}" in told
        for words in ("a calico cat", "a rude dog", "a slow snail", "Done", "Failed"):
            assert words in told
        assert "content rules" in told
        assert "Nothing was counted" in told
        assert "Sora 2 · 4 s" in told


async def test_a_kept_clip_says_why_it_was_not_posted(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, api=VideosApi(ready_after_s=0.3, poll_after_ms=50)) as t:
        await t.alice.slash(t.channel, "sora generate", prompt="a cat")
        t.env.inject_error("POST", "/channels/*/messages", status=403, code=50013, times=2)
        await t.wait_for_state(State.KEPT)
        told = await shown(t)
        assert "Finished, but not posted" in told
        assert "may no longer post" in told
        assert "Nothing was counted" not in told


async def test_a_cancelled_job_is_in_its_owners_history(tmp_path: Path) -> None:
    async with bot_harness(
        tmp_path, api=VideosApi(ready_after_s=600), OPENAI_MAX_CONCURRENT="1"
    ) as t:
        await t.bob.slash(t.channel, "sora generate", prompt="a tortoise")
        await t.alice.slash(t.channel, "sora generate", prompt="a hare")
        waiting = (await t.jobs())[-1]
        await t.alice.slash(t.channel, "sora cancel", job=waiting.id)
        told = await shown(t)
        assert "Cancelled" in told
        assert "a hare" in told
        assert "tortoise" not in told


async def test_pages_go_forth_and_back_and_outlive_a_restart(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, PLENTY) as t:
        jobs = [await generate_clip(t, t.alice, f"cat number {n}") for n in range(14)]
        newest_first = [job.id for job in reversed(jobs)]
        result = await t.alice.slash(t.channel, "sora history")
        page = result.response
        assert page is not None
        assert order_in(private_answer(result), jobs) == newest_first[:6]
        assert [each.disabled for each in buttons(page.message)] == [True, False]
        await t.alice.click(page, label="More ▶")
        assert order_in(private_answer(result), jobs) == newest_first[6:12]
        await t.restart()
        await t.alice.click(page, label="More ▶")
        assert order_in(private_answer(result), jobs) == newest_first[12:]
        assert [each.disabled for each in buttons(page.message)] == [False, True]
        await t.alice.click(page, label="◀ Back")
        assert order_in(private_answer(result), jobs) == newest_first[6:12]
        await t.alice.click(page, label="◀ Back")
        assert order_in(private_answer(result), jobs) == newest_first[:6]
        # A clip made while a member turns pages does not shift the following pages.
        await generate_clip(t, t.alice, "a late one")
        await t.alice.click(page, label="More ▶")
        assert order_in(private_answer(result), jobs) == newest_first[6:12]


def buttons(message: discord.Message) -> list[discord.Button]:
    found = [each for row in message.components for each in getattr(row, "children", [])]
    assert all(isinstance(each, discord.Button) for each in found)
    return found


async def test_a_search_finds_words_from_their_beginning_and_ids_on_every_page(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path, PLENTY) as t:
        cats = [await generate_clip(t, t.alice, f"a calico cat, take {n}") for n in range(8)]
        dog = await generate_clip(t, t.alice, "a brown dog")
        result = await t.alice.slash(t.channel, "sora history", search="CALI take")
        told = private_answer(result)
        assert order_in(told, [*cats, dog]) == [job.id for job in reversed(cats[2:])]
        assert "CALI take" in told
        assert result.response is not None
        await t.alice.click(result.response, label="More ▶")
        assert order_in(private_answer(result), [*cats, dog]) == [cats[1].id, cats[0].id]
        assert order_in(await shown(t, search=dog.id.lower()), [*cats, dog]) == [dog.id]
        assert "Nothing found" in await shown(t, search="zebra")
        assert "Nothing found" in await shown(t, search="alico")


@pytest.mark.parametrize(
    "hostile",
    [
        '"', '""', '" OR "', "*", "cat*", "words : cat", "(cat", "cat)", "NEAR(cat dog)", "-cat",
        "^cat", "cat AND", "NOT", ":", "a:b", "l:a1.0::x", "🐈", "🐈‍⬛ 🎹", "%", "_", "\\", "'; DROP",
        "x" * 200, "🐈" * 200, "cat " * 50, "\u202e\u200b", "ß", "猫", "@everyone", "**", "` `",
    ],
)  # fmt: skip
async def test_hostile_words_find_something_or_nothing_but_break_nothing(
    tmp_path: Path, hostile: str
) -> None:
    async with bot_harness(tmp_path) as t:
        job = await generate_clip(t, t.alice, "a cat, and 猫")
        for command in ("sora history", "sora gallery"):
            told = private_answer(await t.alice.slash(t.channel, command, search=hostile))
            assert "went wrong" not in told
            assert job.id in told or "Nothing found" in told
        choices = await t.alice.autocomplete(t.channel, "sora remix", "clip", hostile, prompt="x")
        assert len(choices) <= 1


async def test_of_another_member_only_what_can_be_seen_anyway(tmp_path: Path) -> None:
    api = VideosApi(poll_after_ms=20)
    async with bot_harness(tmp_path, api=api) as t:
        seen = await generate_clip(t, t.alice, "a calico cat")
        hidden = await generate_clip(t, t.alice, "a secret cat", t.secret_channel())
        api.fault("create", VideosFault.moderated())
        await t.alice.slash(t.channel, "sora generate", prompt="a rude cat")

        async def has_failed() -> bool:
            return (await t.jobs())[-1].state is State.FAILED

        await t.until(has_failed)
        jobs = await t.jobs()
        told = await shown(t, t.bob, user=t.alice)
        assert order_in(told, jobs) == [seen.id]
        for words in ("secret", "rude", hidden.id):
            assert words not in told
        assert f"<@{t.alice.id}>" in told
        found = await shown(t, t.bob, user=t.alice, search="secret")
        assert hidden.id not in found
        assert "Nothing found" in found
        assert order_in(await shown(t, t.alice, user=t.alice), jobs) == [
            job.id for job in reversed(jobs)
        ]


async def test_who_loses_the_channel_loses_the_clips_on_the_next_page(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, PLENTY) as t:
        other = t.guild.create_text_channel("other")
        early = [await generate_clip(t, t.alice, f"cat {n}", other) for n in range(3)]
        late = [await generate_clip(t, t.alice, f"cat {n}") for n in range(6)]
        result = await t.bob.slash(t.channel, "sora history", user=t.alice)
        assert result.response is not None
        assert order_in(private_answer(result), [*early, *late]) == [
            job.id for job in reversed(late)
        ]
        place = t.app.client.get_channel(other.id)
        assert isinstance(place, discord.TextChannel)
        await place.set_permissions(place.guild.default_role, view_channel=False)
        await t.bob.click(result.response, label="More ▶")
        assert order_in(private_answer(result), [*early, *late]) == []


async def test_clips_of_another_server_are_not_there(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        here = await generate_clip(t, t.alice, "a cat at home")
        reels, alice_there = await t.add_to_another_guild(t.alice)
        there = await generate_clip(t, alice_there, "a cat abroad", reels)
        assert order_in(await shown(t), [here, there]) == [here.id]
        assert order_in(await shown(t, alice_there, reels), [here, there]) == [there.id]
        assert "Nothing found" in await shown(t, search=there.id)
        assert there.id not in await shown(t, t.bob, user=t.alice)


async def test_a_direct_message_shows_what_was_made_there(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        here = await generate_clip(t, t.alice, "a public cat")
        await t.alice.user.slash("sora generate", prompt="a private cat")
        private = (await wait_until_finished(t, 2))[-1]
        told = private_answer(await t.alice.user.slash("sora history"))
        assert order_in(told, [here, private]) == [private.id]
        assert "@me" in told
        assert private.id not in await shown(t)
        assert private.id not in await shown(t, t.bob, user=t.alice)
        bobs = private_answer(await t.bob.user.slash("sora history", user=t.alice.user))
        assert private.id not in bobs


async def test_without_any_clip_the_history_says_how_to_begin(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        result = await t.alice.slash(t.channel, "sora history")
        assert "Nothing here yet" in private_answer(result)
        assert button_labels(result.response) == []
        assert "Nothing" in await shown(t, user=t.bob)


async def test_a_remix_shows_its_change_and_an_extension_what_it_added(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        root = await generate_clip(t, t.alice, "a calico cat")
        await t.alice.slash(t.channel, "sora remix", clip=root.id, prompt="by night")
        await wait_until_finished(t, 2)
        await t.alice.slash(t.channel, "sora extend", clip=root.id, prompt="then it sleeps")
        await wait_until_finished(t, 3)
        told = await shown(t)
        assert "by night" in told
        assert "then it sleeps" in told
        # A search finds a remix by its own change only, not by its parent's prompt, because the
        # searcher may not be allowed to see the parent.
        jobs = await t.jobs()
        for job, word in zip(jobs, ("calico", "night", "sleeps"), strict=True):
            assert order_in(await shown(t, search=word), jobs) == [job.id]
            assert order_in(await shown(t, search=job.id), jobs) == [job.id]


async def test_a_list_whose_button_cannot_be_read_says_that_it_is_outdated(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        view = discord.ui.View(timeout=None)
        for number, look in enumerate(("x", "n:b:::", "n:z9.1:::", "l::_::", "n:b_.0:::")):
            custom_id = f"sora:history:{look}"
            view.add_item(discord.ui.Button(label=f"More {number}", custom_id=custom_id))
        place = t.app.client.get_channel(t.channel.id)
        assert isinstance(place, discord.TextChannel)
        message = await place.send("as an earlier release left it", view=view)
        for number in range(5):
            assert "outdated" in private_answer(
                await t.alice.click(message, label=f"More {number}")
            )


async def test_longest_words_and_labels_fit_on_a_page(tmp_path: Path) -> None:
    models = f'"{"m" * 60}" label="{"L" * 80}" seconds=4 sizes=1280x720 usd_per_second=0.01'
    async with bot_harness(tmp_path, PLENTY, OPENAI_MODELS=models) as t:
        jobs = [await generate_clip(t, t.alice, f"{n} a" + "*" * 900) for n in range(7)]
        assert len(order_in(await shown(t, search="a"), jobs)) == 6
        gallery = private_answer(await t.alice.slash(t.channel, "sora gallery", search="a"))
        assert len(order_in(gallery, jobs)) == 6
        assert message_of(t, jobs[0]) is not None
