"""Fixtures for the OpenAI contract tests: an OpenAI provider that talks to a loopback API.

The provider has short timeouts, and its clock jumps ahead instead of sleeping.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from bot.model import Operation, Size
from bot.providers.base import ProviderRequest
from bot.providers.http.timeouts import Timeouts
from bot.providers.openai.provider import OPENAI, OpenAIProvider
from tests.wire.autojump_clock import AutojumpClock
from tests.wire.videos_api import KEY, VideosApi

SHORT_TIMEOUTS = Timeouts(
    connect_s=1, read_s=0.4, create_s=2.5, call_s=2, idle_s=0.3, download_s=1.5
)
REQUEST = ProviderRequest(
    idempotency_key="K7Q2",
    prompt='a "calico" cat\nplays piano — ピアノ; &c.',
    model="sora-2",
    seconds=4,
    size=Size(width_px=1280, height_px=720),
    seed=7,
)


PARENT_REQUEST = replace(REQUEST, idempotency_key="P4RT", prompt="the parent", seconds=8)
OPERATIONS = {"create": Operation.GENERATE, "remix": Operation.REMIX, "extend": Operation.EXTEND}


@dataclass(frozen=True, slots=True, kw_only=True)
class PaidCase:
    """A paid call that a test is about to make."""

    #: The loopback API's name for the kind of call: "create", "remix" or "extend".
    route: str
    request: ProviderRequest


def make_openai(base_url: str, clock: AutojumpClock) -> OpenAIProvider:
    environ = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": base_url, "OPENAI_MODELS": "sora-2"}
    return OpenAIProvider(OPENAI.read_account(environ, clock, timeouts=SHORT_TIMEOUTS))


@pytest.fixture
async def videos_api():
    async with VideosApi() as running:
        yield running


@pytest.fixture
def autojump_clock():
    return AutojumpClock()


@pytest.fixture
async def openai(videos_api, autojump_clock):
    made = make_openai(videos_api.base_url, autojump_clock)
    yield made
    await made.close()


@pytest.fixture
def target(tmp_path: Path):
    """The path for a downloaded file, in an empty folder."""
    folder = tmp_path / "K7Q2"
    folder.mkdir()
    return folder / "clip.mp4"


@pytest.fixture
async def parent(openai):
    """A render of 8 s that a test can remix or extend."""
    return await openai.submit(PARENT_REQUEST)


@pytest.fixture(params=["remix", "extend"])
def continuation(request, parent):
    """A paid call that remixes or extends the render `parent`."""
    operation = OPERATIONS[request.param]
    paid = replace(REQUEST, operation=operation, source_remote_id=parent.id)
    return PaidCase(route=request.param, request=paid)


@pytest.fixture(params=list(OPERATIONS))
async def paid(request, openai):
    """Each kind of paid call in turn, not sent yet; remixes and extensions have a parent."""
    if request.param == "create":
        return PaidCase(route="create", request=REQUEST)
    parent = await openai.submit(PARENT_REQUEST)
    paid = replace(REQUEST, operation=OPERATIONS[request.param], source_remote_id=parent.id)
    return PaidCase(route=request.param, request=paid)
