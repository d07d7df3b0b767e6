from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from renderer.__main__ import BAD_FILE, BAD_SPEC
from renderer.film.sound import compose, loudness_lufs
from renderer.script.prompt import read_scene


def run(stdin: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        (sys.executable, "-m", "renderer"),
        input=stdin,
        text=True,
        capture_output=True,
        timeout=40,
        check=False,
    )


def a_spec(target: Path, *, seed: int = 7, seconds: int = 2, **changes: object) -> str:
    fields: dict[str, object] = {
        "steps": [
            {
                "operation": "generate",
                "prompt": "A taxi in the city, rain at night",
                "seed": seed,
                "seconds": seconds,
            }
        ],
        "width_px": 320,
        "height_px": 180,
        "target": str(target),
    }
    return json.dumps(fields | changes) + "\n"


def boxes(path: Path) -> list[str]:
    data, at, names = path.read_bytes(), 0, []
    while at < len(data):
        names.append(data[at + 4 : at + 8].decode())
        at += int.from_bytes(data[at : at + 4], "big")
    assert at == len(data)
    return names


@pytest.mark.parametrize("size", [(320, 180), (180, 320)])
def test_a_clip_is_h264_and_aac_and_starts_fast(tmp_path: Path, size: tuple[int, int]):
    target = tmp_path / "clip.mp4"
    done = run(a_spec(target, width_px=size[0], height_px=size[1]))
    assert done.returncode == 0, done.stderr
    names = boxes(target)
    assert names[0] == "ftyp"
    assert names.index("moov") < names.index("mdat")
    with av.open(str(target), format="mp4") as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert video.codec.name == "h264"
        assert (video.width, video.height) == size
        assert (video.pix_fmt, video.average_rate) == ("yuv420p", 24)
        context = video.codec_context
        assert (context.color_primaries, context.color_trc, context.colorspace) == (1, 1, 1)
        assert (audio.codec.name, audio.rate, audio.layout.name) == ("aac", 48_000, "stereo")
        assert sum(1 for _ in container.decode(video=0)) == 48
        container.seek(0)
        samples = sum(frame.samples for frame in container.decode(audio=0))
        assert abs(samples - 96_000) <= 1024


def test_the_same_spec_gives_the_same_bytes_and_another_seed_others(tmp_path: Path):
    targets = [tmp_path / f"{i}.mp4" for i in range(3)]
    for target, seed in zip(targets, (1, 1, 2), strict=True):
        assert run(a_spec(target, seed=seed, seconds=1)).returncode == 0
    first, again, other = (target.read_bytes() for target in targets)
    assert first == again
    assert first != other


def test_progress_is_told_as_lines_of_json_that_grow_to_99(tmp_path: Path):
    done = run(a_spec(tmp_path / "clip.mp4", seconds=1))
    reported = [json.loads(line)["progress"] for line in done.stdout.splitlines()]
    assert reported == sorted(set(reported))
    assert len(reported) == 24
    assert reported[-1] == 99


def test_a_bad_spec_is_told_apart_from_a_crash(tmp_path: Path):
    target = tmp_path / "clip.mp4"
    for wrong in (
        "",
        "no json\n",
        "[]\n",
        "{}\n",
        a_spec(target, width_px=321),
        a_spec(target, seconds=0),
    ):
        assert run(wrong).returncode == BAD_SPEC
    assert run(a_spec(target, image=str(tmp_path / "none.png"))).returncode == BAD_FILE
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "prompt",
    ["a storm at sea", "birds in the forest at noon", "deep space", "a cafe", "city", "blizzard"],
)
def test_sound_is_soft_never_clips_and_is_always_the_same(prompt: str):
    scene = read_scene(prompt, 4)
    sound = compose([(scene, 4)])
    assert sound.shape == (4 * 48_000, 2)
    assert float(np.abs(sound).max()) < 0.9
    assert abs(loudness_lufs(sound) + 18.0) < 0.6
    assert np.array_equal(sound, compose([(scene, 4)]))
    # No click at either end.
    assert float(np.abs(sound[:8]).max()) < 0.01
    assert float(np.abs(sound[-8:]).max()) < 0.01


def test_the_two_sides_of_the_sound_differ():
    sound = compose([(read_scene("a storm at sea", 4), 2)])
    assert not np.array_equal(sound[:, 0], sound[:, 1])


def test_loudness_follows_the_standard():
    # By ITU-R BS.1770-4, a 997 Hz sine of full scale on one channel measures -3.01 LKFS.
    t = np.arange(48_000 * 2) / 48_000
    sine = np.stack((np.sin(2 * np.pi * 997 * t), np.zeros_like(t)), axis=-1)
    assert abs(loudness_lufs(sine) + 3.01) < 0.05
