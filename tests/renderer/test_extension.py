from __future__ import annotations

import io
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from renderer.film.ambience import ambience
from renderer.film.film import PreviewFilm
from renderer.film.sound import compose
from renderer.render import render
from renderer.script.prompt import CameraMove, read_scene
from renderer.script.screenplay import Screenplay
from renderer.spec import FilmSpec
from renderer.stage.camera import Camera, Cue
from renderer.stage.stage import FPS, Stage

SIZE = (192, 108)
RATE = 48_000

FILMS = {
    "the same": Screenplay.of("a fox in the mountains, pan left", 7, 2).extended("", 1, 2),
    "snow": Screenplay.of("a fox in the mountains, pan left", 7, 2).extended("it snows", 1, 2),
    "night": Screenplay.of("a taxi in the city at noon, static", 7, 2).extended("night", 1, 2),
    "camera": Screenplay.of("a boat at sea, pan right", 7, 2).extended("pan left, push in", 1, 2),
    "still": Screenplay.of("deep space, static shot", 7, 2).extended("and on", 1, 2),
    "elsewhere": Screenplay.of("a deer in the forest", 7, 2).extended("in a desert", 1, 2),
    "twice": Screenplay.of("a jellyfish underwater, tilt up", 7, 1)
    .extended("", 1, 1)
    .extended("at night", 1, 2),
    "remixed": Screenplay.of("a cafe", 7, 2).remixed("a wolf", 1, 2).extended("a dragon", 1, 2),
}  # fmt: skip


def rendered(play: Screenplay, target: Path, image: Path | None = None) -> Path:
    spec = FilmSpec(play=play, size=SIZE, target=target, image=image)
    render(spec, io.StringIO())
    return target


def decoded(clip: Path) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return a clip's frames as grey values (n, h, w), 0 to 255, and its sound (2, samples)."""
    with av.open(str(clip)) as container:
        frames = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
    with av.open(str(clip)) as container:
        sound = [frame.to_ndarray() for frame in container.decode(audio=0)]
    return np.stack(frames).astype(np.float32), np.concatenate(sound, axis=1).astype(np.float32)


@pytest.mark.parametrize("name", list(FILMS))
def test_an_extension_is_one_clip_without_a_visible_or_audible_join(tmp_path: Path, name: str):
    play = FILMS[name]
    frames, sound = decoded(rendered(play, tmp_path / "clip.mp4"))

    assert len(frames) == play.seconds * FPS == 4 * FPS
    assert 0 <= sound.shape[1] - 4 * RATE <= 1024
    assert frames.mean(axis=(1, 2)).min() > 10
    steps = np.abs(np.diff(frames, axis=0)).mean(axis=(1, 2))
    assert steps.min() > 0

    loudness = np.sqrt((sound[:, : 4 * RATE].reshape(2, 200, 960) ** 2).mean(axis=(0, 2)))
    assert loudness[95:106].min() > 0.2 * np.median(loudness)
    jumps = np.abs(np.diff(sound, axis=1)).max(axis=0)
    assert jumps[2 * RATE - 480 : 2 * RATE + 480].max() <= jumps[: RATE * 3].max()


@pytest.mark.parametrize("name", list(FILMS))
def test_the_picture_goes_on_and_changes_in_many_small_steps(name: str):
    # The frames are taken before encoding, because the encoder's key frames cause steps of their
    # own.
    film = PreviewFilm(FILMS[name], SIZE)
    frames = np.stack([np.asarray(film.frame(i).convert("L"))[24:70] for i in range(36, 66)])
    steps = np.abs(np.diff(frames.astype(np.float32), axis=0)).mean(axis=(1, 2))
    change = np.abs(frames[-1].astype(np.float32) - frames[10]).mean()
    assert steps[10:].max() < max(0.2 * change, 1.5 * steps[:10].max(), 0.3)


@pytest.mark.parametrize("name", ["the same", "snow", "camera", "still"])
def test_an_extension_begins_with_the_whole_film_before_it(name: str):
    source, longer = (
        PreviewFilm(Screenplay(acts=FILMS[name].acts[:1]), SIZE),
        PreviewFilm(FILMS[name], SIZE),
    )
    for index in (0, 17, 31, 47):
        before, after = (np.asarray(film.frame(index).convert("L")) for film in (source, longer))
        # Rows 24 to 70 contain neither badge nor caption nor progress line.
        assert np.abs(before[24:70].astype(int) - after[24:70]).max() <= 2


def test_what_the_words_change_is_there_half_a_second_after_the_join_and_not_before():
    film, same = (
        PreviewFilm(
            Screenplay.of("a boat at sea at noon, static", 7, 1).extended(words, 1, 1), SIZE
        )
        for words in ("at night", "")
    )

    def apart(index: int) -> float:
        pictures = [
            np.asarray(f.frame(index).convert("L"))[14:70].astype(int) for f in (film, same)
        ]
        return float(np.abs(pictures[0] - pictures[1]).mean())

    assert apart(FPS - 1) == 0
    through = [apart(FPS + k) for k in range(FPS // 2 + 1)]
    assert 0 < through[0] < 0.1 * through[-1]
    assert through == sorted(through)
    assert through[-1] > 40
    assert abs(apart(2 * FPS - 1) - through[-1]) < 0.1 * through[-1]


@pytest.mark.parametrize("move", list(CameraMove))
def test_the_camera_comes_to_rest_softly_and_never_looks_past_the_canvas(move: CameraMove):
    stage = Stage(width_px=1280, height_px=720, seconds=60)
    for cues in (
        (Cue(move=move, begin_s=0, seconds=4),),
        (Cue(move=move, begin_s=0, seconds=1),),
        *(
            (Cue(move=move, begin_s=0, seconds=4), Cue(move=then, begin_s=4, seconds=4))
            for then in CameraMove
        ),
    ):
        camera = Camera(cues=cues, phase=1.0)
        views = [camera.view(index / FPS) for index in range(20 * FPS)]
        for depth in (0.0, 0.3, 0.6, 0.95):
            for view in views:
                left, top = view.corner(stage, depth)
                zoom = view.zoom_at(depth)
                assert -0.5 <= left <= stage.canvas_px[0] - stage.width_px / zoom + 0.5
                assert -0.5 <= top <= stage.canvas_px[1] - stage.height_px / zoom + 0.5
        path = np.array([(view.x, view.y, view.zoom) for view in views])
        speed = np.diff(path, axis=0) * FPS
        # The camera must not jump: from one frame to the next, its speed may not change by more
        # than it does in the fastest camera move.
        opening_s = cues[0].seconds
        assert np.abs(np.diff(speed, axis=0)).max() < 1.6 / opening_s
        if not {CameraMove.HANDHELD, CameraMove.TRACKING}.intersection(cue.move for cue in cues):
            assert np.abs(speed[-1]).max() < 0.1


def test_a_picture_goes_on_as_well(tmp_path: Path):
    path = tmp_path / "green.png"
    Image.new("RGB", SIZE, (10, 200, 30)).save(path)
    play = Screenplay.of("", 7, 1).extended("it snows at night", 1, 1)
    film = PreviewFilm(play, SIZE, path)
    first, last = (np.asarray(film.frame(index))[50, 40:150].mean(axis=0) for index in (0, 47))
    assert first[1] > 150 > first[0] + 100
    assert last[1] < 0.6 * first[1]


def test_a_film_of_many_scenes_is_drawn_the_same_in_any_order():
    play = Screenplay.of("a fox in the mountains", 7, 1)
    for words in ("at night", "in the rain", "at dawn"):
        play = play.extended(words, 1, 1)
    film = PreviewFilm(play, (96, 64))
    forwards = [film.frame(index).tobytes() for index in (5, 30, 50, 75, 95)]
    assert [film.frame(i).tobytes() for i in (95, 75, 50, 30, 5)] == forwards[::-1]


def test_the_music_of_the_source_goes_on_in_its_extension():
    fox = read_scene("a fox in the mountains at noon", 7)
    short, long = compose([(fox, 4)]), compose([(fox, 4), (fox, 4)])
    one, other = short[: 3 * RATE, 0], long[: 3 * RATE, 0]
    assert np.corrcoef(one, other)[0, 1] > 0.97
    assert np.abs(long[-8:]).max() < 0.01


def test_a_place_sounds_on_through_the_join_and_new_rain_comes_softly():
    fox = read_scene("a fox in the mountains at noon", 7)
    rain = read_scene("a fox in the mountains at noon in the rain", 7)
    calm = ambience([(fox, 4)], 4 * RATE)
    wet = ambience([(fox, 2), (rain, 2)], 4 * RATE)
    assert np.array_equal(calm[: 2 * RATE], wet[: 2 * RATE])
    loudness = np.sqrt(((wet - calm)[2 * RATE :].reshape(20, -1) ** 2).mean(axis=1))
    assert loudness[0] < 0.3 * loudness[-1]
    assert loudness[-1] > 0.01
