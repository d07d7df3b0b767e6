from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from renderer.film.film import PreviewFilm
from renderer.script.screenplay import Screenplay

SIZE = (256, 144)
PLACES = {
    "mountain": "a fox in the mountains at noon, static shot",
    "city": "a taxi in the city at noon, static shot",
    "ocean": "a boat at sea at noon, static shot",
    "desert": "a camel in the desert at noon, static shot",
    "forest": "a deer in the forest at noon, static shot",
    "bokeh": "a cup of coffee in a cafe at noon, static shot",
    "space": "an astronaut in deep space, static shot",
    "underwater": "a jellyfish over the reef at noon, static shot",
}


def picture(play: Screenplay, image: Path | None = None, index: int = 12) -> NDArray[np.float32]:
    """Return the brightness of a frame's pixels, without the rows of the badge and the caption."""
    frame = PreviewFilm(play, SIZE, image).frame(index).convert("L")
    return np.asarray(frame, dtype=np.float32)[20:105]


def likeness(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Return how well the edges in two pictures coincide, as a correlation from -1 to 1."""
    edges = [np.abs(np.diff(np.log1p(each), axis=0)) > 0.06 for each in (one, other)]
    return float(np.corrcoef(edges[0].ravel(), edges[1].ravel())[0, 1])


@pytest.mark.parametrize("place", ["mountain", "city", "ocean", "desert"])
def test_night_falls_on_the_same_place(place: str):
    by_day = Screenplay.of(PLACES[place], 7, 1)
    day = picture(by_day)
    night = picture(by_day.remixed("make it night", 9, 1))
    elsewhere = picture(Screenplay.of(PLACES[place], 8, 1).remixed("make it night", 9, 1))
    assert night.mean() < 0.6 * day.mean()
    assert likeness(day, night) > likeness(day, elsewhere) + 0.1


@pytest.mark.parametrize("place", list(PLACES))
def test_a_change_without_a_known_word_gives_another_take_of_the_same_place(place: str):
    play = Screenplay.of(PLACES[place], 7, 1)
    before, after = picture(play), picture(play.remixed("let it smile", 9, 1))
    other_place = picture(Screenplay.of(PLACES[place], 8, 1))
    assert np.abs(after - before).mean() > 1.0
    assert np.corrcoef(before.ravel(), after.ravel())[0, 1] > 0.8
    assert np.abs(after - before).mean() < np.abs(other_place - before).mean()


def test_a_remix_of_another_length_shows_the_same_clouds():
    play = Screenplay.of("overcast mountains at noon, static shot", 7, 1)
    other = Screenplay.of("overcast mountains at noon, static shot", 8, 1)
    fog, long_fog, elsewhere = (
        picture(each, index=6)
        for each in (play.remixed("fog", 9, 1), play.remixed("fog", 9, 5), other)
    )
    # The two frames may differ only in the birds, which cross the whole clip and so depend on its
    # length.
    assert (np.abs(long_fog - fog) > 2).mean() < 0.02
    assert (np.abs(elsewhere - fog) > 2).mean() > 0.3


def test_the_caption_of_a_remix_shows_the_change():
    play = Screenplay.of("a fox in the mountains", 7, 1)
    foot = [
        np.asarray(PreviewFilm(each, SIZE).frame(0).convert("L"))[105:]
        for each in (play, play.remixed("let it smile at me", 9, 1))
    ]
    assert foot[0].max() > 230
    assert foot[1].max() > 230
    assert np.abs(foot[0].astype(int) - foot[1]).max() > 100


@pytest.mark.parametrize(
    ("change", "brightest"), [("at night", 2), ("make it red", 0), ("let it smile", 0)]
)
def test_a_change_falls_on_a_reference_picture_too(tmp_path: Path, change: str, brightest: int):
    path = tmp_path / "grey.png"
    Image.new("RGB", SIZE, (150, 150, 150)).save(path)
    play = Screenplay.of("", 7, 1)
    before, after = (
        np.asarray(PreviewFilm(each, SIZE, path).frame(12))[20:105].mean(axis=(0, 1))
        for each in (play, play.remixed(change, 9, 1))
    )
    assert np.ptp(before) < 2
    assert np.abs(after - before).max() > 15
    assert after.argmax() == brightest
