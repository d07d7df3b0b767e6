"""What tests about remixes do again and again: make a clip, wait for the next, read the answers."""

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
#: What `PROMPT` costs at the first model, in its shortest length.
PRICE_USD_MICROS = 400_000


async def wait_for_newest(t: BotHarness, count: int, *, timeout_s: float = PATIENCE_S) -> Job:
    """Wait until there are so many jobs, all done, and return the last of them."""

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
    """Let alice, or `actor`, make a clip in the channel; return it and its message."""
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
    """Return the message that carries a job's clip."""
    stored = t.env.backend.get_message(job.place.channel_id, job.message_id or 0)
    return to_discord_message(t.env, stored)


def replies_to(t: BotHarness, message: discord.Message) -> list[discord.Message]:
    """Return the replies to a message, oldest first."""
    stored = t.env.backend.messages[message.channel.id]
    shown = [to_discord_message(t.env, stored[number]) for number in sorted(stored)]
    return [m for m in shown if m.reference and m.reference.message_id == message.id]


async def wait_for_reply(t: BotHarness, message: discord.Message) -> discord.Message:
    """Wait for the bot's one answer to a message."""
    (answer,) = await t.until(lambda: replies_to(t, message))
    return answer


def only_answer(result: simcord.InteractionResult) -> str:
    """Return what an interaction was answered; it must be one answer, for its user alone."""
    # Of a button that took its time, the response is the message that holds the button.
    answers = result.followups or [result.response]
    (answer,) = answers
    assert answer is not None
    assert answer.ephemeral
    assert result.modal is None
    return answer.content


def buttons(message: discord.Message) -> list[str]:
    """Return the labels of a message's buttons."""
    rows = [row for row in message.components if isinstance(row, discord.ActionRow)]
    found = [each for row in rows for each in row.children]
    return [str(each.label) for each in found if isinstance(each, discord.Button)]


def pinged_ids(message: discord.Message) -> list[int]:
    """Return the ids of the members that a message pings; it may ping nothing else."""
    assert not message.mention_everyone
    assert not message.role_mentions
    return [user.id for user in message.mentions]


async def clips_used(t: BotHarness, actor: simcord.MemberActor) -> int:
    """Return how many clips a member has paid for."""
    usage = await t.usage_of(actor.id)
    return usage.clips


def deny(t: BotHarness, channel: simcord.ChannelHandle, who: int, **permissions: bool) -> None:
    """Take permissions (each given as True) from a member in a channel."""
    denied = discord.Permissions(**permissions)
    overwrite = Overwrite(target_id=who, type=OverwriteType.MEMBER, deny=denied.value)
    t.env.backend.set_overwrite(channel.id, overwrite)


def is_remix(job: Job, parent: Job, owner: simcord.MemberActor) -> bool:
    """Return whether `job` is a remix of `parent` that belongs to `owner`."""
    told = (job.spec.operation, job.parent_id, job.user_id)
    return told == (Operation.REMIX, parent.id, owner.id)
