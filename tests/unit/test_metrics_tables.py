"""The gauges that a scrape reads from database and disk, and their values after a failure."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.guild import EVERYWHERE, GuildSettings
from bot.model import Place, State
from bot.obs.metrics import Gauges, Metrics, TableGauges
from bot.storage.guild_settings import Actor
from bot.storage.sqlite.gauges import SqliteGauges
from bot.storage.sqlite.guild_settings import SqliteGuildSettingsStore
from bot.storage.sqlite.jobs import SqliteJobStore
from bot.storage.sqlite.outbox import SqliteOutbox
from bot.storage.sqlite.queries import Queries
from bot.web.health import GaugeReader, check_database, check_disk
from tests.empty_database import copy_empty_database
from tests.unit.storage.factories import NOW, PLACE, after, entries, reach, step
from tests.unit.test_metrics import samples

QUERIES = Queries.load()


class ManualClock:
    """A clock that moves only when a test moves it."""

    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> datetime:
        return self.at

    async def sleep(self, seconds: float) -> None:
        raise NotImplementedError

    def forward(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteJobStore]:
    opened = await SqliteJobStore.open(copy_empty_database(tmp_path / "sorabot.db"))
    yield opened
    await opened.close()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def reader(store: SqliteJobStore, clock: ManualClock, tmp_path: Path) -> GaugeReader:
    async def connected() -> bool:
        return True

    return GaugeReader(
        SqliteGauges(store.database, store.queries).read,
        tmp_path / "sorabot.db",
        clock,
        circuit_states=lambda: {"local": "ok"},
        connected=connected,
        wait_s=0.3,
    )


async def tables(reader: GaugeReader) -> TableGauges:
    figures = await reader.read()
    assert figures.tables is not None
    return figures.tables


async def test_an_empty_database_has_every_state_at_nought(reader: GaugeReader) -> None:
    told = await tables(reader)
    assert set(told.open_jobs) | set(told.ended_24h) == {state.value for state in State}
    assert {*told.open_jobs.values(), *told.ended_24h.values()} == {0}
    assert (told.queue_age_s, told.reserved_usd_micros, told.spent_24h_usd_micros) == (0, 0, 0)


async def test_jobs_are_counted_by_state(store: SqliteJobStore, reader: GaugeReader) -> None:
    for number, state in enumerate(State, 1):
        await reach(store, state, number)
    await reach(store, State.QUEUED, 99)
    told = await tables(reader)
    assert told.open_jobs == {s.value: 1 for s in State if not s.is_final} | {"queued": 2}
    assert told.ended_24h == {s.value: 1 for s in State if s.is_final}


async def test_the_money_is_the_ledger_s(store: SqliteJobStore, reader: GaugeReader) -> None:
    for number, state in enumerate(State, 1):
        await reach(store, state, number, estimate_usd_micros=10**number)
    told = await tables(reader)
    booked = sum(row["usd_micros"] for row in await entries(store))
    assert told.reserved_usd_micros + told.spent_24h_usd_micros == booked
    held = [10**n for n, state in enumerate(State, 1) if not state.is_final]
    assert told.reserved_usd_micros == sum(held)


async def test_a_kept_clip_that_is_posted_again_holds_nothing(
    store: SqliteJobStore, reader: GaugeReader
) -> None:
    kept = await reach(store, State.KEPT)
    elsewhere = Place(guild_id=7, channel_id=72, upload_limit_bytes=PLACE.upload_limit_bytes)
    assert await store.repost(kept, elsewhere, NOW)
    told = await tables(reader)
    assert told.open_jobs["posting"] == 1
    assert told.reserved_usd_micros == 0


async def test_what_ended_longer_than_a_day_ago_is_not_counted(
    store: SqliteJobStore, reader: GaugeReader, clock: ManualClock
) -> None:
    job = await reach(store, State.POSTING)
    await step(store, job, State.DONE, after(60))
    clock.forward(24 * 3600 + 59)
    assert (await tables(reader)).ended_24h["done"] == 1
    clock.forward(5)
    told = await tables(reader)
    assert (told.ended_24h["done"], told.spent_24h_usd_micros) == (0, 0)


async def test_the_queue_s_age_is_that_of_the_job_due_for_longest(
    store: SqliteJobStore, reader: GaugeReader, clock: ManualClock
) -> None:
    await reach(store, State.RENDERING, 1, at=after(-500))
    await reach(store, State.QUEUED, 2, at=after(-100))
    await reach(store, State.QUEUED, 3, at=after(-40))
    assert (await tables(reader)).queue_age_s == 100
    clock.forward(10)
    assert (await tables(reader)).queue_age_s == 110


async def test_what_the_operator_drained_is_told_and_what_one_server_drained_is_not(
    store: SqliteJobStore, reader: GaugeReader, clock: ManualClock
) -> None:
    assert (await tables(reader)).drained == frozenset()
    guild_store = SqliteGuildSettingsStore(store.database, store.queries)
    actor = Actor(user_id=None, at=NOW)
    for guild_id, names in {EVERYWHERE: ("fal", "xai"), 7: ("openai",)}.items():
        rules = GuildSettings(drained_providers=names)
        assert await guild_store.replace_guild_settings(
            guild_id, rules, actor, expected=GuildSettings()
        )
    clock.forward(5)
    assert (await tables(reader)).drained == {"fal", "xai"}


async def test_a_job_that_is_put_off_has_not_waited(
    store: SqliteJobStore, reader: GaugeReader
) -> None:
    job = await reach(store, State.QUEUED)
    await store.update(job, due_at=after(30))
    assert (await tables(reader)).queue_age_s == 0


async def test_outbox_messages_are_counted(store: SqliteJobStore, reader: GaugeReader) -> None:
    outbox = SqliteOutbox(store.database, store.queries)
    for key in ("a", "b"):
        await outbox.notify(70, "words", NOW, key=key, again_after=timedelta(hours=1))
    assert (await tables(reader)).outbox_messages == 2


async def test_the_tables_are_read_at_most_once_in_five_seconds(
    store: SqliteJobStore, reader: GaugeReader, clock: ManualClock
) -> None:
    assert (await tables(reader)).open_jobs["queued"] == 0
    await reach(store, State.QUEUED)
    clock.forward(4.9)
    assert (await tables(reader)).open_jobs["queued"] == 0
    clock.forward(0.1)
    assert (await tables(reader)).open_jobs["queued"] == 1


async def test_a_slow_database_is_left_out_and_asked_once_however_many_scrape(
    store: SqliteJobStore, reader: GaugeReader, clock: ManualClock
) -> None:
    gate = threading.Event()
    holding = asyncio.create_task(store.database.run(lambda _conn: gate.wait(10)))
    await asyncio.sleep(0)
    try:
        async with asyncio.timeout(2):
            many: list[Gauges] = await asyncio.gather(*(reader.read() for _ in range(20)))
        assert {each.tables for each in many} == {None}
        clock.forward(60)
        assert (await reader.read()).tables is None
        tasks = [each for each in asyncio.all_tasks() if "_read" in repr(each.get_coro())]
        assert len(tasks) == 1
    finally:
        gate.set()
        await holding
    await asyncio.sleep(0.1)
    clock.forward(60)
    assert (await reader.read()).tables is not None


async def test_a_closed_database_leaves_the_page_standing(
    store: SqliteJobStore, reader: GaugeReader
) -> None:
    await store.close()
    figures = await reader.read()
    assert figures.tables is None
    assert figures.disk_free_bytes
    assert b"sora_database_up 0.0" in Metrics(["local"]).generate_page(figures)


async def test_the_database_s_size_is_the_file_s_and_its_log_s(
    store: SqliteJobStore, reader: GaugeReader, tmp_path: Path
) -> None:
    await reach(store, State.DONE)
    files = [tmp_path / "sorabot.db", tmp_path / "sorabot.db-wal"]
    assert (await reader.read()).database_bytes == sum(path.stat().st_size for path in files)


async def test_jobs_of_anybody_anywhere_add_no_series(
    store: SqliteJobStore, reader: GaugeReader, clock: ManualClock
) -> None:
    metrics = Metrics(["local"])
    before = set(samples(metrics.generate_page(await reader.read())))
    drawn = random.Random(6)
    ids: list[str] = []
    for number in range(1, 60):
        place = Place(
            guild_id=drawn.randrange(10**17, 10**18),
            channel_id=drawn.randrange(10**17, 10**18),
            upload_limit_bytes=PLACE.upload_limit_bytes,
        )
        job = await reach(
            store,
            drawn.choice(list(State)),
            number,
            user_id=drawn.randrange(10**17, 10**18),
            place=place,
            prompt=f"prompt-{number}",
            model=f"model-{number}",
        )
        ids += [f'"{job.id}"', str(job.user_id), str(place.guild_id), f"prompt-{number}"]
    clock.forward(10)
    page = metrics.generate_page(await reader.read())
    assert set(samples(page)) == before
    assert not [each for each in ids if each in page.decode()]


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("open_by_state", "jobs_due_by_state"),
        ("ended_by_state", "jobs_finished"),
        ("open_reservations", "jobs_open"),
        ("open_reservations", "a_job_ends_once"),
        ("open_reservations", "a_job_reserves_once"),
    ],
)
async def test_a_scrape_never_reads_a_whole_history(
    store: SqliteJobStore, name: str, index: str
) -> None:
    def plan(conn: Any) -> list[str]:
        rows = conn.execute(f"EXPLAIN QUERY PLAN {QUERIES[name]}", {"since": 0}).fetchall()
        return [row["detail"] for row in rows]

    steps = await store.database.read(plan)
    assert any(index in each for each in steps), steps
    assert not [each for each in steps if each.startswith("SCAN") and "INDEX" not in each], steps


async def test_a_check_says_in_words_what_is_missing(store: SqliteJobStore, tmp_path: Path) -> None:
    assert await check_database(lambda: store.next_due_at(())) is None
    await store.close()
    told = await check_database(lambda: store.next_due_at(()))
    assert told == "the database does not answer; the log says why"
    assert await check_disk(tmp_path, 1) is None
    short = await check_disk(tmp_path, 2**60)
    assert short is not None
    assert "MiB left" in short
    assert await check_disk(tmp_path / "gone", 1) == "the disk with the data can't be read"


async def test_a_database_that_hangs_is_missing_after_two_seconds(store: SqliteJobStore) -> None:
    gate = threading.Event()
    holding = asyncio.create_task(store.database.run(lambda _conn: gate.wait(10)))
    await asyncio.sleep(0)
    try:
        async with asyncio.timeout(3):
            told = await check_database(lambda: store.next_due_at(()))
    finally:
        gate.set()
        await holding
    assert told == "the database has not answered for 2 s"
