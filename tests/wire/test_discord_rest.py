"""Tests of channels, threads and files in the simulated Discord, with a minimal bot."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import aiohttp
import discord
import pytest

from tests.wire.discord_bare_bot import BareBotSession, bare_bot_session
from tests.wire.discord_double import LoopbackDiscord
from tests.wire.discord_permissions import Permission

CLIP = bytes(range(256)) * 4096


@pytest.fixture
async def bare_session() -> AsyncIterator[BareBotSession]:
    async with bare_bot_session() as both:
        yield both


async def test_a_file_sent_into_a_thread_comes_out_byte_for_byte(bare_session, tmp_path: Path):
    loopback = bare_session.loopback
    source = tmp_path / "clip.mp4"
    source.write_bytes(CLIP)
    thread = bare_session.channel("film-club")
    message = await thread.send("done", file=discord.File(source, description="A cat"))
    (attachment,) = loopback.posts("film-club")[0]["attachments"]
    assert attachment["content_type"] == "video/mp4"
    assert attachment["description"] == "A cat"
    assert loopback.stored(attachment).sha256 == hashlib.sha256(CLIP).hexdigest()
    assert await message.attachments[0].read() == CLIP


async def test_a_link_to_a_file_dies_after_a_day(bare_session, tmp_path: Path):
    loopback = bare_session.loopback
    channel = bare_session.channel("general")
    (tmp_path / "clip.mp4").write_bytes(b"clip")
    message = await channel.send(file=discord.File(tmp_path / "clip.mp4"))
    loopback.world.forward(timedelta(hours=25).total_seconds())
    with pytest.raises(discord.NotFound):
        await message.attachments[0].read()


async def test_a_file_over_the_limit_is_refused_by_size(bare_session, tmp_path: Path):
    loopback = bare_session.loopback
    loopback.world.upload_limit_bytes = len(CLIP) - 1
    (tmp_path / "clip.mp4").write_bytes(CLIP)
    with pytest.raises(discord.HTTPException) as refused:
        await bare_session.channel("general").send(file=discord.File(tmp_path / "clip.mp4"))
    assert (refused.value.status, refused.value.code) == (413, 40005)
    assert loopback.posts("general") == []


async def test_the_same_nonce_makes_one_message_until_its_window_closes(bare_session):
    loopback = bare_session.loopback
    channel = bare_session.channel("general")
    first = await channel.send("clip", nonce="job-K7Q2")
    second = await channel.send("clip", nonce="job-K7Q2")
    assert first.id == second.id
    loopback.world.forward(301)
    third = await channel.send("clip", nonce="job-K7Q2")
    assert len(loopback.posts("general")) == 2
    assert third.id != first.id


async def test_a_cut_after_the_work_leaves_a_message_that_the_nonce_finds(bare_session):
    loopback = bare_session.loopback
    channel = bare_session.channel("general")
    loopback.cut_next("POST", r"/channels/\d+/messages$")
    with pytest.raises((aiohttp.ClientError, OSError)):
        await channel.send("clip", nonce="n1")
    again = await channel.send("clip", nonce="n1")
    assert [m["id"] for m in loopback.posts("general")] == [str(again.id)]


async def test_missing_permissions_are_refused_by_their_codes(bare_session, tmp_path: Path):
    loopback = bare_session.loopback
    world = loopback.world
    world.add_channel("hidden")
    world.overwrite("hidden", "everyone", deny=Permission.VIEW_CHANNEL)
    world.overwrite("hidden", "bots", deny=Permission.VIEW_CHANNEL)
    world.overwrite("clips", "sorabot", deny=Permission.ATTACH_FILES)
    world.overwrite("general", "sorabot", deny=Permission.SEND_MESSAGES_IN_THREADS)
    (tmp_path / "clip.mp4").write_bytes(b"clip")
    codes = []
    for name, files in (("hidden", []), ("clips", ["clip.mp4"]), ("film-club", [])):
        parts = [discord.File(tmp_path / file) for file in files]
        with pytest.raises(discord.Forbidden) as refused:
            await bare_session.channel(name).send("clip", files=parts)
        codes.append(refused.value.code)
    assert codes == [50001, 50013, 50013]
    await bare_session.channel("clips").send("text is fine")


async def test_threads_archive_lock_and_vanish_as_documented(bare_session):
    loopback = bare_session.loopback
    thread = bare_session.channel("film-club")
    message = await thread.send("clip")
    loopback.world.edit_thread("film-club", {"archived": True})
    with pytest.raises(discord.HTTPException) as archived:
        await message.edit(content="edited")
    await thread.send("wakes it up")
    assert not loopback.world.channel("film-club")["thread_metadata"]["archived"]
    loopback.world.edit_thread("film-club", {"archived": True, "locked": True})
    with pytest.raises(discord.Forbidden) as locked:
        await thread.send("late")
    loopback.world.delete_channel("film-club")
    with pytest.raises(discord.NotFound) as gone:
        await thread.send("later")
    assert (archived.value.code, locked.value.code, gone.value.code) == (50083, 160005, 10003)


async def test_history_pages_through_both_ends(bare_session):
    loopback = bare_session.loopback
    for number in range(5):
        await loopback.message("dm-alice", "alice", str(number))
    channel = bare_session.channel("dm-alice")
    newest = [m.content async for m in channel.history(limit=2)]
    pivot = discord.Object(int(loopback.posts("dm-alice")[1]["id"]))
    after = [m.content async for m in channel.history(limit=2, after=pivot)]
    before = [m.content async for m in channel.history(limit=5, before=pivot)]
    assert (newest, after, before) == (["4", "3"], ["2", "3"], ["0"])


async def test_faults_set_by_a_test_happen_once_and_show_in_the_log(bare_session):
    loopback = bare_session.loopback
    channel = bare_session.channel("general")
    loopback.fail_next("POST", r"/messages$", 403, 50001)
    with pytest.raises(discord.Forbidden):
        await channel.send("clip")
    loopback.fail_next("POST", r"/messages$", 429, retry_after_s=0.01)
    loopback.delay_next("POST", r"/messages$", 0.01)
    await channel.send("clip")
    posts = loopback.called("POST", "/channels/{channel}/messages")
    assert [call.status for call in posts] == [403, 429, 200]


async def test_a_closed_dm_is_refused_but_opens(bare_session):
    loopback, bot = bare_session
    loopback.world.closed_dms.add(loopback.world.user_id("bob"))
    bob = await bot.create_dm(discord.Object(int(loopback.world.user_id("bob"))))
    with pytest.raises(discord.Forbidden) as refused:
        await bob.send("clip")
    assert refused.value.code == 50007


async def test_an_empty_or_overlong_message_is_refused(bare_session):
    channel = bare_session.channel("general")
    codes = []
    for text in ("", "x" * 2001):
        with pytest.raises(discord.HTTPException) as refused:
            await channel.send(text)
        codes.append(refused.value.code)
    assert codes == [50006, 50035]
    assert len(bare_session.loopback.violations) == 2
    bare_session.loopback.violations.clear()


async def test_pings_are_what_allowed_mentions_lets_through(bare_session):
    loopback = bare_session.loopback
    alice = loopback.world.user_id("alice")
    quiet = await bare_session.channel("general").send(f"<@{alice}>")
    loud = await bare_session.channel("general").send(
        f"<@{alice}>", allowed_mentions=discord.AllowedMentions(users=True)
    )
    assert ([], [alice]) == tuple([str(u.id) for u in m.mentions] for m in (quiet, loud))


async def test_a_layout_shows_its_uploaded_video(bare_session, tmp_path: Path):
    loopback = bare_session.loopback
    (tmp_path / "clip.mp4").write_bytes(b"clip")
    view = discord.ui.LayoutView()
    view.add_item(discord.ui.TextDisplay("A clip"))
    view.add_item(discord.ui.MediaGallery(discord.MediaGalleryItem("attachment://clip.mp4")))
    clip = discord.File(tmp_path / "clip.mp4")
    await bare_session.channel("general").send(view=view, file=clip)
    message = loopback.posts("general")[0]
    media = message["components"][1]["items"][0]["media"]
    assert media["url"] == message["attachments"][0]["url"]


async def test_an_upload_that_breaks_off_leaves_no_message():
    async with LoopbackDiscord() as double, aiohttp.ClientSession() as session:
        headers = {"Authorization": f"Bot {double.token}"}
        url = f"{double.api_url}/channels/{double.world.channel('general')['id']}/messages"
        form = aiohttp.FormData(quote_fields=False)
        form.add_field("payload_json", "{}")
        form.add_field("files[0]", _breaks_off(), filename="clip.mp4")
        with pytest.raises((aiohttp.ClientError, OSError)):
            await session.post(url, data=form, headers=headers)
        await double.until(lambda: [call.status for call in double.calls] == [0])
        assert double.posts("general") == []


async def _breaks_off() -> AsyncIterator[bytes]:
    yield b"0" * 100_000
    raise OSError("the disk went away")


async def test_an_ephemeral_post_is_out_of_the_channels_reach(bare_session):
    loopback = bare_session.loopback
    sent = await loopback.slash("alice", "general", "sora generate", {"prompt": "cat"})
    await sent.until(lambda s: s.followups)
    partial = bare_session.channel("general").get_partial_message(int(sent.followups[0]["id"]))
    with pytest.raises(discord.NotFound) as refused:
        await partial.edit(content="seen?")
    assert refused.value.code == 10008
    assert sent.followups[0]["id"] not in [str(m.id) async for m in partial.channel.history()]


async def test_a_file_edited_into_a_message_joins_those_that_stay(bare_session, tmp_path: Path):
    for name in ("one.mp4", "two.mp4"):
        (tmp_path / name).write_bytes(name.encode())
    first = await bare_session.channel("general").send(file=discord.File(tmp_path / "one.mp4"))
    await first.edit(attachments=[*first.attachments, discord.File(tmp_path / "two.mp4")])
    (message,) = bare_session.loopback.posts("general")
    stored = [bare_session.loopback.stored(entry).read_bytes() for entry in message["attachments"]]
    assert stored == [b"one.mp4", b"two.mp4"]
    await first.delete()
    assert bare_session.loopback.posts("general") == []


async def test_a_thread_made_from_a_message_shares_its_id_and_has_no_twin(bare_session):
    message = await bare_session.bot.get_channel(bare_session.channel("general").id).send("clip")
    thread = await message.create_thread(name="remixes")
    with pytest.raises(discord.HTTPException) as refused:
        await message.create_thread(name="remixes")
    assert thread.id == message.id
    assert refused.value.code == 160004
