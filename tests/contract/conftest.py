"""The OpenAI-shaped provider beside a loopback API, with little patience and no waiting."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from bot.model import Operation, Size
from bot.providers.base import RenderOrder
from bot.providers.openai import OPENAI, OpenAIProvider
from bot.providers.patience import Patience
from tests.wire.hasty_clock import HastyClock
from tests.wire.videos_api import KEY, VideosApi

HURRIED = Patience(connect_s=1, read_s=0.4, create_s=2.5, call_s=2, idle_s=0.3, download_s=1.5)
ORDER = RenderOrder(
    key="K7Q2",
    prompt='a "calico" cat\nplays piano — ピアノ; &c.',
    model="sora-2",
    seconds=4,
    size=Size(width_px=1280, height_px=720),
    seed=7,
)


PARENT = replace(ORDER, key="P4RT", prompt="the parent", seconds=8)
OPERATIONS = {"create": Operation.GENERATE, "remix": Operation.REMIX, "extend": Operation.EXTEND}


@dataclass(frozen=True, slots=True, kw_only=True)
class Paid:
    """A paid call that is about to be made."""

    #: The loopback API's word for it.
    route: str
    order: RenderOrder


def make_openai(base_url: str, clock: HastyClock) -> OpenAIProvider:
    environ = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": base_url, "OPENAI_MODELS": "sora-2"}
    return OpenAIProvider(OPENAI.account(environ, clock, patience=HURRIED))


@pytest.fixture
async def videos_api():
    async with VideosApi() as running:
        yield running


@pytest.fixture
def hasty_clock():
    return HastyClock()


@pytest.fixture
async def openai(videos_api, hasty_clock):
    made = make_openai(videos_api.base_url, hasty_clock)
    yield made
    await made.close()


@pytest.fixture
def target(tmp_path: Path):
    """Where a clip goes, in a folder that holds nothing else."""
    folder = tmp_path / "K7Q2"
    folder.mkdir()
    return folder / "clip.mp4"


@pytest.fixture
async def parent(openai):
    """A finished render, 8 s long."""
    return await openai.submit(PARENT)


@pytest.fixture(params=["remix", "extend"])
def continuation(request, parent):
    """A call that starts from the parent."""
    operation = OPERATIONS[request.param]
    order = replace(ORDER, operation=operation, source=parent.id)
    return Paid(route=request.param, order=order)


@pytest.fixture(params=list(OPERATIONS))
async def paid(request, openai):
    """Each call that costs money, ready to be made; all but a create after one for the parent."""
    if request.param == "create":
        return Paid(route="create", order=ORDER)
    parent = await openai.submit(PARENT)
    order = replace(ORDER, operation=OPERATIONS[request.param], source=parent.id)
    return Paid(route=request.param, order=order)
