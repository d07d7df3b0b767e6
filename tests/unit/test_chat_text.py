"""What the bot echoes is harmless and fits."""

import pytest

from bot.chat import text


@pytest.mark.parametrize(
    "hostile",
    [
        "@everyone look",
        "@here",
        "<@123456789012345678> hi",
        "<@&123456789012345678>",
        "<#123456789012345678>",
        "</sora generate:123456789012345678>",
        "<t:1700000000:R>",
        "<:x:123456789012345678>",
        "[click](https://evil.example)",
        "https://evil.example/x",
        "# shouting",
        "```code```",
        "||spoiler||",
        "**bold** _it_ ~~no~~ `x`",
        "> quote",
    ],
)
def test_an_echoed_prompt_keeps_no_working_mention_link_or_markup(hostile: str) -> None:
    shown = text.escaped(hostile, 300)
    for live in ("<@", "<#", "</", "<t:", "<:", "@everyone", "@here", "](", "https://"):
        at = shown.find(live)
        assert at == -1 or shown[at - 1] == "\\"
    for mark in ("**", "```", "||", "~~"):
        assert mark not in shown


def test_a_long_prompt_is_cut_before_it_is_escaped_and_says_so() -> None:
    shown = text.escaped("*" * 1000, 300)
    assert shown == "\\*" * 299 + "…"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "0 s"), (59.6, "1 min 0 s"), (125, "2 min 5 s"), (3840, "1 h 4 min")],
)
def test_a_span_is_said_in_the_two_units_that_matter(seconds: float, words: str) -> None:
    assert text.span(seconds) == words


@pytest.mark.parametrize("percent", [0, 1, 50, 99, 100])
def test_a_bar_is_always_twelve_signs_and_its_number(percent: int) -> None:
    shown = text.bar(percent)
    assert len(shown.split(" ")[0]) == 12
    assert shown.endswith(f"{percent} %")
