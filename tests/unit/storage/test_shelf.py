from __future__ import annotations

import itertools

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bot.model import Job, Operation, Place, State, Viewer
from bot.storage import search
from bot.storage.base import Draft
from bot.storage.shelf import Filter, Sort
from bot.storage.sqlite_errands import SqliteErrands
from bot.storage.sqlite_shelf import SqliteShelf
from bot.storage.store import SqliteStore
from tests.unit.storage.scene import (
    DIRECT,
    NOW,
    PLACE,
    accept,
    after,
    allow,
    order,
    reach,
    request,
    step,
)

ALICE = Viewer(user_id=1001, guild_id=7, rooms=frozenset({70}))
BOB = Viewer(user_id=2002, guild_id=7, rooms=frozenset({70}))


@pytest.fixture
def shelf(store: SqliteStore) -> SqliteShelf:
    return SqliteShelf(store.database, store.queries)


async def seen(
    shelf: SqliteShelf, viewer: Viewer, words: str = "", sort: Sort = Sort.NEWEST
) -> list[str]:
    page = await shelf.clips(viewer, Filter(words=words), sort, None, 50)
    assert (page.previous, page.next) == (None, None)
    return [job.id for job in page.jobs]


async def remix(store: SqliteStore, number: int, parent: Job, state: State = State.DONE) -> Job:
    remixed = order(operation=Operation.REMIX, change="in the rain")
    (job,) = await store.accept(
        request(number), [Draft(order=remixed, seed=1, parent_id=parent.id)], allow
    )
    if state is State.DONE:
        for stop in (State.SUBMITTING, State.RENDERING, State.DOWNLOADING, State.FITTING):
            job = await step(store, job, stop)
        job = await step(store, job, State.POSTING)
    return await step(store, job, state) if state.is_final else job


@pytest.mark.parametrize("state", State)
async def test_only_posted_clips_are_on_the_shelf(
    store: SqliteStore, shelf: SqliteShelf, state: State
):
    job = await reach(store, state)

    assert await seen(shelf, BOB) == ([job.id] if state is State.DONE else [])
    assert await seen(shelf, BOB, job.id) == ([job.id] if state is State.DONE else [])
    assert [each.id for each in (await shelf.history(ALICE, "", None, 9)).jobs] == [job.id]
    assert [each.id for each in (await shelf.history(ALICE, "pia", None, 9)).jobs] == [job.id]
    assert (await shelf.history(BOB, "", None, 9)).jobs == ()


@pytest.mark.parametrize(
    ("place", "rooms"),
    [
        (PLACE, {70}),
        (Place(guild_id=7, channel_id=79, upload_limit_bytes=1, thread_of=70), {70}),
        (Place(guild_id=7, channel_id=79, upload_limit_bytes=1), {79}),
    ],
    ids=["channel", "public thread", "private thread"],
)
async def test_a_clip_is_seen_by_who_can_read_its_room(
    store: SqliteStore, shelf: SqliteShelf, place: Place, rooms: set[int]
):
    job = await reach(store, State.DONE, place=place)

    for room in (70, 79, 80):
        viewer = Viewer(user_id=1001, guild_id=7, rooms=frozenset({room, 81}))
        assert await seen(shelf, viewer) == ([job.id] if room in rooms else [])
        assert await seen(shelf, viewer, job.id) == ([job.id] if room in rooms else [])
    many = Viewer(user_id=1, guild_id=7, rooms=frozenset({*rooms, *range(1_000, 1_499)}))
    assert await seen(shelf, many, "piano") == [job.id]
    blind = Viewer(user_id=1, guild_id=7, rooms=frozenset(range(1_000, 1_500)))
    assert await seen(shelf, blind, "piano") == []


async def test_another_server_sees_nothing_even_with_the_room(
    store: SqliteStore, shelf: SqliteShelf
):
    job = await reach(store, State.DONE)
    other = Place(guild_id=8, channel_id=80, upload_limit_bytes=1)
    theirs = await reach(store, State.DONE, 2, place=other)
    both = frozenset({70, 80})

    assert await seen(shelf, Viewer(user_id=1001, guild_id=8, rooms=both)) == [theirs.id]
    assert await seen(shelf, Viewer(user_id=1001, guild_id=8, rooms=both), job.id) == []
    assert await seen(shelf, Viewer(user_id=1001, guild_id=9, rooms=both)) == []
    assert await seen(shelf, Viewer(user_id=1001, guild_id=7)) == []


async def test_in_direct_messages_a_member_sees_their_own_of_direct_messages(
    store: SqliteStore, shelf: SqliteShelf
):
    mine = await reach(store, State.DONE, 1, place=DIRECT)
    await reach(store, State.DONE, 2, place=DIRECT, user_id=2002)
    await reach(store, State.DONE, 3)
    alone = Viewer(user_id=1001, guild_id=None)

    assert await seen(shelf, alone) == [mine.id]
    assert await seen(shelf, alone, "piano") == [mine.id]
    theirs = Filter(user_id=2002)
    assert (await shelf.clips(alone, theirs, Sort.NEWEST, None, 9)).jobs == ()
    assert [job.id for job in (await shelf.history(alone, "", None, 9)).jobs] == [mine.id]


@pytest.mark.parametrize(
    "words",
    [
        *("piano", "PIANO", "pia", "l", "piano cat", "cafe", "café", "CAFE\u0301", "rock'n'ro"),
        *("  piano  ", "piano piano", "PIANO!", '"piano"', "pia*", "🎹 piano", "naïve", "NAIVE"),
        *("piano " * 33, "№1", "1k", "ein großes", "ΚΑΛΗ", "火の"),
    ],
)
async def test_words_are_found_from_their_beginning_in_any_order_and_case(
    store: SqliteStore, shelf: SqliteShelf, words: str
):
    # One that is found by a letter or two must not begin like an id, of which some are by chance.
    prompt = "A large cat plays PIANO in a café, rock'n'roll, naive №1 1k ein großes καλη 火の鳥"
    await reach(store, State.FAILED, 1, prompt="something else")
    job = await reach(store, State.DONE, 2, prompt=prompt)
    open_job = await accept(store, 3, prompt=prompt)

    assert await seen(shelf, BOB, words) == [job.id]
    history = await shelf.history(ALICE, words, None, 9)
    assert [each.id for each in history.jobs] == [open_job.id, job.id]


@pytest.mark.parametrize(
    "words",
    [
        *(
            "iano",
            "dog",
            "piano dog",
            "piano AND cat",
            "piano OR dog",
            "NOT dog",
            "NEAR(piano cat)",
        ),
        *("words:piano", "facets:shown", "shown", "u1001", "r70", "piano -cat dog", "{words}: cat"),
        *("🎹", "***", '"', '""', "^", "\0", "\ud800", "' OR 1=1 --", "x" * 200, "^piano dog"),
    ],
)
async def test_words_are_never_read_as_a_language(
    store: SqliteStore, shelf: SqliteShelf, words: str
):
    await reach(store, State.DONE, model="toy")

    for sort in Sort:
        assert await seen(shelf, BOB, words, sort) == []
    assert (await shelf.history(ALICE, words, None, 9)).jobs == ()


async def test_blank_words_leave_all(store: SqliteStore, shelf: SqliteShelf):
    job = await reach(store, State.DONE)

    for words in ("", "  ", "\n"):
        assert await seen(shelf, BOB, words) == [job.id]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=st.text(max_size=60))
async def test_no_text_makes_a_search_fail(store: SqliteStore, shelf: SqliteShelf, words: str):
    await shelf.clips(BOB, Filter(words=words, model=words), Sort.LOVED, None, 5)
    await shelf.history(ALICE, words, None, 5)


_NUMBERS = itertools.count(1)


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(prompt=st.text(max_size=40))
@example(prompt="\U00010d30 cat")  # a digit that Unicode got after SQLite's table of letters
@example(prompt="İstanbul ß ǅ ﬁ ½ ² क्षि")
async def test_a_prompt_finds_its_own_job_while_open_and_when_final(
    store: SqliteStore, shelf: SqliteShelf, prompt: str
):
    said = prompt.encode("utf-8", "ignore").decode().replace("\0", " ")
    job = await accept(store, next(_NUMBERS), prompt=f"{said} piano")

    async def found() -> bool:
        page = await shelf.history(ALICE, f"{prompt} piano {job.id}", None, 5)
        return [each.id for each in page.jobs] == [job.id]

    # More than sixteen words are not read to the end, where the id is.
    if len(search.spoken(prompt)) < 14:
        assert await found()
        await step(store, job, State.FAILED)
        assert await found()


async def test_an_id_finds_its_clip_in_any_case(store: SqliteStore, shelf: SqliteShelf):
    job = await reach(store, State.DONE, 1)
    await reach(store, State.DONE, 2)

    for words in (job.id, job.id.lower(), f"piano {job.id}"):
        assert await seen(shelf, BOB, words) == [job.id]


async def test_a_clip_posted_at_another_place_moves_to_its_room(
    store: SqliteStore, shelf: SqliteShelf
):
    kept = await reach(store, State.KEPT)
    there = Place(guild_id=8, channel_id=88, upload_limit_bytes=1, thread_of=80)
    posting = await store.repost(kept, there, after(5))
    assert posting is not None
    assert posting.place == there
    assert (await shelf.history(Viewer(user_id=1001, guild_id=8), "piano", None, 9)).jobs == (
        posting,
    )
    assert (await shelf.history(ALICE, "piano", None, 9)).jobs == ()

    done = await step(store, posting, State.DONE, after(6))

    assert await seen(shelf, Viewer(user_id=1, guild_id=8, rooms=frozenset({80}))) == [done.id]
    assert await seen(shelf, ALICE) == []
    assert (await shelf.history(ALICE, "piano", None, 9)).jobs == ()


async def test_the_most_loved_come_first_then_the_newest(store: SqliteStore, shelf: SqliteShelf):
    jobs = []
    for number in range(1, 6):
        job = await reach(store, State.POSTING, number)
        jobs.append(await step(store, job, State.DONE, message_id=9_000 + number))
    for message_id, by in ((9_001, 2), (9_002, 1), (9_003, 2), (9_004, 1), (9_004, -5)):
        await shelf.react(message_id, by)
    for _ in range(2):
        await shelf.react(9_005, 700)
    await shelf.react(404, 1)

    assert [(await store.job(job.id)).reactions for job in jobs] == [2, 1, 2, 0, 1_400]  # pyright: ignore[reportOptionalMemberAccess]
    loved = [jobs[4].id, jobs[2].id, jobs[0].id, jobs[1].id]
    assert await seen(shelf, BOB, sort=Sort.LOVED) == loved
    assert await seen(shelf, BOB, "piano", sort=Sort.LOVED) == loved

    await shelf.forget_reactions(9_005)

    assert await seen(shelf, BOB, sort=Sort.LOVED) == loved[1:]
    assert len(await seen(shelf, BOB)) == 5


async def test_a_message_with_several_clips_loves_them_all(store: SqliteStore, shelf: SqliteShelf):
    jobs = [await reach(store, State.DONE, number) for number in (1, 2)]

    await shelf.react(9_000, 1)

    assert await seen(shelf, BOB, sort=Sort.LOVED) == [job.id for job in reversed(jobs)]


async def test_the_jobs_of_a_message_come_by_variant(store: SqliteStore):
    jobs = await store.accept(request(), [Draft(order=order(), seed=n) for n in range(3)], allow)
    for job in reversed(jobs[:2]):
        moved = job
        for stop in (State.SUBMITTING, State.RENDERING, State.DOWNLOADING, State.FITTING):
            moved = await step(store, moved, stop)
        await step(store, await step(store, moved, State.POSTING), State.DONE)

    assert [job.variant for job in await store.jobs_of_message(9_000)] == [0, 1]
    assert await store.jobs_of_message(1) == ()


async def test_descent_is_told_up_to_the_root_and_down_to_the_children(
    store: SqliteStore, shelf: SqliteShelf
):
    root = await reach(store, State.DONE, 1)
    child = await remix(store, 2, root)
    brothers = [await remix(store, number, root) for number in (3, 4)]
    await remix(store, 5, root, State.FAILED)
    await remix(store, 6, root, State.QUEUED)
    grandchild = await remix(store, 7, child)
    errands = SqliteErrands(store.database, store.queries)
    erased = await errands.erase(child.id, NOW)

    below = await shelf.lineage(root.id.lower(), children=2)
    above = await shelf.lineage(grandchild.id, children=9)

    assert (below.ancestors, below.child_count) == ((), 3)
    assert below.children == (brothers[1], brothers[0])
    assert (await shelf.lineage(root.id, children=9)).children == (*reversed(brothers), erased)
    assert (above.ancestors, above.children, above.child_count) == ((erased, root), (), 0)
    assert (await shelf.lineage("ZZZZZ", children=9)).ancestors == ()


async def test_no_more_than_fifty_ancestors_are_told(store: SqliteStore, shelf: SqliteShelf):
    line = [await reach(store, State.FAILED, 1)]
    for number in range(2, 54):
        line.append(await remix(store, number, line[-1], State.QUEUED))

    ancestors = (await shelf.lineage(line[-1].id, children=1)).ancestors

    assert list(ancestors) == line[-2:-52:-1]


async def test_an_owner_keeps_a_clip_from_being_remixed_and_lets_it_again(
    store: SqliteStore, shelf: SqliteShelf
):
    job = await reach(store, State.DONE)
    assert job.remixable

    for remixable in (False, True):
        changed = await shelf.set_remixable(job.id.lower(), remixable=remixable)
        assert changed is not None
        assert changed.remixable is remixable
        assert await store.job(job.id) == changed
    assert await shelf.set_remixable("ZZZZZ", remixable=True) is None
    await SqliteErrands(store.database, store.queries).erase(job.id, NOW)
    assert await shelf.set_remixable(job.id, remixable=False) is None
