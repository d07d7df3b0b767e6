from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import ModerationError, ProviderError, RenderFailedError
from bot.model import Size
from bot.providers.base import ProviderRequest, RenderState
from bot.providers.http import error_body, image_upload
from bot.providers.openai import wire

_RECORDINGS = Path(__file__).resolve().parents[1] / "wire" / "openai"
_REQUEST = ProviderRequest(
    idempotency_key="K7Q2",
    prompt="a cat",
    model="sora-2",
    seconds=8,
    size=Size(width_px=1280, height_px=720),
    seed=1,
)


def _recorded(name):
    return json.loads((_RECORDINGS / f"{name}.json").read_text("utf-8"))


def test_a_create_sends_everything_as_text_and_nothing_else():
    assert wire.create_fields(_REQUEST) == {
        "prompt": "a cat",
        "model": "sora-2",
        "seconds": "8",
        "size": "1280x720",
    }


def test_a_remix_sends_its_words_alone_and_an_extension_what_to_add():
    assert wire.remix_body(_REQUEST) == {"prompt": "a cat"}
    assert wire.extend_body(_REQUEST, "video_1") == {
        "prompt": "a cat",
        "seconds": "8",
        "video": {"id": "video_1"},
    }


def test_a_remix_names_the_render_that_it_was_made_from():
    remote = wire.read_video(_recorded("remixed"))
    assert remote.source_remote_id == "video_68d7512d"
    assert (remote.prompt, remote.seconds) == ("now at night", 4)
    assert wire.read_video(_recorded("completed")).source_remote_id is None


@pytest.mark.parametrize("raw", [None, "", 7, [], "..", "a\nb", "https://cdn.test/clip.mp4?sig=1"])
def test_what_is_no_id_is_no_source(raw):
    assert wire.read_video({"id": "v", "remixed_from_video_id": raw}).source_remote_id is None


def test_a_whole_video_object_is_read():
    remote = wire.read_video(_recorded("queued"), {"openai-poll-after-ms": "1500"})
    assert remote.id == "video_68d7512d07848190b3e45da0ecbebcde004da08e1e0678d5"
    assert remote.state is RenderState.QUEUED
    assert (remote.progress, remote.error, remote.poll_after_s) == (0, None, 1.5)
    assert (remote.prompt, remote.model) == ("a calico cat plays piano", "sora-2")
    assert (remote.seconds, remote.size) == (8, Size(width_px=1280, height_px=720))
    assert remote.created_at == datetime.fromtimestamp(1789000000, UTC)


@pytest.mark.parametrize(
    ("name", "state", "progress"),
    [
        ("in_progress", RenderState.RUNNING, 33),
        ("completed", RenderState.READY, 100),
        ("failed", RenderState.FAILED, 100),
        ("sparse", RenderState.QUEUED, 0),
        ("old_article", RenderState.RUNNING, 42),
        ("envelope", RenderState.FAILED, 100),
        ("vllm_failed", RenderState.FAILED, 0),
    ],
)
def test_the_status_alone_decides(name, state, progress):
    remote = wire.read_video(_recorded(name))
    assert (remote.state, remote.progress) == (state, progress)
    assert (remote.error is not None) == (state is RenderState.FAILED)


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("failed", RenderFailedError, "video_generation_failed: Something went wrong."),
        ("moderated", ModerationError, "moderation_blocked"),
        ("envelope", RenderFailedError, "upstream timed out"),
        ("vllm_failed", RenderFailedError, "500: CUDA out of memory"),
    ],
)
def test_a_failed_render_says_why(name, kind, words):
    error = wire.read_video(_recorded(name)).error
    assert error is not None
    assert type(error) is kind
    assert words in str(error)
    assert words not in error.user_text


def test_progress_of_100_is_no_success():
    remote = wire.read_video({"id": "v", "status": "in_progress", "progress": 100})
    assert remote.state is RenderState.RUNNING


@pytest.mark.parametrize("status", ["daydreaming", "", None, 7, [], "READY?"])
def test_an_unknown_status_means_still_running(status):
    value = {"id": "v", "status": status}
    assert wire.read_video(value).state is RenderState.RUNNING
    assert wire.status_word(value) not in wire.STATES


@pytest.mark.parametrize("status", ["queued", "In_Progress", "COMPLETED", "failed", "processing"])
def test_a_known_status_is_known_in_any_case(status):
    assert wire.status_word({"id": "v", "status": status}) in wire.STATES


@pytest.mark.parametrize(
    ("raw", "progress"),
    [
        (0, 0),
        (42, 42),
        (99.9, 99),
        (0.5, 50),
        (1, 1),
        ("42%", 42),
        (" 7 ", 7),
        ("100%", 100),
        (-3, 0),
        (250, 100),
        (None, None),
        (True, None),
        ("soon", None),
        ([], None),
        (math.nan, None),
        (math.inf, None),
        (10**400, None),
    ],
)
def test_progress_is_read_in_every_spelling(raw, progress):
    assert wire.read_video({"id": "v", "progress": raw}).progress == progress


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        "video_1",
        {},
        {"id": None},
        {"id": ""},
        {"id": ".."},
        {"id": True},
        {"id": "a\nb"},
        {"id": "a\ud800"},
        {"id": "x" * 2000},
        {"error": {"message": "no"}},
    ],
)
def test_an_answer_without_a_usable_id_is_no_video(value):
    with pytest.raises(ValueError, match=r"no (usable id|object)"):
        wire.read_video(value)


def test_absurd_values_are_not_told_instead_of_breaking_the_rest():
    remote = wire.read_video(
        {"id": 7, "created_at": 1e300, "seconds": "NaN", "size": "big", "prompt": 3, "model": None}
    )
    assert remote.id == "7"
    assert (remote.created_at, remote.seconds, remote.size) == (None, None, None)
    assert (remote.prompt, remote.model) == (None, None)


def test_a_page_tells_where_the_next_one_begins():
    page = wire.read_page(_recorded("page"))
    assert [video.id for video in page.videos] == ["video_3", "video_2"]
    assert (page.has_more, page.last_id) == (True, "video_2")
    page = wire.read_page(_recorded("sglang_page"))
    assert (page.has_more, page.last_id) == (None, "a1")


@pytest.mark.parametrize("value", [None, {}, {"data": None}, {"data": {}}, {"data": [{}]}, []])
def test_a_list_with_a_hole_is_no_list(value):
    with pytest.raises(ValueError, match=r"no |without data"):
        wire.read_page(value)


@pytest.mark.parametrize(
    ("raw", "seconds"),
    [("1500", 1.5), ("0", 0.0), ("99999999", 120.0), ("", None), ("-5", None), ("1e3", None)],
)
def test_the_next_poll_is_where_the_header_says(raw, seconds):
    assert wire.poll_after_s({"openai-poll-after-ms": raw}) == seconds


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n....", "image/png"),
        (b"\xff\xd8\xff\xe0....", "image/jpeg"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
    ],
)
def test_a_picture_is_known_by_its_bytes(head, kind):
    assert image_upload.image_type(head)[0] == kind


@pytest.mark.parametrize("head", [b"", b"GIF89a", b"<svg>", b"RIFF\0\0\0\0WAVE"])
def test_other_files_are_no_pictures(head):
    with pytest.raises(ValueError, match="neither"):
        image_upload.image_type(head)


def test_signed_addresses_and_control_characters_do_not_survive_in_messages():
    said = error_body.parse_value(
        {"message": "see https://x.test/a?sig=S3CRET#top\n\x1b[31m\ud800now"}
    )
    assert said.message == "see https://x.test/a [31m now"
    said = error_body.parse_body(b"<html><head><title>502 Bad\nGateway</title>" + b"x" * 9999)
    assert (said.message, said.is_html) == ("an HTML page titled '502 Bad Gateway'", True)


def test_fastapis_list_of_faults_says_where_they_are():
    said = error_body.parse_value(
        {"detail": [{"loc": ["body", "seconds"], "msg": "too long", "type": "value_error"}]}
    )
    assert said.message == "body.seconds: too long"


@pytest.mark.parametrize(
    ("body", "is_gone"),
    [
        ({"error": {"code": "task_not_exist", "message": "m"}}, True),
        ({"error": "task_origin_not_exist"}, True),
        ({"error": {"code": "task_channel_disable", "message": "m"}}, True),
        ({"error": {"code": "video_not_found"}}, True),
        ({"detail": "Video 'video_1' not found"}, True),
        ({"detail": "The video with id video_1 does not exist."}, True),
        ({"detail": "This video has expired"}, True),
        ({"detail": "video was deleted"}, True),
        ({"detail": "unknown video: video_1"}, True),
        ({"detail": "The video is not completed."}, False),
        ({"detail": "The video model sora-2 does not exist"}, False),
        ({"detail": "The model `video-1` does not exist"}, False),
        ({"detail": "seconds: not found in the allowed values"}, False),
        ({"detail": "no"}, False),
        (None, False),
    ],
)
def test_a_refusal_tells_that_the_source_is_not_there(body, is_gone):
    assert error_body.parse_value(body).is_unknown_source is is_gone


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"error": {"message": "litellm.ContentPolicyViolationError: no"}}, {"is_moderation"}),
        ({"error": {"message": "Budget used up", "type": "budget_exceeded"}}, {"is_account"}),
        ({"error": {"message": "m", "code": "invalid_request"}}, {"is_invalid_request"}),
        ({"error": {"message": "m", "type": "invalid_request_error"}}, set()),
        ({"error": {"message": "invalid_request"}}, set()),
    ],
)
def test_a_gateways_words_for_no_are_told_apart(body, words):
    said = error_body.parse_value(body)
    names = ("is_moderation", "is_account", "is_invalid_request", "is_overload")
    assert {name for name in names if getattr(said, name)} == words


@pytest.mark.parametrize(
    ("body", "is_no_route"),
    [
        (b"<html><title>404</title>", True),
        (b'{"detail": "Not Found"}', True),
        (b"404 page not found\n", True),
        (b'{"error": {"message": "Invalid URL (POST /v1/videos/a/remix)", "type": "t"}}', True),
        (b'{"message": "no Route matched with those values"}', True),
        (b'{"error": {"message": "Not Found", "code": "not_found"}}', False),
        (b'{"detail": "Video not found"}', False),
        (b'{"error": {"message": "No route to the video"}}', False),
        (b"", False),
    ],
)
def test_a_missing_path_is_told_from_a_missing_render(body, is_no_route):
    assert error_body.parse_body(body).is_unknown_route is is_no_route


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["id", "status", "error", "code", "message", "detail", "data", "type", "progress"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(_JSON)
def test_no_json_whatever_breaks_the_reading(value):
    said = error_body.parse_value(value)
    assert str(said).isprintable()
    assert len(said.message) <= 300
    if isinstance(value, dict):
        assert (wire.clip_url(value) or "http").startswith("http")
    try:
        remote = wire.read_video(value)
    except ValueError:
        return
    assert remote.progress is None or 0 <= remote.progress <= 100
    assert isinstance(remote.error, ProviderError) == (remote.state is RenderState.FAILED)


@given(st.binary(max_size=200))
def test_no_bytes_whatever_break_the_reading_of_a_refusal(body):
    assert str(error_body.parse_body(body)).isprintable()
