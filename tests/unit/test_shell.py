"""Tests of `python -m bot quota …`: reports, changes of limits, and error messages."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import pytest

from bot.__main__ import main
from bot.app import AdminContext, open_admin_context
from bot.chat.moderation.audit_text import audit_text
from bot.clock import SystemClock
from bot.guild import WINDOWS, AuditEntry, Block, Budget, GuildLimit, Scope, Unit
from bot.settings import Settings
from bot.storage.guild_settings import Actor
from tests.unit.storage import factories

_T = TypeVar("_T")
HOME, ALICE, PAINTERS = 7, 1001, 801
DAY, WEEK = WINDOWS["day"], WINDOWS["week"]


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    monkeypatch.setenv("QUOTA_CLIPS_PER_DAY", "10")
    monkeypatch.setenv("QUOTA_SECONDS_PER_DAY", "none")
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str]) -> Callable[[str], str]:
    """Return a function that runs a quota command, which must succeed, and returns its output."""
    assert main(["migrate"]) == 0
    capsys.readouterr()

    def run(line: str) -> str:
        assert main(["quota", *line.split()]) == 0
        said = capsys.readouterr()
        assert said.err == ""
        return said.out

    return run


def with_storage(tmp_path: Path, do: Callable[[AdminContext], Awaitable[_T]]) -> _T:
    """Run a function on the database through a second connection, as a running bot would."""

    async def work() -> _T:
        desk = await open_admin_context(Settings(data_dir=tmp_path))
        try:
            return await do(desk)
        finally:
            await desk.store.close()

    return asyncio.run(work())


def limits(tmp_path: Path) -> tuple[GuildLimit, ...]:
    return with_storage(tmp_path, lambda desk: desk.guild_store.limits(HOME))


def audit(tmp_path: Path) -> tuple[AuditEntry, ...]:
    return with_storage(
        tmp_path, lambda desk: desk.guild_store.audit_log(HOME, None, before_id=None, limit=100)
    )


def limit(
    scope: Scope, subject_id: int, unit: Unit, amount: int | None, window: timedelta = DAY
) -> GuildLimit:
    return GuildLimit(scope=scope, subject_id=subject_id, unit=unit, window=window, amount=amount)


def test_a_limit_can_be_set_for_a_user_a_role_and_everybody(shell, tmp_path: Path):
    shell(f"set --server {HOME} --user {ALICE} --clips 3")
    shell(f"set --server {HOME} --role {PAINTERS} --seconds 40 --per week")
    said = shell(f"set --server {HOME} --usd 12.345678 --per month")
    assert limits(tmp_path) == (
        limit(Scope.USER, ALICE, Unit.CLIPS, 3),
        limit(Scope.ROLE, PAINTERS, Unit.SECONDS, 40, WEEK),
        limit(Scope.GUILD, HOME, Unit.USD_MICROS, 12_345_678, WINDOWS["month"]),
    )
    assert "before  none" in said
    assert "now     $12.345678 in 30 days" in said


def test_the_role_of_everybody_means_the_server(shell, tmp_path: Path):
    shell(f"set --server {HOME} --role {HOME} --clips 3")
    assert limits(tmp_path) == (limit(Scope.GUILD, HOME, Unit.CLIPS, 3),)


@pytest.mark.parametrize(
    ("typed", "micros"),
    [("0", 0), ("0.1", 100_000), ("0.29", 290_000), ("$2.50", 2_500_000), ("1000000", 10**12)],
)
def test_dollars_are_kept_to_the_last_digit(shell, tmp_path: Path, typed: str, micros: int):
    shell(f"set --server {HOME} --usd {typed}")
    assert [each.amount for each in limits(tmp_path)] == [micros]


def test_lifting_and_limiting_go_together_for_different_units(shell, tmp_path: Path):
    shell(f"set --server {HOME} --user {ALICE} --clips 0 --lift seconds --lift usd --per week")
    assert limits(tmp_path) == (
        limit(Scope.USER, ALICE, Unit.CLIPS, 0, WEEK),
        limit(Scope.USER, ALICE, Unit.SECONDS, None, WEEK),
        limit(Scope.USER, ALICE, Unit.USD_MICROS, None, WEEK),
    )


def test_lifting_all_lifts_every_unit(shell):
    shell(f"set --server {HOME} --user {ALICE} --lift all")
    said = shell(f"show --server {HOME} --user {ALICE}")
    for unit in ("clips", "seconds of video", "money"):
        assert f"No limit in {unit}: lifted for user {ALICE}" in said


def test_clearing_removes_the_limits_of_one_subject_and_tells_which(shell, tmp_path: Path):
    shell(f"set --server {HOME} --user {ALICE} --clips 3 --usd 1")
    shell(f"set --server {HOME} --clips 5")
    said = shell(f"clear --server {HOME} --user {ALICE}")
    assert "before  3 clips in 24 hours, $1.00 in 24 hours" in said
    assert "now     none" in said
    assert limits(tmp_path) == (limit(Scope.GUILD, HOME, Unit.CLIPS, 5),)
    assert "nothing changed" in shell(f"clear --server {HOME} --user {ALICE}")


def test_a_grant_raises_what_is_left_and_names_what_was_given(shell):
    shell(f"set --server {HOME} --clips 5 --usd 1")
    said = shell(f"grant --server {HOME} --user {ALICE} --clips 2 --usd 0.50")
    assert f"Given to user {ALICE} in server {HOME}, once: 2 clips and $0.50." in said
    assert "used 0 clips, extra 2 clips, left 7 clips" in said
    assert "used $0, extra $0.50, left $1.50" in said


def test_every_change_is_audited_as_the_operators(shell, tmp_path: Path):
    shell(f"set --server {HOME} --user {ALICE} --clips 3")
    shell(f"grant --server {HOME} --user {ALICE} --seconds 8 --reason outage")
    shell(f"clear --server {HOME} --user {ALICE}")
    shell(f"clear --server {HOME} --user {ALICE}")
    audit_log = [
        (each.by_user_id, each.what, audit_text(each.before), audit_text(each.after))
        for each in audit(tmp_path)
    ]
    assert audit_log == [
        (None, "limits cleared", "3 clips in 24 hours", ""),
        (None, "extra granted", "", "8 s of video: outage"),
        (None, "limit set", "", "3 clips in 24 hours"),
    ]


def test_a_server_is_shown_with_its_limits_the_bots_own_and_its_budget(shell, tmp_path: Path):
    operator = Actor(user_id=None, at=SystemClock().now())
    budget = Budget(usd_micros=20_000_000)
    with_storage(tmp_path, lambda desk: desk.guild_store.set_budget(HOME, budget, operator))
    shell(f"set --server {HOME} --user {ALICE} --clips 3")
    shell(f"set --server {HOME} --clips 5 --per week")
    said = shell(f"show --server {HOME}")
    for part in (
        f"user {ALICE}: 3 clips in 24 hours",
        "the server: 5 clips in 7 days",
        "10 clips in 24 hours",
        "Budget: $20.00 in 30 days (its moderators'), used $0, left $20.00",
        "is the id right?",
    ):
        assert part in said


def test_a_member_is_shown_with_the_rule_that_won_what_is_used_and_when_more_returns(
    shell, tmp_path: Path
):
    now = SystemClock().now()

    async def use(desk: AdminContext) -> None:
        for number, hours_ago in ((1, 20), (2, 1)):
            at = now - timedelta(hours=hours_ago)
            await factories.accept(desk.store, number, at=at)
        (job,) = await desk.store.jobs_of(1)
        await factories.step(desk.store, job, factories.State.FAILED)

    with_storage(tmp_path, use)
    shell(f"set --server {HOME} --role {PAINTERS} --clips 4")
    shell(f"set --server {HOME} --clips 2")
    said = shell(f"show --server {HOME} --user {ALICE}")
    assert "2 clips in 24 hours, by the limit of the server" in said
    assert "used 1 clip (of it under way: 1 clip), left 1 clip" in said
    assert f"{now + timedelta(hours=23):%Y-%m-%d %H:%M} UTC, in 23 h" in said
    assert "Under way: 1 of 4 of the user, 1 of 50 of the server" in said
    said = shell(f"show --server {HOME} --user {ALICE} --role 5 --role {PAINTERS}")
    assert f"4 clips in 24 hours, by the limit of role {PAINTERS}" in said
    assert "Last 30 days: 1 clip, 8 s of video, $0.80, 1 failed" in shell(f"show --server {HOME}")


def test_a_member_without_limits_is_shown_as_such(shell, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("QUOTA_CLIPS_PER_DAY", "none")
    assert "No limits" in shell(f"show --server {HOME} --user {ALICE}")


def test_a_blocked_member_is_shown_first_of_all_and_cannot_steer_the_terminal(
    shell, tmp_path: Path
):
    at = SystemClock().now()
    block = Block(guild_id=HOME, user_id=ALICE, at=at, by_user_id=3, reason="spam\x1b[2J\nof cats")
    with_storage(tmp_path, lambda desk: desk.guild_store.block(block, Actor(user_id=3, at=at)))
    said = shell(f"show --server {HOME} --user {ALICE}").splitlines()
    assert said[1] == "  BLOCKED by user 3 until it is lifted: spam [2J of cats"


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("", "show | set | clear | grant"),
        ("raise", "'raise'"),
        ("show", "--server"),
        ("show --server home", "--server: 'home' is not an id"),
        ("show --server 0", "--server: '0'"),
        ("show --server 99999999999999999999", "--server"),
        ("show --server 7 --role 8", "--role: only together with --user"),
        ("set --server 7", "--clips, --seconds, --usd or --lift"),
        ("set --server 7 --user 1 --role 2 --clips 1", "--role"),
        ("set --server 7 --clips -1", "--clips"),
        ("set --server 7 --clips 1.5", "--clips"),
        ("set --server 7 --clips ٣", "--clips"),
        ("set --server 7 --seconds 1000001", "--seconds"),
        ("set --server 7 --usd 1e3", "--usd"),
        ("set --server 7 --usd nan", "--usd"),
        ("set --server 7 --usd 0.0000001", "--usd"),
        ("set --server 7 --usd 1000000.01", "--usd"),
        ("set --server 7 --clips 1 --per year", "--per"),
        ("set --server 7 --clips 1 --lift all", "--lift: all is limited by another argument"),
        ("set --server 7 --lift everything", "--lift"),
        ("clear --server 7 --clips 1", "--clips"),
        ("grant --server 7 --clips 1", "--user"),
        ("grant --server 7 --user 1", "--clips, --seconds or --usd"),
        ("grant --server 7 --user 1 --clips 0", "--clips"),
        ("grant --server 7 --user 1 --usd 0", "--usd"),
        (f"grant --server 7 --user 1 --clips 1 --reason {'x' * 301}", "--reason"),
    ],
)
def test_a_wrong_argument_is_named_in_one_line_and_exit_code_2(
    line: str, named: str, capsys: pytest.CaptureFixture[str]
):
    with pytest.raises(SystemExit) as left:
        main(["quota", *line.split()])
    assert left.value.code == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.splitlines()) == 1
    assert named in said.err


@pytest.mark.parametrize("line", ["quota set --server 7 --clips 1", "backup copy.db"])
def test_where_there_is_no_database_none_is_made(
    line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert main(line.split()) == 1
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert "no database at " in said
    assert "look at DATA_DIR and where you are" in said
    assert list(tmp_path.iterdir()) == []


def test_a_database_that_another_program_holds_is_one_line_and_exit_code_1(
    shell, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    holder = sqlite3.connect(tmp_path / "sorabot.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    assert main(["quota", "set", "--server", "7", "--clips", "1"]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.splitlines()) == 1
    assert "locked" in said.err
    # Reports can be read while the other connection writes.
    assert "nothing" in shell(f"show --server {HOME}")
    holder.close()


def test_a_grant_that_the_database_refuses_gives_nothing_of_it(
    shell, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    with sqlite3.connect(tmp_path / "sorabot.db") as conn:
        conn.execute(
            "CREATE TRIGGER no_money BEFORE INSERT ON grants WHEN NEW.unit = 'usd_micros' "
            "BEGIN SELECT raise(ABORT, 'no money'); END"
        )
    conn.close()
    told = ["--server", str(HOME), "--user", str(ALICE), "--clips", "2", "--usd", "1"]
    assert main(["quota", "grant", *told]) == 1
    said = capsys.readouterr().err
    assert "no money" in said
    with sqlite3.connect(tmp_path / "sorabot.db") as conn:
        assert conn.execute("SELECT count(*) FROM grants").fetchone() == (0,)
    conn.close()


def test_the_help_lists_every_command(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as left:
        main(["--help"])
    assert left.value.code == 0
    said = capsys.readouterr().out
    assert all(f"    {command} " in said for command in ("run", "migrate", "quota"))
