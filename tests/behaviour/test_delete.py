"""Deleting a clip removes its files, messages and stored prompt; its cost stays counted in the
quota.
"""

import sqlite3
from io import BytesIO
from pathlib import Path

import discord
import pytest
import simcord
from PIL import Image

from bot.errors import TooLateError
from bot.model import Job, State, Viewer
from tests.behaviour.clips import (
    button_labels,
    generate_clip,
    message_of,
    private_answer,
    wait_until_finished,
)
from tests.behaviour.harness import BotHarness, bot_harness, words
from tests.wire.videos_api import VideosApi
from tests.wire.videos_faults import VideosFault

PROMPT = "a calico cat plays piano"


def picture() -> tuple[str, bytes]:
    out = BytesIO()
    Image.new("RGB", (64, 36), (200, 60, 120)).save(out, "PNG")
    return "cat.png", out.getvalue()


def shown(t: BotHarness, job: Job) -> discord.Message:
    message = message_of(t, job)
    assert message is not None
    return message


async def confirmed(
    t: BotHarness, actor: simcord.MemberActor, job: Job, label: str = "Delete"
) -> simcord.InteractionResult:
    """Have `actor` press the Delete button of a clip and confirm the deletion."""
    asked = await actor.click(shown(t, job), label=label)
    assert "for good?" in private_answer(asked)
    assert asked.response is not None
    return await actor.click(asked.response, label=f"Delete {job.id} for good")


async def wait_for_outbox(t: BotHarness) -> None:
    async def none_left() -> bool:
        rows = await t.app.store.database.read(
            lambda conn: conn.execute("SELECT count(*) FROM errands").fetchone()
        )
        return rows[0] == 0

    await t.until(none_left)


def left_on_disk(t: BotHarness) -> list[str]:
    folders = (t.settings.archive_dir, t.settings.data_dir / "stills", t.settings.data_dir)
    found = {path for each in folders for path in each.rglob("*") if path.is_file()}
    return sorted(path.name for path in found if not path.name.startswith("sorabot.db"))


async def in_database(t: BotHarness, text: str) -> list[str]:
    """Return the tables and search indexes of the database that still contain `text`."""

    def look(conn: sqlite3.Connection) -> list[str]:
        tables = conn.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'search_%'"
        )
        found = [
            name
            for (name,) in tables.fetchall()
            # The table names in the query come from the schema, not from user input.
            if text in str([tuple(row) for row in conn.execute(f"SELECT * FROM {name}")])  # noqa: S608
        ]
        for search in (
            "SELECT rowid FROM search_newest WHERE search_newest MATCH ?",
            "SELECT rowid FROM search_loved WHERE search_loved MATCH ?",
        ):
            found += [search] if conn.execute(search, (f'"{text}"',)).fetchall() else []
        return found

    return await t.app.store.database.read(look)


async def test_everything_goes_but_the_account(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        gallery = t.guild.create_text_channel("gallery")
        await t.choose_gallery(gallery)
        job = await generate_clip(t, t.alice, PROMPT, image=picture())
        await t.until(lambda: t.clips(gallery))
        await t.alice.slash(t.channel, "sora gallery")
        assert left_on_disk(t) == sorted(
            [f"{job.id}.mp4", f"{job.id}.webp", Path(str(job.spec.image)).name]
        )
        assert await in_database(t, "calico") != []
        done = await confirmed(t, t.alice, job)
        assert f"`{job.id}` is deleted" in private_answer(done)
        await wait_for_outbox(t)
        assert message_of(t, job) is None
        assert t.clips(gallery) == []
        assert left_on_disk(t) == []
        assert t.api.renders == {}
        assert await in_database(t, "calico") == []
        assert await in_database(t, "cat.png") == []
        usage = await t.usage_of(t.alice.id)
        assert (usage.clips, usage.seconds, usage.usd_micros) == (1, 4, 400_000)
        kept = await t.job()
        assert (kept.state, kept.user_id, kept.spec.model) == (State.DONE, t.alice.id, "sora-2")
        await t.until(lambda: "Deleted" in t.card_text())
        assert "calico" not in t.card_text()
        assert t.card().components == []


async def test_asking_alone_deletes_nothing(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        job = await generate_clip(t, t.alice, PROMPT)
        asked = await t.alice.click(shown(t, job), label="Delete")
        assert asked.ephemeral
        assert (await t.job()).deleted_at is None
        assert message_of(t, job) is not None


async def test_a_moderator_can_and_a_stranger_cannot(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        job = await generate_clip(t, t.alice, PROMPT)
        refused = await t.bob.click(shown(t, job), label="Delete")
        assert "belongs to somebody else" in private_answer(refused)
        assert message_of(t, job) is not None
        await confirmed(t, t.moderator, job)
        await wait_for_outbox(t)
        assert message_of(t, job) is None


async def test_the_last_button_looks_at_its_presser_anew(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        job = await generate_clip(t, t.alice, PROMPT)
        asked = await t.moderator.click(shown(t, job), label="Delete")
        assert asked.response is not None
        t.env.backend.get_guild(t.guild.id).members[t.moderator.id].role_ids.clear()
        refused = await t.moderator.click(asked.response, label=f"Delete {job.id} for good")
        assert "belongs to somebody else" in private_answer(refused)
        assert (await t.job()).deleted_at is None


async def test_a_moderator_of_another_server_finds_nothing_to_delete(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        job = await generate_clip(t, t.alice, PROMPT)
        reels, _ = await t.add_to_another_guild(t.moderator)
        carol = t.env.create_user("carla")
        guild = reels.guild
        assert guild is not None
        keepers = guild.create_role("K", permissions=discord.Permissions(manage_guild=True))
        moderation = guild.add_member(carol, roles=[keepers])
        # The custom ids contain a clip id of another guild. Only a modified client could send
        # them.
        place = t.app.client.get_channel(reels.id)
        assert isinstance(place, discord.TextChannel)
        view = discord.ui.View(timeout=None)
        for word in ("delete", "erase"):
            view.add_item(discord.ui.Button(label=word, custom_id=f"sora:{word}:{job.id}"))
        forged = await place.send("forged", view=view)
        for word in ("delete", "erase"):
            refused = await moderation.click(forged, label=word)
            assert "I don't know a clip" in private_answer(refused)
        assert (await t.job()).deleted_at is None


async def test_a_picture_stays_while_another_variant_has_it(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        await t.alice.slash(t.channel, "sora generate", prompt=PROMPT, count=2, image=picture())
        first, second = await wait_until_finished(t, 2)
        image = first.spec.image
        assert image is not None
        assert image.is_file()
        for job, there in ((first, True), (second, False)):
            await t.app.jobs.library.delete(job.id, viewer(t))
            await wait_for_outbox(t)
            assert image.is_file() is there


async def test_one_of_several_variants_goes_and_the_others_stay_with_their_buttons(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path) as t:
        await t.alice.slash(t.channel, "sora generate", prompt=PROMPT, count=3)
        jobs = await wait_until_finished(t, 3)
        gone = jobs[1]
        details = await t.alice.click(t.clips()[0], label=f"Details {gone.id}")
        assert details.response is not None
        asked = await t.alice.click(details.response, label="Delete")
        assert asked.response is not None
        await t.alice.click(asked.response, label=f"Delete {gone.id} for good")
        await wait_for_outbox(t)
        (message,) = t.clips()
        left = [jobs[0], jobs[2]]
        assert sorted(each.filename for each in message.attachments) == sorted(
            f"sora-{job.id}.mp4" for job in left
        )
        assert "2 variants are ready" in message.content
        assert gone.id not in message.content
        assert "calico" in message.content
        assert gone.id not in str(button_labels(message))
        shown_first = [each.filename.removeprefix("sora-")[:4] for each in message.attachments]
        assert button_labels(message)[:2] == [f"Remix {job_id}" for job_id in shown_first]
        await t.until(lambda: "Deleted." in t.card_text())
        # The prompts of the clips that were not deleted stay on the card.
        assert "calico" in t.card_text()
        await confirmed_by_details(t, message, jobs[0])
        (message,) = t.clips()
        assert button_labels(message)[0] == "Remix"
        assert "your clip is ready" in message.content
        await t.until(lambda: t.card_text().count("Deleted.") == 2)
        assert "calico" in t.card_text()
        assert jobs[2].id in t.card_text()


async def confirmed_by_details(t: BotHarness, message: discord.Message, job: Job) -> None:
    details = await t.alice.click(message, label=f"Details {job.id}")
    assert details.response is not None
    asked = await t.alice.click(details.response, label="Delete")
    assert asked.response is not None
    await t.alice.click(asked.response, label=f"Delete {job.id} for good")
    await wait_for_outbox(t)


def viewer(t: BotHarness) -> Viewer:
    return Viewer(
        user_id=t.alice.id, guild_id=t.guild.id, readable_channel_ids=frozenset({t.channel.id})
    )


async def test_deleting_twice_is_answered_and_harmless(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        job = await generate_clip(t, t.alice, PROMPT)
        asked = [await t.alice.click(shown(t, job), label="Delete") for _ in range(2)]
        for each, told in zip(asked, ("is deleted", "I don't know a clip"), strict=True):
            assert each.response is not None
            again = await t.alice.click(each.response, label=f"Delete {job.id} for good")
            assert told in private_answer(again)
        await wait_for_outbox(t)
        assert message_of(t, job) is None


async def test_a_discord_that_refuses_for_a_while_loses_the_message_later(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        job = await generate_clip(t, t.alice, PROMPT)
        t.env.inject_error("DELETE", "/channels/*/messages/*", status=503, times=8)
        await confirmed(t, t.alice, job)
        assert message_of(t, job) is not None
        await wait_for_outbox(t)
        assert message_of(t, job) is None
        assert left_on_disk(t) == []


async def test_a_video_service_that_refuses_for_a_while_loses_its_copy_later(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path) as t:
        job = await generate_clip(t, t.alice, PROMPT)
        t.api.fault("delete", VideosFault.html(502), times=2)
        await confirmed(t, t.alice, job)
        await wait_for_outbox(t)
        assert t.api.renders == {}
        assert left_on_disk(t) == []
        assert t.api.requests["delete"] >= 3


async def test_a_copy_that_is_gone_already_and_a_message_deleted_by_hand_are_no_trouble(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path) as t:
        job = await generate_clip(t, t.alice, PROMPT)
        asked = await t.alice.click(shown(t, job), label="Delete")
        t.api.renders.clear()
        await t.delete_message(shown(t, job))
        assert asked.response is not None
        await t.alice.click(asked.response, label=f"Delete {job.id} for good")
        await wait_for_outbox(t)
        assert left_on_disk(t) == []


async def test_a_restart_in_the_middle_of_a_deletion_ends_it(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        job = await generate_clip(t, t.alice, PROMPT)
        t.api.fault("delete", VideosFault.html(502), times=500)
        await confirmed(t, t.alice, job)
        await t.until(lambda: t.api.requests["delete"] > 0)
        await t.restart()
        # Files and messages are deleted first, so only the copy at the provider is left.
        assert message_of(t, job) is None
        assert left_on_disk(t) == []
        assert list(t.api.renders) == [job.remote_id]
        t.api.drop_faults()
        await wait_for_outbox(t)
        assert t.api.renders == {}


async def test_what_is_still_being_made_cannot_be_deleted(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, api=VideosApi(ready_after_s=600, poll_after_ms=20)) as t:
        await t.alice.slash(t.channel, "sora generate", prompt=PROMPT)
        job = await t.wait_for_state(State.RENDERING)
        with pytest.raises(TooLateError, match="still on its way"):
            await t.app.jobs.library.delete(job.id, viewer(t))
        assert (await t.job()).deleted_at is None


async def test_a_deleted_clip_is_unknown_everywhere(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        job = await generate_clip(t, t.alice, PROMPT)
        other = await generate_clip(t, t.alice, "a dog listens")
        message = shown(t, job)
        shown_to_bob = await t.bob.click(message, label="Remix")
        t.env.inject_error("DELETE", "/channels/*/messages/*", status=503, times=None)
        await confirmed(t, t.alice, job)
        for label in ("Remix", "Again", "Extend", "Delete"):
            assert "I don't know a clip" in private_answer(
                await t.alice.click(message, label=label)
            )
        late = await t.bob.submit_modal(shown_to_bob, {"words": "by night"})
        assert "I don't know a clip" in private_answer(late)
        menu = await t.alice.context_menu(t.channel, "Clip details", message)
        assert "holds no clip of mine" in private_answer(menu)
        for command in ("sora remix", "sora extend"):
            refused = await t.alice.slash(t.channel, command, clip=job.id, prompt="by night")
            assert "I don't know a clip" in private_answer(refused)
            found = await t.alice.autocomplete(t.channel, command, "clip", "", prompt="x")
            assert [each["value"] for each in found] == [other.id]
            found = await t.alice.autocomplete(t.channel, command, "clip", "calico", prompt="x")
            assert found == []
        for command in ("sora history", "sora gallery"):
            told = private_answer(await t.alice.slash(t.channel, command))
            assert other.id in told
            assert job.id not in told
            assert job.id not in private_answer(
                await t.alice.slash(t.channel, command, search="calico")
            )
        found = await t.alice.autocomplete(t.channel, "sora status", "job", "")
        assert [each["value"] for each in found] == [other.id]
        refused = await t.alice.slash(t.channel, "sora status", job=job.id)
        assert "I don't know a job" in private_answer(refused)


async def test_a_kept_clip_that_was_deleted_cannot_be_fetched(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, api=VideosApi(ready_after_s=0.3, poll_after_ms=50)) as t:
        await t.alice.slash(t.channel, "sora generate", prompt=PROMPT)
        t.env.inject_error("POST", "/channels/*/messages", status=403, code=50013, times=2)
        job = await t.wait_for_state(State.KEPT)
        await t.until(lambda: button_labels(t.card()) == [f"Get my clip {job.id}"])
        card = t.card()
        t.api.fault("delete", VideosFault.html(502), times=500)
        await t.app.jobs.library.delete(job.id, viewer(t))
        assert "I don't know a job" in private_answer(
            await t.alice.slash(t.channel, "sora status", job=job.id)
        )
        view = discord.ui.View(timeout=None)
        view.add_item(discord.ui.Button(label="fetch", custom_id=f"sora:fetch:{job.id}"))
        place = t.app.client.get_channel(t.channel.id)
        assert isinstance(place, discord.TextChannel)
        late = await place.send("as a card that is still open", view=view)
        assert "I don't know a job" in private_answer(await t.alice.click(late, label="fetch"))
        t.api.drop_faults()
        await wait_for_outbox(t)
        assert left_on_disk(t) == []
        assert t.clips() == []
        await t.until(lambda: "Deleted" in words(t.card().embeds[0]))
        assert card.id == t.card().id
        assert t.card().components == []


async def test_a_job_that_failed_can_be_deleted_from_the_history(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        t.api.fault("create", VideosFault.render_failed({"code": "boom", "message": "no"}))
        await t.alice.slash(t.channel, "sora generate", prompt=PROMPT)
        job = await t.wait_for_state(State.FAILED)
        await t.app.jobs.library.delete(job.id, viewer(t))
        await wait_for_outbox(t)
        assert await in_database(t, "calico") == []
        assert job.id not in private_answer(await t.alice.slash(t.channel, "sora history"))
