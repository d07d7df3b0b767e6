"""Parsing of error bodies in the shapes that fal, Runway and Replicate send."""

from __future__ import annotations

import json

import pytest

from bot.errors import ProviderTroubleError
from bot.providers.http import error_body, error_mapping


def test_the_first_kind_in_a_list_of_what_is_wrong_is_the_refusals():
    detail = [{"loc": ["body"], "msg": "a"}, {"msg": "b", "type": "content_policy_violation"}]
    said = error_body.parse_value({"detail": detail})
    assert said.is_moderation
    assert str(said) == "content_policy_violation: body: a; b"
    assert error_body.parse_value({"detail": [7, {"type": None}, {}]}).kind == ""


def test_a_platforms_own_kind_stands_beside_its_sentence():
    said = error_body.parse_value({"detail": "gone", "error_type": "runner_disconnected"})
    assert str(said) == "runner_disconnected: gone"


@pytest.mark.parametrize(
    "sentence",
    [
        "You do not have enough credits to run this task.",
        "User is locked. Reason: Exhausted balance. Top up your balance.",
        "You have insufficient credit to run this model.",
    ],
)
def test_an_empty_balance_is_known_by_its_sentence(sentence):
    assert error_body.parse_value({"error": sentence}).is_account


@pytest.mark.parametrize("sentence", ["A man with credit cards", "There are enough credits"])
def test_words_about_money_are_no_empty_balance(sentence):
    assert not error_body.parse_value({"error": sentence}).is_account


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (422, {"detail": [{"msg": "no", "type": "x"}]}, (422, "x: no")),
        (500, {"detail": "two\nlines"}, (500, "two lines")),
        (400, {"detail": "é" * 400}, (400, "é" * 299 + "…")),
    ],
)
def test_the_words_of_an_answer_are_found_in_the_trouble_that_was_made_of_it(
    status, body, expected
):
    said = error_body.parse_body(json.dumps(body).encode())
    trouble = error_mapping.map_call_error(status, said)
    assert isinstance(trouble, ProviderTroubleError)
    assert error_mapping.response_behind(trouble) == expected


@pytest.mark.parametrize("body", [b"", b"<html><title>502</title>", b"<!doctype html>"])
def test_what_is_no_word_of_the_apis_is_no_answer(body):
    trouble = error_mapping.map_call_error(502, error_body.parse_body(body))
    assert isinstance(trouble, ProviderTroubleError)
    assert error_mapping.response_behind(trouble) is None
    assert error_mapping.response_behind(ProviderTroubleError("no answer within 90 s")) is None
