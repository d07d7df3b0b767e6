"""Each reader of JSON returns values of its own type and rejects values of other types."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import pytest

from bot.providers.http import json_fields

#: What JSON can be.
KINDS = json.loads('[null, true, false, -1, 0, 7, 0.5, "", "words", [], [1], {}, {"a": 1}]')


@pytest.mark.parametrize(
    ("read", "theirs", "otherwise"),
    [
        (json_fields.object_or_empty, [{}, {"a": 1}], {}),
        (json_fields.list_or_empty, [[], [1]], []),
        (json_fields.text_or_none, ["", "words"], None),
        (json_fields.number_or_none, [-1, 0, 7, 0.5], None),
        (json_fields.int_or_none, [-1, 0, 7], None),
    ],
)
def test_each_reader_takes_its_own_kind_alone(
    read: Callable[[object], object], theirs: list[object], otherwise: object
):
    told = [read(each) for each in KINDS]
    kept = [each for each, got in zip(KINDS, told, strict=True) if each is not None and got is each]
    assert kept == theirs
    left = [got for each, got in zip(KINDS, told, strict=True) if got is not each]
    assert all(got == otherwise and type(got) is type(otherwise) for got in left)


def test_what_is_no_object_is_named_by_its_kind():
    fields = {"a": 1}
    assert json_fields.object_of(fields) is fields
    for value, kind in ((None, "NoneType"), ([fields], "list"), ("{}", "str")):
        with pytest.raises(ValueError, match=f"no object but {kind}"):
            json_fields.object_of(value)


def test_a_whole_number_below_the_least_is_none():
    assert json_fields.int_or_none(0, at_least=0) == 0
    assert json_fields.int_or_none(-1, at_least=0) is None


@pytest.mark.parametrize("address", ["https://here/clip.mp4", "http://127.0.0.1:1/x"])
def test_an_address_is_text_that_begins_like_one(address: str):
    assert json_fields.url_or_none(address) == address
    for other in ("", "clips/7", "ftp://here", "data:video/mp4;base64,", "see https://x", None, {}):
        assert json_fields.url_or_none(other) is None


def test_an_instant_is_aware_whatever_the_text_says_of_zones():
    noon = datetime(2026, 11, 20, 12, tzinfo=UTC)
    assert json_fields.datetime_or_none("2026-11-20T12:00:00Z") == noon
    assert json_fields.datetime_or_none("2026-11-20T12:00:00.000000") == noon
    east = json_fields.datetime_or_none("2026-11-20T14:00:00+02:00")
    assert (east, east and east.tzinfo) == (noon, timezone(timedelta(hours=2)))
    for other in ("", "yesterday", "2026-13-01", 1_795_000_000, None, []):
        assert json_fields.datetime_or_none(other) is None


def test_an_id_is_text_that_can_stand_in_a_path_and_fits_the_api_s_pattern():
    assert json_fields.id_of({"id": "task-7"}) == "task-7"
    assert json_fields.id_of({"request_id": "a/b"}, "request_id") == "a/b"
    assert json_fields.id_of({"id": "task7"}, pattern=re.compile(r"[a-z0-9]+")) == "task7"
    with pytest.raises(ValueError, match="no usable id"):
        json_fields.id_of({"id": "task-7"}, pattern=re.compile(r"[a-z0-9]+"))


@pytest.mark.parametrize("value", [None, 7, True, "", ".", "..", "a\nb", "x" * 1025, ["a"], {}])
def test_what_is_no_id_is_said_with_the_name_of_its_field(value: object):
    with pytest.raises(ValueError, match="no usable request_id"):
        json_fields.id_of({"id": "good", "request_id": value}, "request_id")
    with pytest.raises(ValueError, match="no usable request_id"):
        json_fields.id_of({}, "request_id", re.compile(".*", re.DOTALL))
