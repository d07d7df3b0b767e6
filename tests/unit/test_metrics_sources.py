"""Who tells the counters what: the engine of its steps, a provider of its calls, Discord's answers."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import discord
import pytest
from discord.http import Route

from bot.chat.watch import Watch, first_answer
from bot.errors import (
    ModerationError,
    ProviderTroubleError,
    RemoteNotFoundError,
    StorageError,
    UnknownOutcomeError,
)
from bot.jobs.ports import Kind
from bot.providers.base import Remote, RemoteState
from bot.providers.health import HealthBook
from bot.providers.watched import WatchedProvider
from tests.contract.conftest import ORDER
from tests.unit.jobs.test_engine import ScriptedFlow, engine
from tests.unit.test_metrics_tables import Hands

MADE_AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
CALLBACK = "/interactions/{webhook_id}/{webhook_token}/callback"
RUNNING = Remote(id="r", state=RemoteState.RUNNING)


class Uneven(ScriptedFlow):
    """A flow whose deliveries meet a database that refuses."""

    async def deliver(self, subject: str) -> None:
        raise StorageError("the disk is full")


async def test_each_step_is_told_by_its_kind_and_how_it_ended() -> None:
    told: list[tuple[Kind, str, float]] = []
    flow = Uneven(breaks=frozenset({"BAD"}), takes_s=0.05)
    async with engine(flow) as running:
        running.report_to(lambda *step: told.append(step))
        running.kick(Kind.SUBMIT, "GOOD")
        running.kick(Kind.POLL, "BAD")
        running.kick(Kind.DELIVER, "FULL")
        await asyncio.sleep(0.15)
    ends = {(kind, outcome) for kind, outcome, _ in told}
    assert ends == {(Kind.SUBMIT, "ok"), (Kind.POLL, "defect"), (Kind.DELIVER, "storage")}
    (took_s,) = [took_s for kind, _, took_s in told if kind is Kind.SUBMIT]
    assert 0.04 < took_s < 0.5


async def test_a_step_that_the_end_of_the_engine_cuts_off_is_told_as_that() -> None:
    told: list[tuple[Kind, str, float]] = []
    async with engine(ScriptedFlow(takes_s=30)) as running:
        running.report_to(lambda *step: told.append(step))
        running.kick(Kind.DELIVER, "LONG")
        await asyncio.sleep(0.1)
    assert [(kind, outcome) for kind, outcome, _ in told] == [(Kind.DELIVER, "cut_off")]


class Scripted:
    """A provider that answers as it is told."""

    name = "kitchen"

    def __init__(self) -> None:
        self.answer: Any = RUNNING
        self.answers: dict[str, Any] = {}

    async def submit(self, order: object) -> Any:
        return self._said()

    async def poll(self, remote_ids: object) -> Any:
        self._said()
        return self.answers

    async def download(self, remote_id: str, target: Path, *, max_bytes: int) -> Any:
        await asyncio.sleep(60)

    def _said(self) -> Any:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def watched(vendor: Any) -> tuple[WatchedProvider, list[tuple[str, str, str]]]:
    told: list[tuple[str, str, str]] = []
    book = HealthBook(["kitchen"], Hands())
    return WatchedProvider(vendor, book, lambda *call: told.append(call)), told


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (RUNNING, "ok"),
        (UnknownOutcomeError("reset"), "unknown_outcome"),
        (ModerationError("no"), "moderation"),
        (KeyError("id"), "defect"),
    ],
)
async def test_a_paid_call_is_told_once_by_what_came_of_it(answer: Any, outcome: str) -> None:
    vendor = Scripted()
    vendor.answer = answer
    kitchen, told = watched(vendor)
    with contextlib.suppress(UnknownOutcomeError, ModerationError, KeyError):
        await kitchen.submit(ORDER)
    assert told == [("kitchen", "submit", outcome)]


async def test_a_poll_is_told_once_for_each_render_and_a_broken_one_once() -> None:
    vendor = Scripted()
    vendor.answers = {"a": RUNNING, "b": RemoteNotFoundError("b"), "c": RUNNING}
    kitchen, told = watched(vendor)
    assert await kitchen.poll(["a", "b", "c"]) == vendor.answers
    assert [outcome for _, _, outcome in told] == ["ok", "remote_not_found", "ok"]
    told.clear()
    vendor.answer = ProviderTroubleError("503")
    with pytest.raises(ProviderTroubleError):
        await kitchen.poll(["a", "b"])
    assert told == [("kitchen", "poll", "provider_trouble")]


async def test_a_call_that_is_cut_off_is_told_as_that(tmp_path: Path) -> None:
    kitchen, told = watched(Scripted())
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await kitchen.download("r", tmp_path / "x", max_bytes=1)
    assert told == [("kitchen", "download", "cut_off")]


def route(path: str = CALLBACK) -> Route:
    interaction_id = discord.utils.time_snowflake(MADE_AT)
    return Route("POST", path, webhook_id=interaction_id, webhook_token="t" * 30)


def refusal(status: int, code: int) -> discord.HTTPException:
    class Answer:
        def __init__(self) -> None:
            self.status, self.reason = status, "no"

    return discord.HTTPException(Answer(), {"code": code, "message": "no"})  # type: ignore[arg-type]


@pytest.fixture
def told() -> list[tuple[str, float]]:
    return []


@pytest.fixture
def watch(told: list[tuple[str, float]]) -> Watch:
    clock = Hands()
    clock.at = MADE_AT
    clock.forward(1.5)
    return Watch(clock=clock, answered=lambda *each: told.append(each), limited=lambda _scope: None)


def test_a_first_answer_is_told_with_the_age_of_its_interaction(
    watch: Watch, told: list[tuple[str, float]]
) -> None:
    with first_answer(watch, route()):
        pass
    assert told == [("taken", 1.5)]


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (refusal(404, 10062), "late"),
        (refusal(403, 50001), "failed"),
        (ConnectionResetError(), "failed"),
        (asyncio.CancelledError(), "failed"),
    ],
)
def test_an_answer_that_comes_to_nothing_is_told_and_raised_as_it_was(
    watch: Watch, told: list[tuple[str, float]], error: BaseException, outcome: str
) -> None:
    with pytest.raises(type(error)), first_answer(watch, route()):
        raise error
    assert told == [(outcome, 1.5)]


def test_a_clock_that_is_behind_discord_s_makes_no_negative_age(
    watch: Watch, told: list[tuple[str, float]]
) -> None:
    watch.clock.forward(-10)  # type: ignore[attr-defined]
    with first_answer(watch, route()):
        pass
    assert told == [("taken", 0.0)]


def test_only_an_interaction_s_first_answer_is_told(
    watch: Watch, told: list[tuple[str, float]]
) -> None:
    with first_answer(watch, route("/webhooks/{webhook_id}/{webhook_token}")):
        pass
    with first_answer(watch, Route("POST", "/channels/{channel_id}/messages", channel_id=1)):
        pass
    with first_answer(None, route()):
        pass
    assert told == []
