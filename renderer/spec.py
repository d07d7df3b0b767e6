"""The job of the renderer: the JSON object that `python -m renderer` reads from stdin."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from renderer.script.screenplay import MAX_S, Screenplay


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmSpec:
    """One film to render, checked."""

    play: Screenplay
    #: Width and height of the frame in pixels.
    size: tuple[int, int]
    target: Path
    #: A reference picture.
    image: Path | None = None
    #: Whether the renderer exits as soon as its stdin ends.
    exit_with_stdin: bool = False

    @classmethod
    def parse(cls, line: str) -> FilmSpec:
        """Read a film spec from one line of JSON.

        Width and height must be even and 64 to 2048 pixels; a film lasts 1 to `MAX_S` seconds.
        Raises ValueError, KeyError or TypeError for any other spec.
        """
        fields = cast("dict[str, Any]", json.loads(line))
        size = (int(fields["width_px"]), int(fields["height_px"]))
        if any(side % 2 or not 64 <= side <= 2048 for side in size):
            raise ValueError(f"cannot render {size[0]}x{size[1]}")
        play = Screenplay.load(fields.get("acts", []), fields.get("steps", []))
        if not 1 <= play.seconds <= MAX_S:
            raise ValueError(f"cannot render {play.seconds} s")
        image = fields.get("image")
        return cls(
            play=play,
            size=size,
            target=Path(str(fields["target"])),
            image=None if image is None else Path(str(image)),
            exit_with_stdin=bool(fields.get("exit_with_stdin")),
        )
