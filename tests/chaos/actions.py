"""What members do in a round; each doing brings the bot to the points that `crash_points` names.

All of them may be cut short at any moment: the bot may die under them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from tests.chaos.harness import MEMBER_WITHOUT_DMS, MEMBERS, ChaosHarness, SentCommand, until
from tests.wire.discord_permissions import Permission
from tests.wire.videos_faults import VideosFault

_MUTE = int(Permission.SEND_MESSAGES | Permission.SEND_MESSAGES_IN_THREADS)
ChaosAction = Callable[[ChaosHarness], Awaitable[object]]


def words_of(harness: ChaosHarness, what: str = "a cat") -> str:
    """Return a prompt that nobody had before."""
    return f"{what} number {next(harness.numbers)}"


async def ask(
    harness: ChaosHarness,
    prompt: str | None = None,
    *,
    who: str | None = None,
    where: str = "general",
    count: int = 1,
    **more: Any,
) -> SentCommand:
    """Send a command and return it when it is answered."""
    who = harness.chance.choice(MEMBERS) if who is None else who
    options: dict[str, Any] = {"prompt": prompt or words_of(harness), **more}
    if count > 1:
        options["count"] = count
    sent = await harness.discord.slash(who, where, "sora generate", options)
    asked = SentCommand(options["prompt"], count, sent)
    harness.sent_commands.append(asked)
    await sent.answered(20)
    return asked


async def ask_for_variants(harness: ChaosHarness) -> SentCommand:
    return await ask(harness, count=3)


async def remix(harness: ChaosHarness) -> None:
    """Reply to a clip that was posted; ask for one where there is none yet."""
    clips = [post for post in harness.discord.posts("general") if post["attachments"]]
    if not clips:
        await ask(harness)
        return
    await harness.discord.message(
        "general",
        harness.chance.choice(MEMBERS),
        words_of(harness, "make it"),
        reply_to=harness.chance.choice(clips),
    )


async def lose_an_answer(harness: ChaosHarness) -> None:
    """The order arrives, its answer does not."""
    prompt = words_of(harness)
    fault = harness.chance.choice(
        [VideosFault.html(502).but_accepted(), VideosFault.cut(accepted=True)]
    )
    harness.openai.fault("create", fault, prompt=prompt)
    await ask(harness, prompt)


async def lose_an_order(harness: ChaosHarness) -> None:
    prompt = words_of(harness)
    harness.openai.fault("create", VideosFault.cut(accepted=False), prompt=prompt)
    await ask(harness, prompt)


async def be_refused(harness: ChaosHarness) -> None:
    prompt = words_of(harness)
    refusal = VideosFault.error(400, "Blocked by the moderation system.", "moderation_blocked")
    harness.openai.fault("create", refusal, prompt=prompt)
    harness.relay.fault("create", refusal, prompt=prompt)
    await ask(harness, prompt)


async def be_turned_away(harness: ChaosHarness) -> None:
    prompt = words_of(harness)
    harness.openai.fault(
        "create", VideosFault.error(429, "Too many.", retry_after="1"), prompt=prompt
    )
    await ask(harness, prompt)


async def come_after_one_turned_away(harness: ChaosHarness) -> None:
    await be_turned_away(harness)
    await until(harness.relay.creates.total, 10)
    await ask(harness)


async def _press_cancel(harness: ChaosHarness, asked: SentCommand) -> None:
    custom_id = f"sora:cancel:{asked.sent.payload['id']}"
    pressed = await harness.discord.press(asked.sent.user_id, asked.card, custom_id)
    await pressed.answered(10)


async def cancel(harness: ChaosHarness) -> None:
    """Call off a job that waits: all slots are taken by creates that take their time."""
    for kitchen in (harness.openai, harness.relay):
        kitchen.fault("create", *[VideosFault.slow(0.8)] * 10)
    for _ in range(4):
        await ask(harness, count=4)
    await _press_cancel(harness, await ask(harness))


async def cancel_late(harness: ChaosHarness) -> None:
    """Call off a job as its paid call is under way."""
    prompt = words_of(harness)
    for kitchen in (harness.openai, harness.relay):
        kitchen.fault("create", VideosFault.slow(1.0), prompt=prompt)
    asked = await ask(harness, prompt)
    await until(
        lambda: harness.rows("SELECT 1 FROM jobs WHERE prompt = ? AND state = 'submitting'", prompt)
    )
    await _press_cancel(harness, asked)


async def stop_a_render(harness: ChaosHarness) -> None:
    """Call off a render that is under way; elsewhere, one that will not be stopped."""
    if not harness.stops:
        await cancel_late(harness)
        return
    prompt = words_of(harness)
    harness.relay.ready_after_s = 6.0
    asked = await ask(harness, prompt, model="vllm/wan")
    await until(
        lambda: harness.rows("SELECT 1 FROM jobs WHERE prompt = ? AND state = 'rendering'", prompt)
    )
    await _press_cancel(harness, asked)


async def be_told_by_a_webhook(harness: ChaosHarness) -> None:
    """The service says of a render that it is done, as it is being asked for by polls."""
    prompt = words_of(harness)
    await ask(harness, prompt)
    (render,) = await until(
        lambda: harness.rows(
            "SELECT remote_id FROM jobs WHERE prompt = ? AND remote_id IS NOT NULL", prompt
        )
    )
    await harness.send_webhook(render["remote_id"])


async def have_a_render_fail(harness: ChaosHarness) -> None:
    prompt = words_of(harness)
    for kitchen in (harness.openai, harness.relay):
        kitchen.fault("create", VideosFault.moderated(), prompt=prompt)
    await ask(harness, prompt)


async def get_a_spoilt_file(harness: ChaosHarness) -> None:
    prompt = words_of(harness)
    for kitchen in (harness.openai, harness.relay):
        kitchen.fault("content", VideosFault.raw(b"not a clip at all"), prompt=prompt)
    await ask(harness, prompt)


async def get_too_much(harness: ChaosHarness) -> None:
    await ask(harness, words_of(harness, "a huge cat"))


async def meet_a_proxy(harness: ChaosHarness) -> None:
    """A page without a code answers a post that was made, or was not."""
    for after_work in (True, False):
        channel = harness.discord.world.add_channel(f"proxied-{next(harness.numbers)}")
        path = rf"/channels/{channel['id']}/messages$"
        harness.discord.fail_next("POST", path, 400, 0, after_work=after_work)
        await ask(harness, where=channel["id"])


async def lock_the_thread(harness: ChaosHarness) -> None:
    thread = harness.discord.world.add_thread("general", f"thread-{next(harness.numbers)}")
    await ask(harness, where=thread["id"])
    harness.discord.world.edit_thread(thread["id"], {"locked": True})


async def close_the_channel(
    harness: ChaosHarness, who: str | None = None
) -> tuple[SentCommand, str]:
    channel = harness.discord.world.add_channel(f"closed-{next(harness.numbers)}")
    asked = await ask(harness, who=who, where=channel["id"])
    harness.discord.world.overwrite(channel["id"], "bot", deny=_MUTE)
    return asked, channel["id"]


async def close_everything(harness: ChaosHarness) -> tuple[SentCommand, str]:
    return await close_the_channel(harness, MEMBER_WITHOUT_DMS)


async def fetch(harness: ChaosHarness) -> None:
    """Have a clip posted that was kept."""
    asked, channel = await close_everything(harness)
    kept = await until(
        lambda: harness.rows(
            "SELECT id FROM jobs WHERE prompt = ? AND state = 'kept'", asked.prompt
        )
    )
    button = f"sora:fetch:{kept[0]['id']}"

    def is_there() -> bool:
        return button in str(harness.discord.world.message(channel, asked.card["id"])["components"])

    await until(is_there)
    harness.discord.world.overwrite(channel, "bot")
    pressed = await harness.discord.press(MEMBER_WITHOUT_DMS, asked.card, button)
    await pressed.answered(10)


async def _ask_large(harness: ChaosHarness, who: str) -> None:
    world = harness.discord.world
    direct = world.dm(who)
    usual, world.dm_upload_limit_bytes = world.dm_upload_limit_bytes, 30_000
    try:
        sending = ask(harness, words_of(harness, "a large cat"), who=who, where=direct["id"])
        await sending
    finally:
        world.dm_upload_limit_bytes = usual


async def ask_for_more_than_fits(harness: ChaosHarness) -> None:
    await _ask_large(harness, harness.chance.choice(MEMBERS))


async def be_out_of_reach(harness: ChaosHarness) -> None:
    harness.discord.fail_next("POST", "/users/@me/channels$", 401)
    await _ask_large(harness, harness.chance.choice(MEMBERS))


async def blind_the_bot(harness: ChaosHarness) -> None:
    """A post is of unknown outcome, and then the bot may not look any more: kept, with a word."""
    who = harness.chance.choice(MEMBERS)
    channel = harness.discord.world.add_channel(f"dark-{next(harness.numbers)}")
    path = rf"/channels/{channel['id']}/messages$"
    harness.discord.fail_next("POST", path, 400, 0)
    await ask(harness, who=who, where=channel["id"])
    hidden = int(Permission.READ_MESSAGE_HISTORY)
    harness.discord.world.overwrite(channel["id"], "bot", deny=hidden)


async def blind_the_bot_and_stop_its_mouth(harness: ChaosHarness) -> None:
    for who in MEMBERS:
        direct = harness.discord.world.dm(who)["id"]
        harness.discord.fail_next("POST", rf"/channels/{direct}/messages$", 401)
    await blind_the_bot(harness)


async def delete(harness: ChaosHarness) -> None:
    asked = await ask(harness)
    found = await until(
        lambda: harness.rows("SELECT * FROM jobs WHERE prompt = ? AND state = 'done'", asked.prompt)
    )
    who, job_id = asked.sent.user_id, found[0]["id"]
    post = harness.discord.world.message(str(found[0]["channel_id"]), str(found[0]["message_id"]))
    sure = await harness.discord.press(who, post, f"sora:delete:{job_id}")
    await sure.answered(10)
    assert sure.message is not None
    erased = await harness.discord.press(who, sure.message, f"sora:erase:{job_id}")
    await erased.answered(10)


async def delete_before_it_is_mirrored(harness: ChaosHarness) -> None:
    """Delete a clip whose first way into the gallery failed."""
    gallery = harness.discord.world.channel("gallery")["id"]
    harness.discord.fail_next("POST", rf"/channels/{gallery}/messages$", 401, times=8)
    await delete(harness)


ACTIONS: dict[str, ChaosAction] = {
    each.__name__: each
    for each in (
        *(ask, ask_for_variants, remix, lose_an_answer, lose_an_order, be_refused),
        *(be_turned_away, come_after_one_turned_away, cancel, cancel_late, have_a_render_fail),
        *(stop_a_render, be_told_by_a_webhook),
        *(get_a_spoilt_file, get_too_much, meet_a_proxy, lock_the_thread, close_the_channel),
        *(close_everything, fetch, ask_for_more_than_fits, be_out_of_reach, blind_the_bot),
        *(blind_the_bot_and_stop_its_mouth, delete, delete_before_it_is_mirrored),
    )
}
