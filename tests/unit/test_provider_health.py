"""What a provider's answers make of its health, and what its health makes of new orders."""

from datetime import UTC, datetime, timedelta

import pytest

from bot.errors import (
    ModerationError,
    NotAcceptedError,
    ProviderAccountError,
    ProviderTroubleError,
    RejectedOrderError,
    UnknownOutcomeError,
)
from bot.providers.base import Remote, RemoteState
from bot.providers.health import Condition, HealthBook
from bot.providers.meter import Meter
from bot.providers.watched import WatchedProvider
from tests.contract.conftest import ORDER


class Hands:
    """A clock that is put forward by hand."""

    def __init__(self):
        self.at = datetime(2026, 11, 20, tzinfo=UTC)

    def now(self):
        return self.at

    def forward(self, seconds):
        self.at += timedelta(seconds=seconds)


class Scripted:
    """A provider that answers as it is told."""

    name = "kitchen"

    def __init__(self):
        self.answer = Remote(id="r", state=RemoteState.RUNNING)

    async def submit(self, order):
        return self._said()

    async def poll(self, remote_ids):
        return dict.fromkeys(remote_ids, self.answer)

    async def check(self):
        self._said()
        return "the key is taken"

    def _said(self):
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def clock():
    return Hands()


@pytest.fixture
def outages():
    return []


@pytest.fixture
def book(clock, outages):
    return HealthBook(["kitchen"], clock, outages.append)


@pytest.fixture
def vendor():
    return Scripted()


@pytest.fixture
def kitchen(vendor, book):
    return WatchedProvider(vendor, book)


async def submit(kitchen, vendor, answer):
    vendor.answer = answer
    if isinstance(answer, Exception):
        with pytest.raises(type(answer)):
            await kitchen.submit(ORDER)
    else:
        assert await kitchen.submit(ORDER) is answer


OK = Remote(id="r", state=RemoteState.RUNNING)


async def test_a_refused_account_takes_it_out_and_is_told_once(
    kitchen, vendor, book, clock, outages
):
    for _ in range(3):
        await submit(kitchen, vendor, ProviderAccountError("401"))
        assert book.is_out("kitchen")
        clock.forward(book.of("kitchen").until.timestamp() - clock.at.timestamp())
        assert book.takes_work("kitchen")
    assert outages == ["kitchen"]
    assert "401" not in book.of("kitchen").reason


@pytest.mark.parametrize("pause", [NotAcceptedError("429"), UnknownOutcomeError("reset")])
async def test_a_pause_that_it_asks_for_meanwhile_ends_no_outage(
    kitchen, vendor, book, clock, outages, pause
):
    await submit(kitchen, vendor, ProviderAccountError("402"))
    began_at = clock.at
    for _ in range(2):
        clock.forward(300)
        await submit(kitchen, vendor, pause)
        assert book.of("kitchen").condition is Condition.THROTTLED
        clock.forward(300)
        await submit(kitchen, vendor, ProviderAccountError("402"))
        assert book.of("kitchen").condition is Condition.OUT
        assert book.of("kitchen").out_since == began_at
    assert outages == ["kitchen"]
    clock.forward(300)
    await submit(kitchen, vendor, OK)
    assert book.of("kitchen").out_since is None
    await submit(kitchen, vendor, ProviderAccountError("402"))
    assert outages == ["kitchen", "kitchen"]


async def test_a_key_that_is_good_again_ends_the_outage_and_not_the_pause(
    kitchen, vendor, book, clock, outages
):
    vendor.answer = ProviderAccountError("401")
    await kitchen.poll(["r"])
    clock.forward(300)
    await submit(kitchen, vendor, NotAcceptedError("429"))
    vendor.answer = OK
    await kitchen.check()
    assert book.of("kitchen").condition is Condition.THROTTLED
    assert not book.takes_work("kitchen")
    vendor.answer = ProviderAccountError("401")
    clock.forward(300)
    await kitchen.poll(["r"])
    assert outages == ["kitchen", "kitchen"]


async def test_an_order_that_was_refused_before_a_pause_is_proved_by_no_free_call(
    kitchen, vendor, book, clock, outages
):
    await submit(kitchen, vendor, ProviderAccountError("402"))
    clock.forward(300)
    await submit(kitchen, vendor, NotAcceptedError("429"))
    vendor.answer = OK
    await kitchen.check()
    assert book.of("kitchen").out_since is not None
    clock.forward(300)
    vendor.answer = ProviderAccountError("401")
    await kitchen.poll(["r"])
    vendor.answer = OK
    await kitchen.check()
    assert book.of("kitchen").condition is Condition.OUT
    assert outages == ["kitchen"]


async def test_it_recovers_by_itself_when_an_order_is_taken(kitchen, vendor, book, clock, outages):
    await submit(kitchen, vendor, ProviderAccountError("402"))
    clock.forward(300)
    await submit(kitchen, vendor, OK)
    assert book.of("kitchen").condition is Condition.OK
    await submit(kitchen, vendor, ProviderAccountError("402"))
    assert outages == ["kitchen", "kitchen"]


async def test_tries_of_one_that_stays_out_grow_rare(kitchen, vendor, book, clock):
    pauses = []
    for _ in range(6):
        await submit(kitchen, vendor, ProviderAccountError("402"))
        pauses.append((book.of("kitchen").until - clock.at).total_seconds())
        clock.forward(pauses[-1])
    assert pauses == [300, 600, 1200, 2400, 3600, 3600]


async def test_polls_that_work_do_not_end_an_outage_and_a_free_call_does(kitchen, vendor, book):
    await submit(kitchen, vendor, ProviderAccountError("no balance"))
    vendor.answer = OK
    await kitchen.poll(["r"])
    assert book.is_out("kitchen")
    await kitchen.check()
    assert not book.is_out("kitchen")


@pytest.mark.parametrize(
    "error", [NotAcceptedError("429", retry_after_s=40), UnknownOutcomeError()]
)
async def test_a_pause_that_is_asked_for_and_trouble_cool_it_down(
    kitchen, vendor, book, clock, outages, error
):
    await submit(kitchen, vendor, error)
    assert book.of("kitchen").condition is Condition.THROTTLED
    assert not book.takes_work("kitchen")
    assert not book.is_out("kitchen")
    clock.forward(getattr(error, "retry_after_s", None) or 2)
    assert book.takes_work("kitchen")
    assert outages == []


async def test_a_retry_after_is_kept_to(kitchen, vendor, book, clock):
    await submit(kitchen, vendor, NotAcceptedError("429", retry_after_s=40))
    clock.forward(39.9)
    assert not book.takes_work("kitchen")


async def test_free_calls_that_work_say_nothing_of_the_balance(
    kitchen, vendor, book, clock, outages
):
    for _ in range(3):
        await submit(kitchen, vendor, ProviderAccountError("no balance"))
        vendor.answer = OK
        await kitchen.check()
        # One order may try it, and it is the same outage still.
        assert book.takes_work("kitchen")
        assert book.of("kitchen").condition is Condition.OUT
    assert outages == ["kitchen"]
    assert book.of("kitchen").times == 3
    await submit(kitchen, vendor, OK)
    assert book.of("kitchen").condition is Condition.OK


async def test_an_answer_from_before_a_pause_was_asked_for_does_not_end_it(kitchen, vendor, book):
    seen = book.of("kitchen")
    await submit(kitchen, vendor, NotAcceptedError("429", retry_after_s=40))
    book.worked("kitchen", seen)
    assert not book.takes_work("kitchen")
    vendor.answer = OK
    await kitchen.check()
    assert not book.takes_work("kitchen")


@pytest.mark.parametrize("hint_s", [0.0, 0.5])
async def test_at_once_from_one_that_refuses_again_and_again_is_not_believed(
    kitchen, vendor, book, clock, hint_s
):
    for number in range(5):
        await submit(kitchen, vendor, NotAcceptedError("429", retry_after_s=hint_s))
        pause_s = (book.of("kitchen").until - clock.at).total_seconds()
        assert pause_s >= 1.5 * 2**number
        clock.forward(pause_s)


async def test_stumbling_again_and_again_grows_the_pause_to_two_minutes(
    kitchen, vendor, book, clock
):
    for number in range(12):
        await submit(kitchen, vendor, UnknownOutcomeError("500"))
        pause_s = (book.of("kitchen").until - clock.at).total_seconds()
        whole_s = min(2 * 2**number, 120)
        assert 0.75 * whole_s <= pause_s <= whole_s
        clock.forward(pause_s)


@pytest.mark.parametrize("error", [RejectedOrderError("400"), ModerationError("no")])
async def test_an_order_that_is_refused_says_nothing_of_the_kitchen(kitchen, vendor, book, error):
    await submit(kitchen, vendor, error)
    assert book.of("kitchen").condition is Condition.OK


async def test_a_round_of_polls_without_one_answer_cools_it_down_and_one_answer_does_not(
    kitchen, vendor, book
):
    vendor.answer = ProviderTroubleError("502")
    await kitchen.poll(["a", "b"])
    assert book.of("kitchen").condition is Condition.THROTTLED
    assert book.of("kitchen").reason


async def test_a_poll_with_a_refused_key_takes_it_out(kitchen, vendor, book):
    vendor.answer = ProviderAccountError("401")
    await kitchen.poll(["a"])
    assert book.is_out("kitchen")


def test_calls_are_spread_over_the_minute(clock):
    meter = Meter(3, clock)
    assert [meter.take() for _ in range(7)] == [0, 0, 0, 60, 60, 60, 120]
    clock.forward(121)
    assert [meter.take() for _ in range(3)] == [0, 0, 59]
    clock.forward(60)
    assert meter.wait_s() == 0


@pytest.mark.parametrize(
    ("reset", "wait_s"),
    [("1s", 1), ("6m0s", 120), ("20ms", 0.02), ("1m30s", 90), ("soon", 0), ("", 0), ("1s x", 0)],
)
def test_a_vendor_that_says_no_call_is_left_is_left_alone_until_then(clock, reset, wait_s):
    meter = Meter(None, clock)
    meter.note({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": reset})
    assert meter.wait_s() == pytest.approx(wait_s)
    meter.note({"x-ratelimit-remaining-requests": "5", "x-ratelimit-reset-requests": "50s"})
    assert meter.wait_s() == pytest.approx(wait_s)
