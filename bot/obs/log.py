"""Log lines: one job id on every line that concerns a job, secrets masked, text or JSON."""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from contextvars import ContextVar

_job_id: ContextVar[str] = ContextVar("job_id", default="-")
#: Signed links and interaction tokens: whoever reads a log must not be able to use them.
_LINKS = re.compile(r"(https?://[^\s?\"']+)\?[^\s\"']+")
_TOKENS = re.compile(r"(/(?:webhooks|interactions)/\d+/)[\w.-]{20,}")

#: Shorter secrets are stand-ins, such as `x` for a server that asks for none.
_MIN_UNANCHORED_CHARS = 8


@contextmanager
def job_log_context(job_id: str) -> Generator[None]:
    """Put `job_id` on every line logged inside, also in tasks started inside."""
    token = _job_id.set(job_id)
    try:
        yield
    finally:
        _job_id.reset(token)


class Redactor(logging.Filter):
    """Takes secrets, signed links and interaction tokens out of a line and its traceback."""

    def __init__(self, secrets: Iterable[str]) -> None:
        super().__init__()
        # The longest first: one may begin with another.
        held = sorted({each for each in secrets if each}, key=len, reverse=True)
        self._secrets = re.compile("|".join(map(_pattern, held))) if held else None

    def filter(self, record: logging.LogRecord) -> bool:
        record.job_id = _job_id.get()
        record.msg, record.args = self.redact(record.getMessage()), None
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = self.redact(record.exc_text)
        return True

    def redact(self, text: str) -> str:
        """Return `text` without anything that opens a door."""
        if self._secrets is not None:
            text = self._secrets.sub("***", text)
        return _TOKENS.sub(r"\1***", _LINKS.sub(r"\1?***", text))


def _pattern(secret: str) -> str:
    """Return what finds a secret: one that many words hold by chance only where it stands alone."""
    found = re.escape(secret)
    return found if len(secret) >= _MIN_UNANCHORED_CHARS else rf"(?<!\w){found}(?!\w)"


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname,
            "job": getattr(record, "job_id", "-"),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_text:
            line["traceback"] = record.exc_text
        return json.dumps(line, ensure_ascii=False)


def set_up_logging(level: str, log_format: str, secrets: Iterable[str]) -> None:
    """Send every log line of the process to standard error; replaces earlier handlers.

    level    DEBUG, INFO, WARNING or ERROR.
    shape    `text` or `json`.
    secrets  strings that no line may hold.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(Redactor(secrets))
    handler.setFormatter(
        JsonFormatter()
        if log_format == "json"
        else logging.Formatter("%(asctime)s %(levelname)-7s %(job_id)-5s %(name)s: %(message)s")
    )
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # Their INFO lines say what the job's own lines say already.
    for chatty in ("httpx", "httpcore", "aiosqlite", "discord.gateway", "discord.client"):
        logging.getLogger(chatty).setLevel("ERROR" if level == "ERROR" else "WARNING")
