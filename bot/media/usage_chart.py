"""Draws the usage of each day: a bar for the clips, and below it a bar for the cost."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from io import BytesIO
from typing import TypeAlias

from PIL import Image, ImageDraw, ImageFont

_WIDTH_PX, _HEIGHT_PX = 1000, 640
#: On a phone, which shows the chart about 350 px wide, letters of this size are about 11 px high.
_FONT_PX = 32
_LEFT_PX, _RIGHT_PX = 140, 956
#: Top and bottom of the plot of the clips and of the plot of the cost.
_CLIPS_PX, _COST_PX = (84, 360), (456, 560)
#: Distance from a plot's top up to the middle of its title.
_TITLE_PX = 46
#: Shapes are drawn this many times larger and scaled down: Pillow draws no smooth edges.
_SMOOTHING = 2
#: The background is opaque, so that light and dark themes show the same chart.
_BACKGROUND = (30, 31, 36)
_LINE = (66, 69, 79)
_TEXT = (226, 228, 234)
_MUTED_TEXT = (168, 172, 183)
_CLIPS = (116, 133, 255)
_COST = (122, 148, 136)
_COLOURS = 64
_Colour: TypeAlias = tuple[int, int, int]
#: How many dates are written below the chart at most.
_DATES = 6
#: Distance from the chart's edge to the middle of the last date.
_DATE_EDGE_PX = 60
#: The scales of clips and cost end at one clip and at one cent or higher.
_LEAST_CLIPS, _LEAST_USD_MICROS = 1, 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """Clips and cost of one day; the cost in millionths of a US dollar."""

    day: date
    clips: int
    usd_micros: int


async def usage_chart(bars: Sequence[Bar]) -> bytes:
    """Return a PNG with a bar for the clips of each day, and below it a bar for their cost.

    bars  at least one; one for each day without a gap, earliest first, with amounts of 0 or more.
    The PNG has 1000x640 px and up to 100 kB. Runs in a thread. Raises ValueError for no bars.
    """
    if not bars:
        raise ValueError("no days for a chart")
    return await asyncio.to_thread(_chart, bars)


def _chart(bars: Sequence[Bar]) -> bytes:
    large = (_WIDTH_PX * _SMOOTHING, _HEIGHT_PX * _SMOOTHING)
    chart = Image.new("RGB", large, _BACKGROUND)
    draw = ImageDraw.Draw(chart)
    clips, costs = [bar.clips for bar in bars], [bar.usd_micros for bar in bars]
    top, top_cost = axis_maximum(_LEAST_CLIPS, *clips), axis_maximum(_LEAST_USD_MICROS, *costs)
    _plot(draw, _CLIPS_PX, ("Clips a day (UTC)", _short(top)), clips, top, _CLIPS)
    dollars = f"${_short(Fraction(top_cost, 1_000_000))}"
    _plot(draw, _COST_PX, ("US dollars a day", dollars), costs, top_cost, _COST)
    _dates(draw, [bar.day for bar in bars])
    if not any(clips) and not any(costs):
        middle_px = ((_LEFT_PX + _RIGHT_PX) / 2, sum(_CLIPS_PX) / 2)
        _write(draw, middle_px, "Nothing was made", "mm", _MUTED_TEXT)
    return _encode_png(chart.resize((_WIDTH_PX, _HEIGHT_PX), Image.Resampling.LANCZOS))


def _plot(
    draw: ImageDraw.ImageDraw,
    span_px: tuple[int, int],
    words: tuple[str, str],
    amounts: Sequence[int],
    top: int,
    colour: _Colour,
) -> None:
    """Draw a row of bars between two lines; the upper line stands for the amount `top`.

    words  the title, and the text beside the upper line.
    """
    top_px, bottom_px = span_px
    _write(draw, (_LEFT_PX, top_px - _TITLE_PX), words[0], "lm", _MUTED_TEXT)
    for told, y_px in ((words[1], top_px), ("0", bottom_px)):
        _shape(draw, (_LEFT_PX, y_px - 1, _RIGHT_PX, y_px + 1), _LINE)
        _write(draw, (_LEFT_PX - 16, y_px), told, "rm", _MUTED_TEXT)
    for (left_px, right_px), value in zip(_columns(len(amounts)), amounts, strict=True):
        if value:
            # A bar is at least 4 px high, so that small values stay visible.
            height_px = max(4.0, (bottom_px - top_px) * value / top)
            _shape(draw, (left_px, bottom_px - height_px, right_px, bottom_px), colour)


def _dates(draw: ImageDraw.ImageDraw, days: Sequence[date]) -> None:
    step = -(-len(days) // _DATES)
    columns = _columns(len(days))
    for index in range(len(days) - 1, -1, -step):
        middle_px = sum(columns[index]) / 2
        x_px = min(middle_px, _WIDTH_PX - _DATE_EDGE_PX)
        _write(draw, (x_px, _COST_PX[1] + 42), f"{days[index].day} {days[index]:%b}", "mm", _TEXT)


def axis_maximum(*amounts: int) -> int:
    """Return the end of a scale for amounts: 1, 2, 3, 4, 5, 6, 8 or 10 times a power of ten.

    At least one amount must be 1 or more. The end is the smallest that holds all amounts.
    """
    most = max(amounts)
    power = 10 ** (len(str(most)) - 1)
    return next(each * power for each in (1, 2, 3, 4, 5, 6, 8, 10) if each * power >= most)


def _columns(count: int) -> list[tuple[float, float]]:
    step_px = (_RIGHT_PX - _LEFT_PX) / count
    width_px = min(step_px * 0.72, 120)
    middles_px = [_LEFT_PX + step_px * (index + 0.5) for index in range(count)]
    return [(each - width_px / 2, each + width_px / 2) for each in middles_px]


def _shape(draw: ImageDraw.ImageDraw, box_px: tuple[float, ...], colour: _Colour) -> None:
    left, top, right, bottom = (round(each * _SMOOTHING) for each in box_px)
    draw.rectangle((left, top, max(left, right - 1), max(top, bottom - 1)), fill=colour)


def _write(
    draw: ImageDraw.ImageDraw, at_px: tuple[float, float], words: str, anchor: str, colour: _Colour
) -> None:
    font = ImageFont.load_default(_FONT_PX * _SMOOTHING)
    place = (at_px[0] * _SMOOTHING, at_px[1] * _SMOOTHING)
    draw.text(place, words, font=font, fill=colour, anchor=anchor)


def _short(amount: Fraction | int) -> str:
    """Return an amount of one digit and zeros in the shortest form, such as `0.2`, `3`, `20k`."""
    for size, sign in ((10**9, "B"), (10**6, "M"), (10**3, "k")):
        if amount >= size:
            return f"{float(amount / size):g}{sign}"
    return f"{float(amount):g}"


def _encode_png(chart: Image.Image) -> bytes:
    file = BytesIO()
    chart.quantize(_COLOURS, Image.Quantize.FASTOCTREE).save(file, "PNG", optimize=True)
    return file.getvalue()
