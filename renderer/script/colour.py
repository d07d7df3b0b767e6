"""Colours: mixing, lighting, brightness."""

from __future__ import annotations

from collections.abc import Sequence

#: Red, green and blue, 0 to 255 each.
Colour = tuple[int, int, int]

BLACK: Colour = (0, 0, 0)
WHITE: Colour = (255, 255, 255)


def mix(a: Colour, b: Colour, share: float) -> Colour:
    """Mix two colours. With `share` 0 the result is `a`, with 1 it is `b`."""
    red, green, blue = (round(p + (q - p) * share) for p, q in zip(a, b, strict=True))
    return (red, green, blue)


def lit(colour: Colour, light: Sequence[float]) -> Colour:
    """Return a colour under a light, given as factors for red, green and blue; (1, 1, 1) is
    daylight.
    """
    red, green, blue = (min(255, round(c * f)) for c, f in zip(colour, light, strict=True))
    return (red, green, blue)


def brightness(colour: Colour) -> int:
    """Return how bright a colour looks, from 0 to 255."""
    return round(0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2])
