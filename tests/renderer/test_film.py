from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from PIL import Image, ImageStat

from renderer.film.film import PreviewFilm
from renderer.script.prompt import SceneKind
from renderer.script.screenplay import Screenplay

SIZE = (192, 108)
PLACES = {
    SceneKind.MOUNTAIN: "a fox in the mountains",
    SceneKind.OCEAN: "a lighthouse by the sea in a storm at night",
    SceneKind.CITY: "a taxi in the city, rain, night",
    SceneKind.DESERT: "a camel in the desert",
    SceneKind.FOREST: "fireflies in the forest at night, a deer",
    SceneKind.SPACE: "an astronaut near saturn in space",
    SceneKind.UNDERWATER: "a jellyfish over the reef",
    SceneKind.BOKEH: "a cup of coffee in a cafe",
}


def film(
    prompt: str, seed: int, size: tuple[int, int] = SIZE, image: Path | None = None
) -> PreviewFilm:
    return PreviewFilm(Screenplay.of(prompt, seed, 2), size, image)


def digest(image: Image.Image) -> str:
    return hashlib.sha256(image.tobytes()).hexdigest()


@pytest.mark.parametrize("kind", list(SceneKind))
def test_a_scene_is_drawn_alike_each_time_and_moves(kind: SceneKind):
    one, again = film(PLACES[kind], 7), film(PLACES[kind], 7)
    ((scene, seconds),) = one.scenes
    assert (scene.kind, seconds) == (kind, 2)
    assert digest(one.frame(30)) == digest(again.frame(30))
    assert digest(one.frame(0)) != digest(one.frame(30))


@pytest.mark.parametrize("kind", list(SceneKind))
def test_frames_can_be_drawn_in_any_order(kind: SceneKind):
    one = film(PLACES[kind], 7)
    forwards = [digest(one.frame(i)) for i in (0, 20, 47)]
    assert [digest(one.frame(i)) for i in (47, 20, 0)] == forwards[::-1]


@pytest.mark.parametrize("kind", list(SceneKind))
def test_the_first_frame_is_a_poster_and_not_black(kind: SceneKind):
    statistics = ImageStat.Stat(film(PLACES[kind], 7).frame(0).convert("L"))
    assert statistics.mean[0] > 16
    assert statistics.stddev[0] > 8


def test_another_seed_gives_another_picture():
    one, other = (film("a fox in the mountains", seed).frame(0) for seed in (1, 2))
    assert digest(one) != digest(other)


@pytest.mark.parametrize(
    "weather", ["rain", "thunderstorm", "snowfall", "fog", "overcast", "clear", "aurora"]
)
@pytest.mark.parametrize("size", [(108, 192), (256, 146)])
def test_every_weather_can_be_drawn_in_every_shape(weather: str, size: tuple[int, int]):
    drawn = film(f"a lake in the mountains, {weather}, pan right", 3, size)
    for index in (0, 23, 47):
        assert drawn.frame(index).size == size


@pytest.mark.parametrize("shape", [(400, 225), (100, 400), (900, 100)])
def test_a_picture_of_any_shape_takes_the_place_of_the_scene(
    tmp_path: Path, shape: tuple[int, int]
):
    path = tmp_path / "red.png"
    Image.new("RGB", shape, (200, 20, 20)).save(path)
    frame = film("", 1, image=path).frame(10)
    red, green, blue = frame.getpixel((96, 50))  # pyright: ignore[reportGeneralTypeIssues]
    assert red > 150
    assert max(green, blue) < 60


def test_something_that_is_no_picture_is_refused(tmp_path: Path):
    path = tmp_path / "concat.png"
    path.write_text("ffconcat version 1.0\nfile other.mp4\n")
    with pytest.raises(OSError, match="identify"):
        film("", 1, image=path)
