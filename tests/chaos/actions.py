"""What members do in a chaos round, and the failures that some actions set up beforehand.

`tests/wire/crash_points.py` names the action that brings the bot to each crash point. The bot may
be killed while an action runs, which ends the action early.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from tests.chaos.harness import MEMBER_WITHOUT_DMS, MEMBERS, ChaosHarness, SentCommand, until
from tests.wire.discord_permissions import Permission
from tests.wire.videos_faults import VideosFault

_MUTE = int(Permission.SEND_MESSAGES | Permission.SEND_MESSAGES_IN_THREADS)
ChaosAction = Callable[[ChaosHarness], Awaitable[object]]


def unique_prompt(harness: ChaosHarness, what: str = "a cat") -> str:
    """Return a prompt that no other job of the round has."""
    return f"{what} number {next(harness.numbers)}"


async def ask(
    harness: ChaosHarness,
    prompt: str | None = None,
    *,
    member: str | None = None,
    where: str = "general",
    count: int = 1,
    **more: Any,
) -> SentCommand:
    """Send `/sora generate`; return the command after the bot has answered."""
    member = harness.chance.choice(MEMBERS) if member is None else member
    options: dict[str, Any] = {"prompt": prompt or unique_prompt(harness), **more}
    if count > 1:
        options["count"] = count
    sent = await harness.discord.slash(member, where, "sora generate", options)
    asked = SentCommand(options["prompt"], count, sent)
    harness.sent_commands.append(asked)
    await sent.answered(20)
    return asked


async def ask_for_variants(harness: ChaosHarness) -> SentCommand:
    return await ask(harness, count=3)


async def remix(harness: ChaosHarness) -> None:
    """Remix a posted clip by replying to it; if there is none yet, request a clip."""
    clips = [post for post in harness.discord.posts("general") if post["attachments"]]
    if not clips:
        await ask(harness)
        return
    await harness.discord.message(
        "general",
        harness.chance.choice(MEMBERS),
        unique_prompt(harness, "make it"),
        reply_to=harness.chance.choice(clips),
    )


async def lose_create_response(harness: ChaosHarness) -> None:
    """Have the first provider accept a paid call but lose the response on its way to the bot."""
    prompt = unique_prompt(harness)
    fault = harness.chance.choice(
        [VideosFault.html(502).but_accepted(), VideosFault.cut(accepted=True)]
    )
    harness.openai.fault("create", fault, prompt=prompt)
    await ask(harness, prompt)


async def lose_create_request(harness: ChaosHarness) -> None:
    prompt = unique_prompt(harness)
    harness.openai.fault("create", VideosFault.cut(accepted=False), prompt=prompt)
    await ask(harness, prompt)


async def reject_prompt(harness: ChaosHarness) -> None:
    prompt = unique_prompt(harness)
    refusal = VideosFault.error(400, "Blocked by the moderation system.", "moderation_blocked")
    harness.openai.fault("create", refusal, prompt=prompt)
    harness.relay.fault("create", refusal, prompt=prompt)
    await ask(harness, prompt)


async def rate_limit_create(harness: ChaosHarness) -> None:
    prompt = unique_prompt(harness)
    harness.openai.fault(
        "create", VideosFault.error(429, "Too many.", retry_after="1"), prompt=prompt
    )
    await ask(harness, prompt)


async def ask_after_rate_limit(harness: ChaosHarness) -> None:
    await rate_limit_create(harness)
    await until(harness.relay.creates.total, 10)
    await ask(harness)


async def _press_cancel(harness: ChaosHarness, asked: SentCommand) -> None:
    custom_id = f"sora:cancel:{asked.sent.payload['id']}"
    pressed = await harness.discord.press(asked.sent.user_id, asked.card, custom_id)
    await pressed.answered(10)


async def cancel(harness: ChaosHarness) -> None:
    """Cancel a queued job, while slow paid calls occupy all slots of the providers."""
    for provider in (harness.openai, harness.relay):
        provider.fault("create", *[VideosFault.slow(0.8)] * 10)
    for _ in range(4):
        await ask(harness, count=4)
    await _press_cancel(harness, await ask(harness))


async def cancel_late(harness: ChaosHarness) -> None:
    """Cancel a job while the bot makes the paid call for it."""
    prompt = unique_prompt(harness)
    for provider in (harness.openai, harness.relay):
        provider.fault("create", VideosFault.slow(1.0), prompt=prompt)
    asked = await ask(harness, prompt)
    await until(
        lambda: harness.rows("SELECT 1 FROM jobs WHERE prompt = ? AND state = 'submitting'", prompt)
    )
    await _press_cancel(harness, asked)


async def cancel_render(harness: ChaosHarness) -> None:
    """Cancel a running render.

    If the provider can't cancel, cancel a job during its paid call instead.
    """
    if not harness.stops:
        await cancel_late(harness)
        return
    prompt = unique_prompt(harness)
    harness.relay.ready_after_s = 6.0
    asked = await ask(harness, prompt, model="vllm/wan")
    await until(
        lambda: harness.rows("SELECT 1 FROM jobs WHERE prompt = ? AND state = 'rendering'", prompt)
    )
    await _press_cancel(harness, asked)


async def send_webhook(harness: ChaosHarness) -> None:
    """Have a member request a clip, and send the bot a webhook that its render is done."""
    prompt = unique_prompt(harness)
    await ask(harness, prompt)
    (render,) = await until(
        lambda: harness.rows(
            "SELECT remote_id FROM jobs WHERE prompt = ? AND remote_id IS NOT NULL", prompt
        )
    )
    await harness.send_webhook(render["remote_id"])


async def fail_render(harness: ChaosHarness) -> None:
    prompt = unique_prompt(harness)
    for provider in (harness.openai, harness.relay):
        provider.fault("create", VideosFault.moderated(), prompt=prompt)
    await ask(harness, prompt)


async def corrupt_download(harness: ChaosHarness) -> None:
    prompt = unique_prompt(harness)
    for provider in (harness.openai, harness.relay):
        provider.fault("content", VideosFault.raw(b"not a clip at all"), prompt=prompt)
    await ask(harness, prompt)


async def exceed_max_bytes(harness: ChaosHarness) -> None:
    await ask(harness, unique_prompt(harness, "a huge cat"))


async def get_proxy_error_for_post(harness: ChaosHarness) -> None:
    """Answer two posts with a proxy's HTTP 400; Discord created the message of only the first."""
    for after_work in (True, False):
        channel = harness.discord.world.add_channel(f"proxied-{next(harness.numbers)}")
        path = rf"/channels/{channel['id']}/messages$"
        harness.discord.fail_next("POST", path, 400, 0, after_work=after_work)
        await ask(harness, where=channel["id"])


async def lock_thread(harness: ChaosHarness) -> None:
    thread = harness.discord.world.add_thread("general", f"thread-{next(harness.numbers)}")
    await ask(harness, where=thread["id"])
    harness.discord.world.edit_thread(thread["id"], {"locked": True})


async def deny_posting(harness: ChaosHarness, member: str | None = None) -> tuple[SentCommand, str]:
    channel = harness.discord.world.add_channel(f"closed-{next(harness.numbers)}")
    asked = await ask(harness, member=member, where=channel["id"])
    harness.discord.world.overwrite(channel["id"], "bot", deny=_MUTE)
    return asked, channel["id"]


async def deny_posting_without_dms(harness: ChaosHarness) -> tuple[SentCommand, str]:
    return await deny_posting(harness, MEMBER_WITHOUT_DMS)


async def fetch(harness: ChaosHarness) -> None:
    """Press the button that posts a kept clip, which no channel had accepted before."""
    asked, channel = await deny_posting_without_dms(harness)
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


async def _ask_large(harness: ChaosHarness, member: str) -> None:
    world = harness.discord.world
    direct = world.dm(member)
    usual, world.dm_upload_limit_bytes = world.dm_upload_limit_bytes, 30_000
    try:
        sending = ask(
            harness, unique_prompt(harness, "a large cat"), member=member, where=direct["id"]
        )
        await sending
    finally:
        world.dm_upload_limit_bytes = usual


async def ask_for_more_than_fits(harness: ChaosHarness) -> None:
    await _ask_large(harness, harness.chance.choice(MEMBERS))


async def fail_to_open_dms(harness: ChaosHarness) -> None:
    harness.discord.fail_next("POST", "/users/@me/channels$", 401)
    await _ask_large(harness, harness.chance.choice(MEMBERS))


async def deny_history(harness: ChaosHarness) -> None:
    """Make a post's outcome unknown and forbid the bot to read the channel.

    The clip is then kept.
    """
    member = harness.chance.choice(MEMBERS)
    channel = harness.discord.world.add_channel(f"dark-{next(harness.numbers)}")
    path = rf"/channels/{channel['id']}/messages$"
    harness.discord.fail_next("POST", path, 400, 0)
    await ask(harness, member=member, where=channel["id"])
    hidden = int(Permission.READ_MESSAGE_HISTORY)
    harness.discord.world.overwrite(channel["id"], "bot", deny=hidden)


async def deny_history_and_dms(harness: ChaosHarness) -> None:
    for member in MEMBERS:
        direct = harness.discord.world.dm(member)["id"]
        harness.discord.fail_next("POST", rf"/channels/{direct}/messages$", 401)
    await deny_history(harness)


async def delete(harness: ChaosHarness) -> None:
    asked = await ask(harness)
    found = await until(
        lambda: harness.rows("SELECT * FROM jobs WHERE prompt = ? AND state = 'done'", asked.prompt)
    )
    member, job_id = asked.sent.user_id, found[0]["id"]
    post = harness.discord.world.message(str(found[0]["channel_id"]), str(found[0]["message_id"]))
    sure = await harness.discord.press(member, post, f"sora:delete:{job_id}")
    await sure.answered(10)
    assert sure.message is not None
    erased = await harness.discord.press(member, sure.message, f"sora:erase:{job_id}")
    await erased.answered(10)


async def delete_before_it_is_mirrored(harness: ChaosHarness) -> None:
    """Delete a clip before its copy has been posted in the gallery channel."""
    gallery = harness.discord.world.channel("gallery")["id"]
    harness.discord.fail_next("POST", rf"/channels/{gallery}/messages$", 401, times=8)
    await delete(harness)


ACTIONS: dict[str, ChaosAction] = {
    each.__name__: each
    for each in (
        *(ask, ask_for_variants, remix, lose_create_response, lose_create_request, reject_prompt),
        *(rate_limit_create, ask_after_rate_limit, cancel, cancel_late, fail_render),
        *(cancel_render, send_webhook),
        *(corrupt_download, exceed_max_bytes, get_proxy_error_for_post, lock_thread, deny_posting),
        *(deny_posting_without_dms, fetch, ask_for_more_than_fits, fail_to_open_dms, deny_history),
        *(deny_history_and_dms, delete, delete_before_it_is_mirrored),
    )
}
