"""The renderer: one order as a line of JSON on stdin, progress as lines of JSON on stdout.

    echo '{"prompt": "a fox in the snow", "seed": 1, "seconds": 4, "width_px": 1280,
           "height_px": 720, "target": "fox.mp4"}' | python -m bot.providers.local.render

`image` (a path) is optional. `acts` (as `Screenplay.dump` makes them) stand in place of `prompt`,
`seed` and `seconds` where the film is a remix or an extension. With `"stay": true` the process ends as soon as stdin does: it must
not outlive a parent that was killed. Exit code 0 means that `target` is whole.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from PIL import Image

from bot.media.child import end_with_stdin, yield_to_others
from bot.providers.local.film.encode import encode
from bot.providers.local.film.film import Film
from bot.providers.local.film.sound import compose
from bot.providers.local.script.screenplay import MAX_S, Screenplay

#: Exit codes: an order that cannot be read, a picture that cannot; see also `media.child`.
BAD_ORDER, BAD_IMAGE = 2, 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One order, checked."""

    play: Screenplay
    #: Width and height in pixels.
    size: tuple[int, int]
    target: Path
    image: Path | None
    #: Whether the process ends as soon as stdin does.
    bound: bool

    @classmethod
    def parse(cls, line: str) -> Task:
        """Read an order; ValueError, KeyError or TypeError when it is none.

        Any even size from 64 to 2048 pixels a side and 1 to `MAX_S` seconds in all are taken.
        """
        fields = cast("dict[str, Any]", json.loads(line))
        size = (int(fields["width_px"]), int(fields["height_px"]))
        if any(side % 2 or not 64 <= side <= 2048 for side in size):
            raise ValueError(f"{size[0]}x{size[1]} is no size to render")
        if "acts" in fields:
            play = Screenplay.load(fields["acts"])
        else:
            prompt, seed = str(fields["prompt"]), int(fields["seed"])
            play = Screenplay.of(prompt, seed, int(fields["seconds"]))
        if not 1 <= play.seconds <= MAX_S:
            raise ValueError(f"{play.seconds} s is no length to render")
        image = fields.get("image")
        return cls(
            play=play,
            size=size,
            target=Path(str(fields["target"])),
            image=None if image is None else Path(str(image)),
            bound=bool(fields.get("stay")),
        )


def render(task: Task, report: IO[str]) -> None:
    """Render the clip to `task.target`; writes `{"progress": n}` lines, n from 0 to 99.

    Raises OSError when the picture cannot be read or the disk is full.
    """
    film = Film(task.play, task.size, task.image)
    sound = compose(film.scenes)

    def told() -> Iterator[Image.Image]:
        last = -1
        for index, frame in enumerate(film.frames()):
            yield frame
            done = (index + 1) * 99 // film.frame_count
            if done > last:
                last = done
                report.write(f'{{"progress": {done}}}\n')
                report.flush()

    encode(told(), sound, task.target, task.size)


def main() -> int:
    """Run one order from stdin and return the exit code."""
    try:
        task = Task.parse(sys.stdin.readline())
    except (ValueError, KeyError, TypeError) as error:
        sys.stderr.write(f"bad order: {error!r}\n")
        return BAD_ORDER
    yield_to_others()
    if task.bound:
        threading.Thread(target=end_with_stdin, daemon=True).start()
    try:
        render(task, sys.stdout)
    except OSError as error:
        sys.stderr.write(f"cannot render: {error!r}\n")
        return BAD_IMAGE
    # Past the interpreter's own end: it would wait for the thread that reads stdin.
    sys.stdout.flush()
    if task.bound:
        os._exit(0)
    return 0


if __name__ == "__main__":
    sys.exit(main())
