"""Log lines as text or JSON; each line names its job, and secrets are masked."""

import json
import logging
import re
import sys
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from contextvars import ContextVar

_job_id: ContextVar[str] = ContextVar("job_id", default="-")
#: Links with a signature and interaction tokens, which a reader of the log must not be able to use.
_LINKS = re.compile(r"(https?://[^\s?\"']+)\?[^\s\"']+")
_TOKENS = re.compile(r"(/(?:webhooks|interactions)/\d+/)[\w.-]{20,}")

#: A shorter secret is a placeholder, such as `x` for a server that needs no key, and is masked only
#: as a whole word.
_MIN_UNANCHORED_CHARS = 8


@contextmanager
def job_log_context(job_id: str) -> Generator[None]:
    """Put `job_id` on every line that is logged in the block or by tasks started in the block."""
    token = _job_id.set(job_id)
    try:
        yield
    finally:
        _job_id.reset(token)


class Redactor(logging.Filter):
    """Masks secrets, signed links and interaction tokens in log lines and tracebacks."""

    def __init__(self, secrets: Iterable[str]) -> None:
        super().__init__()
        # Longest first, because one secret may be a prefix of another.
        longest_first = sorted({each for each in secrets if each}, key=len, reverse=True)
        # Without secrets the pattern matches nothing.
        self._secrets = re.compile("|".join(map(_pattern, longest_first)) or r"(?!)")

    def filter(self, record: logging.LogRecord) -> bool:
        record.job_id = _job_id.get()
        record.msg, record.args = self.redact(record.getMessage()), None
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = self.redact(record.exc_text)
        return True

    def redact(self, text: str) -> str:
        """Return `text` with secrets, signed links and interaction tokens masked."""
        text = self._secrets.sub("***", text)
        return _TOKENS.sub(r"\1***", _LINKS.sub(r"\1?***", text))


def _pattern(secret: str) -> str:
    found = re.escape(secret)
    return found if len(secret) >= _MIN_UNANCHORED_CHARS else rf"(?<!\w){found}(?!\w)"


class JsonFormatter(logging.Formatter):
    """Formats each log record as one line of JSON."""

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
    """Send every log line of the process to standard error and replace earlier handlers.

    level       DEBUG, INFO, WARNING or ERROR.
    log_format  `text` or `json`.
    secrets     strings to mask.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(Redactor(secrets))
    text = "%(asctime)s %(levelname)-7s %(job_id)-5s %(name)s: %(message)s"
    handler.setFormatter(JsonFormatter() if log_format == "json" else logging.Formatter(text))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # The INFO lines of these libraries repeat the bot's own lines.
    for chatty in ("httpx", "httpcore", "aiosqlite", "discord.gateway", "discord.client"):
        logging.getLogger(chatty).setLevel("ERROR" if level == "ERROR" else "WARNING")
