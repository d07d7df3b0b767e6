"""Tests of `python -m bot`: the messages about missing and wrong settings."""

import logging
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.__main__ import main
from bot.chat.transport.invite import application_id_of, invite_url
from bot.providers.registry import VENDORS
from bot.providers.vendors.vendor import Variable, Vendor
from bot.settings import declared

#: A wrong value for each setting that has wrong values.
WRONG = {
    "DISCORD_TOKEN": "two words",
    "DISCORD_APPLICATION_ID": "sorabot",
    "DISCORD_GUILD_IDS": "1,home",
    "DISCORD_API_URL": "discord.example",
    "DISCORD_GATEWAY_URL": "https://discord.example",
    "DATA_DIR": "/proc/nowhere",
    "ARCHIVE_URL": "ftp://clips",
    "KEEP_CLIPS_DAYS": "0",
    "MIN_FREE_MIB": "a little",
    "VIDEO_PROVIDERS": "vhs",
    "LOCAL_MAX_CONCURRENT": "0",
    "QUOTA_CLIPS_PER_DAY": "-1",
    "QUOTA_SECONDS_PER_DAY": "1.5",
    "QUOTA_USD_PER_MONTH": "a fortune",
    "MAX_ACTIVE_JOBS_PER_USER": "0",
    "MAX_ACTIVE_JOBS_PER_SERVER": "1000001",
    "BUDGET_USD_PER_SERVER_PER_MONTH": "one or two",
    "MAX_CLIP_MIB": "huge",
    "HTTP_BIND": "8080",
    "PUBLIC_URL": "sora.example.org",
    "LOG_LEVEL": "LOUD",
    "LOG_FORMAT": "xml",
}


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    for name in WRONG:
        monkeypatch.delenv(name, raising=False)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


#: Wrong values of a provider's variables, by the end of the variable's name.
WRONG_OF_VENDORS = {
    "_MODELS": "my-model seconds=soon",
    "_MAX_CONCURRENT": "many",
    "_REQUESTS_PER_MINUTE": "0",
}
OF_VENDORS = [(vendor, each) for vendor in VENDORS.values() for each in vendor.variables]


def test_every_setting_is_tried() -> None:
    assert set(WRONG) == {each.name.upper() for each in declared()}


@pytest.mark.parametrize("name", WRONG)
def test_each_wrong_setting_is_one_clear_line_and_exit_code_2(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DISCORD_TOKEN", "a.b.c")
    monkeypatch.setenv(name, WRONG[name])
    assert main(["run"]) == 2
    _says_only(name, capsys)


@pytest.mark.parametrize(("vendor", "variable"), OF_VENDORS, ids=lambda each: each.name)
def test_so_is_each_wrong_setting_of_a_video_api_and_no_secret_is_repeated(
    vendor: Vendor,
    variable: Variable,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    key, address, models, *_ = (each.name for each in vendor.variables)
    plain = "my-model seconds=4 sizes=1280x720 usd_per_second=0.1"
    good = {
        "DISCORD_TOKEN": "a.b.c",
        "VIDEO_PROVIDERS": vendor.name,
        key: "sk-0123456789",
        address: vendor.base_url or "http://127.0.0.1:9",
        models: vendor.default_models or plain,
    }
    secret = "sk with spaces"
    by_end = (wrong for end, wrong in WRONG_OF_VENDORS.items() if variable.name.endswith(end))
    wrong = secret if variable.is_secret else next(by_end, "ws://host")
    for name, value in {**good, variable.name: wrong}.items():
        monkeypatch.setenv(name, value)
    assert main(["run"]) == 2
    assert secret not in _says_only(variable.name, capsys)


def _says_only(name: str, capsys: pytest.CaptureFixture[str]) -> str:
    [said] = capsys.readouterr().err.splitlines()
    assert f" {name}: " in said
    assert "allowed:" in said
    return said


def test_a_video_api_without_its_key_names_the_key_and_the_way_without_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DISCORD_TOKEN", "a.b.c")
    monkeypatch.setenv("VIDEO_PROVIDERS", "openai")
    assert main(["run"]) == 2
    said = capsys.readouterr().err
    assert "OPENAI_API_KEY" in said
    assert "local" in said


def test_without_a_token_it_says_how_to_get_one_and_how_to_do_without(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([]) == 2
    said = capsys.readouterr().err
    for part in (
        "DISCORD_TOKEN is not set",
        "discord.com/developers/applications",
        "make sandbox",
        "applications.commands",
        "Attach Files",
    ):
        assert part in said


def test_with_the_application_id_known_it_prints_the_invite_link(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DISCORD_APPLICATION_ID", "123456789012345678")
    assert main([]) == 2
    assert invite_url(123456789012345678) in capsys.readouterr().err


def test_the_invite_asks_for_what_posting_a_clip_takes_and_no_more() -> None:
    url = invite_url(1)
    # View Channel, Send Messages, Embed Links, Attach Files, Read History, Public Threads, Send in
    # Threads.
    bits = 1 << 10 | 1 << 11 | 1 << 14 | 1 << 15 | 1 << 16 | 1 << 35 | 1 << 38
    assert f"permissions={bits}" in url
    assert "scope=bot+applications.commands" in url


def test_a_bot_token_begins_with_its_application_id() -> None:
    assert application_id_of("MTIzNDU2Nzg5MDEyMzQ1Njc4.x.y") == 123456789012345678
    for other in ("", "nonsense", "ä.b.c", "bm90IGEgbnVtYmVy.x.y"):
        assert application_id_of(other) is None


def test_migrate_makes_the_database_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["migrate"]) == 0
    assert (tmp_path / "data" / "sorabot.db").is_file()
    assert "up to date" in capsys.readouterr().out


def test_a_database_of_a_later_release_is_refused_with_exit_code_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["migrate"]) == 0
    with sqlite3.connect(tmp_path / "data" / "sorabot.db") as conn:
        conn.execute("PRAGMA user_version = 999")
    conn.close()
    assert main(["migrate"]) == 1
    assert "later release" in capsys.readouterr().err
