"""The Remix button, its form and `/sora remix`: what a remix keeps and changes, and who pays."""

import io
from pathlib import Path

import pytest
from PIL import Image

from tests.behaviour.harness import bot_harness, words
from tests.behaviour.remixes import (
    PROMPT,
    clips_used,
    is_remix,
    make_clip,
    message_of,
    only_answer,
    pinged_ids,
    wait_for_newest,
    wait_for_reply,
)
from tests.behaviour.test_pictures import is_fitted, picture

CHANGE = "at night, with rain"
TWO_MODELS = "sora-2 image=no remix=yes; wide seconds=4,8 sizes=1280x720,720x1280 usd_per_second=1"


@pytest.mark.parametrize("presser", ["alice", "bob"])
async def test_whoever_presses_remix_reads_the_old_words_and_pays_for_the_new_clip(
    tmp_path: Path, presser: str
) -> None:
    async with bot_harness(tmp_path) as t:
        parent, message = await make_clip(t, seconds=8)
        actor = getattr(t, presser)
        pressed = await actor.click(message, label="Remix")
        assert pressed.modal is not None
        assert PROMPT in str(pressed.modal)
        before = await clips_used(t, actor)
        await actor.submit_modal(pressed, {"words": CHANGE})
        job = await wait_for_newest(t, 2)
        assert is_remix(job, parent, actor)
        assert (job.spec.seconds, job.source_remote_id) == (8, parent.remote_id)
        assert await clips_used(t, actor) == before + 1
        assert pinged_ids(t.clips()[1]) == [actor.id]


async def test_a_button_and_an_open_form_outlive_a_restart(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        parent, message = await make_clip(t)
        opened = await t.bob.click(message, label="Remix")
        await t.restart()
        answered = await t.bob.submit_modal(opened, {"words": CHANGE})
        assert answered.response is not None
        assert not answered.response.ephemeral
        assert is_remix(await wait_for_newest(t, 2), parent, t.bob)
        pressed = await t.alice.click(message, label="Remix")
        await t.restart()
        await t.alice.submit_modal(pressed, {"words": "as a drawing"})
        assert is_remix(await wait_for_newest(t, 3), parent, t.alice)
        assert t.api.creates["as a drawing"] == 1


async def test_a_form_with_blanks_only_is_refused_and_nothing_is_charged(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        _, message = await make_clip(t)
        pressed = await t.bob.click(message, label="Remix")
        assert "in words" in only_answer(await t.bob.submit_modal(pressed, {"words": " \u200b "}))
        assert (len(await t.jobs()), await clips_used(t, t.bob)) == (1, 0)


async def test_a_form_over_quota_is_refused_and_nothing_is_charged(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, QUOTA_SECONDS_PER_DAY="8") as t:
        _, message = await make_clip(t, seconds=8)
        pressed = await t.alice.click(message, label="Remix")
        assert "8 s of video" in only_answer(await t.alice.submit_modal(pressed, {"words": CHANGE}))
        assert (len(await t.jobs()), await clips_used(t, t.alice)) == (1, 1)


@pytest.mark.parametrize("spelt", ["{id}", "{lower}", "`{id}`", " `{lower}` "])
async def test_the_command_takes_the_id_as_people_type_it(tmp_path: Path, spelt: str) -> None:
    async with bot_harness(tmp_path) as t:
        parent, _ = await make_clip(t)
        typed = spelt.format(id=parent.id, lower=parent.id.lower())
        answered = await t.bob.slash(t.channel, "sora remix", clip=typed, prompt=CHANGE)
        assert answered.response is not None
        assert not answered.ephemeral
        assert is_remix(await wait_for_newest(t, 2), parent, t.bob)


@pytest.mark.parametrize("typed", ["{id}", "{lower}", "{begin}", "calico", "PIA", "plays cali", ""])
async def test_autocomplete_finds_clips_by_id_and_by_words(tmp_path: Path, typed: str) -> None:
    async with bot_harness(tmp_path) as t:
        parent, _ = await make_clip(t)
        # Ids have no I, O and V, so that none begins like a word of this prompt.
        other, _ = await make_clip(t, t.bob, prompt="oil over ice")
        text = typed.format(id=parent.id, lower=parent.id.lower(), begin=parent.id[:2])
        choices = await t.moderator.autocomplete(t.channel, "sora remix", "clip", text)
        expected = [parent.id] if typed else [other.id, parent.id]
        assert [each["value"] for each in choices] == expected
        assert PROMPT in choices[-1]["name"]


async def test_autocomplete_offers_and_finds_a_remix_by_its_change_and_id_alone(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path) as t:
        parent, message = await make_clip(t)
        await t.reply(t.bob, message, CHANGE)
        child = await wait_for_newest(t, 2)
        for typed in ("rain", child.id):
            found = await t.alice.autocomplete(t.channel, "sora remix", "clip", typed)
            assert [(each["value"], each["name"]) for each in found] == [
                (child.id, f"{child.id} · {CHANGE}")
            ]
        by_root = await t.alice.autocomplete(t.channel, "sora remix", "clip", "calico")
        assert [each["value"] for each in by_root] == [parent.id]


async def test_the_other_options_are_offered_as_for_a_clip_of_its_own(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        models = await t.bob.autocomplete(t.channel, "sora remix", "model", "")
        assert [each["value"] for each in models] == ["openai/sora-2", "openai/sora-2-pro"]
        seconds = await t.bob.autocomplete(t.channel, "sora remix", "seconds", "")
        assert [each["value"] for each in seconds] == [4, 8, 12]
        sizes = await t.bob.autocomplete(
            t.channel, "sora remix", "size", "1024", model="openai/sora-2-pro"
        )
        assert [each["value"] for each in sizes] == ["1792x1024", "1024x1792"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"seconds": 8}, ("8", "1280x720", "sora-2")),
        ({"size": "720X1280"}, ("4", "720x1280", "sora-2")),
        ({"model": "Sora 2 Pro"}, ("4", "1280x720", "sora-2-pro")),
        (
            {"seconds": 12, "size": "1024x1792", "model": "sora-2-pro"},
            ("12", "1024x1792", "sora-2-pro"),
        ),
    ],
    ids=["seconds", "size", "model", "all"],
)
async def test_another_length_size_or_model_is_composed_of_words_and_last_frame(
    tmp_path: Path, change: dict[str, object], told: tuple[str, ...]
) -> None:
    async with bot_harness(tmp_path) as t:
        parent, _ = await make_clip(t)
        await t.bob.slash(t.channel, "sora remix", clip=parent.id, prompt=CHANGE, **change)
        job = await wait_for_newest(t, 2)
        assert is_remix(job, parent, t.bob)
        assert job.source_remote_id is None
        form = t.api.forms[-1]
        assert (form["seconds"], form["size"], form["model"]) == told
        assert form["prompt"] == f"{PROMPT}. Change: {CHANGE}"
        with Image.open(io.BytesIO(t.api.images[-1])) as sent:
            assert sent.format == "PNG"
            assert f"{sent.width}x{sent.height}" == str(job.spec.size)
        assert t.api.requests["remix"] == 0
        assert "from its words and last frame" in message_of(t, job).content
        assert list((tmp_path / "tmp").glob("*.png")) == []
        assert t.api.violations == []


@pytest.mark.parametrize(
    "change", [{"seconds": 4}, {"size": "1280 x 720"}, {"model": "openai/sora-2"}]
)
async def test_options_that_change_nothing_leave_it_to_the_provider(
    tmp_path: Path, change: dict[str, object]
) -> None:
    async with bot_harness(tmp_path) as t:
        parent, _ = await make_clip(t)
        await t.bob.slash(t.channel, "sora remix", clip=parent.id, prompt=CHANGE, **change)
        job = await wait_for_newest(t, 2)
        assert job.source_remote_id == parent.remote_id
        assert "from the clip itself" in message_of(t, job).content


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"model": "sora-9"}, "**model**: I don't have that one. There is `Sora 2`"),
        ({"seconds": 7}, "**seconds**: Sora 2 can't do 7. It can do 4, 8 or 12."),
        ({"size": "64x64"}, "**size**: Sora 2 can't do 64x64."),
        ({"size": "large"}, "**size**: that is not a size."),
        ({"prompt": "\u200b"}, "in words"),
        ({"clip": "nowhere!"}, "I don't know a clip `nowhere`"),
    ],
    ids=["model", "seconds", "size", "no size", "prompt", "clip"],
)
async def test_an_impossible_option_is_named_and_nothing_is_charged(
    tmp_path: Path, change: dict[str, object], told: str
) -> None:
    async with bot_harness(tmp_path) as t:
        parent, _ = await make_clip(t)
        options = {"clip": parent.id, "prompt": CHANGE} | change
        assert told in only_answer(await t.bob.slash(t.channel, "sora remix", **options))
        assert (len(await t.jobs()), await clips_used(t, t.bob)) == (1, 0)


async def test_a_picture_in_the_reply_becomes_the_reference(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        parent, message = await make_clip(t)
        sent = picture()
        await t.reply(t.bob, message, CHANGE, attachments=[("hat.png", sent)])
        job = await wait_for_newest(t, 2)
        assert is_remix(job, parent, t.bob)
        assert job.source_remote_id is None
        assert job.spec.image is not None
        assert job.spec.image.read_bytes() == sent
        assert [is_fitted(each) for each in t.api.images] == [True]
        assert t.api.forms[-1]["prompt"] == f"{PROMPT}. Change: {CHANGE}"
        assert "from its words." in message_of(t, job).content


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("notes.txt", b"hello", "not a picture"),
        ("cat.png", picture()[:60], "does not decode"),
        ("cat.png", b"<html>no</html>", "does not decode"),
    ],
    ids=["text", "truncated", "html"],
)
async def test_what_is_no_picture_in_a_reply_is_refused_and_nothing_is_charged(
    tmp_path: Path, name: str, content: bytes, told: str
) -> None:
    async with bot_harness(tmp_path) as t:
        _, message = await make_clip(t)
        reply = await t.reply(t.bob, message, CHANGE, attachments=[(name, content)])
        assert told in (await wait_for_reply(t, reply)).content
        assert (len(await t.jobs()), await clips_used(t, t.bob)) == (1, 0)
        assert list((tmp_path / "pictures").glob("*")) == []


async def test_a_picture_for_a_model_that_takes_none_goes_to_one_that_does_and_is_named(
    tmp_path: Path,
) -> None:
    models = f"{TWO_MODELS} image=yes label=Wide"
    async with bot_harness(tmp_path, OPENAI_MODELS=models) as t:
        parent, message = await make_clip(t)
        await t.reply(t.bob, message, CHANGE, attachments=[("hat.png", picture())])
        job = await wait_for_newest(t, 2)
        assert (parent.spec.model, job.spec.model) == ("sora-2", "wide")
        assert "Wide makes it, in place of Sora 2" in message_of(t, job).content
        assert "Wide makes it, in place of Sora 2" in words(t.card().embeds[0])


async def test_a_picture_that_no_model_takes_is_refused_and_nothing_is_charged(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path, OPENAI_MODELS=TWO_MODELS) as t:
        _, message = await make_clip(t)
        reply = await t.reply(t.bob, message, CHANGE, attachments=[("hat.png", picture())])
        assert "takes no pictures" in (await wait_for_reply(t, reply)).content
        assert (len(await t.jobs()), await clips_used(t, t.bob)) == (1, 0)
        assert list((tmp_path / "pictures").glob("*")) == []
