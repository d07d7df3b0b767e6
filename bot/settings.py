"""Every setting, read once from the environment; nothing else in the bot looks there."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import dotenv

from bot.errors import SettingsError


class Secret:
    """A string that shows itself only to `reveal()`: its repr and str are asterisks."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the value; for the one line of code that sends it."""
        return self._value

    def __repr__(self) -> str:
        return "Secret('***')"

    __str__ = __repr__


def _text(_name: str, raw: str) -> str:
    return raw


def _secret(name: str, raw: str) -> Secret:
    if any(c.isspace() or not c.isprintable() for c in raw):
        raise SettingsError(name, "has spaces or control characters inside", "one unbroken word")
    return Secret(raw)


def _whole(name: str, raw: str) -> int:
    if not raw.isascii() or not raw.isdigit():
        raise SettingsError(name, f"{raw!r} is not a whole number", "0 or more")
    return int(raw)


def _positive(name: str, raw: str) -> int:
    value = _whole(name, raw)
    if not 1 <= value <= 1000:
        raise SettingsError(name, f"{raw!r} is out of range", "1 to 1000")
    return value


def _dollars_as_micros(name: str, raw: str) -> int:
    whole, _, cents = raw.removeprefix("$").partition(".")
    digits = f"{whole or '0'}{cents[:6]:0<6}"
    if not digits.isascii() or not digits.isdigit() or len(cents) > 6:
        raise SettingsError(name, f"{raw!r} is not an amount", "US dollars such as 25 or 12.50")
    return int(digits)


def _ids(name: str, raw: str) -> tuple[int, ...]:
    parts = [part.strip() for part in raw.split(",") if part.strip()]
    if bad := [part for part in parts if not (part.isascii() and part.isdigit())]:
        raise SettingsError(name, f"{bad[0]!r} is not an id", "numbers with commas between them")
    return tuple(int(part) for part in parts)


def _names(name: str, raw: str) -> tuple[str, ...]:
    parts = tuple(part.strip().lower() for part in raw.split(",") if part.strip())
    if not parts or len(set(parts)) != len(parts):
        raise SettingsError(name, f"{raw!r} is empty or names one twice", "names with commas")
    return parts


def _url(*schemes: str) -> Callable[[str, str], str]:
    def parse(name: str, raw: str) -> str:
        allowed = " or ".join(f"{scheme}://host" for scheme in schemes)
        try:
            parts = urlsplit(raw)
            usable = bool(parts.hostname) and parts.port != 0
        except ValueError as error:
            raise SettingsError(name, f"{raw!r} is not an address", allowed) from error
        if parts.scheme not in schemes or not usable or parts.username or parts.query:
            raise SettingsError(name, f"{raw!r} is not an address I can use", allowed)
        return raw.rstrip("/")

    return parse


def _folder_url(name: str, raw: str) -> Path:
    parts = urlsplit(raw)
    if parts.scheme != "file" or parts.netloc or not parts.path.startswith("/"):
        raise SettingsError(name, f"{raw!r} is not a folder address", "file:///absolute/path")
    return Path(parts.path)


def _bind(name: str, raw: str) -> tuple[str, int]:
    host, _, port = raw.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise SettingsError(name, f"{raw!r} is not an address to listen on", "host:port")
    return host.strip("[]"), int(port)


def _one_of(*words: str) -> Callable[[str, str], str]:
    def parse(name: str, raw: str) -> str:
        for word in words:
            if raw.casefold() == word.casefold():
                return word
        raise SettingsError(name, f"{raw!r} is none of them", ", ".join(words))

    return parse


def _setting(
    parse: Callable[[str, str], Any],
    help_line: str,
    *,
    default: Any = None,
    unit: str = "",
    example: str = "",
) -> Any:
    """Declare a setting: its parser, default, unit, and the line that documentation shows."""
    about = {"parse": parse, "help": help_line, "unit": unit, "example": example}
    return field(default=default, metadata=about)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings; the variable of a field is its name in upper case."""

    discord_token: Secret | None = _setting(_secret, "Bot token from the developer portal.")
    discord_application_id: int | None = _setting(
        _whole, "Application id; lets `make run` print the invite link before there is a token."
    )
    discord_guild_ids: tuple[int, ...] = _setting(
        _ids, "Servers whose commands are synced at once; empty: all servers.", default=()
    )
    discord_api_url: str | None = _setting(
        _url("http", "https"), "Another base address for Discord's REST API, such as a proxy."
    )
    discord_gateway_url: str | None = _setting(
        _url("ws", "wss"), "Another address for Discord's gateway."
    )
    data_dir: Path = _setting(
        lambda _name, raw: Path(raw),
        "Database, archive and temporary files.",
        default=Path("./data"),
    )
    archive_url: Path | None = _setting(
        _folder_url,
        "Where finished clips are kept; empty: DATA_DIR/clips.",
        example="file:///srv/clips",
    )
    video_providers: tuple[str, ...] = _setting(
        _names, "Video APIs in order of preference.", default=("local",)
    )
    local_max_concurrent: int = _setting(
        _positive, "Renders of the built-in renderer at a time.", default=1, unit="renders"
    )
    openai_api_key: Secret | None = _setting(_secret, "Key for the API at OPENAI_BASE_URL.")
    openai_base_url: str = _setting(
        _url("http", "https"),
        "Any server that speaks OpenAI's Videos API (OpenAI's own is off since 2026-09-24).",
        default="https://api.openai.com/v1",
    )
    openai_models: str = _setting(
        _text,
        "Models there; others than sora-2 and sora-2-pro need seconds, sizes and a price.",
        default="sora-2; sora-2-pro",
        example="sora-2; my-model seconds=4,8 sizes=1280x720 usd_per_second=0.05",
    )
    openai_max_concurrent: int = _setting(
        _positive, "Renders at that API at a time.", default=4, unit="renders"
    )
    quota_clips_per_day: int | None = _setting(
        _whole, "Clips a member may make in 24 hours; `none` lifts it.", default=10, unit="clips"
    )
    quota_seconds_per_day: int | None = _setting(
        _whole, "Seconds of video in 24 hours; `none` lifts it.", default=60, unit="seconds"
    )
    quota_usd_per_month: int | None = _setting(
        _dollars_as_micros, "US dollars in 30 days; empty or `none`: no limit.", unit="US dollars"
    )
    max_active_jobs_per_user: int = _setting(
        _positive, "Jobs of one member under way at a time.", default=4, unit="jobs"
    )
    max_clip_mib: int = _setting(
        _positive, "Largest file accepted from a video API.", default=200, unit="MiB"
    )
    http_bind: tuple[str, int] | None = _setting(
        _bind,
        "Address of the health page, /livez and /readyz; empty: off.",
        example="127.0.0.1:8080",
    )
    log_level: str = _setting(
        _one_of("DEBUG", "INFO", "WARNING", "ERROR"), "Least severity logged.", default="INFO"
    )
    log_format: str = _setting(_one_of("text", "json"), "Shape of log lines.", default="text")

    @property
    def archive_dir(self) -> Path:
        """Folder of finished clips."""
        return self.data_dir / "clips" if self.archive_url is None else self.archive_url

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Settings:
        """Read `environ`. An empty variable counts as absent, the word `none` as no limit.

        Raises SettingsError naming the variable, what is wrong and what is allowed.
        """
        values: dict[str, Any] = {}
        for each in fields(cls):
            name = each.name.upper()
            raw = environ.get(name, "").strip()
            if not raw:
                continue
            if raw.casefold() == "none" and name.startswith("QUOTA_"):
                values[each.name] = None
                continue
            parse = cast("Callable[[str, str], Any]", each.metadata["parse"])
            values[each.name] = parse(name, raw)
        return cls(**values)


def read_environment(dotenv_path: Path | None = None) -> dict[str, str]:
    """Return the process's variables over those of `.env` in the working directory."""
    path = Path(".env") if dotenv_path is None else dotenv_path
    from_file = {k: v for k, v in dotenv.dotenv_values(path).items() if v is not None}
    return {**from_file, **os.environ}
