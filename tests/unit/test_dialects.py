"""The dialects as data, and how far an answer may stray from OpenAI's document."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path

import pytest

from bot.clock import SystemClock
from bot.errors import SettingsError
from bot.model import Operation, Size
from bot.providers.base import ProviderRequest, RenderState
from bot.providers.openai import dialects, wire
from bot.providers.openai.dialects import Dialect, OptionalCall
from bot.providers.registry import VENDORS

_WIRE = Path(__file__).resolve().parents[1] / "wire"
_ALL = {
    "openai": dialects.OPENAI,
    "azure": dialects.AZURE,
    "cometapi": dialects.COMETAPI,
    "litellm": dialects.LITELLM,
    "sglang": dialects.SGLANG,
    "vllm": dialects.VLLM,
}
_REQUEST = ProviderRequest(
    idempotency_key="K7Q2",
    prompt="a cat",
    model="sora-2",
    seconds=8,
    size=Size(width_px=1280, height_px=720),
    seed=7,
)
#: What tutorials show, what the document says, and what both mean.
_STRAY = [
    ({"status": "processing"}, {"status": "in_progress"}, ("state", RenderState.RUNNING)),
    ({"status": "SUCCESS"}, {"status": "completed"}, ("state", RenderState.READY)),
    ({"status": "FAILURE"}, {"status": "failed"}, ("state", RenderState.FAILED)),
    ({"seconds": 8}, {"seconds": "8"}, ("seconds", 8)),
    ({"progress": "42%"}, {"progress": 42}, ("progress", 42)),
    ({"progress": 0.42}, {"progress": 42}, ("progress", 42)),
    (
        {"status": "in_progress", "progress": "100%"},
        {"status": "in_progress", "progress": 100},
        ("state", RenderState.RUNNING),
    ),
    ({"data": {"id": "v", "status": "SUCCESS"}}, {"status": "completed"}, ("state", "ready")),
    (
        {"status": "completed", "output": {"url": "https://cdn.test/clip.mp4"}},
        {"status": "completed"},
        ("state", RenderState.READY),
    ),
]


@pytest.mark.parametrize(("shown", "official", "meaning"), _STRAY)
def test_what_tutorials_show_is_read_like_what_the_document_says(shown, official, meaning):
    name, value = meaning
    for answer in (shown, official):
        remote = wire.read_video({"id": "v", **answer} if "data" not in answer else answer)
        assert (remote.id, getattr(remote, name)) == ("v", value)


def test_what_tutorials_send_is_never_sent():
    """Numbers for `seconds`, `duration`, `resolution`, chat messages: nothing of it goes out."""
    form = wire.create_fields(_REQUEST)
    assert form == {"prompt": "a cat", "model": "sora-2", "seconds": "8", "size": "1280x720"}
    for body in (wire.remix_body(_REQUEST), wire.edit_body(_REQUEST, "v")):
        assert body.keys() <= {"prompt", "video"}
    assert wire.extend_body(_REQUEST, "v")["seconds"] == "8"
    numbers = [name for name, dialect in _ALL.items() if dialect.takes_json]
    assert numbers == ["sglang"]


def test_numbers_and_seeds_go_out_where_servers_want_them():
    assert wire.create_fields(_REQUEST, seed=True)["seed"] == "7"
    assert wire.create_body(_REQUEST, seed=True) == {
        "prompt": "a cat",
        "model": "sora-2",
        "seconds": 8,
        "size": "1280x720",
        "seed": 7,
    }
    assert "seed" not in wire.create_body(_REQUEST)


@pytest.mark.parametrize(
    ("answer", "address"),
    [
        ({"status": "completed"}, None),
        ({"status": "completed", "url": None}, None),
        ({"status": "completed", "url": "/files/clip.mp4"}, None),
        ({"status": "completed", "url": "file:///etc/passwd"}, None),
        ({"status": "completed", "file_path": "https://x.test/a.mp4"}, None),
        ({"status": "completed", "url": "https://x.test/a.mp4"}, "https://x.test/a.mp4"),
        ({"status": "done", "video": {"url": "https://x.test/b.mp4"}}, "https://x.test/b.mp4"),
        ({"status": "SUCCESS", "video_url": "https://x.test/c.mp4"}, "https://x.test/c.mp4"),
        ({"status": "SUCCESS", "video": "https://x.test/c.mp4"}, None),
        ({"status": "completed", "metadata": {"url": "http://x.test/d"}}, "http://x.test/d"),
        ({"status": "completed", "output": {"url": "https://x.test/e"}}, "https://x.test/e"),
        (
            {"code": "success", "data": {"status": "SUCCESS", "fail_reason": "https://x.test/f"}},
            "https://x.test/f",
        ),
        (
            {"code": "success", "data": {"status": "FAILURE", "fail_reason": "https://x.test/f"}},
            None,
        ),
        (
            {"data": {"status": "SUCCESS", "data": {"video": {"url": "https://x.test/g"}}}},
            "https://x.test/g",
        ),
        ({"status": "in_progress", "url": "https://x.test/a.mp4"}, None),
    ],
)
def test_the_address_of_a_clip_is_found_where_dialects_put_it(answer, address):
    assert wire.clip_url(answer) == address


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        ({"request_id": "r"}, RenderState.QUEUED),
        ({"status": "processing"}, RenderState.RUNNING),
        ({"status": "done"}, RenderState.READY),
        ({"status": "expired"}, RenderState.FAILED),
    ],
)
def test_an_answer_about_one_render_need_not_repeat_its_id(answer, state):
    remote = wire.read_video(answer, requested_id="video_1")
    assert (remote.id, remote.state) == ("video_1", state)


@pytest.mark.parametrize(
    "answer", [{}, {"request_id": "r", "error": "no"}, {"code": "fail", "data": None}, {"id": "r"}]
)
def test_an_answer_that_says_nothing_of_a_render_is_none_about_it(answer):
    if "id" in answer:
        assert wire.read_video(answer, requested_id="video_1").id == "r"
        return
    with pytest.raises(ValueError, match="no usable id"):
        wire.read_video(answer, requested_id="video_1")


@pytest.mark.parametrize("answer", [{"request_id": "r"}, {"request_id": "r", "status": "queued"}])
def test_the_name_of_a_request_is_no_order(answer):
    with pytest.raises(ValueError, match="no usable id"):
        wire.read_video(answer)


def test_nothing_is_concluded_from_what_a_server_says_in_its_own_words():
    told = {"id": "v", "model": "other", "seconds": "3", "size": "1x1", "prompt": "p"}
    remote = wire.read_video(told, ignored_fields=frozenset({"model", "seconds", "size"}))
    assert (remote.model, remote.seconds, remote.size, remote.prompt) == (None, None, None, "p")
    [listed] = wire.read_page({"data": [told]}, ignored_fields=frozenset({"model"})).videos
    assert (listed.model, listed.seconds) == (None, 3)


def test_each_dialect_has_the_operations_that_it_has_calls_for():
    told = {name: sorted(dialect.operations) for name, dialect in _ALL.items()}
    assert told == {
        "openai": ["extend", "generate", "remix"],
        "azure": ["generate", "remix"],
        "cometapi": ["generate", "remix"],
        "litellm": ["extend", "generate", "remix"],
        "sglang": ["generate"],
        "vllm": ["generate"],
    }
    edits = replace(dialects.OPENAI, calls=frozenset({OptionalCall.EDITS}))
    assert edits.operations == {Operation.GENERATE, Operation.REMIX}


@pytest.mark.parametrize("name", _ALL)
def test_each_dialect_has_a_vendor_with_its_settings(name):
    vendor = VENDORS[name]
    assert vendor.prefix == _ALL[name].prefix
    assert vendor.key_variable.startswith(vendor.prefix)
    assert vendor.verified
    for model in vendor.known_models.values():
        assert model.operations <= _ALL[name].operations


@pytest.mark.parametrize("name", [name for name in _ALL if name != "openai"])
def test_the_example_of_models_is_one_that_works(name):
    vendor = VENDORS[name]
    settings = {
        vendor.key_variable: "key-0123456789",
        vendor.variables[1].name: "http://127.0.0.1:9/v1",
        vendor.variables[2].name: vendor.models_example,
    }
    provider = vendor.make_provider(vendor.read_account(settings, SystemClock()))
    assert provider.name == name


@pytest.mark.parametrize(
    ("name", "word"), [("azure", "extend"), ("vllm", "remix"), ("sglang", "extend")]
)
def test_a_model_that_shall_do_what_its_server_cannot_is_refused_at_the_start(name, word):
    vendor = VENDORS[name]
    variable = vendor.variables[2].name
    settings = {
        vendor.key_variable: "key-0123456789",
        vendor.variables[1].name: "http://127.0.0.1:9/v1",
        variable: f"m seconds=4 sizes=1280x720 usd_per_second=0 {word}=yes",
    }
    with pytest.raises(SettingsError) as caught:
        vendor.make_provider(vendor.read_account(settings, SystemClock()))
    assert caught.value.variable == variable
    assert word in caught.value.problem


def test_days_of_retirement_are_read_and_nothing_else():
    listed = json.loads((_WIRE / "openai" / "models.json").read_text("utf-8"))
    [(name, day)] = wire.read_retirements(listed).items()
    assert (name, day.isoformat()) == ("sora-2-pro", "2026-09-24")
    for wrong in (
        None,
        [],
        {},
        {"data": {}},
        {"data": [{"id": "m", "shutdown_date": "soon"}]},
    ):
        with pytest.raises(ValueError, match=r"no object|without data|Invalid isoformat"):
            wire.read_retirements(wrong)
    assert wire.read_retirements({"data": [7, {"id": 3, "shutdown_date": 4}]}) == {}


def test_every_field_of_a_dialect_is_used_by_one_of_them():
    plain = Dialect(prefix="X", calls=frozenset())
    for each in fields(Dialect):
        told = {getattr(dialect, each.name) for dialect in _ALL.values()}
        assert told - {getattr(plain, each.name)}, each.name
