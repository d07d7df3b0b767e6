"""Sentences that stand for a code where an API has none."""

from __future__ import annotations

import pytest

from bot.providers import api_error


@pytest.mark.parametrize(
    "said",
    [
        "Incorrect API key provided: xa***89. You can obtain an API key from https://console.x.ai.",
        "Incorrect%20API%20key%20provided:%20ba***na.",
        "Invalid API key",
        "Your team has used all available credits.",
        "Your team reached its monthly spending limit.",
    ],
)
def test_a_key_or_balance_is_recognised_by_its_sentence(said):
    assert api_error.read_value({"code": "invalid argument", "error": said}).is_account


@pytest.mark.parametrize(
    "said", ["The prompt mentions an API key.", "No credits roll at the end.", ""]
)
def test_other_sentences_say_nothing_of_the_account(said):
    assert not api_error.read_value({"code": "invalid argument", "error": said}).is_account


@pytest.mark.parametrize(
    "value",
    [
        {"code": "c", "error": "Generated video rejected by content moderation."},
        {"code": "imagine:content-moderated", "error": "No."},
        {"error": {"code": "internal_error", "message": "400: rejected by content moderation."}},
    ],
)
def test_a_verdict_is_recognised_by_its_sentence_or_its_code(value):
    assert api_error.read_value(value).is_moderation
