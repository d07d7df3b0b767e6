"""Scheduler, provider and Discord's client report steps, calls and first responses as metrics."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import discord
import pytest
from discord.http import Route

from bot.chat.transport.instrumentation import RestInstrumentation, observe_first_response
from bot.errors import (
    ModerationError,
    ProviderTroubleError,
    RemoteNotFoundError,
    StorageError,
    UnknownOutcomeError,
)
from bot.jobs.ports import TaskKind
from bot.providers.base import RenderState, RenderStatus
from bot.providers.health import CircuitBreakers
from bot.providers.watched import WatchedProvider
from tests.contract.conftest import REQUEST
from tests.unit.jobs.test_scheduler import ScriptedReconciler, scheduler
from tests.unit.test_metrics_tables import ManualClock

MADE_AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
CALLBACK = "/interactions/{webhook_id}/{webhook_token}/callback"
RUNNING = RenderStatus(id="r", state=RenderState.RUNNING)


class FailingDeliveryReconciler(ScriptedReconciler):
    """A reconciler whose deliveries raise StorageError."""

    async def deliver(self, subject: str) -> None:
        raise StorageError("the disk is full")


async def test_each_step_is_reported_with_its_kind_and_outcome() -> None:
    reported: list[tuple[TaskKind, str, float]] = []
    reconciler = FailingDeliveryReconciler(breaks=frozenset({"BAD"}), takes_s=0.05)
    async with scheduler(reconciler) as running:
        running.observe_steps(lambda *step: reported.append(step))
        running.wake(TaskKind.SUBMIT, "GOOD")
        running.wake(TaskKind.POLL, "BAD")
        running.wake(TaskKind.DELIVER, "FULL")
        await asyncio.sleep(0.15)
    ends = {(kind, outcome) for kind, outcome, _ in reported}
    assert ends == {
        (TaskKind.SUBMIT, "ok"),
        (TaskKind.POLL, "defect"),
        (TaskKind.DELIVER, "storage"),
    }
    (took_s,) = [took_s for kind, _, took_s in reported if kind is TaskKind.SUBMIT]
    assert 0.04 < took_s < 0.5


async def test_a_step_interrupted_by_shutdown_is_reported_as_cut_off() -> None:
    reported: list[tuple[TaskKind, str, float]] = []
    async with scheduler(ScriptedReconciler(takes_s=30)) as running:
        running.observe_steps(lambda *step: reported.append(step))
        running.wake(TaskKind.DELIVER, "LONG")
        await asyncio.sleep(0.1)
    assert [(kind, outcome) for kind, outcome, _ in reported] == [(TaskKind.DELIVER, "cut_off")]


class StubMetricsProvider:
    """A provider whose calls return or raise `answer`; `poll` returns `answers` instead."""

    name = "lantern"

    def __init__(self) -> None:
        self.answer: Any = RUNNING
        self.answers: dict[str, Any] = {}

    async def submit(self, request: object) -> Any:
        return self._respond()

    async def poll(self, remote_ids: object) -> Any:
        self._respond()
        return self.answers

    async def download(self, remote_id: str, target: Path, *, max_bytes: int) -> Any:
        await asyncio.sleep(60)

    def _respond(self) -> Any:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def watched(inner: Any) -> tuple[WatchedProvider, list[tuple[str, str, str]]]:
    reported: list[tuple[str, str, str]] = []
    breakers = CircuitBreakers(["lantern"], ManualClock())
    return WatchedProvider(inner, breakers, lambda *call: reported.append(call)), reported


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (RUNNING, "ok"),
        (UnknownOutcomeError("reset"), "unknown_outcome"),
        (ModerationError("no"), "moderation"),
        (KeyError("id"), "defect"),
    ],
)
async def test_a_paid_call_is_reported_once_with_its_outcome(answer: Any, outcome: str) -> None:
    inner = StubMetricsProvider()
    inner.answer = answer
    provider, reported = watched(inner)
    with contextlib.suppress(UnknownOutcomeError, ModerationError, KeyError):
        await provider.submit(REQUEST)
    assert reported == [("lantern", "submit", outcome)]


async def test_a_poll_is_reported_once_for_each_render_and_a_failed_one_once() -> None:
    inner = StubMetricsProvider()
    inner.answers = {"a": RUNNING, "b": RemoteNotFoundError("b"), "c": RUNNING}
    provider, reported = watched(inner)
    assert await provider.poll(["a", "b", "c"]) == inner.answers
    assert [outcome for _, _, outcome in reported] == ["ok", "remote_not_found", "ok"]
    reported.clear()
    inner.answer = ProviderTroubleError("503")
    with pytest.raises(ProviderTroubleError):
        await provider.poll(["a", "b"])
    assert reported == [("lantern", "poll", "provider_trouble")]


async def test_a_cancelled_call_is_reported_as_cut_off(tmp_path: Path) -> None:
    provider, reported = watched(StubMetricsProvider())
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await provider.download("r", tmp_path / "x", max_bytes=1)
    assert reported == [("lantern", "download", "cut_off")]


def route(path: str = CALLBACK) -> Route:
    interaction_id = discord.utils.time_snowflake(MADE_AT)
    return Route("POST", path, webhook_id=interaction_id, webhook_token="t" * 30)


def refusal(status: int, code: int) -> discord.HTTPException:
    class Answer:
        def __init__(self) -> None:
            self.status, self.reason = status, "no"

    return discord.HTTPException(Answer(), {"code": code, "message": "no"})  # type: ignore[arg-type]


@pytest.fixture
def reported() -> list[tuple[str, float]]:
    return []


@pytest.fixture
def instrumentation(reported: list[tuple[str, float]]) -> RestInstrumentation:
    clock = ManualClock()
    clock.at = MADE_AT
    clock.forward(1.5)
    return RestInstrumentation(
        clock=clock,
        on_first_response=lambda *each: reported.append(each),
        on_rate_limited=lambda _scope: None,
    )


def test_a_first_response_is_reported_with_the_age_of_its_interaction(
    instrumentation: RestInstrumentation, reported: list[tuple[str, float]]
) -> None:
    with observe_first_response(instrumentation, route()):
        pass
    assert reported == [("taken", 1.5)]


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (refusal(404, 10062), "late"),
        (refusal(403, 50001), "failed"),
        (ConnectionResetError(), "failed"),
        (asyncio.CancelledError(), "failed"),
    ],
)
def test_a_failed_first_response_is_reported_and_its_error_raised_unchanged(
    instrumentation: RestInstrumentation,
    reported: list[tuple[str, float]],
    error: BaseException,
    outcome: str,
) -> None:
    with pytest.raises(type(error)), observe_first_response(instrumentation, route()):
        raise error
    assert reported == [(outcome, 1.5)]


def test_a_clock_that_is_behind_discord_s_makes_no_negative_age(
    instrumentation: RestInstrumentation, reported: list[tuple[str, float]]
) -> None:
    instrumentation.clock.forward(-10)  # type: ignore[attr-defined]
    with observe_first_response(instrumentation, route()):
        pass
    assert reported == [("taken", 0.0)]


def test_only_the_first_response_to_an_interaction_is_reported(
    instrumentation: RestInstrumentation, reported: list[tuple[str, float]]
) -> None:
    with observe_first_response(instrumentation, route("/webhooks/{webhook_id}/{webhook_token}")):
        pass
    with observe_first_response(
        instrumentation, Route("POST", "/channels/{channel_id}/messages", channel_id=1)
    ):
        pass
    with observe_first_response(None, route()):
        pass
    assert reported == []
