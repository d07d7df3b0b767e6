"""`/sora gallery` shows the clips of a guild as pages of thumbnails."""

from io import BytesIO
from pathlib import Path

import discord
import simcord
from PIL import Image

from bot.model import Job
from tests.behaviour.clips import generate_clip, message_of, private_answer, wait_until_finished
from tests.behaviour.harness import BotHarness, bot_harness

PLENTY = {"QUOTA_CLIPS_PER_DAY": "100", "QUOTA_USD_PER_DAY": "100"}


def order_in(told: str, jobs: list[Job]) -> list[str]:
    """Return the ids of the jobs that occur in the text `told`, in the order of the text."""
    return sorted((job.id for job in jobs if f"`{job.id}`" in told), key=told.index)


async def opened(
    t: BotHarness, actor=None, channel=None, **options: object
) -> simcord.InteractionResult:
    who = t.bob if actor is None else actor
    return await who.slash(t.channel if channel is None else channel, "sora gallery", **options)


async def listed(
    t: BotHarness, jobs: list[Job], actor=None, channel=None, **options: object
) -> list[str]:
    return order_in(private_answer(await opened(t, actor, channel, **options)), jobs)


async def sheet(result: simcord.InteractionResult) -> Image.Image:
    """Return the only image attached to an answer, decoded."""
    assert result.response is not None
    (attached,) = result.response.attachments
    picture = Image.open(BytesIO(await attached.read()))
    picture.load()
    return picture


def shown(t: BotHarness, job: Job) -> discord.Message:
    message = message_of(t, job)
    assert message is not None
    return message


async def counted(t: BotHarness, job: Job, reactions: int) -> None:
    async def there() -> bool:
        now = await t.app.store.job(job.id)
        return now is not None and now.reactions == reactions

    await t.until(there)


async def test_a_page_has_one_picture_of_its_clips_with_words_for_who_cannot_see_it(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path) as t:
        jobs = [await generate_clip(t, t.alice, f"cat number {n}") for n in range(3)]
        result = await opened(t)
        told = private_answer(result)
        assert order_in(told, jobs) == [job.id for job in reversed(jobs)]
        assert f"<@{t.alice.id}>" in told
        assert all(str(job.message_id) in told for job in jobs)
        assert (await sheet(result)).format == "WEBP"
        assert result.response is not None
        (attached,) = result.response.attachments
        assert attached.description is not None
        assert attached.description.startswith("1: cat number 2; 2: cat number 1")


async def test_leafing_replaces_the_picture_also_after_a_restart(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, PLENTY) as t:
        jobs = [await generate_clip(t, t.alice, f"cat number {n}") for n in range(13)]
        newest = [job.id for job in reversed(jobs)]
        result = await opened(t)
        first = await sheet(result)
        page = result.response
        assert page is not None
        assert order_in(private_answer(result), jobs) == newest[:6]
        await t.bob.click(page, label="More ▶")
        assert order_in(private_answer(result), jobs) == newest[6:12]
        assert (await sheet(result)).size == first.size
        await t.restart()
        await t.bob.click(page, label="More ▶")
        assert order_in(private_answer(result), jobs) == newest[12:]
        # The image on this page has one thumbnail, so it is smaller than that of a page with six.
        assert (await sheet(result)).size != first.size
        await t.bob.click(page, label="◀ Back")
        assert order_in(private_answer(result), jobs) == newest[6:12]
        await sheet(result)


async def test_filters_leave_what_was_asked_for_on_every_page(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, PLENTY) as t:
        hers = [await generate_clip(t, t.alice, f"a cat, take {n}") for n in range(7)]
        his = await generate_clip(t, t.bob, "a cat of bob's")
        pro = await generate_clip(t, t.alice, "a dog", model="openai/sora-2-pro")
        jobs = [*hers, his, pro]
        assert await listed(t, jobs, user=t.bob) == [his.id]
        assert await listed(t, jobs, model="openai/sora-2-pro") == [pro.id]
        assert await listed(t, jobs, search="dog") == [pro.id]
        assert await listed(t, jobs, search="dog", model="openai/sora-2") == []
        result = await opened(t, user=t.alice, model="openai/sora-2", search="cat")
        assert result.response is not None
        newest = [job.id for job in reversed(hers)]
        assert order_in(private_answer(result), jobs) == newest[:6]
        await t.bob.click(result.response, label="More ▶")
        assert order_in(private_answer(result), jobs) == newest[6:]
        refused = await opened(t, model="vhs")
        assert "I don't have that one" in private_answer(refused)
        choices = await t.bob.autocomplete(t.channel, "sora gallery", "model", "pro")
        assert [each["value"] for each in choices] == ["openai/sora-2-pro"]


async def test_the_most_loved_come_first_and_a_reaction_taken_back_does_not_count(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path) as t:
        jobs = [await generate_clip(t, t.alice, f"cat number {n}") for n in range(3)]
        assert "No clip here has a reaction yet" in private_answer(await opened(t, sort="loved"))
        await t.bob.react(shown(t, jobs[0]), "❤️")
        await t.moderator.react(shown(t, jobs[0]), "🔥")
        await t.bob.react(shown(t, jobs[2]), "❤️")
        await counted(t, jobs[0], 2)
        await counted(t, jobs[2], 1)
        result = await opened(t, sort="loved")
        assert order_in(private_answer(result), jobs) == [jobs[0].id, jobs[2].id]
        assert "2 ♥" in private_answer(result)
        await t.bob.unreact(shown(t, jobs[0]), "❤️")
        await t.moderator.unreact(shown(t, jobs[0]), "🔥")
        await counted(t, jobs[0], 0)
        assert await listed(t, jobs, sort="loved") == [jobs[2].id]
        # Clips without reactions stay in the list that is sorted by age.
        assert len(await listed(t, jobs)) == 3


async def test_cleared_reactions_are_forgotten(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        job = await generate_clip(t, t.alice, "a cat")
        await t.bob.react(shown(t, job), "❤️")
        await t.moderator.react(shown(t, job), "🔥")
        await counted(t, job, 2)
        t.env.backend.clear_reactions(t.channel.id, shown(t, job).id)
        await counted(t, job, 0)
        assert "No clip here has a reaction yet" in private_answer(await opened(t, sort="loved"))


async def test_reactions_to_anything_else_do_nothing(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        job = await generate_clip(t, t.alice, "a cat")
        chat = await t.alice.send(t.channel, "look at that")
        for message in (chat, t.card()):
            await t.bob.react(message, "❤️")
        await t.bob.react(shown(t, job), "❤️")
        await counted(t, job, 1)


async def test_only_clips_that_the_viewer_can_see_are_shown(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        secret = t.secret_channel()
        hidden = await generate_clip(t, t.alice, "a secret cat", secret)
        seen = await generate_clip(t, t.alice, "a public cat")
        reels, carol = await t.add_to_another_guild()
        away = await generate_clip(t, carol, "a cat abroad", reels)
        await t.alice.user.slash("sora generate", prompt="a private cat")
        jobs = await wait_until_finished(t, 4)
        assert await listed(t, jobs) == [seen.id]
        assert await listed(t, jobs, search="secret") == []
        assert await listed(t, jobs, user=t.alice) == [seen.id]
        assert await listed(t, jobs, t.alice) == [seen.id, hidden.id]
        there = private_answer(await opened(t, carol, reels))
        assert order_in(there, jobs) == [away.id]
        private = private_answer(await t.alice.user.slash("sora gallery"))
        assert order_in(private, jobs) == [jobs[3].id]
        assert order_in(private_answer(await t.bob.user.slash("sora gallery")), jobs) == []


async def test_a_private_threads_clips_are_for_those_who_ask_in_it(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        place = t.app.client.get_channel(t.channel.id)
        assert isinstance(place, discord.TextChannel)
        await place.create_thread(name="den", type=discord.ChannelType.private_thread)
        den = t.channel.threads[-1]
        t.env.backend.add_thread_member(den.id, t.alice.id)
        job = await generate_clip(t, t.alice, "a cat in the den", den)
        assert await listed(t, [job], t.alice, channel=den) == [job.id]
        assert await listed(t, [job], t.bob) == []
        t.env.backend.add_thread_member(den.id, t.bob.id)
        assert await listed(t, [job], t.bob, channel=den) == [job.id]


async def test_a_public_threads_clips_are_for_the_channels_readers(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        thread = await t.thread()
        job = await generate_clip(t, t.alice, "a cat in a thread", thread)
        assert await listed(t, [job], t.bob) == [job.id]


async def test_a_clip_whose_file_is_gone_has_a_tile(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        jobs = [await generate_clip(t, t.alice, f"cat number {n}") for n in range(2)]
        for path in t.settings.archive_dir.rglob(f"{jobs[0].id}.mp4"):
            path.unlink()
        result = await opened(t)
        assert order_in(private_answer(result), jobs) == [jobs[1].id, jobs[0].id]
        both = await sheet(result)
        (t.settings.archive_dir / "x").mkdir(exist_ok=True)
        for path in t.settings.archive_dir.rglob("*.mp4"):
            path.write_bytes(b"no film at all")
        for path in (t.settings.data_dir / "stills").glob("*.webp"):
            path.unlink()
        assert (await sheet(await opened(t))).size == both.size


async def test_an_empty_gallery_says_how_to_begin_and_has_no_picture(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        result = await opened(t)
        assert "Nothing here yet" in private_answer(result)
        assert result.response is not None
        assert result.response.attachments == []
        assert result.response.components == []
        assert "Nothing found" in private_answer(await opened(t, search="cat"))


async def test_a_page_whose_last_clip_went_meanwhile_is_empty_and_leads_back(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path, PLENTY) as t:
        jobs = [await generate_clip(t, t.alice, f"cat number {n}") for n in range(7)]
        result = await opened(t)
        assert result.response is not None
        asked = await t.alice.click(shown(t, jobs[0]), label="Delete")
        assert asked.response is not None
        await t.alice.click(asked.response, label=f"Delete {jobs[0].id} for good")
        await t.bob.click(result.response, label="More ▶")
        assert order_in(private_answer(result), jobs) == []
        assert result.response.attachments == []
        await t.bob.click(result.response, label="◀ Back")
        assert order_in(private_answer(result), jobs) == [job.id for job in reversed(jobs[1:])]


async def test_variants_share_the_reactions_of_their_message(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        await t.alice.slash(t.channel, "sora generate", prompt="a cat", count=2)
        jobs = await wait_until_finished(t, 2)
        await t.bob.react(t.clips()[0], "❤️")
        for job in jobs:
            await counted(t, job, 1)
        assert sorted(await listed(t, jobs, sort="loved")) == sorted(job.id for job in jobs)
