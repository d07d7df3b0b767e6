"""Helpers for tests about remixes: make a clip, wait for the next one, read the bot's answers."""

from __future__ import annotations

import discord
import simcord
from simcord.backend.models import Overwrite
from simcord.enums import OverwriteType
from simcord.results import to_discord_message

from bot.model import Job, Operation, State
from tests.behaviour.harness import BotHarness
from tests.patience import PATIENCE_S

PROMPT = "a calico cat plays piano"
#: The price of `PROMPT` with the first model, in its shortest length.
PRICE_USD_MICROS = 400_000


async def wait_for_newest(t: BotHarness, count: int, *, timeout_s: float = PATIENCE_S) -> Job:
    """Wait until `count` jobs exist and all are done, and return the newest.

    Raises AssertionError when a job fails or when there are more than `count`.
    """

    async def all_done() -> bool:
        jobs = await t.jobs()
        assert len(jobs) <= count, [job.spec.prompt for job in jobs]
        failed = [job.error_text for job in jobs if job.state is State.FAILED]
        assert failed == []
        return len(jobs) == count and all(job.state is State.DONE for job in jobs)

    await t.until(all_done, timeout_s)
    return (await t.jobs())[-1]


async def make_clip(
    t: BotHarness,
    actor: simcord.MemberActor | None = None,
    channel: simcord.ChannelHandle | None = None,
    **options: object,
) -> tuple[Job, discord.Message]:
    """Let alice, or `actor`, make a clip in the channel; return its job and its message."""
    count = len(await t.jobs())
    maker, place = actor or t.alice, channel or t.channel
    wanted = {"prompt": PROMPT, **options}
    if place.guild is None:
        await maker.user.slash("sora generate", **wanted)
    else:
        await maker.slash(place, "sora generate", **wanted)
    job = await wait_for_newest(t, count + 1)
    return job, message_of(t, job)


def message_of(t: BotHarness, job: Job) -> discord.Message:
    stored = t.env.backend.get_message(job.place.channel_id, job.message_id or 0)
    return to_discord_message(t.env, stored)


def replies_to(t: BotHarness, message: discord.Message) -> list[discord.Message]:
    """Return the messages that reply to a message, oldest first."""
    stored = t.env.backend.messages[message.channel.id]
    shown = [to_discord_message(t.env, stored[number]) for number in sorted(stored)]
    return [m for m in shown if m.reference and m.reference.message_id == message.id]


async def wait_for_reply(t: BotHarness, message: discord.Message) -> discord.Message:
    """Wait until the bot has replied to a message; it must be one reply, which is returned."""
    (answer,) = await t.until(lambda: replies_to(t, message))
    return answer


def only_answer(result: simcord.InteractionResult) -> str:
    """Return the text of the only message that answered an interaction; it must be ephemeral."""
    # After a slow button, `result.response` is the message that holds the button, and the answer
    # is a follow-up message.
    answers = result.followups or [result.response]
    (answer,) = answers
    assert answer is not None
    assert answer.ephemeral
    assert result.modal is None
    return answer.content


def buttons(message: discord.Message) -> list[str]:
    rows = [row for row in message.components if isinstance(row, discord.ActionRow)]
    found = [each for row in rows for each in row.children]
    return [str(each.label) for each in found if isinstance(each, discord.Button)]


def pinged_ids(message: discord.Message) -> list[int]:
    """Return the ids of the members that a message pings; it must not ping roles or everyone."""
    assert not message.mention_everyone
    assert not message.role_mentions
    return [user.id for user in message.mentions]


async def clips_used(t: BotHarness, actor: simcord.MemberActor) -> int:
    """Return how many clips are counted against a member's quota."""
    usage = await t.usage_of(actor.id)
    return usage.clips


def deny(t: BotHarness, channel: simcord.ChannelHandle, who: int, **permissions: bool) -> None:
    """Deny a member permissions in a channel, each named as a keyword (`send_messages=True`)."""
    denied = discord.Permissions(**permissions)
    overwrite = Overwrite(target_id=who, type=OverwriteType.MEMBER, deny=denied.value)
    t.env.backend.set_overwrite(channel.id, overwrite)


def is_remix(job: Job, parent: Job, owner: simcord.MemberActor) -> bool:
    told = (job.spec.operation, job.parent_id, job.user_id)
    return told == (Operation.REMIX, parent.id, owner.id)
