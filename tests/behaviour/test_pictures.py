"""The option `image`: the bot checks the image before it reserves quota, then sends it to the
provider.
"""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from bot.model import State
from tests.behaviour.harness import bot_harness, words

FIXTURES = Path(__file__).parents[1] / "fixtures" / "media"


def phone_photo() -> bytes:
    """A portrait with a red upper half, stored lying on its side, with a location."""
    shown = Image.new("RGB", (90, 160), (40, 60, 200))
    shown.paste((220, 30, 30), (0, 0, 90, 80))
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (52.0, 31.0, 12.0)
    out = io.BytesIO()
    shown.transpose(Image.Transpose.ROTATE_90).save(out, "JPEG", exif=exif, quality=95)
    return out.getvalue()


def picture(kind: str = "PNG", size: tuple[int, int] = (64, 36)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, (200, 60, 120)).save(out, kind)
    return out.getvalue()


def is_fitted(sent: bytes, size: tuple[int, int] = (1280, 720)) -> bool:
    """Whether `sent` is a PNG of this size that shows what `picture` drew."""
    with Image.open(io.BytesIO(sent)) as shown:
        colour = np.asarray(shown.convert("RGB")).reshape(-1, 3).mean(axis=0)
        return (shown.format, shown.size) == ("PNG", size) and bool(
            np.abs(colour - (200, 60, 120)).max() < 4
        )


@pytest.mark.parametrize(
    ("kind", "name"),
    [("PNG", "a.png"), ("JPEG", "b.jpg"), ("WEBP", "c.webp"), ("AVIF", "d.avif")],
)
async def test_a_picture_is_passed_on_to_the_model(tmp_path: Path, kind: str, name: str) -> None:
    async with bot_harness(tmp_path) as t:
        sent = picture(kind)
        asked = await t.alice.slash(t.channel, "sora generate", prompt="a cat", image=(name, sent))
        assert asked.response is not None
        assert "Got your picture" in asked.response.content
        assert asked.response.ephemeral
        await t.wait_for_state(State.DONE)
        assert [is_fitted(each) for each in t.api.images] == [True]
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


async def test_a_phone_photo_is_sent_upright_without_its_location_in_the_ordered_size(
    tmp_path: Path,
) -> None:
    photo = phone_photo()
    async with bot_harness(tmp_path) as t:
        await t.alice.slash(
            t.channel, "sora generate", prompt="a cat", image=("a.jpg", photo), size="720x1280"
        )
        job = await t.wait_for_state(State.DONE)
        assert job.spec.image is not None
        for content in (job.spec.image.read_bytes(), *t.api.images):
            assert b"Exif" not in content
            with Image.open(io.BytesIO(content)) as shown:
                assert not shown.getexif()
                upper = np.asarray(shown.convert("RGB"))[: shown.height // 3]
                assert np.abs(upper.reshape(-1, 3).mean(axis=0) - (220, 30, 30)).max() < 12
        with Image.open(io.BytesIO(t.api.images[0])) as shown:
            assert shown.size == (720, 1280)


async def test_a_heic_picture_is_refused_by_name_however_it_is_declared(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        for name in ("photo.heic", "photo.jpg"):
            content = (FIXTURES / "phone.heic").read_bytes()
            asked = await t.alice.slash(
                t.channel, "sora generate", prompt="a cat", image=(name, content)
            )
            text = " ".join(
                each.content for each in [asked.response, *asked.followups] if each is not None
            )
            assert "can't read HEIC" in text
            assert "as a JPEG" in text
        assert await t.jobs() == []


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
