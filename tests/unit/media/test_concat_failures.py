from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

import psutil
import pytest

from bot.errors import BadClipError, StorageError
from bot.media.concat.process import concat_clips
from tests.unit.media.video_files import numbered_pictures, tone, write_video

#: A program that joins two clips; with files that are never written to, the program never ends.
CONCAT_FOREVER = (
    "import asyncio, sys; from pathlib import Path; from bot.media.concat.process import concat_clips; "
    "asyncio.run(concat_clips(*map(Path, sys.argv[1:])))"
)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_video(tmp_path / "clip.mp4", numbered_pictures(range(12)), sound=tone(0.5))


@pytest.fixture
def silent(tmp_path: Path) -> Path:
    """A pipe in place of a clip: a process that opens the pipe waits for a writer forever."""
    path = tmp_path / "silent.mp4"
    os.mkfifo(path)
    return path


def concat_processes(parent: int | None = None) -> list[psutil.Process]:
    return [
        child
        for child in psutil.Process(parent).children(recursive=True)
        if "bot.media.concat.child" in child.cmdline()
    ]


async def wait_for_concat_process(parent: int | None = None) -> psutil.Process:
    """Wait until the concat process has lowered its priority, its first step."""
    while True:
        for child in concat_processes(parent):
            if child.nice() == 10:
                return child
        await asyncio.sleep(0.02)


def cut_short(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])


def without_its_last_pictures(path: Path) -> None:
    """Overwrite the second half of a clip's frames with zeros and leave its MP4 boxes intact."""
    data = bytearray(path.read_bytes())
    half = (len(data) + data.index(b"mdat")) // 2
    data[half:] = bytes(len(data) - half)
    path.write_bytes(data)


def no_clip_at_all(path: Path) -> None:
    path.write_text("ffconcat version 1.0\nfile clip.mp4\n")


def nothing(path: Path) -> None:
    path.write_bytes(b"")


def gone(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("broken", [cut_short, no_clip_at_all, nothing, gone])
@pytest.mark.parametrize("place", [0, 1])
async def test_a_clip_that_cannot_be_read_is_told_and_nothing_is_left(
    clip: Path, tmp_path: Path, broken, place: int
):
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(clip.read_bytes())
    broken(bad)
    before = sorted(tmp_path.iterdir())
    pair = [clip, clip]
    pair[place] = bad
    with pytest.raises(BadClipError):
        await concat_clips(pair[0], pair[1], tmp_path / "joined.mp4")
    assert sorted(tmp_path.iterdir()) == before


async def test_a_clip_with_corrupt_data_never_crashes_the_concat_process(
    clip: Path, tmp_path: Path
):
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(clip.read_bytes())
    without_its_last_pictures(bad)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(BadClipError):
        await concat_clips(bad, clip, tmp_path / "joined.mp4")
    assert sorted(tmp_path.iterdir()) == before


async def test_a_sound_without_picture_is_no_clip(clip: Path, tmp_path: Path):
    data = clip.read_bytes().replace(b"vide", b"soun", 1)
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(data)
    with pytest.raises(BadClipError):
        await concat_clips(clip, bad, tmp_path / "joined.mp4")


async def test_a_disk_that_refuses_is_not_the_clip_s_fault(clip: Path, tmp_path: Path):
    with pytest.raises(StorageError):
        await concat_clips(clip, clip, tmp_path / "nowhere" / "joined.mp4")
    (tmp_path / "taken.mp4").mkdir()
    with pytest.raises(StorageError):
        await concat_clips(clip, clip, tmp_path / "taken.mp4")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip.mp4", "taken.mp4"]


async def test_a_failure_leaves_the_old_target_alone(clip: Path, tmp_path: Path):
    target = tmp_path / "joined.mp4"
    target.write_bytes(b"before")
    with pytest.raises(BadClipError):
        await concat_clips(clip, tmp_path / "none.mp4", target)
    assert target.read_bytes() == b"before"


async def test_a_cancelled_join_leaves_no_process_and_no_file(silent: Path, tmp_path: Path):
    task = asyncio.create_task(concat_clips(silent, silent, tmp_path / "joined.mp4"))
    child = await wait_for_concat_process()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not child.is_running()
    assert concat_processes() == []
    assert list(tmp_path.iterdir()) == [silent]


async def test_a_join_over_its_time_is_ended(silent: Path, tmp_path: Path):
    began = time.monotonic()
    with pytest.raises(BadClipError, match="more than"):
        await concat_clips(silent, silent, tmp_path / "joined.mp4", time_limit_s=0.3)
    assert time.monotonic() - began < 5
    assert concat_processes() == []
    assert list(tmp_path.iterdir()) == [silent]


async def test_the_concat_process_does_not_outlive_a_killed_parent(silent: Path, tmp_path: Path):
    command = (sys.executable, "-c", CONCAT_FOREVER, str(silent), str(silent), str(tmp_path / "j"))
    parent = await asyncio.create_subprocess_exec(*command)
    child = await wait_for_concat_process(parent.pid)
    parent.send_signal(signal.SIGKILL)
    await parent.wait()
    await asyncio.to_thread(psutil.wait_procs, [child], timeout=5)
    assert not child.is_running()


async def test_the_joiner_sees_no_secret_and_has_a_ceiling(
    silent: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("DISCORD_TOKEN", "secret")
    task = asyncio.create_task(concat_clips(silent, silent, tmp_path / "joined.mp4"))
    child = await wait_for_concat_process()
    while child.rlimit(psutil.RLIMIT_AS)[0] < 0:
        await asyncio.sleep(0.02)
    assert "DISCORD_TOKEN" not in child.environ()
    assert child.rlimit(psutil.RLIMIT_AS)[0] <= 3 * 1024**3
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_the_event_loop_goes_on_while_clips_are_joined(clip: Path, tmp_path: Path):
    other = write_video(tmp_path / "other.mp4", numbered_pictures(range(12), (640, 360)))
    await concat_clips(clip, clip, tmp_path / "warm.mp4")
    longest_s, ended = 0.0, asyncio.create_task(concat_clips(other, clip, tmp_path / "joined.mp4"))
    while not ended.done():
        began = time.perf_counter()
        await asyncio.sleep(0.001)
        longest_s = max(longest_s, time.perf_counter() - began)
    await ended
    assert longest_s < 0.2
