"""Helpers for behaviour tests: make clips with the bot under test, and read the messages about
them.
"""

from __future__ import annotations

from typing import Any

import discord
import simcord

from bot.model import Job, State
from tests.behaviour.harness import BotHarness, words


async def wait_until_finished(t: BotHarness, count: int, state: State = State.DONE) -> list[Job]:
    """Wait until exactly `count` jobs exist and each is in `state`; return them, oldest first.

    Raises AssertionError when a job ends in any other state.
    """

    async def all_there() -> list[Job] | None:
        jobs = sorted(await t.jobs(), key=lambda job: (job.created_at, job.variant))
        for job in jobs:
            if job.state.is_final and job.state is not state:
                raise AssertionError(f"{job.id} ended as {job.state}: {job.error_text}")
        there = len(jobs) == count and all(job.state is state for job in jobs)
        return jobs if there else None

    return await t.until(all_there)


async def generate_clip(
    t: BotHarness,
    actor: simcord.MemberActor,
    prompt: str,
    channel: simcord.ChannelHandle | None = None,
    **options: Any,
) -> Job:
    """Have the member `actor` generate a clip, wait until the bot has posted it, and return its
    job.
    """
    before = {job.id for job in await t.jobs()}
    place = t.channel if channel is None else channel
    await actor.slash(place, "sora generate", prompt=prompt, **options)

    async def there() -> Job | None:
        (job,) = [each for each in await t.jobs() if each.id not in before]
        return job if job.state is State.DONE else None

    return await t.until(there)


def message_of(
    t: BotHarness, job: Job, channel: simcord.ChannelHandle | None = None
) -> discord.Message | None:
    """Return the Discord message that carries a job's clip, or None when the message is gone."""
    place = t.channel if channel is None else channel
    return next((each for each in place.history() if each.id == job.message_id), None)


def private_answer(result: simcord.InteractionResult) -> str:
    """Return the text of every message that answered an interaction.

    Raises AssertionError unless all of them are ephemeral (visible only to the member who asked).
    """
    answers = [each for each in (result.response, *result.followups) if each is not None]
    assert answers
    assert all(each.ephemeral for each in answers)
    return "\n".join(
        "\n".join([each.content, *(words(embed) for embed in each.embeds)]) for each in answers
    )


def button_labels(message: discord.Message | simcord.ResponseMessage | None) -> list[str]:
    if message is None:
        raise AssertionError("there is no message")
    rows = message.components
    if isinstance(message, discord.Message):
        rows = [row.to_dict() for row in message.components]
    return [str(button.get("label")) for row in rows for button in row["components"]]  # type: ignore[index,union-attr]
