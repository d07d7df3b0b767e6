"""Colours, and what light does to them."""

from __future__ import annotations

from collections.abc import Sequence

#: Red, green and blue, 0 to 255 each.
Colour = tuple[int, int, int]

BLACK: Colour = (0, 0, 0)
WHITE: Colour = (255, 255, 255)


def mix(a: Colour, b: Colour, share: float) -> Colour:
    """Return `a` with `share` (0 to 1) of `b` in it."""
    red, green, blue = (round(p + (q - p) * share) for p, q in zip(a, b, strict=True))
    return (red, green, blue)


def lit(colour: Colour, light: Sequence[float]) -> Colour:
    """Return `colour` under a light given as three factors, 1.0 being white daylight."""
    red, green, blue = (min(255, round(c * f)) for c, f in zip(colour, light, strict=True))
    return (red, green, blue)


def brightness(colour: Colour) -> int:
    """Return how bright a colour looks, 0 to 255."""
    return round(0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2])
