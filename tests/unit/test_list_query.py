"""The position in a list of clips and its filters, written into the custom id of a button."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.chat.lists.list_query import ListQuery, model_hash
from bot.errors import RefusedError
from bot.storage.clip_search import ClipSort, Cursor

LARGEST = 2**63 - 1
#: Positions in a clip list, up to the largest numbers that its combined sort key can hold.
cursors = st.builds(
    Cursor,
    seq=st.integers(0, 2**40 - 1),
    reactions=st.integers(0, 2**23 - 1),
    is_before=st.booleans(),
)
list_queries = st.builds(
    lambda user_id, words, model, sort, at: _with_cursor(
        ListQuery.first_page(
            user_id=user_id,
            search=words,
            model=None if model is None else model_hash(model),
            sort=sort,
        ),
        at,
    ),
    st.none() | st.integers(1, LARGEST),
    st.none() | st.text(max_size=250),
    st.none() | st.text(min_size=1),
    st.sampled_from(ClipSort),
    st.none() | cursors,
)


def _with_cursor(query: ListQuery, cursor: Cursor | None) -> ListQuery:
    return query if cursor is None else query.with_cursor(cursor)


@given(list_queries)
def test_every_list_query_comes_back_as_it_was(query: ListQuery) -> None:
    assert ListQuery.load(query.dump()) == query


@given(list_queries)
def test_every_list_query_fits_into_the_id_of_a_button(query: ListQuery) -> None:
    custom_id = f"sora:history:{query.dump()}"
    assert len(custom_id) <= 100
    assert "\n" not in custom_id


def test_the_longest_list_query_fits_however_its_signs_are_counted() -> None:
    at = Cursor(seq=2**40 - 1, reactions=2**23 - 1, is_before=True)
    whole = ListQuery.first_page(
        user_id=LARGEST, search="w" * 200, model=model_hash("m"), sort=ClipSort.LOVED
    )
    custom_id = f"sora:gallery:{whole.with_cursor(at).dump()}"
    assert len(custom_id) <= 100


@given(st.text(max_size=100) | st.from_regex(r"[nl]:([ab]\w+\.\w+)?:\w*:\w*:.*", fullmatch=True))
def test_what_no_list_wrote_breaks_nothing(text: str) -> None:
    # `ListQuery.load` may raise RefusedError; any other exception fails the test.
    with contextlib.suppress(RefusedError):
        look = ListQuery.load(text)
        assert ListQuery.load(look.dump()) == look


@pytest.mark.parametrize("text", ["", "x", "n:b:::", "n:z9.1:::", "l::_::", "n:b_.0:::", "n:a1:::"])
def test_what_cannot_be_read_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(RefusedError, match="outdated"):
        ListQuery.load(text)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        (None, ""),
        ("  a   cat \n", "a cat"),
        ("x" * 200, "x" * 30),
        ("a:b::c", "a:b::c"),
        (f"{'y' * 29} z", "y" * 29),
    ],
)
def test_words_are_folded_and_cut_to_the_space_that_there_is(typed: str | None, kept: str) -> None:
    assert ListQuery.first_page(search=typed).search == kept


def test_models_have_different_marks() -> None:
    marks = {model_hash(name) for name in ("sora-2", "sora-2-pro", "local", "m" * 300)}
    assert len(marks) == 4
    assert all(len(mark) <= 7 and mark.isalnum() for mark in marks)
