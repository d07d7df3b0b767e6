"""What members are told when the bot's disk is full."""

from __future__ import annotations

from pathlib import Path

from bot.model import State
from tests.behaviour.harness import BotHarness, bot_harness, words
from tests.unit.storage.small_disk import fill, small_disk
from tests.wire.videos_api import VideosApi
from tests.wire.videos_faults import VideosFault

_MIB = 1 << 20


async def fill_disk_after_submit(t: BotHarness, disk: Path) -> Path:
    """Request a clip, then fill the disk while it is being rendered; return the file that fills
    it.
    """
    await t.alice.slash(t.channel, "sora generate", prompt="a cat")
    await t.wait_for_state(State.RENDERING)
    return fill(disk, but_bytes=3 * _MIB)


async def test_the_card_says_that_a_clip_waits_for_disk_space_until_there_is_some(
    tmp_path: Path,
) -> None:
    api = VideosApi(ready_after_s=1, poll_after_ms=50)
    with small_disk(tmp_path / "data", 32 * _MIB) as disk:
        async with bot_harness(disk, api=api, MIN_FREE_MIB="8") as t:
            hog = await fill_disk_after_submit(t, disk)
            await t.until(lambda: "Waiting for disk space" in t.card_text())
            assert "Rendered. I fetch it as soon as there is room on my disk." in t.card_text()
            shown = await t.alice.slash(t.channel, "sora status")
            assert shown.response is not None
            assert "as soon as there is room" in words(shown.response.embeds[0])
            hog.unlink()
            await t.until(t.clips)
            await t.until(lambda: "Done" in t.card_text())
            assert "disk" not in t.card_text()


async def test_while_it_is_fetched_at_last_the_card_says_that_it_is_fetched(
    tmp_path: Path,
) -> None:
    api = VideosApi(ready_after_s=1, poll_after_ms=50)
    with small_disk(tmp_path / "data", 32 * _MIB) as disk:
        async with bot_harness(disk, api=api, MIN_FREE_MIB="8") as t:
            hog = await fill_disk_after_submit(t, disk)
            await t.until(lambda: "Waiting for disk space" in t.card_text())
            t.api.fault("content", VideosFault.slow(1.5))
            hog.unlink()
            await t.until(lambda: "Fetching your clip" in t.card_text())
            await t.until(t.clips)
