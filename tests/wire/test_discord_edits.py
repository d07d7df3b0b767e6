"""Tests of editing and deleting messages in the simulated Discord."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import discord
import pytest

from tests.patience import PATIENCE_S
from tests.wire.discord_bare_bot import BareBotSession, bare_bot_session
from tests.wire.discord_commands import UnavailableError
from tests.wire.discord_payloads import Payload


@pytest.fixture
async def bare_session() -> AsyncIterator[BareBotSession]:
    async with bare_bot_session() as both:
        yield both


@pytest.fixture
def clips(tmp_path: Path) -> list[Path]:
    """Return eleven small files, "0.mp4" to "10.mp4", each containing its own name."""
    paths = [tmp_path / f"{number}.mp4" for number in range(11)]
    for path in paths:
        path.write_bytes(path.name.encode())
    return paths


def files(paths: list[Path]) -> list[discord.File]:
    return [discord.File(path) for path in paths]


def held(bare_session: BareBotSession, post: Payload) -> list[bytes]:
    return [bare_session.loopback.stored(entry).read_bytes() for entry in post["attachments"]]


async def test_one_call_keeps_a_file_adds_another_and_changes_the_words(bare_session, clips):
    message = await bare_session.channel("general").send("1 of 2", files=files(clips[:1]))
    view = discord.ui.View(timeout=None)
    view.add_item(discord.ui.Button(label="Remix", custom_id="remix:1"))
    edited = await message.edit(
        content="2 of 2",
        embed=discord.Embed(description="both"),
        view=view,
        attachments=[*message.attachments, *files(clips[1:2])],
        allowed_mentions=discord.AllowedMentions.none(),
    )
    (post,) = bare_session.loopback.posts("general")
    assert held(bare_session, post) == [b"0.mp4", b"1.mp4"]
    assert (post["content"], post["embeds"][0]["description"]) == ("2 of 2", "both")
    assert post["components"][0]["components"][0]["label"] == "Remix"
    assert post["attachments"][0]["id"] == str(message.attachments[0].id)
    assert post["edited_timestamp"] is not None
    assert [await each.read() for each in edited.attachments] == [b"0.mp4", b"1.mp4"]
    (call,) = bare_session.loopback.called("PATCH", "/channels/{channel}/messages/{message}")
    assert [file.filename for file in call.files] == ["1.mp4"]


async def test_a_file_left_out_is_gone_and_one_not_spoken_of_stays(bare_session, clips):
    message = await bare_session.channel("general").send(files=files(clips[:3]))
    message = await message.edit(content="three")
    assert held(bare_session, bare_session.loopback.posts("general")[0]) == [
        b"0.mp4",
        b"1.mp4",
        b"2.mp4",
    ]
    await message.edit(attachments=[message.attachments[0], message.attachments[2]])
    assert held(bare_session, bare_session.loopback.posts("general")[0]) == [b"0.mp4", b"2.mp4"]


async def test_ten_files_fit_a_message_and_an_eleventh_does_not(bare_session, clips):
    message = await bare_session.channel("general").send("clips", files=files(clips[:9]))
    message = await message.edit(attachments=[*message.attachments, *files(clips[9:10])])
    assert len(held(bare_session, bare_session.loopback.posts("general")[0])) == 10
    with pytest.raises(discord.HTTPException) as refused:
        await message.edit(attachments=[*message.attachments, *files(clips[10:])])
    assert refused.value.code == 30015
    assert len(held(bare_session, bare_session.loopback.posts("general")[0])) == 10
    assert bare_session.loopback.violations
    bare_session.loopback.violations.clear()


async def test_each_file_of_an_edit_has_the_same_limit(bare_session, clips):
    message = await bare_session.channel("general").send("clip", files=files(clips[:1]))
    bare_session.loopback.world.upload_limit_bytes = 5
    message = await message.edit(attachments=[*message.attachments, *files(clips[1:2])])
    with pytest.raises(discord.HTTPException) as refused:
        await message.edit(attachments=[*message.attachments, *files(clips[10:])])
    assert (refused.value.status, refused.value.code) == (413, 40005)
    assert held(bare_session, bare_session.loopback.posts("general")[0]) == [b"0.mp4", b"1.mp4"]


async def test_an_edit_takes_no_nonce(bare_session):
    message = await bare_session.channel("general").send("clip", nonce="job-1")
    loopback = bare_session.loopback
    url = f"{loopback.api_url}/channels/{message.channel.id}/messages/{message.id}"
    headers = {"Authorization": f"Bot {loopback.token}"}
    async with (
        aiohttp.ClientSession() as session,
        session.patch(url, json={"content": "hi", "nonce": "job-1"}, headers=headers) as answer,
    ):
        assert answer.status == 400
    assert any("unknown field 'nonce'" in violation for violation in loopback.violations)
    loopback.violations.clear()
    await message.edit(content="one")
    await message.edit(content="two")
    assert loopback.posts("general")[0]["content"] == "two"


async def test_what_is_deleted_can_neither_be_changed_nor_deleted_again(bare_session, clips):
    message = await bare_session.channel("general").send("clip")
    await message.delete()
    codes = []
    for act in (message.edit(content="x", attachments=files(clips[:1])), message.delete()):
        with pytest.raises(discord.NotFound) as refused:
            await act
        codes.append(refused.value.code)
    assert codes == [10008, 10008]


async def test_an_archived_thread_takes_no_file_by_an_edit(bare_session, clips):
    message = await bare_session.channel("film-club").send("clip")
    bare_session.loopback.world.edit_thread("film-club", {"archived": True})
    with pytest.raises(discord.HTTPException) as refused:
        await message.edit(attachments=files(clips[:1]))
    assert refused.value.code == 50083


async def test_the_bot_hears_that_somebody_deleted_its_message(bare_session):
    message = await bare_session.channel("general").send("clip")
    post = bare_session.loopback.posts("general")[0]
    with pytest.raises(UnavailableError):
        await bare_session.loopback.delete(post, by="alice")
    coming = bare_session.bot.wait_for("raw_message_delete", timeout=PATIENCE_S)
    await bare_session.loopback.delete(post, by="moderator")
    gone = await coming
    assert (gone.message_id, gone.channel_id) == (message.id, message.channel.id)
    assert str(gone.guild_id) == bare_session.loopback.world.guild["id"]
    with pytest.raises(discord.NotFound) as refused:
        await message.edit(content="there?")
    assert refused.value.code == 10008


async def test_members_delete_their_own_and_nobody_elses_in_a_dm(bare_session):
    theirs = await bare_session.loopback.message("dm-alice", "alice", "hm")
    await bare_session.loopback.delete(theirs, by="alice")
    await bare_session.channel("dm-alice").send("clip")
    with pytest.raises(UnavailableError):
        await bare_session.loopback.delete(bare_session.loopback.posts("dm-alice")[0], by="alice")
