"""A member can remix a clip, then the remix, and so on."""

from pathlib import Path

from bot.model import Job, Operation, State
from tests.behaviour.harness import BotHarness, bot_harness, words

PROMPT = "a calico cat plays piano"


async def newest_done(t: BotHarness, count: int) -> Job:
    """Wait until exactly `count` jobs exist and all are done; return the newest."""

    async def all_there() -> bool:
        jobs = await t.jobs()
        return len(jobs) == count and all(job.state is State.DONE for job in jobs)

    await t.until(all_there)
    return (await t.jobs())[-1]


async def test_three_generations_keep_their_parameters_and_show_where_they_come_from(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path) as t:
        await t.alice.slash(
            t.channel, "sora generate", prompt=PROMPT, seconds=8, size="720x1280",
            model="openai/sora-2-pro",
        )  # fmt: skip
        root = await newest_done(t, 1)
        await t.reply(t.bob, t.clips()[0], "at night, with rain")
        child = await newest_done(t, 2)
        pressed = await t.alice.click(t.clips()[1], label="Remix")
        assert pressed.modal is not None
        assert PROMPT in str(pressed.modal)
        await t.alice.submit_modal(pressed, {"words": "and a dog listens"})
        grandchild = await newest_done(t, 3)

        for job, parent, owner in ((child, root, t.bob), (grandchild, child, t.alice)):
            assert (job.parent_id, job.user_id) == (parent.id, owner.id)
            assert job.spec.operation is Operation.REMIX
            assert job.source_remote_id == parent.remote_id
            assert (job.spec.model, job.spec.seconds) == ("sora-2-pro", 8)
            assert str(job.spec.size) == "720x1280"
        assert t.api.creates["at night, with rain"] == 1
        assert t.api.creates["and a dog listens"] == 1
        assert t.api.violations == []

        posted = t.clips()[2].content
        assert f"`{child.id}`" in posted
        assert str(child.message_id) in posted
        assert "from the clip itself" in posted
        shown = await t.bob.context_menu(t.channel, "Clip details", t.clips()[2])
        assert shown.response is not None
        told = words(shown.response.embeds[0])
        assert told.index(child.id) < told.index(root.id)
        shown = await t.bob.context_menu(t.channel, "Clip details", t.clips()[0])
        assert shown.response is not None
        assert child.id in words(shown.response.embeds[0])
