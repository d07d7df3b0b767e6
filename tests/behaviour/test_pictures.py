"""The option `image`: the bot checks the image before it reserves quota, then sends it to the
provider.
"""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from bot.model import State
from tests.behaviour.harness import bot_harness, words


def picture(kind: str = "PNG", size: tuple[int, int] = (64, 36)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, (200, 60, 120)).save(out, kind)
    return out.getvalue()


@pytest.mark.parametrize(
    ("kind", "name"), [("PNG", "a.png"), ("JPEG", "b.jpg"), ("WEBP", "c.webp")]
)
async def test_a_picture_is_passed_on_to_the_model(tmp_path: Path, kind: str, name: str) -> None:
    async with bot_harness(tmp_path) as t:
        sent = picture(kind)
        asked = await t.alice.slash(t.channel, "sora generate", prompt="a cat", image=(name, sent))
        assert asked.response is not None
        assert "Got your picture" in asked.response.content
        assert asked.response.ephemeral
        await t.wait_for_state(State.DONE)
        assert t.api.images == [sent]
        await t.until(lambda: "Done" in t.card_text())
        assert len(t.clips()) == 1


@pytest.mark.parametrize(
    ("name", "make", "said"),
    [
        ("cat.png", lambda: b"<html>not a picture</html>", "does not decode"),
        ("cat.png", lambda: picture()[:60], "does not decode"),
        ("cat.gif", lambda: picture("GIF"), "picture"),
        ("notes.txt", lambda: b"hello", "picture"),
        ("huge.png", lambda: b"\x89PNG\r\n\x1a\n" + b"0" * (11 * 1024 * 1024), "too large"),
        ("bomb.png", lambda: picture(size=(8000, 6000)), "too many pixels"),
    ],
    ids=["html", "truncated", "gif", "text", "11 MiB", "48 megapixels"],
)
async def test_what_is_no_allowed_picture_is_refused_and_nothing_is_charged(
    tmp_path: Path, name: str, make: Callable[[], bytes], said: str
) -> None:
    async with bot_harness(tmp_path) as t:
        asked = await t.alice.slash(
            t.channel, "sora generate", prompt="a cat", image=(name, make())
        )
        answers = [asked.response, *asked.followups]
        text = " ".join(each.content for each in answers if each is not None)
        assert "**image**" in text
        assert said in text
        assert all(each.ephemeral for each in answers if each is not None)
        assert await t.jobs() == []
        assert list((tmp_path / "pictures").glob("*")) == []


async def test_a_model_that_takes_no_pictures_says_so(tmp_path: Path) -> None:
    models = "plain seconds=4 sizes=1280x720 usd_per_second=0.05 image=no"
    async with bot_harness(tmp_path, OPENAI_MODELS=models) as t:
        asked = await t.alice.slash(
            t.channel, "sora generate", prompt="a cat", image=("a.png", picture())
        )
        answers = [asked.response, *asked.followups]
        assert "takes no pictures" in " ".join(each.content for each in answers if each)
        assert await t.jobs() == []


async def test_the_card_after_a_picture_is_public_and_kept_up_to_date(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        asked = await t.alice.slash(
            t.channel, "sora generate", prompt="a cat", image=("a.png", picture())
        )
        (card,) = asked.followups
        assert not card.ephemeral
        assert "a cat" in words(card.embeds[0])
        await t.wait_for_state(State.DONE)
        await t.until(lambda: "Done" in t.card_text())


async def test_a_picture_of_a_refused_order_does_not_stay_behind(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, QUOTA_CLIPS_PER_DAY="0") as t:
        asked = await t.alice.slash(
            t.channel, "sora generate", prompt="a cat", image=("a.png", picture())
        )
        answers = [asked.response, *asked.followups]
        assert "0 clips in 24 hours" in " ".join(each.content for each in answers if each)
        assert list((tmp_path / "pictures").glob("*")) == []


async def test_what_a_killed_process_left_half_done_goes_at_the_next_start(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        await t.alice.slash(t.channel, "sora generate", prompt="a", image=("a.png", picture()))
        job = await t.wait_for_state(State.DONE)
        for name in ("tmp/K7Q2.png", "tmp/K7Q2/part.mp4", "pictures/123.part"):
            left = tmp_path / name
            left.parent.mkdir(parents=True, exist_ok=True)
            left.write_bytes(b"left by a kill")
        await t.restart()
        assert list((tmp_path / "tmp").glob("*")) == []
        assert list((tmp_path / "pictures").glob("*")) == [job.spec.image]
