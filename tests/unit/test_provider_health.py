"""Responses of a provider open and close its circuit breaker; the breaker decides about new work."""

from datetime import UTC, datetime, timedelta

import pytest

from bot.errors import (
    ModerationError,
    NotAcceptedError,
    ProviderAccountError,
    ProviderRejectedError,
    ProviderTroubleError,
    UnknownOutcomeError,
)
from bot.providers.base import RenderState, RenderStatus
from bot.providers.health import CircuitBreakers, CircuitState
from bot.providers.http.rate_limiter import RateLimiter
from bot.providers.watched import WatchedProvider
from tests.contract.conftest import REQUEST


class SteppedClock:
    """A clock that moves only when a test calls `forward`."""

    def __init__(self):
        self.at = datetime(2026, 11, 20, tzinfo=UTC)

    def now(self):
        return self.at

    def forward(self, seconds):
        self.at += timedelta(seconds=seconds)


class StubProvider:
    """Returns or raises `answer`."""

    name = "lantern"

    def __init__(self):
        self.answer = RenderStatus(id="r", state=RenderState.RUNNING)

    async def submit(self, request):
        return self._respond()

    async def poll(self, remote_ids):
        return dict.fromkeys(remote_ids, self.answer)

    async def check(self):
        self._respond()
        return "the key is accepted"

    def _respond(self):
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def clock():
    return SteppedClock()


@pytest.fixture
def outages():
    return []


@pytest.fixture
def breakers(clock, outages):
    return CircuitBreakers(["lantern"], clock, outages.append)


@pytest.fixture
def inner():
    return StubProvider()


@pytest.fixture
def provider(inner, breakers):
    return WatchedProvider(inner, breakers)


async def submit(provider, inner, answer):
    inner.answer = answer
    if isinstance(answer, Exception):
        with pytest.raises(type(answer)):
            await provider.submit(REQUEST)
    else:
        assert await provider.submit(REQUEST) is answer


OK = RenderStatus(id="r", state=RenderState.RUNNING)


async def test_a_refused_account_opens_the_circuit_and_alerts_once(
    provider, inner, breakers, clock, outages
):
    for _ in range(3):
        await submit(provider, inner, ProviderAccountError("401"))
        assert breakers.is_out("lantern")
        clock.forward(breakers.of("lantern").until.timestamp() - clock.at.timestamp())
        assert breakers.takes_work("lantern")
    assert outages == ["lantern"]
    assert "401" not in breakers.of("lantern").reason


@pytest.mark.parametrize("pause", [NotAcceptedError("429"), UnknownOutcomeError("reset")])
async def test_a_pause_during_an_outage_does_not_end_the_outage(
    provider, inner, breakers, clock, outages, pause
):
    await submit(provider, inner, ProviderAccountError("402"))
    began_at = clock.at
    for _ in range(2):
        clock.forward(300)
        await submit(provider, inner, pause)
        assert breakers.of("lantern").circuit is CircuitState.COOLING_DOWN
        clock.forward(300)
        await submit(provider, inner, ProviderAccountError("402"))
        assert breakers.of("lantern").circuit is CircuitState.OUT
        assert breakers.of("lantern").out_since == began_at
    assert outages == ["lantern"]
    clock.forward(300)
    await submit(provider, inner, OK)
    assert breakers.of("lantern").out_since is None
    await submit(provider, inner, ProviderAccountError("402"))
    assert outages == ["lantern", "lantern"]


async def test_a_key_that_is_good_again_ends_the_outage_and_not_the_pause(
    provider, inner, breakers, clock, outages
):
    inner.answer = ProviderAccountError("401")
    await provider.poll(["r"])
    clock.forward(300)
    await submit(provider, inner, NotAcceptedError("429"))
    inner.answer = OK
    await provider.check()
    assert breakers.of("lantern").circuit is CircuitState.COOLING_DOWN
    assert not breakers.takes_work("lantern")
    inner.answer = ProviderAccountError("401")
    clock.forward(300)
    await provider.poll(["r"])
    assert outages == ["lantern", "lantern"]


async def test_a_free_call_does_not_clear_a_request_refused_before_a_pause(
    provider, inner, breakers, clock, outages
):
    await submit(provider, inner, ProviderAccountError("402"))
    clock.forward(300)
    await submit(provider, inner, NotAcceptedError("429"))
    inner.answer = OK
    await provider.check()
    assert breakers.of("lantern").out_since is not None
    clock.forward(300)
    inner.answer = ProviderAccountError("401")
    await provider.poll(["r"])
    inner.answer = OK
    await provider.check()
    assert breakers.of("lantern").circuit is CircuitState.OUT
    assert outages == ["lantern"]


async def test_an_outage_ends_when_a_request_is_accepted(provider, inner, breakers, clock, outages):
    await submit(provider, inner, ProviderAccountError("402"))
    clock.forward(300)
    await submit(provider, inner, OK)
    assert breakers.of("lantern").circuit is CircuitState.CLOSED
    await submit(provider, inner, ProviderAccountError("402"))
    assert outages == ["lantern", "lantern"]


async def test_retries_during_an_outage_are_spaced_further_and_further_apart(
    provider, inner, breakers, clock
):
    pauses = []
    for _ in range(6):
        await submit(provider, inner, ProviderAccountError("402"))
        pauses.append((breakers.of("lantern").until - clock.at).total_seconds())
        clock.forward(pauses[-1])
    assert pauses == [300, 600, 1200, 2400, 3600, 3600]


async def test_polls_that_work_do_not_end_an_outage_and_a_free_call_does(provider, inner, breakers):
    await submit(provider, inner, ProviderAccountError("no balance"))
    inner.answer = OK
    await provider.poll(["r"])
    assert breakers.is_out("lantern")
    await provider.check()
    assert not breakers.is_out("lantern")


@pytest.mark.parametrize(
    "error", [NotAcceptedError("429", retry_after_s=40), UnknownOutcomeError()]
)
async def test_a_requested_pause_or_an_unknown_outcome_cools_it_down(
    provider, inner, breakers, clock, outages, error
):
    await submit(provider, inner, error)
    assert breakers.of("lantern").circuit is CircuitState.COOLING_DOWN
    assert not breakers.takes_work("lantern")
    assert not breakers.is_out("lantern")
    clock.forward(getattr(error, "retry_after_s", None) or 2)
    assert breakers.takes_work("lantern")
    assert outages == []


async def test_retry_after_is_respected(provider, inner, breakers, clock):
    await submit(provider, inner, NotAcceptedError("429", retry_after_s=40))
    clock.forward(39.9)
    assert not breakers.takes_work("lantern")


async def test_free_calls_that_work_say_nothing_of_the_balance(
    provider, inner, breakers, clock, outages
):
    for _ in range(3):
        await submit(provider, inner, ProviderAccountError("no balance"))
        inner.answer = OK
        await provider.check()
        # The next request may try the provider, which is still in the same outage.
        assert breakers.takes_work("lantern")
        assert breakers.of("lantern").circuit is CircuitState.OUT
    assert outages == ["lantern"]
    assert breakers.of("lantern").failures_in_a_row == 3
    await submit(provider, inner, OK)
    assert breakers.of("lantern").circuit is CircuitState.CLOSED


async def test_an_answer_from_before_a_pause_was_asked_for_does_not_end_it(
    provider, inner, breakers
):
    seen = breakers.of("lantern")
    await submit(provider, inner, NotAcceptedError("429", retry_after_s=40))
    breakers.record_success("lantern", seen)
    assert not breakers.takes_work("lantern")
    inner.answer = OK
    await provider.check()
    assert not breakers.takes_work("lantern")


@pytest.mark.parametrize("hint_s", [0.0, 0.5])
async def test_a_tiny_retry_after_does_not_undercut_the_back_off(
    provider, inner, breakers, clock, hint_s
):
    for number in range(5):
        await submit(provider, inner, NotAcceptedError("429", retry_after_s=hint_s))
        pause_s = (breakers.of("lantern").until - clock.at).total_seconds()
        assert pause_s >= 1.5 * 2**number
        clock.forward(pause_s)


async def test_repeated_failures_grow_the_pause_to_two_minutes(provider, inner, breakers, clock):
    for number in range(12):
        await submit(provider, inner, UnknownOutcomeError("500"))
        pause_s = (breakers.of("lantern").until - clock.at).total_seconds()
        whole_s = min(2 * 2**number, 120)
        assert 0.75 * whole_s <= pause_s <= whole_s
        clock.forward(pause_s)


@pytest.mark.parametrize("error", [ProviderRejectedError("400"), ModerationError("no")])
async def test_a_rejected_request_does_not_affect_the_circuit(provider, inner, breakers, error):
    await submit(provider, inner, error)
    assert breakers.of("lantern").circuit is CircuitState.CLOSED


async def test_a_round_of_polls_without_one_answer_cools_it_down_and_one_answer_does_not(
    provider, inner, breakers
):
    inner.answer = ProviderTroubleError("502")
    await provider.poll(["a", "b"])
    assert breakers.of("lantern").circuit is CircuitState.COOLING_DOWN
    assert breakers.of("lantern").reason


async def test_a_poll_with_a_refused_key_takes_it_out(provider, inner, breakers):
    inner.answer = ProviderAccountError("401")
    await provider.poll(["a"])
    assert breakers.is_out("lantern")


def test_calls_are_spread_over_the_minute(clock):
    limiter = RateLimiter(3, clock)
    assert [limiter.take() for _ in range(7)] == [0, 0, 0, 60, 60, 60, 120]
    clock.forward(121)
    assert [limiter.take() for _ in range(3)] == [0, 0, 59]
    clock.forward(60)
    assert limiter.wait_s() == 0


@pytest.mark.parametrize(
    ("reset", "wait_s"),
    [("1s", 1), ("6m0s", 120), ("20ms", 0.02), ("1m30s", 90), ("soon", 0), ("", 0), ("1s x", 0)],
)
def test_no_call_is_made_until_the_reset_that_the_headers_announce(clock, reset, wait_s):
    limiter = RateLimiter(None, clock)
    limiter.update_from_headers(
        {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": reset}
    )
    assert limiter.wait_s() == pytest.approx(wait_s)
    limiter.update_from_headers(
        {"x-ratelimit-remaining-requests": "5", "x-ratelimit-reset-requests": "50s"}
    )
    assert limiter.wait_s() == pytest.approx(wait_s)
