"""Renders one film to a video file and reports the progress."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

from PIL import Image

from renderer.film.encode import encode
from renderer.film.film import PreviewFilm
from renderer.film.sound import compose
from renderer.spec import FilmSpec


def render(spec: FilmSpec, progress: IO[str]) -> None:
    """Render the film to `spec.target`; write lines `{"progress": n}` with n from 0 to 99.

    Raises OSError when the reference picture cannot be read or the disk is full.
    """
    film = PreviewFilm(spec.play, spec.size, spec.image)
    sound = compose(film.scenes)

    def counted_frames() -> Iterator[Image.Image]:
        last = -1
        for index, frame in enumerate(film.frames()):
            yield frame
            percent = (index + 1) * 99 // film.frame_count
            if percent > last:
                last = percent
                progress.write(f'{{"progress": {percent}}}\n')
                progress.flush()

    encode(counted_frames(), sound, spec.target, spec.size)
