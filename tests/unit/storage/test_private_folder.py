"""Other users of the machine can't read what the bot stores."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from bot.app import build_app
from bot.settings import Settings
from bot.shell.doctor_disk import examine_folders
from bot.shell.doctor_settings import read_settings_environment
from bot.shell.finding import format_findings
from bot.storage.private_folder import keep_files_private, make_private


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def test_a_data_folder_is_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        keep_files_private()
        data_dir = tmp_path / "data"
        app = await build_app(Settings.from_env({"DATA_DIR": str(data_dir)}))
        await app.close()
        assert mode_of(data_dir) == 0o700
        opened = {path.name: oct(mode_of(path)) for path in data_dir.rglob("*") if path.is_file()}
        assert set(opened.values()) == {"0o600"}, opened
    finally:
        os.umask(before)


def test_a_folder_that_was_open_is_closed_with_all_within_it(tmp_path: Path) -> None:
    clips = tmp_path / "data" / "clips"
    clips.mkdir(parents=True)
    (clips / "a.mp4").write_bytes(b"x")
    outside = tmp_path / "outside"
    outside.write_text("not ours")
    (clips / "link").symlink_to(outside)
    for path in (tmp_path / "data", clips):
        path.chmod(0o755)
    for path in (clips / "a.mp4", outside):
        path.chmod(0o644)
    make_private(tmp_path / "data")
    assert mode_of(tmp_path / "data") == mode_of(clips) == 0o700
    assert mode_of(clips / "a.mp4") == 0o600
    assert mode_of(outside) == 0o644


async def test_the_doctor_names_a_data_folder_that_others_can_read(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    settings = Settings.from_env({"DATA_DIR": str(tmp_path), "MIN_FREE_MIB": "1"})
    (line,) = format_findings(await examine_folders(settings), str, in_colour=False)
    assert "can be read by other users" in line
    assert f"chmod -R go= {tmp_path}" in line


def test_the_doctor_names_an_env_file_that_others_can_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    dotenv = tmp_path / ".env"
    dotenv.write_text("DISCORD_TOKEN=a.b.c\n")
    dotenv.chmod(0o644)
    _, found = read_settings_environment()
    assert "chmod 600 .env" in format_findings(found, str, in_colour=False)[0]
    dotenv.chmod(0o600)
    assert read_settings_environment()[1] == []
