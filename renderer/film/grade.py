"""Adjusts the colours of a whole frame: for another take of a scene, or for a reference picture
under a new light.
"""

from __future__ import annotations

from PIL import Image

from renderer.script.palette import paint
from renderer.script.prompt import Scene
from renderer.stage.camera import View
from renderer.stage.layer import Part

_Gains = tuple[float, float, float]

#: Factors for red, green and blue in another take of a scene: warmer, cooler or softer.
_TAKES: tuple[_Gains, ...] = ((1.1, 1.0, 0.82), (0.84, 0.98, 1.12), (1.08, 0.92, 1.04))
#: How strongly a requested colour tints a reference picture, 0 to 1.
_TINT = 0.6


def grade(scene: Scene, *, has_picture: bool) -> list[Part]:
    """Return the part that adjusts the frame's colours, or no part when they stay as they are.

    has_picture  whether a reference picture is shown. Unlike drawn scenery, a picture gets the
                 colour of the scene's light only here.
    """
    gains: _Gains = (1.0, 1.0, 1.0)
    if scene.take is not None:
        gains = _TAKES[scene.take % len(_TAKES)]
    if has_picture and scene.relit:
        gains = _times(gains, paint(scene).light)
        if scene.tint is not None:
            top = max(scene.tint)
            red, green, blue = (1.0 - _TINT + _TINT * c / top for c in scene.tint)
            gains = _times(gains, (red, green, blue))
    if gains == (1.0, 1.0, 1.0):
        return []
    table = [min(255, round(level * gain)) for gain in gains for level in range(256)]

    def draw(frame: Image.Image, _view: View, _at_s: float) -> None:
        frame.paste(frame.point(table))

    return [draw]


def _times(one: _Gains, other: _Gains) -> _Gains:
    return (one[0] * other[0], one[1] * other[1], one[2] * other[2])
