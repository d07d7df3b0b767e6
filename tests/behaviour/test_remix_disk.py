"""When a full disk keeps the bot from writing the first frame of a remix, the provider is not
blamed.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from bot.model import Job, State
from tests.behaviour.harness import BotHarness
from tests.behaviour.remixes import PROMPT, make_clip, wait_for_newest
from tests.behaviour.test_failover import two
from tests.wire.videos_faults import VideosFault

CHANGE = "by night"
COMPOSED = f"{PROMPT}. Change: {CHANGE}"


async def is_remixed(t: BotHarness, folder: Path) -> Path:
    """Have bob remix a clip that its provider has lost; return the folder for temporary files."""
    parent, message = await make_clip(t)
    del t.api.renders[str(parent.remote_id)]
    await t.until(lambda: not list((folder / "tmp").iterdir()))
    await t.reply(t.bob, message, CHANGE)
    return folder / "tmp"


async def second(t: BotHarness) -> Job:
    return (await t.jobs())[1]


async def test_the_remix_waits_for_the_disk_and_goes_to_no_other_service(tmp_path: Path) -> None:
    async with two(tmp_path) as (t, other):
        t.api.fault("remix", VideosFault.slow(0.5))
        folder = await is_remixed(t, tmp_path)
        folder.rmdir()
        folder.write_bytes(b"no folder")

        async def was_tried() -> bool:
            job = await second(t)
            return job.state is State.QUEUED and job.attempts >= 4

        await t.until(was_tried)
        assert (t.api.creates[COMPOSED], other.requests["create"]) == (0, 0)
        providers = await t.app.jobs.provider_admin.all(t.guild.id)
        assert all(each.takes_work for each in providers)

        folder.unlink()

        job = await wait_for_newest(t, 2)
        assert (job.spec.provider, job.failed_over_from) == ("openai", None)
        assert (t.api.creates[COMPOSED], len(t.api.images)) == (1, 1)
        assert other.requests["create"] == 0


async def test_a_picture_that_cannot_be_removed_loses_no_paid_order(tmp_path: Path) -> None:
    async with two(tmp_path) as (t, _):
        t.api.fault("create", VideosFault.slow(1), prompt=COMPOSED)
        folder = await is_remixed(t, tmp_path)
        (picture,) = await t.until(lambda: list(folder.glob("*.png")))
        await t.until(lambda: t.api.requests["create"] == 2)
        await asyncio.sleep(0.1)
        picture.unlink()
        picture.mkdir()
        job = await wait_for_newest(t, 2)
        assert job.spec.prompt == COMPOSED
        assert t.api.creates[COMPOSED] == 1
        # The bot received the answer to its paid call, so it did not search the provider's list of
        # renders.
        assert t.api.requests["list"] == 0
