"""Each log line names its job, and secrets in log lines are masked."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from bot.obs.log import JsonFormatter, Redactor, job_log_context

SECRET = "sk-very-secret-0123456789"


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.addFilter(Redactor([SECRET, ""]))
    handler.setFormatter(JsonFormatter())
    log = logging.getLogger("tests.log")
    log.addHandler(handler)
    log.setLevel("DEBUG")
    log.propagate = False
    yield out
    log.removeHandler(handler)


def last(out: io.StringIO) -> dict[str, str]:
    return json.loads(out.getvalue().splitlines()[-1])


def test_a_line_inside_a_jobs_work_names_the_job_and_one_outside_does_not(
    lines: io.StringIO,
) -> None:
    log = logging.getLogger("tests.log")
    with job_log_context("K7Q2"):
        log.info("inside")
        assert last(lines)["job"] == "K7Q2"
    log.info("outside")
    assert last(lines)["job"] == "-"


@pytest.mark.parametrize(
    ("message", "gone"),
    [
        (f"key {SECRET} refused", SECRET),
        ("GET https://cdn.example/clip.mp4?ex=1&sig=abcdef failed", "abcdef"),
        ("POST /webhooks/123/aW50ZXJhY3Rpb246MTIzNDU2Nzg5 failed", "aW50ZXJhY3Rpb246"),
    ],
    ids=["a key", "a signed link", "an interaction token"],
)
def test_what_opens_a_door_is_masked_in_the_line(
    lines: io.StringIO, message: str, gone: str
) -> None:
    logging.getLogger("tests.log").warning("%s", message)
    assert gone not in lines.getvalue()
    assert "***" in last(lines)["message"]


def test_a_secret_in_a_traceback_is_masked_too(lines: io.StringIO) -> None:
    try:
        raise ValueError(f"bad header: Bearer {SECRET}")
    except ValueError:
        logging.getLogger("tests.log").exception("failed")
    assert SECRET not in lines.getvalue()
    assert "ValueError: bad header: Bearer ***" in last(lines)["traceback"]


@pytest.mark.parametrize(
    ("said", "clean"),
    [
        ("the key 'e' is refused", "the key '***' is refused"),
        ("Authorization: Bearer e", "Authorization: Bearer ***"),
        ("https://host/e/me", "https://host/***/me"),
        ("test-me, contested, e=test", "***-me, contested, ***=***"),
    ],
)
def test_a_secret_of_few_letters_is_masked_and_the_words_around_it_stay(
    said: str, clean: str
) -> None:
    assert Redactor(["e", "test"]).redact(said) == clean


def test_a_real_secret_is_masked_inside_a_word_too_and_before_the_shorter_one_in_it() -> None:
    said = f"x{SECRET}y {SECRET}-more"
    assert Redactor([SECRET, f"{SECRET}-more"]).redact(said) == "x***y ***"
