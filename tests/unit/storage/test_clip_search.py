from __future__ import annotations

import itertools

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bot.model import Job, Operation, Place, State, Viewer
from bot.storage.base import NewJob
from bot.storage.clip_search import ClipFilter, ClipSort
from bot.storage.sqlite import search_index
from bot.storage.sqlite.clip_search import SqliteClipSearch
from bot.storage.sqlite.jobs import SqliteJobStore
from bot.storage.sqlite.outbox import SqliteOutbox
from tests.unit.storage.factories import (
    DIRECT,
    NOW,
    PLACE,
    accept,
    after,
    allow,
    reach,
    render_spec,
    request,
    step,
)

ALICE = Viewer(user_id=1001, guild_id=7, readable_channel_ids=frozenset({70}))
BOB = Viewer(user_id=2002, guild_id=7, readable_channel_ids=frozenset({70}))


@pytest.fixture
def clip_search(store: SqliteJobStore) -> SqliteClipSearch:
    return SqliteClipSearch(store.database, store.queries)


async def seen(
    clip_search: SqliteClipSearch, viewer: Viewer, words: str = "", sort: ClipSort = ClipSort.NEWEST
) -> list[str]:
    page = await clip_search.clips(viewer, ClipFilter(words=words), sort, None, 50)
    assert (page.previous, page.next) == (None, None)
    return [job.id for job in page.jobs]


async def remix(store: SqliteJobStore, number: int, parent: Job, state: State = State.DONE) -> Job:
    remixed = render_spec(operation=Operation.REMIX, change="in the rain")
    (job,) = await store.accept(
        request(number), [NewJob(spec=remixed, seed=1, parent_id=parent.id)], allow
    )
    if state is State.DONE:
        for stop in (State.SUBMITTING, State.RENDERING, State.DOWNLOADING, State.FITTING):
            job = await step(store, job, stop)
        job = await step(store, job, State.POSTING)
    return await step(store, job, state) if state.is_final else job


@pytest.mark.parametrize("state", State)
async def test_only_posted_clips_are_found(
    store: SqliteJobStore, clip_search: SqliteClipSearch, state: State
):
    job = await reach(store, state)

    assert await seen(clip_search, BOB) == ([job.id] if state is State.DONE else [])
    assert await seen(clip_search, BOB, job.id) == ([job.id] if state is State.DONE else [])
    assert [each.id for each in (await clip_search.history(ALICE, "", None, 9)).jobs] == [job.id]
    assert [each.id for each in (await clip_search.history(ALICE, "pia", None, 9)).jobs] == [job.id]
    assert (await clip_search.history(BOB, "", None, 9)).jobs == ()


@pytest.mark.parametrize(
    ("place", "channel_ids"),
    [
        (PLACE, {70}),
        (Place(guild_id=7, channel_id=79, upload_limit_bytes=1, thread_of=70), {70}),
        (Place(guild_id=7, channel_id=79, upload_limit_bytes=1), {79}),
    ],
    ids=["channel", "public thread", "private thread"],
)
async def test_a_clip_is_seen_by_who_can_read_its_channel(
    store: SqliteJobStore, clip_search: SqliteClipSearch, place: Place, channel_ids: set[int]
):
    job = await reach(store, State.DONE, place=place)

    for channel_id in (70, 79, 80):
        viewer = Viewer(user_id=1001, guild_id=7, readable_channel_ids=frozenset({channel_id, 81}))
        assert await seen(clip_search, viewer) == ([job.id] if channel_id in channel_ids else [])
        assert await seen(clip_search, viewer, job.id) == (
            [job.id] if channel_id in channel_ids else []
        )
    many = Viewer(
        user_id=1, guild_id=7, readable_channel_ids=frozenset({*channel_ids, *range(1_000, 1_499)})
    )
    assert await seen(clip_search, many, "piano") == [job.id]
    blind = Viewer(user_id=1, guild_id=7, readable_channel_ids=frozenset(range(1_000, 1_500)))
    assert await seen(clip_search, blind, "piano") == []


async def test_another_server_sees_nothing_even_with_the_channel(
    store: SqliteJobStore, clip_search: SqliteClipSearch
):
    job = await reach(store, State.DONE)
    other = Place(guild_id=8, channel_id=80, upload_limit_bytes=1)
    theirs = await reach(store, State.DONE, 2, place=other)
    both = frozenset({70, 80})

    assert await seen(clip_search, Viewer(user_id=1001, guild_id=8, readable_channel_ids=both)) == [
        theirs.id
    ]
    assert (
        await seen(
            clip_search,
            Viewer(user_id=1001, guild_id=8, readable_channel_ids=both),
            job.id,
        )
        == []
    )
    assert (
        await seen(clip_search, Viewer(user_id=1001, guild_id=9, readable_channel_ids=both)) == []
    )
    assert await seen(clip_search, Viewer(user_id=1001, guild_id=7)) == []


async def test_in_direct_messages_a_member_sees_their_own_of_direct_messages(
    store: SqliteJobStore, clip_search: SqliteClipSearch
):
    mine = await reach(store, State.DONE, 1, place=DIRECT)
    await reach(store, State.DONE, 2, place=DIRECT, user_id=2002)
    await reach(store, State.DONE, 3)
    alone = Viewer(user_id=1001, guild_id=None)

    assert await seen(clip_search, alone) == [mine.id]
    assert await seen(clip_search, alone, "piano") == [mine.id]
    theirs = ClipFilter(user_id=2002)
    assert (await clip_search.clips(alone, theirs, ClipSort.NEWEST, None, 9)).jobs == ()
    assert [job.id for job in (await clip_search.history(alone, "", None, 9)).jobs] == [mine.id]


@pytest.mark.parametrize(
    "words",
    [
        *("piano", "PIANO", "pia", "l", "piano cat", "cafe", "café", "CAFE\u0301", "rock'n'ro"),
        *("  piano  ", "piano piano", "PIANO!", '"piano"', "pia*", "🎹 piano", "naïve", "NAIVE"),
        *("piano " * 33, "№1", "1k", "ein großes", "ΚΑΛΗ", "火の"),
    ],
)
async def test_words_are_found_from_their_beginning_in_any_order_and_case(
    store: SqliteJobStore, clip_search: SqliteClipSearch, words: str
):
    # One that is found by a letter or two must not begin like an id, of which some are by chance.
    prompt = "A large cat plays PIANO in a café, rock'n'roll, naive №1 1k ein großes καλη 火の鳥"
    await reach(store, State.FAILED, 1, prompt="something else")
    job = await reach(store, State.DONE, 2, prompt=prompt)
    open_job = await accept(store, 3, prompt=prompt)

    assert await seen(clip_search, BOB, words) == [job.id]
    history = await clip_search.history(ALICE, words, None, 9)
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
    store: SqliteJobStore, clip_search: SqliteClipSearch, words: str
):
    await reach(store, State.DONE, model="toy")

    for sort in ClipSort:
        assert await seen(clip_search, BOB, words, sort) == []
    assert (await clip_search.history(ALICE, words, None, 9)).jobs == ()


async def test_blank_words_leave_all(store: SqliteJobStore, clip_search: SqliteClipSearch):
    job = await reach(store, State.DONE)

    for words in ("", "  ", "\n"):
        assert await seen(clip_search, BOB, words) == [job.id]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=st.text(max_size=60))
async def test_no_text_makes_a_search_fail(
    store: SqliteJobStore, clip_search: SqliteClipSearch, words: str
):
    await clip_search.clips(BOB, ClipFilter(words=words, model=words), ClipSort.LOVED, None, 5)
    await clip_search.history(ALICE, words, None, 5)


_NUMBERS = itertools.count(1)


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(prompt=st.text(max_size=40))
@example(prompt="\U00010d30 cat")  # a digit that Unicode got after SQLite's table of letters
@example(prompt="İstanbul ß ǅ ﬁ ½ ² क्षि")
async def test_a_prompt_finds_its_own_job_while_open_and_when_final(
    store: SqliteJobStore, clip_search: SqliteClipSearch, prompt: str
):
    said = prompt.encode("utf-8", "ignore").decode().replace("\0", " ")
    job = await accept(store, next(_NUMBERS), prompt=f"{said} piano")

    async def found() -> bool:
        page = await clip_search.history(ALICE, f"{prompt} piano {job.id}", None, 5)
        return [each.id for each in page.jobs] == [job.id]

    # More than sixteen words are not read to the end, where the id is.
    if len(search_index.search_words(prompt)) < 14:
        assert await found()
        await step(store, job, State.FAILED)
        assert await found()


async def test_an_id_finds_its_clip_in_any_case(
    store: SqliteJobStore, clip_search: SqliteClipSearch
):
    job = await reach(store, State.DONE, 1)
    await reach(store, State.DONE, 2)

    for words in (job.id, job.id.lower(), f"piano {job.id}"):
        assert await seen(clip_search, BOB, words) == [job.id]


async def test_a_clip_posted_at_another_place_moves_to_its_channel(
    store: SqliteJobStore, clip_search: SqliteClipSearch
):
    kept = await reach(store, State.KEPT)
    there = Place(guild_id=8, channel_id=88, upload_limit_bytes=1, thread_of=80)
    posting = await store.repost(kept, there, after(5))
    assert posting is not None
    assert posting.place == there
    assert (await clip_search.history(Viewer(user_id=1001, guild_id=8), "piano", None, 9)).jobs == (
        posting,
    )
    assert (await clip_search.history(ALICE, "piano", None, 9)).jobs == ()

    done = await step(store, posting, State.DONE, after(6))

    assert await seen(
        clip_search, Viewer(user_id=1, guild_id=8, readable_channel_ids=frozenset({80}))
    ) == [done.id]
    assert await seen(clip_search, ALICE) == []
    assert (await clip_search.history(ALICE, "piano", None, 9)).jobs == ()


async def test_the_most_loved_come_first_then_the_newest(
    store: SqliteJobStore, clip_search: SqliteClipSearch
):
    jobs = []
    for number in range(1, 6):
        job = await reach(store, State.POSTING, number)
        jobs.append(await step(store, job, State.DONE, message_id=9_000 + number))
    for message_id, by in ((9_001, 2), (9_002, 1), (9_003, 2), (9_004, 1), (9_004, -5)):
        await clip_search.add_reactions(message_id, by)
    for _ in range(2):
        await clip_search.add_reactions(9_005, 700)
    await clip_search.add_reactions(404, 1)

    assert [(await store.job(job.id)).reactions for job in jobs] == [2, 1, 2, 0, 1_400]  # pyright: ignore[reportOptionalMemberAccess]
    loved = [jobs[4].id, jobs[2].id, jobs[0].id, jobs[1].id]
    assert await seen(clip_search, BOB, sort=ClipSort.LOVED) == loved
    assert await seen(clip_search, BOB, "piano", sort=ClipSort.LOVED) == loved

    await clip_search.clear_reactions(9_005)

    assert await seen(clip_search, BOB, sort=ClipSort.LOVED) == loved[1:]
    assert len(await seen(clip_search, BOB)) == 5


async def test_a_message_with_several_clips_loves_them_all(
    store: SqliteJobStore, clip_search: SqliteClipSearch
):
    jobs = [await reach(store, State.DONE, number) for number in (1, 2)]

    await clip_search.add_reactions(9_000, 1)

    assert await seen(clip_search, BOB, sort=ClipSort.LOVED) == [job.id for job in reversed(jobs)]


async def test_the_jobs_of_a_message_come_by_variant(store: SqliteJobStore):
    jobs = await store.accept(
        request(), [NewJob(spec=render_spec(), seed=n) for n in range(3)], allow
    )
    for job in reversed(jobs[:2]):
        moved = job
        for stop in (State.SUBMITTING, State.RENDERING, State.DOWNLOADING, State.FITTING):
            moved = await step(store, moved, stop)
        await step(store, await step(store, moved, State.POSTING), State.DONE)

    assert [job.variant for job in await store.jobs_of_message(9_000)] == [0, 1]
    assert await store.jobs_of_message(1) == ()


async def test_descent_is_told_up_to_the_root_and_down_to_the_children(
    store: SqliteJobStore, clip_search: SqliteClipSearch
):
    root = await reach(store, State.DONE, 1)
    child = await remix(store, 2, root)
    brothers = [await remix(store, number, root) for number in (3, 4)]
    await remix(store, 5, root, State.FAILED)
    await remix(store, 6, root, State.QUEUED)
    grandchild = await remix(store, 7, child)
    outbox = SqliteOutbox(store.database, store.queries)
    erased = await outbox.erase(child.id, NOW)

    below = await clip_search.lineage(root.id.lower(), children=2)
    above = await clip_search.lineage(grandchild.id, children=9)

    assert (below.ancestors, below.child_count) == ((), 3)
    assert below.children == (brothers[1], brothers[0])
    assert (await clip_search.lineage(root.id, children=9)).children == (
        *reversed(brothers),
        erased,
    )
    assert (above.ancestors, above.children, above.child_count) == ((erased, root), (), 0)
    assert (await clip_search.lineage("ZZZZZ", children=9)).ancestors == ()


async def test_no_more_than_fifty_ancestors_are_told(
    store: SqliteJobStore, clip_search: SqliteClipSearch
):
    line = [await reach(store, State.FAILED, 1)]
    for number in range(2, 54):
        line.append(await remix(store, number, line[-1], State.QUEUED))

    ancestors = (await clip_search.lineage(line[-1].id, children=1)).ancestors

    assert list(ancestors) == line[-2:-52:-1]


async def test_an_owner_keeps_a_clip_from_being_remixed_and_lets_it_again(
    store: SqliteJobStore, clip_search: SqliteClipSearch
):
    job = await reach(store, State.DONE)
    assert job.remixable

    for remixable in (False, True):
        changed = await clip_search.set_remixable(job.id.lower(), remixable=remixable)
        assert changed is not None
        assert changed.remixable is remixable
        assert await store.job(job.id) == changed
    assert await clip_search.set_remixable("ZZZZZ", remixable=True) is None
    await SqliteOutbox(store.database, store.queries).erase(job.id, NOW)
    assert await clip_search.set_remixable(job.id, remixable=False) is None
