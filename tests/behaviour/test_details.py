"""The details of a clip: its parent, its remixes, and the buttons that the viewer may use."""

from pathlib import Path

import discord

from bot.model import Job, State
from tests.behaviour.clips import (
    button_labels,
    generate_clip,
    message_of,
    private_answer,
    wait_until_finished,
)
from tests.behaviour.harness import BotHarness, bot_harness

PROMPT = "a calico cat plays piano"


async def remixed(t: BotHarness, parent: Job, change: str, **place: object) -> Job:
    """Have bob (or `actor`) remix a clip with `/sora remix`; return the finished job."""
    before = {job.id for job in await t.jobs()}
    channel = place.get("channel", t.channel)
    actor = place.get("actor", t.bob)
    await actor.slash(channel, "sora remix", clip=parent.id, prompt=change)  # type: ignore[attr-defined]

    async def done() -> Job | None:
        (job,) = [each for each in await t.jobs() if each.id not in before]
        return job if job.state is State.DONE else None

    return await t.until(done)


async def details(t: BotHarness, job: Job, actor=None, channel=None) -> str:
    message = message_of(t, job, channel)
    assert message is not None
    who = t.bob if actor is None else actor
    place = t.channel if channel is None else channel
    return private_answer(await who.context_menu(place, "Clip details", message))


async def offered(t: BotHarness, job: Job, actor) -> list[str]:
    """Return the labels of the buttons in the answer to the menu command "Clip details"."""
    message = message_of(t, job)
    assert message is not None
    result = await actor.context_menu(t.channel, "Clip details", message)
    assert result.response is not None
    return button_labels(result.response)


def part(told: str, field: str) -> str:
    """Return the text of a clip's details after the heading `field`; "" when the heading is
    missing.
    """
    _, there, rest = told.partition(f"{field}\n")
    return rest if there else ""


async def test_details_tell_the_order_the_file_and_for_whom_it_was(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        job = await generate_clip(
            t, t.alice, PROMPT, seconds=8, size="720x1280", model="openai/sora-2-pro"
        )
        told = await details(t, job)
        for word in (
            f"Clip {job.id}", PROMPT, "Sora 2 Pro · openai", "8 s · 720x1280", "$2.40", "MB",
            f"<@{t.alice.id}>", "<t:",
        ):  # fmt: skip
            assert word in told
        assert "Comes from" not in told
        assert "Became" not in told


async def test_the_chain_of_five_generations_leads_up_to_the_root(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        line = [await generate_clip(t, t.alice, PROMPT)]
        for number in range(1, 5):
            line.append(await remixed(t, line[-1], f"change {number}"))
        chain = part(await details(t, line[-1]), "Comes from")
        places = [chain.index(job.id) for job in reversed(line[:-1])]
        assert places == sorted(places)
        assert all(str(job.message_id) in chain for job in line[:-1])
        # The first clip of a chain is shown with its prompt, each remix with its change only.
        assert chain.count("calico") == 1
        assert "change 1" in chain
        assert line[-1].id not in chain
        middle = await details(t, line[2])
        assert line[3].id in part(middle, "Became")
        assert line[4].id not in part(middle, "Became")


async def test_a_long_chain_is_shown_without_its_middle(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        line = [await generate_clip(t, t.alice, PROMPT)]
        for number in range(1, 9):
            line.append(await remixed(t, line[-1], f"change {number} " + "x" * 200))
        chain = part(await details(t, line[-1]), "Comes from")
        assert "… 2 more …" in chain
        assert chain.count("←") == 6
        assert line[0].id in chain
        assert line[7].id in chain
        assert line[1].id not in chain


async def test_children_are_listed_newest_first_and_the_rest_is_counted(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        root = await generate_clip(t, t.alice, PROMPT)
        children = [await remixed(t, root, f"change {number}") for number in range(10)]
        became = part(await details(t, root), "Became")
        places = [became.index(job.id) for job in reversed(children[2:])]
        assert places == sorted(places)
        assert "… and 2 more" in became


async def test_the_longest_words_fit_into_the_details(tmp_path: Path) -> None:
    # In the details, each escaped character counts as two towards Discord's length limit.
    async with bot_harness(tmp_path, QUOTA_CLIPS_PER_DAY="100", QUOTA_USD_PER_DAY="100") as t:
        line = [await generate_clip(t, t.alice, "a" + "*" * 1400)]
        for _ in range(6):
            line.append(await remixed(t, line[-1], "a" + "#" * 200))
        for number in range(9):
            await remixed(t, line[-1], f"{number}" + "[" * 200)
        told = await details(t, line[-1])
        assert all(job.id in part(told, "Comes from") for job in line[:-1])
        became = part(told, "Became")
        listed = became.count("](https://discord.com/")
        assert 3 <= listed < 8
        assert f"… and {9 - listed} more" in became


async def test_a_deleted_ancestor_is_named_without_its_words(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        root = await generate_clip(t, t.alice, PROMPT)
        child = await remixed(t, root, "by night")
        grandchild = await remixed(t, child, "with rain")
        asked = await t.alice.click(message_of(t, root), label="Delete")  # type: ignore[arg-type]
        assert asked.response is not None
        await t.alice.click(asked.response, label=f"Delete {root.id} for good")
        await t.until(lambda: message_of(t, root) is None)
        chain = part(await details(t, grandchild), "Comes from")
        assert f"`{root.id}` (deleted)" in chain
        assert "calico" not in chain
        assert child.id in chain


async def test_a_deleted_child_is_listed_without_its_words(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        root = await generate_clip(t, t.alice, PROMPT)
        child = await remixed(t, root, "by night")
        asked = await t.bob.click(message_of(t, child), label="Delete")  # type: ignore[arg-type]
        assert asked.response is not None
        await t.bob.click(asked.response, label=f"Delete {child.id} for good")
        await t.until(lambda: message_of(t, child) is None)
        told = await details(t, root)
        assert "by night" not in told
        assert str(child.message_id) not in told


async def test_what_the_viewer_cannot_see_is_a_clip_elsewhere(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        secret = t.secret_channel()
        root = await generate_clip(t, t.alice, PROMPT, secret)
        child = await remixed(t, root, "by night", channel=t.channel, actor=t.alice)
        told = await details(t, child, t.bob)
        assert "a clip elsewhere" in part(told, "Comes from")
        for hidden in (root.id, str(secret.id), "calico"):
            assert hidden not in told
        assert "by night" in told
        hers = await details(t, child, t.alice)
        assert root.id in part(hers, "Comes from")


async def test_a_child_that_the_viewer_cannot_see_is_only_counted(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        secret = t.secret_channel()
        root = await generate_clip(t, t.alice, PROMPT)
        child = await remixed(t, root, "by night", channel=secret, actor=t.alice)
        told = await details(t, root, t.bob)
        assert "… and 1 elsewhere" in told
        assert child.id not in told
        assert "by night" not in told
        assert child.id in await details(t, root, t.alice)


async def test_the_posted_clip_does_not_tell_what_its_hidden_parent_shows(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        secret = t.secret_channel()
        root = await generate_clip(t, t.alice, PROMPT, secret)
        child = await remixed(t, root, "by night", channel=t.channel, actor=t.alice)
        message = message_of(t, child)
        assert message is not None
        assert "calico" not in message.content


async def test_buttons_are_shown_to_who_may_press_them(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        job = await generate_clip(t, t.alice, PROMPT)
        everybodys = ["Watch", "Remix", "Again", "Extend"]
        assert await offered(t, job, t.bob) == everybodys
        assert await offered(t, job, t.moderator) == [*everybodys, "Delete"]
        assert await offered(t, job, t.alice) == [*everybodys, "Forbid remixes", "Delete"]


async def test_a_clip_that_its_owner_keeps_shows_others_no_way_to_remix_it(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path) as t:
        job = await generate_clip(t, t.alice, PROMPT)
        message = message_of(t, job)
        assert message is not None
        shown = await t.alice.context_menu(t.channel, "Clip details", message)
        assert shown.response is not None
        kept = await t.alice.click(shown.response, label="Forbid remixes")
        assert "nobody but you" in private_answer(kept)
        assert await offered(t, job, t.bob) == ["Watch"]
        assert "keeps it as it is" in await details(t, job, t.bob)
        assert "Allow remixes" in await offered(t, job, t.alice)
        for label in ("Remix", "Again", "Extend"):
            refused = await t.bob.click(message, label=label)
            assert "keeps it as it is" in private_answer(refused)
        view = discord.ui.View(timeout=None)
        view.add_item(discord.ui.Button(label="allow", custom_id=f"sora:allow:{job.id}"))
        place = t.app.client.get_channel(t.channel.id)
        assert isinstance(place, discord.TextChannel)
        forged = await place.send("forged", view=view)
        assert "belongs to somebody else" in private_answer(
            await t.bob.click(forged, label="allow")
        )
        shown = await t.alice.context_menu(t.channel, "Clip details", message)
        assert shown.response is not None
        await t.alice.click(shown.response, label="Allow remixes")
        pressed = await t.bob.click(message, label="Remix")
        assert pressed.modal is not None


async def test_a_message_without_a_clip_has_no_details(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        await generate_clip(t, t.alice, PROMPT)
        chat = await t.bob.send(t.channel, "nice")
        for message in (chat, t.card()):
            shown = await t.bob.context_menu(t.channel, "Clip details", message)
            assert "holds no clip of mine" in private_answer(shown)


async def test_of_several_variants_the_menu_asks_which(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        await t.alice.slash(t.channel, "sora generate", prompt=PROMPT, count=2)
        jobs = await wait_until_finished(t, 2)
        shown = await t.bob.context_menu(t.channel, "Clip details", t.clips()[0])
        assert shown.response is not None
        assert button_labels(shown.response) == [f"Details {job.id}" for job in jobs]
        for job in jobs:
            told = private_answer(await t.bob.click(shown.response, label=f"Details {job.id}"))
            assert f"Clip {job.id}" in told


async def test_details_in_a_direct_message_show_the_clip_to_its_owner(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        await t.alice.user.slash("sora generate", prompt=PROMPT)
        await wait_until_finished(t, 1)
        (message,) = t.clips(t.alice.user.dm_channel)
        assert button_labels(message) == ["Remix", "Again", "Extend", "Delete"]
        asked = await t.alice.user.click(message, label="Delete")
        assert "for good?" in private_answer(asked)
