"""How video APIs word a refusal by moderation, row by row, and what only looks like one."""

from __future__ import annotations

import pytest

from bot.errors import ModerationError
from bot.providers.http.error_body import parse_value
from bot.providers.http.error_mapping import map_create_error

REFUSED: dict[str, object] = {
    "OpenAI's code": {"error": {"code": "moderation_blocked", "message": "no"}},
    "OpenAI's code inside LiteLLM's sentence": {
        "error": {"message": "litellm.BadRequestError: moderation_blocked", "code": "400"}
    },
    "ModelArk, the prompt": {
        "error": {"code": "InputTextSensitiveContentDetected", "message": "not allowed"}
    },
    "ModelArk, the image": {"error": {"code": "InputImageSensitiveContentDetected"}},
    "ModelArk, the result": {"error": {"code": "OutputVideoSensitiveContentDetected"}},
    "ModelArk through a gateway": {"message": "upstream: InputTextSensitiveContentDetected"},
    "DashScope": {"code": "DataInspectionFailed", "message": "inappropriate content"},
    "DashScope, a newer model": {"code": "InternalError.Algo.DataInspectionFailed"},
    "MiniMax, the prompt": {"error": {"code": 1026, "message": "input"}},
    "MiniMax, the result": {"error": {"code": "1027", "message": "output"}},
    "Qianfan": {"error": {"code": "unsafe_request", "type": "video_genration_prompt_unsafe"}},
    "a relay's risk control": {"code": "task_failed", "message": "rejected by risk control"},
    "Azure, deep inside": {
        "error": {
            "code": "BadRequest",
            "message": "Invalid request.",
            "innererror": {"details": [{"inner": {"code": "content_policy_violation"}}]},
        }
    },
}
NOT_REFUSED: dict[str, object] = {
    "a filter that timed out": {"error": {"message": "content filter timed out, try again"}},
    "a moderation that is away": {"error": {"code": "moderation_service_unavailable"}},
    "a number that is no code": {"error": {"message": "seed 1026 is out of range"}},
    "another number": {"error": {"code": 10260, "message": "bad size"}},
}


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED)
def test_a_refusal_for_content_is_recognised(body: object) -> None:
    assert isinstance(map_create_error(400, parse_value(body)), ModerationError)
    assert isinstance(map_create_error(403, parse_value(body)), ModerationError)


@pytest.mark.parametrize("body", NOT_REFUSED.values(), ids=NOT_REFUSED)
def test_what_only_looks_like_a_refusal_for_content_is_none(body: object) -> None:
    assert not isinstance(map_create_error(400, parse_value(body)), ModerationError)


def test_a_body_that_is_nested_without_end_is_read_to_a_limit() -> None:
    body: object = "end"
    for _ in range(100_000):
        body = [body, body]
    assert not parse_value(body).is_moderation
