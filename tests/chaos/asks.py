"""What members do in a round; each doing brings the bot to the points that `crash_points` names.

All of them may be cut short at any moment: the bot may die under them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from tests.chaos.town import HERMIT, MEMBERS, Asked, Town, until
from tests.wire.discord_permissions import Permission
from tests.wire.videos_faults import Fault

_MUTE = int(Permission.SEND_MESSAGES | Permission.SEND_MESSAGES_IN_THREADS)
Doing = Callable[[Town], Awaitable[object]]


def words_of(town: Town, what: str = "a cat") -> str:
    """Return a prompt that nobody had before."""
    return f"{what} number {next(town.numbers)}"


async def ask(
    town: Town,
    prompt: str | None = None,
    *,
    who: str | None = None,
    where: str = "general",
    count: int = 1,
    **more: Any,
) -> Asked:
    """Send a command and return it when it is answered."""
    who = town.chance.choice(MEMBERS) if who is None else who
    options: dict[str, Any] = {"prompt": prompt or words_of(town), **more}
    if count > 1:
        options["count"] = count
    sent = await town.discord.slash(who, where, "sora generate", options)
    asked = Asked(options["prompt"], count, sent)
    town.asked.append(asked)
    await sent.answered(20)
    return asked


async def ask_for_variants(town: Town) -> Asked:
    return await ask(town, count=3)


async def remix(town: Town) -> None:
    """Reply to a clip that was posted; ask for one where there is none yet."""
    clips = [post for post in town.discord.posts("general") if post["attachments"]]
    if not clips:
        await ask(town)
        return
    await town.discord.message(
        "general",
        town.chance.choice(MEMBERS),
        words_of(town, "make it"),
        reply_to=town.chance.choice(clips),
    )


async def lose_an_answer(town: Town) -> None:
    """The order arrives, its answer does not."""
    prompt = words_of(town)
    fault = town.chance.choice([Fault.html(502).but_accepted(), Fault.cut(accepted=True)])
    town.openai.fault("create", fault, prompt=prompt)
    await ask(town, prompt)


async def lose_an_order(town: Town) -> None:
    prompt = words_of(town)
    town.openai.fault("create", Fault.cut(accepted=False), prompt=prompt)
    await ask(town, prompt)


async def be_refused(town: Town) -> None:
    prompt = words_of(town)
    refusal = Fault.error(400, "Blocked by the moderation system.", "moderation_blocked")
    town.openai.fault("create", refusal, prompt=prompt)
    town.relay.fault("create", refusal, prompt=prompt)
    await ask(town, prompt)


async def be_turned_away(town: Town) -> None:
    prompt = words_of(town)
    town.openai.fault("create", Fault.error(429, "Too many.", retry_after="1"), prompt=prompt)
    await ask(town, prompt)


async def come_after_one_turned_away(town: Town) -> None:
    await be_turned_away(town)
    await until(town.relay.creates.total, 10)
    await ask(town)


async def _press_cancel(town: Town, asked: Asked) -> None:
    custom_id = f"sora:cancel:{asked.sent.payload['id']}"
    pressed = await town.discord.press(asked.sent.user_id, asked.card, custom_id)
    await pressed.answered(10)


async def cancel(town: Town) -> None:
    """Call off a job that waits: all slots are taken by creates that take their time."""
    for kitchen in (town.openai, town.relay):
        kitchen.fault("create", *[Fault.slow(0.8)] * 10)
    for _ in range(4):
        await ask(town, count=4)
    await _press_cancel(town, await ask(town))


async def cancel_late(town: Town) -> None:
    """Call off a job as its paid call is under way."""
    prompt = words_of(town)
    for kitchen in (town.openai, town.relay):
        kitchen.fault("create", Fault.slow(1.0), prompt=prompt)
    asked = await ask(town, prompt)
    await until(
        lambda: town.rows("SELECT 1 FROM jobs WHERE prompt = ? AND state = 'submitting'", prompt)
    )
    await _press_cancel(town, asked)


async def stop_a_render(town: Town) -> None:
    """Call off a render that is under way; elsewhere, one that will not be stopped."""
    if not town.stops:
        await cancel_late(town)
        return
    prompt = words_of(town)
    town.relay.ready_after_s = 6.0
    asked = await ask(town, prompt, model="vllm/wan")
    await until(
        lambda: town.rows("SELECT 1 FROM jobs WHERE prompt = ? AND state = 'rendering'", prompt)
    )
    await _press_cancel(town, asked)


async def be_told_by_a_webhook(town: Town) -> None:
    """The service says of a render that it is done, as it is being asked for by polls."""
    prompt = words_of(town)
    await ask(town, prompt)
    (render,) = await until(
        lambda: town.rows(
            "SELECT remote_id FROM jobs WHERE prompt = ? AND remote_id IS NOT NULL", prompt
        )
    )
    await town.tell(render["remote_id"])


async def have_a_render_fail(town: Town) -> None:
    prompt = words_of(town)
    for kitchen in (town.openai, town.relay):
        kitchen.fault("create", Fault.moderated(), prompt=prompt)
    await ask(town, prompt)


async def get_a_spoilt_file(town: Town) -> None:
    prompt = words_of(town)
    for kitchen in (town.openai, town.relay):
        kitchen.fault("content", Fault.raw(b"not a clip at all"), prompt=prompt)
    await ask(town, prompt)


async def get_too_much(town: Town) -> None:
    await ask(town, words_of(town, "a huge cat"))


async def meet_a_proxy(town: Town) -> None:
    """A page without a code answers a post that was made, or was not."""
    for after_work in (True, False):
        channel = town.discord.world.add_channel(f"proxied-{next(town.numbers)}")
        path = rf"/channels/{channel['id']}/messages$"
        town.discord.fail_next("POST", path, 400, 0, after_work=after_work)
        await ask(town, where=channel["id"])


async def lock_the_thread(town: Town) -> None:
    thread = town.discord.world.add_thread("general", f"thread-{next(town.numbers)}")
    await ask(town, where=thread["id"])
    town.discord.world.edit_thread(thread["id"], {"locked": True})


async def close_the_channel(town: Town, who: str | None = None) -> tuple[Asked, str]:
    channel = town.discord.world.add_channel(f"closed-{next(town.numbers)}")
    asked = await ask(town, who=who, where=channel["id"])
    town.discord.world.overwrite(channel["id"], "bot", deny=_MUTE)
    return asked, channel["id"]


async def close_everything(town: Town) -> tuple[Asked, str]:
    return await close_the_channel(town, HERMIT)


async def fetch(town: Town) -> None:
    """Have a clip posted that was kept."""
    asked, channel = await close_everything(town)
    kept = await until(
        lambda: town.rows("SELECT id FROM jobs WHERE prompt = ? AND state = 'kept'", asked.prompt)
    )
    button = f"sora:fetch:{kept[0]['id']}"

    def is_there() -> bool:
        return button in str(town.discord.world.message(channel, asked.card["id"])["components"])

    await until(is_there)
    town.discord.world.overwrite(channel, "bot")
    pressed = await town.discord.press(HERMIT, asked.card, button)
    await pressed.answered(10)


async def _ask_large(town: Town, who: str) -> None:
    world = town.discord.world
    direct = world.dm(who)
    usual, world.dm_upload_limit_bytes = world.dm_upload_limit_bytes, 30_000
    try:
        sending = ask(town, words_of(town, "a large cat"), who=who, where=direct["id"])
        await sending
    finally:
        world.dm_upload_limit_bytes = usual


async def ask_for_more_than_fits(town: Town) -> None:
    await _ask_large(town, town.chance.choice(MEMBERS))


async def be_out_of_reach(town: Town) -> None:
    town.discord.fail_next("POST", "/users/@me/channels$", 401)
    await _ask_large(town, town.chance.choice(MEMBERS))


async def blind_the_bot(town: Town) -> None:
    """A post is of unknown outcome, and then the bot may not look any more: kept, with a word."""
    who = town.chance.choice(MEMBERS)
    channel = town.discord.world.add_channel(f"dark-{next(town.numbers)}")
    path = rf"/channels/{channel['id']}/messages$"
    town.discord.fail_next("POST", path, 400, 0)
    await ask(town, who=who, where=channel["id"])
    hidden = int(Permission.READ_MESSAGE_HISTORY)
    town.discord.world.overwrite(channel["id"], "bot", deny=hidden)


async def blind_the_bot_and_stop_its_mouth(town: Town) -> None:
    for who in MEMBERS:
        direct = town.discord.world.dm(who)["id"]
        town.discord.fail_next("POST", rf"/channels/{direct}/messages$", 401)
    await blind_the_bot(town)


async def delete(town: Town) -> None:
    asked = await ask(town)
    found = await until(
        lambda: town.rows("SELECT * FROM jobs WHERE prompt = ? AND state = 'done'", asked.prompt)
    )
    who, job_id = asked.sent.user_id, found[0]["id"]
    post = town.discord.world.message(str(found[0]["channel_id"]), str(found[0]["message_id"]))
    sure = await town.discord.press(who, post, f"sora:delete:{job_id}")
    await sure.answered(10)
    erased = await town.discord.press(who, sure.message, f"sora:erase:{job_id}")
    await erased.answered(10)


async def delete_before_it_is_mirrored(town: Town) -> None:
    """Delete a clip whose first way into the gallery failed."""
    gallery = town.discord.world.channel("gallery")["id"]
    town.discord.fail_next("POST", rf"/channels/{gallery}/messages$", 401, times=8)
    await delete(town)


DOINGS: dict[str, Doing] = {
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
