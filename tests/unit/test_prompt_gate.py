"""The prompt gate removes hidden characters from a prompt and keeps its words."""

import pytest

from bot.errors import UnsafePromptError
from bot.safety.prompt_gate import PromptGate

GATE = PromptGate()


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("  a cat\n\n plays   piano ", "a cat plays piano"),
        ("a\u200bc\u2060a\ufefft", "acat"),
        ("safe\u202etxet neddih", "safetxet neddih"),
        ("tag\U000e0041\U000e0042ged", "tagged"),
        ("bell\x07 and tab\tstay apart", "bell and tab stay apart"),
        ("👩\u200d🚀 on the moon", "👩\u200d🚀 on the moon"),
        ("گربه\u200cها", "گربه\u200cها"),
        ("日本語のプロンプト", "日本語のプロンプト"),
    ],
)
def test_a_prompt_goes_out_without_hidden_signs_and_with_single_spaces(
    typed: str, sent: str
) -> None:
    assert GATE.sanitize(typed) == sent


@pytest.mark.parametrize("typed", ["", "   ", "\u200b\u200b", "!?…", "\u202e"])
def test_a_prompt_without_words_is_refused(typed: str) -> None:
    with pytest.raises(UnsafePromptError, match="prompt"):
        GATE.sanitize(typed)
