"""All settings, read once from the environment; no other module reads environment variables."""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote, urlsplit

import dotenv

from bot.errors import SettingsError

#: The largest integer that a database column holds.
_MAX_INTEGER = 2**63 - 1
#: Takes the name of a variable and its text; returns the value or raises SettingsError.
_Parse = Callable[[str, str], Any]


class Secret:
    """A secret string: only `reveal()` returns the text, and repr and str show asterisks."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the secret text. Call `reveal` only where the text is sent."""
        return self._value

    def __repr__(self) -> str:
        return "Secret('***')"


def _is_plain(raw: str) -> bool:
    return all("!" <= c <= "~" for c in raw)


def _digits(raw: str) -> int | None:
    """Return the number; None unless `raw` is only digits and fits in 63 bits."""
    if not raw.isascii() or not raw.isdigit() or len(raw) > len(str(_MAX_INTEGER)):
        return None
    value = int(raw)
    return value if value <= _MAX_INTEGER else None


def parse_secret(name: str, raw: str) -> Secret:
    """Read a secret. Raises SettingsError."""
    if not _is_plain(raw):  # a secret is sent in an HTTP header
        raise SettingsError(name, "has spaces or odd characters inside", "one word of plain ASCII")
    return Secret(raw)


def _parse_whole(name: str, raw: str) -> int:
    value = _digits(raw)
    if value is None:
        raise SettingsError(name, f"{raw[:40]!r} is not a whole number", f"0 to {_MAX_INTEGER}")
    return value


def parse_positive(name: str, raw: str, largest: int = 1000) -> int:
    """Read a whole number from 1 to `largest`. Raises SettingsError."""
    value = _parse_whole(name, raw)
    if not 1 <= value <= largest:
        raise SettingsError(name, f"{raw[:40]!r} is out of range", f"1 to {largest}")
    return value


def _parse_up_to_million(name: str, raw: str) -> int:
    return parse_positive(name, raw, 1_000_000)


def _parse_usd_micros(name: str, raw: str) -> int:
    whole, _, cents = raw.removeprefix("$").partition(".")
    micros = _digits(f"{whole}{cents:0<6}") if (whole or cents) and len(cents) <= 6 else None
    if micros is None:
        problem = f"{raw[:40]!r} is not an amount"
        raise SettingsError(name, problem, "US dollars such as 25 or 12.50")
    return micros


def _parse_ids(name: str, raw: str) -> tuple[int, ...]:
    parts = [part.strip() for part in raw.split(",") if part.strip()]
    if bad := [part for part in parts if not _digits(part)]:
        problem = f"{bad[0][:40]!r} is not an id"
        raise SettingsError(name, problem, "numbers with commas between them")
    return tuple(int(part) for part in parts)


def _parse_names(name: str, raw: str) -> tuple[str, ...]:
    parts = tuple(part.strip().lower() for part in raw.split(",") if part.strip())
    if not parts or len(set(parts)) != len(parts):
        raise SettingsError(name, f"{raw[:40]!r} is empty or names one twice", "names with commas")
    return parts


def parse_url(name: str, raw: str, *schemes: str) -> str:
    """Read an address with one of `schemes`, without a slash at its end. Raises SettingsError."""
    hosts = " or ".join(f"{scheme}://host" for scheme in schemes)
    # The error quotes no address, because people put passwords into addresses.
    wrong = SettingsError(name, "not an address I can use", f"{hosts}, without @, ? and #")
    try:
        parts = urlsplit(raw)
        usable = bool(parts.hostname) and parts.port != 0
    except ValueError as error:
        raise wrong from error
    if parts.scheme not in schemes or not usable or not _is_plain(raw) or set(raw) & set("@?#"):
        raise wrong
    return raw.rstrip("/")


def _url_parser(*schemes: str) -> Callable[[str, str], str]:
    return lambda name, raw: parse_url(name, raw, *schemes)


def _parse_folder(name: str, raw: str) -> Path:
    if raw.startswith("~"):
        raise SettingsError(name, f"~ has no meaning in {raw[:40]!r}", "./data or /absolute/path")
    return Path(raw)


def _parse_folder_url(name: str, raw: str) -> Path:
    wrong = SettingsError(name, f"{raw[:40]!r} is not a folder address", "file:///absolute/path")
    try:
        parts = urlsplit(raw)
    except ValueError as error:
        raise wrong from error
    path = unquote(parts.path)
    if parts.scheme != "file" or parts.netloc or not path.startswith("/"):
        raise wrong
    if parts.query or parts.fragment or not path.isprintable():
        raise wrong
    return Path(path)


def _parse_bind(name: str, raw: str) -> tuple[str, int]:
    match = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([0-9A-Za-z.-]+)):([0-9]{1,5})", raw)
    if match is None or int(match[3]) > 65535:
        allowed = "host:port or [host]:port, port 0 to 65535"
        raise SettingsError(name, f"{raw[:40]!r} is not an address to listen on", allowed)
    return match[1] or match[2], int(match[3])


def _choice_parser(*words: str) -> Callable[[str, str], str]:
    def parse(name: str, raw: str) -> str:
        for word in words:
            if raw.casefold() == word.casefold():
                return word
        raise SettingsError(name, f"{raw[:40]!r} is none of them", ", ".join(words))

    return parse


def _setting(
    parse: _Parse, help_line: str, *, default: Any = None, unit: str = "", example: str = ""
) -> Any:
    """Declare a setting: its parser, default, unit, example, and its line in the documentation."""
    about = {"parse": parse, "help": help_line, "unit": unit, "example": example}
    return field(default=default, metadata=about)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings of the operator; the variable of a field is the field's name in upper case."""

    discord_token: Secret | None = _setting(parse_secret, "Bot token from the developer portal.")
    discord_application_id: int | None = _setting(
        _parse_whole,
        "Application id; lets `make run` print the invite link before there is a token.",
    )
    discord_guild_ids: tuple[int, ...] = _setting(
        _parse_ids, "Servers that get the commands at once; empty: all servers.", default=()
    )
    discord_api_url: str | None = _setting(
        _url_parser("http", "https"),
        "Base address of Discord's REST API, if not its own, such as a proxy.",
    )
    discord_gateway_url: str | None = _setting(
        _url_parser("ws", "wss"), "Address of Discord's gateway, if not its own."
    )
    data_dir: Path = _setting(
        _parse_folder, "Database, archive and temporary files.", default=Path("./data")
    )
    archive_url: Path | None = _setting(
        _parse_folder_url,
        "Where finished clips are kept; empty: DATA_DIR/clips.",
        example="file:///srv/clips",
    )
    keep_clips_days: int | None = _setting(
        parse_positive,
        "How long posted clips stay in the archive; empty: for ever.",
        unit="days",
        example="90",
    )
    min_free_mib: int = _setting(
        _parse_up_to_million,
        "Refuse new clips when a disk has less free space.",
        default=256,
        unit="MiB",
    )
    video_providers: tuple[str, ...] = _setting(
        _parse_names, "Video APIs in order of preference.", default=("local",)
    )
    local_max_concurrent: int = _setting(
        parse_positive, "Max renders at once of the built-in renderer.", default=1, unit="renders"
    )
    quota_clips_per_day: int | None = _setting(
        _parse_whole,
        "Max clips per member in 24 hours; `none`: no limit.",
        default=10,
        unit="clips",
    )
    quota_seconds_per_day: int | None = _setting(
        _parse_whole,
        "Max seconds of video per member in 24 hours; `none`: no limit.",
        default=60,
        unit="seconds",
    )
    quota_usd_per_month: int | None = _setting(
        _parse_usd_micros,
        "Max cost per member in 30 days; empty or `none`: no limit.",
        unit="US dollars",
    )
    max_active_jobs_per_user: int = _setting(
        parse_positive, "Max jobs of one member in progress at once.", default=4, unit="jobs"
    )
    max_active_jobs_per_server: int = _setting(
        _parse_up_to_million, "Max jobs of one server in progress at once.", default=50, unit="jobs"
    )
    budget_usd_per_server_per_month: int | None = _setting(
        _parse_usd_micros,
        "Max cost of a whole server in 30 days; empty or `none`: no limit.",
        unit="US dollars",
    )
    max_clip_mib: int = _setting(
        parse_positive, "Largest file accepted from a video API.", default=200, unit="MiB"
    )
    http_bind: tuple[str, int] | None = _setting(
        _parse_bind,
        "Address to listen on for health pages, metrics and webhooks; empty: off.",
        example="127.0.0.1:8080",
    )
    public_url: str | None = _setting(
        _url_parser("https", "http"),
        "Public address of HTTP_BIND, for webhooks; empty: no webhooks.",
        example="https://sora.example.org",
    )
    log_level: str = _setting(
        _choice_parser("DEBUG", "INFO", "WARNING", "ERROR"), "Minimum log level.", default="INFO"
    )
    log_format: str = _setting(
        _choice_parser("text", "json"), "Format of log lines.", default="text"
    )
    #: The whole environment, from which each provider reads its own variables.
    others: Mapping[str, str] = field(default_factory=dict[str, str], repr=False, compare=False)

    @property
    def archive_dir(self) -> Path:
        """The folder in which finished clips are kept."""
        return self.data_dir / "clips" if self.archive_url is None else self.archive_url

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Settings":
        """Read the settings from `environ`; an empty variable counts as absent, `none` lifts a limit.

        Raises SettingsError, which names the variable, the problem and the allowed values.
        """
        values: dict[str, Any] = {}
        for each in declared():
            name = each.name.upper()
            raw = environ.get(name, "").strip()
            if not raw:
                continue
            if raw.casefold() == "none" and name.startswith(("QUOTA_", "BUDGET_")):
                values[each.name] = None
                continue
            values[each.name] = cast("_Parse", each.metadata["parse"])(name, raw)
        return cls(**values, others=dict(environ))


def declared() -> tuple[Field[Any], ...]:
    """Return the fields of Settings that have a variable, in the order of the documentation."""
    return tuple(each for each in fields(Settings) if "parse" in each.metadata)


def read_environment(dotenv_path: Path | None = None) -> dict[str, str]:
    """Return the variables of `.env`, overridden by those of the process. Raises SettingsError."""
    return {**read_dotenv(dotenv_path), **os.environ}


def read_dotenv(dotenv_path: Path | None = None) -> dict[str, str]:
    """Return the variables of `.env` in the working directory; empty when there is no `.env`.

    Raises SettingsError for a `.env` that cannot be read.
    """
    path = Path(".env") if dotenv_path is None else dotenv_path
    try:  # utf-8-sig, because editors on Windows may begin the file with a byte order mark
        read = dotenv.dotenv_values(path, encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(str(path), "cannot be read", "a readable text file in UTF-8") from error
    return {name: value for name, value in read.items() if value is not None}
