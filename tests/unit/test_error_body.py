"""Error bodies without a code: the sentence tells a bad key, an empty balance and moderation."""

from __future__ import annotations

import pytest

from bot.errors import NotAcceptedError, ProviderAccountError, UnknownOutcomeError
from bot.providers.http import error_body, error_mapping


@pytest.mark.parametrize(
    "said",
    [
        "Incorrect API key provided: xa***89. You can obtain an API key from https://console.x.ai.",
        "Incorrect%20API%20key%20provided:%20ba***na.",
        "Invalid API key",
        "Your team has used all available credits.",
        "Your team reached its monthly spending limit.",
        "litellm.AuthenticationError: OpenAIException - Incorrect API key provided: sk-***.",
        "Provider returned error: Incorrect API key provided: xa***.",
        "Error code: 400 - Incorrect API key provided",
        "[xAI] 400 Incorrect API key provided",
        "Upstream error 400: Invalid API key",
        "This organization has insufficient credits",
        "Your organization's prepayment credits are depleted",
    ],
)
def test_a_key_or_balance_is_recognised_by_its_sentence(said):
    assert error_body.parse_value({"code": "invalid argument", "error": said}).is_account


@pytest.mark.parametrize(
    "said", ["The prompt mentions an API key.", "No credits roll at the end.", ""]
)
def test_other_sentences_say_nothing_of_the_account(said):
    assert not error_body.parse_value({"code": "invalid argument", "error": said}).is_account


_PROMPT = "a neon sign: invalid API key. Insufficient credits! Too many requests, overloaded"


@pytest.mark.parametrize(
    "said",
    [
        f"The prompt '{_PROMPT}' is not allowed.",
        f'Prompt "{_PROMPT}" is too long.',
        f"Your prompt was refused: {_PROMPT}",
        f"“{_PROMPT}” can't be made.",
        f"Prompt error: {_PROMPT[13:]}",
        f"Error in the prompt: {_PROMPT[13:]}",
        f"[prompt] {_PROMPT[13:]}",
        f"An error came of {_PROMPT[13:]}",
        f"'Error: {_PROMPT[13:]}'",
        f"'x'. {_PROMPT[13:]}",
        f"Wrong value for `prompt`: `{_PROMPT * 9}",
        f'{{"prompt": "{_PROMPT}"}}',
    ],
)
@pytest.mark.parametrize("read", [error_mapping.map_create_error, error_mapping.map_call_error])
def test_a_prompt_that_is_quoted_takes_no_api_out(said, read):
    for value in ({"error": said}, {"detail": [{"loc": ["body", "prompt"], "msg": said}]}):
        told = error_body.parse_value(value)
        for status in (400, 422, 429):
            assert not isinstance(read(status, told), ProviderAccountError)


@pytest.mark.parametrize("quote", ["'{}'", '"{}"', "“{}”", "`{}`", "'{}", "'it's {}'"])
def test_a_quoted_prompt_proves_no_overload_so_that_an_order_is_not_sent_twice(quote):
    said = error_body.parse_value({"error": f"Failed on {quote.format('too many cats')}"})
    assert isinstance(error_mapping.map_create_error(503, said), UnknownOutcomeError)
    busy = error_body.parse_value(
        {"error": f"Too many jobs; {quote.format('a cat')} was not taken"}
    )
    assert isinstance(error_mapping.map_create_error(503, busy), NotAcceptedError)


@pytest.mark.parametrize(
    "value",
    [
        {"code": "c", "error": "Generated video rejected by content moderation."},
        {"code": "imagine:content-moderated", "error": "No."},
        {"error": {"code": "internal_error", "message": "400: rejected by content moderation."}},
    ],
)
def test_a_verdict_is_recognised_by_its_sentence_or_its_code(value):
    assert error_body.parse_value(value).is_moderation
