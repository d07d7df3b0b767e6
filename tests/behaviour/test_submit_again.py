"""A paid call is repeated after one of unknown outcome: a rejection of the second call does not
prove that the first was not accepted.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.errors import (
    NotAcceptedError,
    NotOfferedError,
    ProviderAccountError,
    ProviderError,
    UnknownOutcomeError,
)
from bot.model import State
from bot.providers.base import ProviderRequest, RenderStatus
from bot.providers.vendors.local import LocalProvider
from tests.behaviour.harness import BotHarness, bot_harness


class ScriptedSubmitProvider(LocalProvider):
    """A provider that answers paid calls with the errors in `answers`, one each, then accepts
    requests.
    """

    answers: list[ProviderError]
    keys: list[str]

    async def submit(self, request: ProviderRequest) -> RenderStatus:
        self.keys.append(request.idempotency_key)
        if self.answers:
            raise self.answers.pop(0)
        return await super().submit(request)


@asynccontextmanager
async def ask_and_answer(
    folder: Path, answers: Sequence[ProviderError]
) -> AsyncGenerator[tuple[BotHarness, ScriptedSubmitProvider]]:
    """Run a bot whose provider answers the first paid calls with `answers`; have alice request a
    clip.
    """
    async with bot_harness(folder, VIDEO_PROVIDERS="local") as t:
        stammering = ScriptedSubmitProvider(folder / "local", t.clock)
        stammering.answers, stammering.keys = list(answers), []
        providers = t.app.providers
        assert isinstance(providers, dict)
        await providers["local"].close()
        providers["local"] = stammering
        await t.alice.slash(t.channel, "sora generate", prompt="a cat", seconds=4)
        yield t, stammering


def lost() -> ProviderError:
    return UnknownOutcomeError("cut off")


@pytest.mark.parametrize("refusal", [ProviderAccountError("401"), NotOfferedError("no such model")])
async def test_a_refusal_after_an_unknown_outcome_neither_ends_nor_refunds_the_job(
    tmp_path: Path, refusal: ProviderError
) -> None:
    async with ask_and_answer(tmp_path, [lost(), refusal, refusal]) as (t, service):
        job = await t.wait_for_state(State.RENDERING)
        assert service.keys == [job.id] * 4


async def test_a_full_service_is_asked_again_when_it_says_with_the_job_kept_there(
    tmp_path: Path,
) -> None:
    full = NotAcceptedError("429", retry_after_s=50)
    async with ask_and_answer(tmp_path, [lost(), full]) as (t, service):
        await t.until(lambda: len(service.keys) == 2)

        async def put_off() -> bool:
            job = await t.job()
            assert job.due_at is not None
            return job.attempts == 1 and (job.due_at - t.clock.now()).total_seconds() > 40

        await t.until(put_off)
        assert (await t.job()).state is State.SUBMITTING
        t.clock.forward(60)
        await t.wait_for_state(State.RENDERING)


async def test_what_nobody_knows_at_the_deadline_is_given_up_and_refunded(tmp_path: Path) -> None:
    async with ask_and_answer(tmp_path, [lost(), *[ProviderAccountError("401")] * 500]) as (
        t,
        service,
    ):
        await t.until(lambda: len(service.keys) > 2)
        assert (await t.job()).state is State.SUBMITTING
        t.clock.forward(1900)
        job = await t.wait_for_state(State.FAILED)
        assert (job.error_code, job.refunded) == ("render_lost", True)
