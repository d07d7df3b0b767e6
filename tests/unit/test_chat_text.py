"""What the bot echoes is harmless and fits, and what it says of an order is true."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from bot.chat import text
from bot.chat.clips.clip_text import clip_message_text
from bot.chat.clips.status_embeds import build_card_message
from bot.jobs.ports import JobStatus, StatusCard
from bot.model import Job, Place, RenderSpec, Request, Size, State

NOW = datetime(2026, 11, 20, tzinfo=UTC)
PLACE = Place(guild_id=1, channel_id=2, upload_limit_bytes=10_000_000)
MOVED = "oved here from `first`, which took no new work"


def status(job_id: str = "K7Q2", *, provider: str = "first", **changes: Any) -> JobStatus:
    """Return a finished clip's status; `changes` are fields of its job."""
    usd_micros = {"first": 400_000, "second": 800_000}[provider]
    order = RenderSpec(
        prompt="a cat",
        provider=provider,
        model="m",
        seconds=4,
        size=Size.parse("1280x720"),
        estimate_usd_micros=usd_micros,
    )
    facts: dict[str, Any] = {
        "id": job_id,
        "request_id": 3,
        "variant": 0,
        "user_id": 4,
        "place": PLACE,
        "spec": order,
        "seed": 5,
        "state": State.DONE,
        "created_at": NOW,
        "state_at": NOW,
        "due_at": None,
        "message_id": 6,
    }
    return JobStatus(job=Job(**(facts | changes)), model_label="Reel", provider_label=provider)


def card(*statuses: JobStatus) -> tuple[str, str]:
    """Return the description and the footer of a card."""
    request = Request(id=3, user_id=4, place=PLACE, created_at=NOW)
    embed = build_card_message(StatusCard(request=request, statuses=statuses)).embed
    return embed.description or "", embed.footer.text or ""


def test_a_card_and_a_clip_say_which_service_makes_it() -> None:
    told, footer = card(status())
    assert footer == "K7Q2 · Reel · 4 s · 1280x720 · $0.40 · first"
    assert "oved" not in told
    assert "-# Reel · 4 s · 1280x720 · $0.40 · first · `K7Q2`" in clip_message_text([status()])


def test_where_there_is_one_service_its_name_is_left_out() -> None:
    _, footer = card(replace(status(), provider_label=None))
    assert footer == "K7Q2 · Reel · 4 s · 1280x720 · $0.40"


def test_a_job_that_was_sent_on_says_so_in_a_sentence_of_its_own() -> None:
    sent_on = status(provider="second", failed_over_from="first")
    told, footer = card(sent_on)
    assert told.endswith(f"\nM{MOVED}.")
    # A footer shows no markup.
    assert footer == "K7Q2 · Reel · 4 s · 1280x720 · $0.80 · second"
    assert f"$0.80 · second · m{MOVED} · `K7Q2`" in clip_message_text([sent_on])


def test_variants_that_were_sent_on_together_share_the_sentence() -> None:
    pair = [status(each, provider="second", failed_over_from="first") for each in ("AAAA", "BBBB")]
    told, footer = card(*pair)
    assert told.endswith(f"\nM{MOVED}.")
    assert footer == "2 × Reel · 4 s · 1280x720 · $0.80 · second"


def test_variants_that_different_services_make_are_told_apart_with_their_prices() -> None:
    told, footer = card(
        status("AAAA"),
        status("BBBB", provider="second", failed_over_from="first"),
        status("CCCC", provider="second", failed_over_from="first"),
        status("DDDD", provider="second", failed_over_from="third"),
    )
    assert f"\n`BBBB`, `CCCC` m{MOVED}. `DDDD` moved here from `third`, which took" in told
    assert footer == (
        "1 × Reel · 4 s · 1280x720 · $0.40 · first\n3 × Reel · 4 s · 1280x720 · $0.80 · second"
    )


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
    assert text.duration_text(seconds) == words


@pytest.mark.parametrize("percent", [0, 1, 50, 99, 100])
def test_a_bar_is_always_twelve_signs_and_its_number(percent: int) -> None:
    shown = text.progress_bar(percent)
    assert len(shown.split(" ")[0]) == 12
    assert shown.endswith(f"{percent} %")
