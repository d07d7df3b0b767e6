from __future__ import annotations

from collections.abc import Callable

import pytest

from bot.errors import StorageError
from bot.guild import GuildLimit, Scope, Unit
from bot.model import Place, State, Usage
from bot.storage.base import LedgerReader
from bot.storage.guild_settings import Actor
from bot.storage.sqlite.guild_settings import SqliteGuildSettingsStore
from bot.storage.sqlite.jobs import SqliteJobStore
from tests.unit.storage.factories import DIRECT, NOW, accept, after, reach, step
from tests.unit.storage.guild_settings_factories import MODERATOR, WEEK, limit

_ELSEWHERE = Place(guild_id=8, channel_id=80, upload_limit_bytes=1)


async def test_what_is_asked_of_the_ledger_is_one_state_of_it(store: SqliteJobStore):
    await accept(store)

    def ask(ledger: LedgerReader) -> tuple[int, Usage]:
        return ledger.active(1001), ledger.usage(1001, after(-1))

    assert await store.read_ledger(ask) == (1, Usage(clips=1, seconds=8, usd_micros=800_000))


@pytest.mark.parametrize("error", [KeyError("x"), StorageError("x")])
async def test_what_goes_wrong_with_a_question_comes_out_unchanged(
    store: SqliteJobStore, error: Exception
):
    def ask(_ledger: LedgerReader) -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        await store.read_ledger(ask)

    assert caught.value is error


async def test_a_server_counts_what_was_asked_for_there_and_everywhere_counts_all(
    store: SqliteJobStore,
):
    await reach(store, State.DONE, 1, seconds=4)
    await accept(store, 2, place=_ELSEWHERE, seconds=8)
    await accept(store, 3, place=DIRECT, seconds=12)

    def seconds(within: int | None) -> Callable[[LedgerReader], tuple[int, list[int]]]:
        def ask(ledger: LedgerReader) -> tuple[int, list[int]]:
            spends = ledger.usage_by_job(1001, after(-1), within=within)
            return ledger.usage(1001, after(-1), within=within).seconds, [
                each.seconds for each in spends
            ]

        return ask

    assert await store.read_ledger(seconds(None)) == (24, [4, 8, 12])
    assert await store.read_ledger(seconds(7)) == (4, [4])
    assert await store.read_ledger(seconds(8)) == (8, [8])
    assert await store.read_ledger(seconds(9)) == (0, [])


async def test_a_clip_fetched_to_another_server_counts_where_it_was_asked_for(
    store: SqliteJobStore,
):
    kept = await reach(store, State.KEPT)
    posting = await store.repost(kept, _ELSEWHERE, after(9))
    assert posting is not None

    async def counted(guild_id: int) -> tuple[int, int, int]:
        return await store.read_ledger(
            lambda ledger: (
                ledger.usage(1001, after(-1), within=guild_id).clips,
                ledger.spent(guild_id, after(-1)),
                ledger.active_in_guild(guild_id),
            )
        )

    assert await counted(7) == (1, 800_000, 0)
    assert await counted(8) == (0, 0, 1)


async def test_a_spend_is_reserved_until_its_job_has_ended(store: SqliteJobStore):
    job = await reach(store, State.POSTING, 1, at=after(1))
    await accept(store, 2, at=after(2))

    async def reserved() -> list[bool]:
        spends = await store.read_ledger(lambda ledger: ledger.usage_by_job(1001, NOW))
        return [each.is_reserved for each in spends]

    assert await reserved() == [True, True]
    await step(store, job, State.DONE)
    assert await reserved() == [False, True]


@pytest.mark.parametrize("state", State)
async def test_a_server_s_jobs_are_active_until_they_are_final(store: SqliteJobStore, state: State):
    await reach(store, state)
    await accept(store, 2, user_id=1002)
    await accept(store, 3, place=DIRECT)

    expected = 1 if state.is_final else 2
    assert await store.read_ledger(lambda ledger: ledger.active_in_guild(7)) == expected
    assert await store.read_ledger(lambda ledger: ledger.active_in_guild(8)) == 0


async def test_the_limits_for_a_member_are_theirs_their_roles_and_the_server_s(
    store: SqliteJobStore, guild_store: SqliteGuildSettingsStore
):
    theirs = (
        limit(Scope.USER, 1001, 5),
        limit(Scope.USER, 1001, None, window=WEEK),
        limit(Scope.ROLE, 300, 6),
        limit(Scope.ROLE, 301, 7, unit=Unit.SECONDS),
        limit(Scope.GUILD, 7, 8),
    )
    others = (
        limit(Scope.USER, 300, 1),
        limit(Scope.ROLE, 302, 1),
        limit(Scope.ROLE, 1001, 1),
        limit(Scope.ROLE, 7, 1),
    )
    await guild_store.set_limits(7, theirs + others, MODERATOR)
    await guild_store.set_limits(8, [limit(Scope.USER, 1001, 9)], MODERATOR)

    async def of(user_id: int, *role_ids: int) -> tuple[GuildLimit, ...]:
        limits = await store.read_ledger(lambda ledger: ledger.limits_for(7, user_id, role_ids))
        return tuple(limits)

    assert await of(1001, 300, 301, 999, 300) == theirs
    assert await of(1001) == (*theirs[:2], theirs[4])
    assert await of(5) == theirs[4:]


async def test_what_moderators_changed_is_seen_by_the_next_check(
    store: SqliteJobStore, guild_store: SqliteGuildSettingsStore
):
    for amount in (1, 2):
        await guild_store.set_limits(
            7, [limit(Scope.GUILD, 7, amount)], Actor(user_id=5, at=after(amount))
        )
        limits = await store.read_ledger(lambda ledger: ledger.limits_for(7, 1001, ()))
        assert [each.amount for each in limits] == [amount]
