"""The webhook endpoint's replay cache, and its log lines about rejected requests."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

import pytest

from bot.providers.webhooks.verifier import BadSignatureError
from bot.web.webhooks import RejectionLog, ReplayCache

_NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def test_a_delivery_is_the_first_once():
    replays = ReplayCache(keep_s=600)
    assert replays.is_first("a", _NOON)
    assert replays.is_first("b", _NOON)
    assert not replays.is_first("a", _NOON)
    assert not replays.is_first("a", _NOON + timedelta(seconds=600))


def test_what_is_too_old_to_come_again_is_forgotten():
    replays = ReplayCache(keep_s=600)
    for number in range(50):
        replays.is_first(str(number), _NOON)
    assert replays.is_first("0", _NOON + timedelta(seconds=601))
    assert len(replays) == 1


def test_the_memory_of_deliveries_is_bounded_and_keeps_the_latest():
    replays = ReplayCache(keep_s=600, max_entries=100)
    for number in range(1000):
        assert replays.is_first(str(number), _NOON)
    assert len(replays) == 100
    assert not replays.is_first("900", _NOON)
    assert replays.is_first("899", _NOON)


def test_a_flood_of_refusals_is_a_line_an_hour(caplog: pytest.LogCaptureFixture):
    refusals = RejectionLog("here")
    with caplog.at_level(logging.WARNING):
        for minute in range(121):
            for _ in range(10):
                refusals.count(BadSignatureError("why"), _NOON + timedelta(minutes=minute))
    assert [record.getMessage().split(" that ")[0] for record in caplog.records] == [
        "webhooks: rejected 1",
        "webhooks: rejected 600",
        "webhooks: rejected 600",
    ]
    assert "why" in caplog.text
