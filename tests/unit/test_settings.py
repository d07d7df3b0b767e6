"""Tests of each setting with valid values, with wrong values, and without a value."""

from pathlib import Path

import pytest

from bot.errors import SettingsError
from bot.settings import Secret, Settings, declared, read_environment

HUGE = "9" * 5000
LARGEST = 2**63 - 1

WHOLE = {"0": 0, "007": 7, str(LARGEST): LARGEST}
NOT_WHOLE = ["-1", "1.5", "1e3", "ten", "1_000", "1 000", "٣", "²", str(LARGEST + 1), HUGE, "0x10"]
FEW = {"1": 1, "1000": 1000}
NOT_FEW = ["0", "1001", "none", *NOT_WHOLE]
DOLLARS = {
    "25": 25_000_000,
    "$12.50": 12_500_000,
    ".5": 500_000,
    "5.": 5_000_000,
    "0": 0,
    "0.000001": 1,
    "none": None,
}
NOT_DOLLARS = [
    "$",
    ".",
    "-5",
    "1.2.3",
    "1,50",
    "1 000",
    "$ 5",
    "1e3",
    "0.0000001",
    "٣",
    "1.٣",
    HUGE,
    "five",
]
HTTP = {
    "https://example.test": "https://example.test",
    "http://127.0.0.1:8080/v1/": "http://127.0.0.1:8080/v1",
    "http://[::1]:9000": "http://[::1]:9000",
}
NOT_HTTP = [
    "example.test",
    "//example.test",
    "https://",
    "https:///v1",
    "ftp://example.test",
    "https://member:pass@example.test",
    "https://:pass@example.test",
    "https://example.test/v1?key=abc",
    "https://example.test/v1#part",
    "https://exa mple.test",
    "https://example.test/a\tb",
    "https://exämple.test",
    "https://example.test:0",
    "https://example.test:65536",
    "https://example.test:port",
    "https://[::1",
]
NOT_SECRET = ["two words", "tab\tinside", "line\nbreak", "bell\x07", "no\u00a0break", "kéy"]

GOOD: dict[str, dict[str, object]] = {
    "DISCORD_API_URL": {**HTTP},
    "DISCORD_APPLICATION_ID": {**WHOLE, "1234567890123456789": 1234567890123456789},
    "DISCORD_GATEWAY_URL": {
        "wss://gateway.test/": "wss://gateway.test",
        "ws://[::1]:1": "ws://[::1]:1",
    },
    "DISCORD_GUILD_IDS": {"1": (1,), " 12 , 34,": (12, 34)},
    "DATA_DIR": {"/srv/sora": Path("/srv/sora"), "my data": Path("my data")},
    "ARCHIVE_URL": {
        "file:///srv/clips": Path("/srv/clips"),
        "file:///srv/my%20clips": Path("/srv/my clips"),
    },
    "KEEP_CLIPS_DAYS": {**FEW},
    "MIN_FREE_MIB": {"1": 1, "1000000": 1_000_000},
    "VIDEO_PROVIDERS": {"local": ("local",), " Two ,local,": ("two", "local")},
    "LOCAL_MAX_CONCURRENT": {**FEW},
    "QUOTA_CLIPS_PER_DAY": {**WHOLE, "none": None, "NONE": None},
    "QUOTA_SECONDS_PER_DAY": {**WHOLE, "None": None},
    "QUOTA_USD_PER_MONTH": {**DOLLARS},
    "MAX_ACTIVE_JOBS_PER_USER": {**FEW},
    "MAX_ACTIVE_JOBS_PER_SERVER": {"1": 1, "1000000": 1_000_000},
    "BUDGET_USD_PER_SERVER_PER_MONTH": {**DOLLARS},
    "MAX_CLIP_MIB": {**FEW},
    "PUBLIC_URL": {**HTTP},
    "HTTP_BIND": {
        "127.0.0.1:8080": ("127.0.0.1", 8080),
        "localhost:0": ("localhost", 0),
        "[::1]:65535": ("::1", 65535),
    },
    "LOG_LEVEL": {"debug": "DEBUG", "Warning": "WARNING", "ERROR": "ERROR", "info": "INFO"},
    "LOG_FORMAT": {"JSON": "json", "text": "text"},
}
WRONG: dict[str, list[str]] = {
    "DISCORD_TOKEN": NOT_SECRET,
    "DISCORD_APPLICATION_ID": NOT_WHOLE,
    "DISCORD_GUILD_IDS": ["guild", "1;2", "1 2", "-1", "0", "1,٣", f"1,{HUGE}", "none"],
    "DISCORD_API_URL": [*NOT_HTTP, "wss://gateway.test"],
    "DISCORD_GATEWAY_URL": ["https://gateway.test", "wss://", "wss://a@b", "gateway.test"],
    "DATA_DIR": ["~", "~/sora"],
    "ARCHIVE_URL": [
        "/srv/clips",
        "file://srv/clips",
        "file:clips",
        "file://",
        "file:///srv?x",
        "file:///srv#x",
        "file:///srv%00",
        "file://[",
        "s3://bucket/prefix",
    ],
    "KEEP_CLIPS_DAYS": NOT_FEW,
    "MIN_FREE_MIB": ["0", "-1", "1000001", "none", "1.5", HUGE],
    "VIDEO_PROVIDERS": [",", "local,local", "local,LOCAL"],
    "LOCAL_MAX_CONCURRENT": NOT_FEW,
    "QUOTA_CLIPS_PER_DAY": NOT_WHOLE,
    "QUOTA_SECONDS_PER_DAY": NOT_WHOLE,
    "QUOTA_USD_PER_MONTH": NOT_DOLLARS,
    "MAX_ACTIVE_JOBS_PER_USER": NOT_FEW,
    "MAX_ACTIVE_JOBS_PER_SERVER": ["0", "-1", "1000001", "many", "1.5"],
    "BUDGET_USD_PER_SERVER_PER_MONTH": NOT_DOLLARS,
    "MAX_CLIP_MIB": NOT_FEW,
    "HTTP_BIND": [
        "8080",
        ":8080",
        "host:",
        "host:http",
        "host:65536",
        f"host:{HUGE}",
        "host:-1",
        "::1:8080",
        "[]:8080",
        "a b:8080",
        "http://127.0.0.1:8080",
    ],
    "PUBLIC_URL": NOT_HTTP,
    "LOG_LEVEL": ["loud", "none", "INFO,DEBUG"],
    "LOG_FORMAT": ["xml", "none"],
}
SECRETS = {"DISCORD_TOKEN"}
ALL = {each.name.upper() for each in declared()}


def cases(table: dict[str, dict[str, object]] | dict[str, list[str]]) -> list[object]:
    return [
        pytest.param(name, raw, id=f"{name}-{at}")
        for name, values in table.items()
        for at, raw in enumerate(values)
    ]


def test_every_setting_is_tried_here():
    assert set(GOOD) | SECRETS == ALL
    assert set(WRONG) == ALL


@pytest.mark.parametrize(("name", "raw"), cases(GOOD))
def test_a_good_value_is_taken(name, raw):
    value = getattr(Settings.from_env({name: raw}), name.lower())
    assert value == GOOD[name][raw]
    assert type(value) is type(GOOD[name][raw])


@pytest.mark.parametrize(("name", "raw"), cases(WRONG))
def test_a_wrong_value_is_refused_by_name_with_what_is_allowed(name, raw):
    with pytest.raises(SettingsError) as caught:
        Settings.from_env({name: raw})
    assert caught.value.variable == name
    assert caught.value.problem
    assert caught.value.allowed
    told = str(caught.value)
    assert told.startswith(f"{name}: ")
    assert told.endswith(f"allowed: {caught.value.allowed}")
    assert "\n" not in told
    assert len(told) < 300


@pytest.mark.parametrize("name", sorted(ALL))
@pytest.mark.parametrize("raw", ["", " ", "\t"])
def test_an_empty_value_counts_as_absent(name, raw):
    assert Settings.from_env({name: raw}) == Settings()


def test_without_any_variable_the_defaults_hold():
    assert Settings.from_env({}) == Settings()


def test_other_variables_are_not_looked_at():
    assert Settings.from_env({"PATH": "/bin", "discord_token": "lower case"}) == Settings()


def test_one_wrong_value_among_good_ones_is_the_one_named():
    with pytest.raises(SettingsError, match=r"^MAX_CLIP_MIB: "):
        Settings.from_env({"DATA_DIR": "data", "MAX_CLIP_MIB": "lots", "LOG_LEVEL": "info"})


def test_spaces_around_a_value_do_not_matter():
    assert Settings.from_env({"MAX_CLIP_MIB": "  5\n"}).max_clip_mib == 5


def test_a_secret_shows_itself_only_when_asked():
    secret = Settings.from_env({"DISCORD_TOKEN": "hush-hush"}).discord_token
    assert secret is not None
    assert secret.reveal() == "hush-hush"


@pytest.mark.parametrize("name", sorted(SECRETS))
@pytest.mark.parametrize("shown", [str, repr, "{0!s:>40}".format], ids=["str", "repr", "format"])
def test_a_secret_is_masked_wherever_settings_are_shown(name, shown):
    settings = Settings.from_env({name: "hush-hush"})
    secret = getattr(settings, name.lower())
    assert isinstance(secret, Secret)
    for text in (shown(settings), shown(secret), shown([secret]), shown({name: secret})):
        assert "hush" not in text
        assert "***" in text


@pytest.mark.parametrize("name", sorted(SECRETS))
@pytest.mark.parametrize("raw", ["hush hush", "hush\x07"])
def test_a_malformed_secret_is_not_repeated_in_the_complaint(name, raw):
    with pytest.raises(SettingsError) as caught:
        Settings.from_env({name: raw})
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("name", ["DISCORD_API_URL", "PUBLIC_URL"])
@pytest.mark.parametrize("raw", ["https://me:hush@host", "https://host/?key=hush", "me:hush@host"])
def test_a_password_in_an_address_is_not_repeated_in_the_complaint(name, raw):
    with pytest.raises(SettingsError) as caught:
        Settings.from_env({name: raw})
    assert "hush" not in str(caught.value)


def test_clips_are_kept_beneath_the_data_unless_told_otherwise():
    assert Settings.from_env({"DATA_DIR": "/srv/sora"}).archive_dir == Path("/srv/sora/clips")
    moved = Settings.from_env({"DATA_DIR": "/srv/sora", "ARCHIVE_URL": "file:///mnt/clips"})
    assert moved.archive_dir == Path("/mnt/clips")


def test_settings_cannot_be_changed():
    with pytest.raises(AttributeError):
        Settings().max_clip_mib = 1  # pyright: ignore[reportAttributeAccessIssue]


def test_the_environment_wins_over_the_file_and_the_file_fills_in(tmp_path, monkeypatch):
    path = tmp_path / ".env"
    path.write_text("# a comment\nLOG_FORMAT=json\nexport MAX_CLIP_MIB='7'\nDATA_DIR\n")
    monkeypatch.setenv("LOG_FORMAT", "text")
    monkeypatch.delenv("MAX_CLIP_MIB", raising=False)
    monkeypatch.delenv("DATA_DIR", raising=False)
    read = read_environment(path)
    assert read["LOG_FORMAT"] == "text"
    assert read["MAX_CLIP_MIB"] == "7"
    assert "DATA_DIR" not in read


def test_the_file_is_looked_for_in_the_working_directory(tmp_path, monkeypatch):
    (tmp_path / ".env").write_text("MAX_CLIP_MIB=7\n")
    monkeypatch.delenv("MAX_CLIP_MIB", raising=False)
    monkeypatch.chdir(tmp_path)
    assert read_environment()["MAX_CLIP_MIB"] == "7"


def test_without_a_file_the_environment_is_all_there_is(tmp_path, monkeypatch):
    monkeypatch.setenv("MAX_CLIP_MIB", "9")
    assert read_environment(tmp_path / ".env")["MAX_CLIP_MIB"] == "9"


def test_a_byte_order_mark_does_not_hide_the_first_line(tmp_path, monkeypatch):
    monkeypatch.delenv("MAX_CLIP_MIB", raising=False)
    (tmp_path / ".env").write_bytes(b"\xef\xbb\xbfMAX_CLIP_MIB=7\r\n")
    assert read_environment(tmp_path / ".env")["MAX_CLIP_MIB"] == "7"


def test_a_file_that_is_not_text_is_a_wrong_setting(tmp_path):
    (tmp_path / ".env").write_bytes(b"DISCORD_TOKEN=\xff\xfe\n")
    with pytest.raises(SettingsError, match="UTF-8"):
        read_environment(tmp_path / ".env")
