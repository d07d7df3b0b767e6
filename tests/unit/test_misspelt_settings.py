"""Tests that the bot and the doctor warn of settings whose names are misspelt."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.__main__ import main
from bot.providers.registry import VENDORS
from bot.settings import declared
from bot.shell.doctor_settings import find_misspelt_settings, read_settings_environment


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def told(dotenv: tuple[str, ...] = (), environ: tuple[str, ...] = ()) -> dict[str, str]:
    found = find_misspelt_settings(dotenv, environ)
    return {name: message.partition("did you mean ")[2][:-1] for name, message in found.items()}


def test_a_name_in_the_bots_own_file_that_is_no_setting_is_told_with_what_it_is_like():
    names = ("VIDEO_PROVIDER", "video_providers", "OPENAI_API_KEYS", "QUOTA_CLIP_PER_DAY", "PIANO")
    assert told(dotenv=names) == {
        "VIDEO_PROVIDER": "VIDEO_PROVIDERS",
        "video_providers": "VIDEO_PROVIDERS",
        "OPENAI_API_KEYS": "OPENAI_API_KEY",
        "QUOTA_CLIP_PER_DAY": "QUOTA_CLIPS_PER_DAY",
        "PIANO": "",
    }


def test_of_what_other_programs_may_have_put_there_only_a_slip_is_told():
    names = ("PATH", "HOME", "PIANO", "VIDEO_PROVIDER", "OPENAI_API_BASE", "OPENAI_ORG_ID")
    assert told(environ=names) == {"VIDEO_PROVIDER": "VIDEO_PROVIDERS"}


def test_no_setting_there_is_counts_as_misspelt():
    own = tuple(each.name.upper() for each in declared())
    theirs = tuple(each.name for vendor in VENDORS.values() for each in vendor.variables)
    assert told(dotenv=own + theirs, environ=own + theirs) == {}


def test_what_others_read_from_the_same_file_is_left_alone():
    assert told(dotenv=("COMPOSE_PROJECT_NAME", "TZ", "https_proxy", "PYTHONUNBUFFERED")) == {}


def test_what_may_be_half_a_key_is_not_repeated():
    assert told(dotenv=("MTIz.GabcDE.x-y", "sk-0123456789", "A" * 64)) == {}


def test_the_doctor_warns_of_it(tmp_path: Path):
    (tmp_path / ".env").write_text("VIDEO_PROVIDER=openai\n")
    (tmp_path / ".env").chmod(0o600)
    environ, (found,) = read_settings_environment()
    assert environ["VIDEO_PROVIDER"] == "openai"
    assert (found.level, found.subject) == ("warning", "VIDEO_PROVIDER")
    assert found.message == "no such setting, ignored; did you mean VIDEO_PROVIDERS?"


def test_a_bot_that_starts_warns_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / ".env").write_text("DISCORD_TOKENS=x\n")
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    monkeypatch.delenv("DISCORD_TOKEN", raising=False)
    assert main([]) == 2  # the exit code is 2 because there is no token
    said = capsys.readouterr()
    line = "DISCORD_TOKENS: no such setting, ignored; did you mean DISCORD_TOKEN?"
    (told_line,) = [each for each in (said.out + said.err).splitlines() if line in each]
    assert "WARNING" in told_line
