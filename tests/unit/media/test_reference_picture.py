from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms

from bot.errors import BadOptionError
from bot.media.reference_picture import check_picture, check_upload_metadata, fit_picture
from bot.model import Size

FIXTURES = Path(__file__).parents[2] / "fixtures" / "media"
RED = (220, 30, 30)


async def plain(path: Path) -> Image.Image:
    """Check a picture; the copy must be RGB, without metadata, and stand alone in its folder."""
    copy = await check_picture(path)
    assert [*path.parent.iterdir()] == [copy]
    with Image.open(copy) as shown:
        shown.load()
        assert shown.mode == "RGB"
        assert not {"exif", "icc_profile", "xmp", "comment", "photoshop"} & shown.info.keys()
        assert not shown.getexif()
        assert getattr(shown, "n_frames", 1) == 1
        return shown


def is_red(picture: Image.Image) -> bool:
    colour = np.asarray(picture).reshape(-1, 3).mean(axis=0)
    return bool(np.abs(colour - RED).max() < 8)


async def test_every_turn_of_a_phone_is_undone(tmp_path: Path):
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = orientation
        path = tmp_path / "1.part"
        Image.new("RGB", (80, 40), RED).save(path, "JPEG", exif=exif)
        shown = await plain(path)
        assert shown.size == ((40, 80) if orientation > 4 else (80, 40))
        (tmp_path / "1.jpg").unlink()


async def test_a_jpeg_with_a_second_picture_behind_it_is_a_jpeg(tmp_path: Path):
    path = tmp_path / "1.part"
    second = Image.new("RGB", (80, 40))
    Image.new("RGB", (80, 40), RED).save(path, "MPO", save_all=True, append_images=[second])
    with Image.open(path) as stored:
        assert stored.format == "MPO"
    assert is_red(await plain(path))


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "AVIF"])
async def test_of_an_animation_the_first_picture_is_taken(tmp_path: Path, kind: str):
    path = tmp_path / "1.part"
    later = [Image.new("RGB", (80, 40), (0, 0, 10 * each)) for each in range(4)]
    Image.new("RGB", (80, 40), RED).save(path, kind, save_all=True, append_images=later)
    assert is_red(await plain(path))


@pytest.mark.parametrize("mode", ["CMYK", "L", "YCbCr"])
async def test_a_jpeg_in_any_colour_mode_is_taken(tmp_path: Path, mode: str):
    path = tmp_path / "1.part"
    Image.new("RGB", (80, 40), RED).convert(mode).save(path, "JPEG", quality=95)
    assert mode == "L" or is_red(await plain(path))


async def test_a_palette_and_its_transparent_colour_are_drawn_on_white(tmp_path: Path):
    path = tmp_path / "1.part"
    picture = Image.new("P", (80, 40), 1)
    picture.putpalette([0, 0, 0, *RED])
    picture.paste(0, (0, 0, 40, 40))
    picture.save(path, "PNG", transparency=0)
    shown = await plain(path)
    assert shown.getpixel((10, 10)) == (255, 255, 255)
    assert shown.getpixel((60, 10)) == RED


async def test_transparent_parts_become_white(tmp_path: Path):
    path = tmp_path / "1.part"
    Image.new("RGBA", (80, 40), (*RED, 0)).save(path, "PNG")
    assert (await plain(path)).getpixel((10, 10)) == (255, 255, 255)


async def test_shades_of_16_bits_keep_their_brightness(tmp_path: Path):
    path = tmp_path / "1.part"
    Image.fromarray(np.full((40, 80), 0x8000, dtype=np.uint16)).save(path, "PNG")
    assert (await plain(path)).getpixel((10, 10)) == (128, 128, 128)


async def test_a_colour_profile_is_applied_and_a_broken_one_is_ignored(tmp_path: Path):
    for profile in (ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(), b"none"):
        path = tmp_path / "1.part"
        Image.new("RGB", (80, 40), RED).save(path, "PNG", icc_profile=profile)
        assert is_red(await plain(path))
        (tmp_path / "1.png").unlink()


async def test_a_large_photo_is_kept_smaller(tmp_path: Path):
    path = tmp_path / "1.part"
    Image.new("L", (6000, 2000), 90).save(path, "JPEG")
    assert (await plain(path)).size == (4096, 1365)


async def test_an_avif_is_taken_and_a_heic_is_refused_by_name(tmp_path: Path):
    path = tmp_path / "1.part"
    path.write_bytes((FIXTURES / "a.avif").read_bytes())
    assert (await plain(path)).size == (1280, 720)
    path.write_bytes((FIXTURES / "phone.heic").read_bytes())
    with pytest.raises(BadOptionError, match="can't read HEIC"):
        await check_picture(path)
    for declared in ("image/heic", "image/heif"):
        with pytest.raises(BadOptionError, match="can't read HEIC"):
            check_upload_metadata(declared, 1000)


async def test_more_than_40_megapixels_are_refused_before_they_are_decoded(tmp_path: Path):
    path = tmp_path / "1.part"
    Image.new("1", (8000, 5001)).save(path, "PNG")
    with pytest.raises(BadOptionError, match="too many pixels"):
        await check_picture(path)


@pytest.mark.parametrize("size", [(300, 100), (100, 300), (64, 36), (1280, 720)])
async def test_a_picture_of_any_shape_covers_exactly_the_ordered_size(
    tmp_path: Path, size: tuple[int, int]
):
    picture, target = tmp_path / "1.jpg", tmp_path / "fitted.png"
    Image.new("RGB", size, RED).save(picture, quality=95)
    await fit_picture(picture, target, Size(width_px=1280, height_px=720))
    with Image.open(target) as shown:
        assert (shown.format, shown.size) == ("PNG", (1280, 720))
        assert is_red(shown)
