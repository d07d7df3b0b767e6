"""How a provider over HTTP reports a failed paid call: no refund without proof of a rejection."""

import pytest

from bot.clock import SystemClock
from bot.errors import (
    NotAcceptedError,
    ProviderAccountError,
    ProviderRejectedError,
    ProviderTroubleError,
    RemoteNotFoundError,
    SourceGoneError,
    UnknownOutcomeError,
)
from bot.providers.base import Capabilities
from bot.providers.vendors.http_provider import HttpProvider
from bot.providers.vendors.vendor import ProviderAccount
from tests.contract.conftest import REQUEST


class FailingHttpProvider(HttpProvider):
    """A provider whose paid call raises a given error."""

    def __init__(self, error):
        account = ProviderAccount(
            name="stumbling",
            api_key=None,
            base_url="http://127.0.0.1:9",
            models=(),
            max_concurrent=1,
            requests_per_minute=None,
            clock=SystemClock(),
        )
        can = Capabilities(models=(), max_concurrent=1, deadline_s=1, typical_first_poll_s=1)
        super().__init__(account, can, credentials={})
        self._error = error

    async def _create(self, request):
        raise self._error

    async def _fetch_render(self, remote_id):
        raise AssertionError("nobody asks")


async def submitted(error):
    api = FailingHttpProvider(error)
    try:
        await api.submit(REQUEST)
    finally:
        await api.close()


@pytest.mark.parametrize(
    "error", [ProviderTroubleError("502 to a call after the paid one"), ValueError("no id in it")]
)
async def test_trouble_in_the_paid_call_is_never_taken_for_an_order_that_was_not_taken(error):
    with pytest.raises(UnknownOutcomeError) as caught:
        await submitted(error)
    assert str(error) in str(caught.value)


@pytest.mark.parametrize(
    "error", [NotAcceptedError("429"), ProviderRejectedError("400"), ProviderAccountError("401")]
)
async def test_what_is_certain_stays_certain(error):
    with pytest.raises(type(error)) as caught:
        await submitted(error)
    assert caught.value is error


async def test_a_source_that_the_api_lacks_made_no_order():
    with pytest.raises(SourceGoneError):
        await submitted(RemoteNotFoundError("404"))
