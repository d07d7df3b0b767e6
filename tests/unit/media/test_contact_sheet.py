from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bot.media.contact_sheet import MAX_PICTURES, contact_sheet

CELL = (400, 225)
GAP = 12
RED, GREEN = (220, 30, 30), (30, 200, 60)


def picture(path: Path, size: tuple[int, int] = (640, 360), colour=RED, **options) -> Path:
    Image.new("RGB", size, colour).save(path, **options)
    return path


async def sheet_of(pictures) -> np.ndarray:
    packed = await contact_sheet(pictures)
    assert len(packed) <= 300_000
    with Image.open(BytesIO(packed)) as sheet:
        assert sheet.format == "WEBP"
        return np.asarray(sheet.convert("RGB")).astype(int)


def cell(sheet: np.ndarray, index: int) -> np.ndarray:
    row, column = divmod(index, 3)
    left, top = GAP + column * (CELL[0] + GAP), GAP + row * (CELL[1] + GAP)
    return sheet[top : top + CELL[1], left : left + CELL[0]]


def is_like(pixels: np.ndarray, colour: tuple[int, int, int]) -> bool:
    return bool(np.abs(pixels.reshape(-1, 3).mean(axis=0) - colour).max() < 12)


@pytest.mark.parametrize(
    ("count", "columns", "rows"), [(1, 1, 1), (2, 2, 1), (3, 3, 1), (4, 3, 2), (6, 3, 2)]
)
async def test_the_grid_grows_with_the_pictures(
    tmp_path: Path, count: int, columns: int, rows: int
):
    sheet = await sheet_of([picture(tmp_path / "red.png")] * count)
    wanted = (GAP + rows * (CELL[1] + GAP), GAP + columns * (CELL[0] + GAP), 3)
    assert sheet.shape == wanted
    for index in range(count):
        assert is_like(cell(sheet, index)[100:200, 100:300], RED)
    assert sheet[:6].max() < 60


@pytest.mark.parametrize("count", [0, MAX_PICTURES + 1])
async def test_none_or_too_many_are_refused(count: int):
    with pytest.raises(ValueError, match="1 to 6"):
        await contact_sheet([None] * count)


async def test_each_picture_stands_in_its_own_place(tmp_path: Path):
    red, green = picture(tmp_path / "r.webp"), picture(tmp_path / "g.jpg", colour=GREEN)
    sheet = await sheet_of([red, green, green, red, green, red])
    for index, colour in enumerate((RED, GREEN, GREEN, RED, GREEN, RED)):
        assert is_like(cell(sheet, index)[100:200, 100:300], colour)


@pytest.mark.parametrize("size", [(360, 640), (640, 640), (64, 36), (3000, 200)])
async def test_a_picture_of_any_shape_is_shown_whole(tmp_path: Path, size: tuple[int, int]):
    path = tmp_path / "framed.png"
    framed = Image.new("RGB", size, GREEN)
    inner = (size[0] * 3 // 4, size[1] * 3 // 4)
    framed.paste(Image.new("RGB", inner, RED), (size[0] // 8, size[1] // 8))
    framed.save(path)
    shown = cell(await sheet_of([path]), 0)
    red = (shown[..., 0] > 180) & (shown[..., 1] < 80)
    height_px, width_px = red.any(axis=1).sum(), red.any(axis=0).sum()
    scale = min(CELL[0] / size[0], CELL[1] / size[1])
    assert abs(width_px - inner[0] * scale) <= 6
    assert abs(height_px - inner[1] * scale) <= 6


async def test_what_cannot_be_read_becomes_a_neutral_tile(tmp_path: Path):
    broken, cut, bomb = tmp_path / "b.png", tmp_path / "c.png", tmp_path / "d.png"
    broken.write_text("<html>")
    cut.write_bytes(picture(tmp_path / "whole.png").read_bytes()[:200])
    Image.new("1", (30_000, 1_500), 1).save(bomb)
    sheet = await sheet_of([None, broken, cut, bomb, tmp_path / "none.png"])
    for index in range(5):
        tile = cell(sheet, index)[60:-10, 60:-10]
        assert tile.max() < 120
        # The tile of a missing picture is nearly grey.
        assert (tile.max(axis=-1) - tile.min(axis=-1)).max() < 24


async def test_each_badge_has_its_own_number(tmp_path: Path):
    sheet = await sheet_of([picture(tmp_path / "red.png")] * 6)
    badges = [cell(sheet, index)[10:54, 10:54] for index in range(6)]
    for badge in badges:
        assert (badge.min(axis=-1) > 200).sum() > 20
        assert np.median(badge.max(axis=-1)) < 60
    for index, badge in enumerate(badges):
        assert all(np.abs(badge - other).mean() > 3 for other in badges[index + 1 :])


async def test_even_noise_stays_under_the_ceiling(tmp_path: Path):
    noise = np.random.default_rng(1).integers(0, 255, (360, 640, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    await sheet_of([tmp_path / "noise.png"] * 6)


async def test_pictures_with_transparency_or_a_palette_are_taken(tmp_path: Path):
    Image.new("RGBA", (640, 360), (*RED, 255)).save(tmp_path / "alpha.png")
    Image.new("P", (640, 360), 3).save(tmp_path / "palette.png")
    sheet = await sheet_of([tmp_path / "alpha.png", tmp_path / "palette.png"])
    assert is_like(cell(sheet, 0)[100:200, 100:300], RED)
