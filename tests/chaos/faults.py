"""Every failure that the simulated Discord and providers can produce, alone and in mixtures."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from tests.chaos.actions import ACTIONS, ask, unique_prompt
from tests.chaos.harness import ChaosHarness, PooledBot, until
from tests.chaos.rounds import Kill, Round, finish, rest
from tests.wire.videos_faults import VideosFault

#: A response in which the provider rejects an API key that was valid before.
REFUSED = VideosFault.error(401, "Incorrect API key provided.", "invalid_api_key")
#: Failures of a paid call, by name. A call that was accepted ("but taken") is billed in spite of
#: the failure.
CREATE = {
    "html": VideosFault.html(502),
    "html, but taken": VideosFault.html(502).but_accepted(),
    "500": VideosFault.error(500, "Oh."),
    "500, but taken": VideosFault.error(500, "Oh.").but_accepted(),
    "503": VideosFault.error(503, "Overloaded."),
    "cut": VideosFault.cut(accepted=False),
    "cut, but taken": VideosFault.cut(accepted=True),
    "429": VideosFault.error(429, "Too many.", retry_after="1"),
    "empty": VideosFault.empty(),
    "empty, but taken": VideosFault.empty().but_accepted(),
    "no id": VideosFault.json(200, {"object": "video"}),
    "no id, but taken": VideosFault.json(200, {"object": "video"}).but_accepted(),
    "redirect": VideosFault.redirect("https://example.org/"),
    "too slow": VideosFault.slow(2.0),
    "lost": VideosFault.lost(),
    "fails": VideosFault.render_failed({"code": "internal_error", "message": "Oh."}),
    "moderated": VideosFault.moderated(),
    "400": VideosFault.error(400, "No such size."),
    "401": REFUSED,
}
#: Failures of a poll of a single render, by name.
RETRIEVE = {
    "html": VideosFault.html(502),
    "500": VideosFault.error(500, "Oh."),
    "429": VideosFault.error(429, "Too many.", retry_after="1"),
    "404": VideosFault.error(404, "Unknown."),
    "cut": VideosFault.cut(),
    "empty": VideosFault.empty(),
    "another thing": VideosFault.json(200, {"object": "list", "data": []}),
    "slow": VideosFault.slow(1.0),
    "401": REFUSED,
}
#: Failures of a download.
CONTENT = {
    "html": VideosFault.html(200),
    "502": VideosFault.html(502),
    "404": VideosFault.error(404, "Unknown."),
    "429": VideosFault.error(429, "Too many.", retry_after="1"),
    "cut": VideosFault.cut(),
    "empty": VideosFault.empty(),
    "truncated": VideosFault.truncated(),
    "endless": VideosFault.endless(),
    "no clip": VideosFault.raw(b"not a clip at all"),
    "quiet": VideosFault.drip(),
    "slow": VideosFault.slow(1.0),
    "401": REFUSED,
}
#: Failures of the list of renders, by name. A 404 is left out, because it tells the bot that the
#: provider has no list.
LIST = {name: fault for name, fault in RETRIEVE.items() if name != "404"}
ROUTES = {"create": CREATE, "list": LIST, "retrieve": RETRIEVE, "content": CONTENT}

#: A function that makes the simulated Discord fail at the next request with this method and path.
DiscordFault = Callable[[ChaosHarness, str, str], None]


def _fails(status: int, code: int | None = None, *, after_work: bool = False) -> DiscordFault:
    return lambda harness, method, path: harness.discord.fail_next(
        method, path, status, code, after_work=after_work
    )


#: Failures of a request to Discord, by name. "but done" means that Discord did the work before the
#: error.
DISCORD: dict[str, DiscordFault] = {
    "500": _fails(500),
    "500, but done": _fails(500, after_work=True),
    "502, but done": _fails(502, after_work=True),
    "503": _fails(503, 0),
    "503, but done": _fails(503, 0, after_work=True),
    "429": _fails(429),
    "a proxy's 400": _fails(400, 0),
    "a proxy's 400, but done": _fails(400, 0, after_work=True),
    "cut": lambda harness, method, path: harness.discord.cut_next(method, path),
    "reset": lambda harness, method, path: harness.discord.reset_next(method, path),
    "drip": lambda harness, method, path: harness.discord.drip_next(method, path, 0.7),
    "delay": lambda harness, method, path: harness.discord.delay_next(method, path, 0.7),
}
#: Refusals of a post, by name. Discord posted nothing, so the bot tries the next place for the
#: clip.
REFUSALS: dict[str, DiscordFault] = {
    "too large": _fails(413, 40005),
    "no access": _fails(403, 50001),
    "no permission": _fails(403, 50013),
    "no channel": _fails(404, 10003),
    "archived": _fails(400, 50083),
    "locked": _fails(403, 160005),
}
POST = ("POST", r"/channels/{id}/messages$")
EDIT = ("PATCH", r"/channels/{id}/messages/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One failure to test.

    `meet` starts a job whose requests fail that way; it returns a function that says whether the
    failure happened.
    """

    name: str
    meet: Callable[[ChaosHarness], Awaitable[Callable[[], bool]]]


def _provider_case(route: str, name: str, fault: VideosFault) -> Case:
    async def meet(harness: ChaosHarness) -> Callable[[], bool]:
        prompt = unique_prompt(harness)
        # Delay the failure, so that all paid calls are sent before the circuit breaker opens.
        at_once = fault.kind == "lost" or route == "list"
        late = replace(fault, delay_s=fault.delay_s if at_once else max(fault.delay_s, 0.8))
        # The bot polls a single render only when the list of renders fails, so make the list fail.
        if route == "retrieve":
            harness.openai.fault("list", VideosFault.cut())
        if route == "list":
            # With two or more renders, the bot reads the list once a polling round; long renders
            # make many polling rounds.
            harness.openai.ready_after_s = 5.0
        about = None if route == "list" else prompt
        harness.openai.fault(route, late, prompt=about)
        await ask(harness, prompt)
        return lambda: not harness.openai._faults[route, about]

    return Case(name=f"{route}: {name}", meet=meet)


def _discord_case(name: str, fault: DiscordFault, kind: str, where: tuple[str, str]) -> Case:
    async def meet(harness: ChaosHarness) -> Callable[[], bool]:
        channel = harness.discord.world.add_channel(f"{kind}-{next(harness.numbers)}")
        method, path = where[0], where[1].format(id=channel["id"])
        fault(harness, method, path)
        planned = harness.discord.faults._pending
        (planned_fault,) = [each for each in planned if each.path.pattern == path]
        await ask(harness, where=channel["id"], count=2)
        return lambda: planned_fault.times == 0

    return Case(name=f"Discord, {kind}: {name}", meet=meet)


async def _lose_the_list(harness: ChaosHarness) -> Callable[[], bool]:
    """Lose a paid call's response at a provider whose list of renders then no longer exists."""
    harness.openai.ready_after_s = 5.0
    await asyncio.gather(ask(harness), ask(harness))
    # Wait for a second read of the list, because the bot relies on the list once it was answered.
    await until(lambda: harness.openai.requests["list"] > 1)
    lost = unique_prompt(harness)
    harness.openai.fault("create", VideosFault.cut(accepted=True), prompt=lost)
    gone = [VideosFault.error(status, "No such route.") for status in (404, 405)]
    harness.openai.fault("list", *gone * 6)
    await ask(harness, lost)
    return lambda: not harness.openai._faults["list", None]


async def _reject_key_for_a_while(harness: ChaosHarness) -> Callable[[], bool]:
    """Reject all API keys of the first provider for 2 s, while its jobs are in every state."""
    harness.openai.ready_after_s = 1.0
    for _ in range(3):
        await ask(harness, count=2)
    harness.openai.is_refusing = True
    before = harness.openai.requests.total()
    await ask(harness, count=2)
    await asyncio.sleep(2.0)
    tries = harness.openai.requests.total() - before
    harness.openai.is_refusing = False
    await ask(harness)
    return lambda: tries > 0


def cases() -> dict[str, list[Case]]:
    """Return all failures to test, grouped by the kind of request that fails."""
    posts = {**DISCORD, **REFUSALS}
    return {
        **{
            route: [_provider_case(route, name, fault) for name, fault in faults.items()]
            for route, faults in ROUTES.items()
        },
        "list, gone": [Case(name="list: not there any more", meet=_lose_the_list)],
        "account": [Case(name="refused for a while", meet=_reject_key_for_a_while)],
        "post": [_discord_case(name, each, "post", POST) for name, each in posts.items()],
        "edit": [_discord_case(name, each, "edit", EDIT) for name, each in DISCORD.items()],
    }


async def meet_all(harness: ChaosHarness, some: Sequence[Case], *, rest_s: float = 45.0) -> Round:
    """Run a job for each failure, all at the same time, and wait until all jobs are final."""
    result = Round()
    async with harness.connected_bot() as bot:
        met = await asyncio.gather(*(each.meet(harness) for each in some))
        await finish(harness, bot, result, rest_s)
    for case, was_met in zip(some, met, strict=True):
        if not was_met():
            result.report.breach("other", f"no request met {case.name}")
    return result


def _gateway(
    act: Callable[[ChaosHarness], None],
) -> Callable[[ChaosHarness, PooledBot], Awaitable[None]]:
    async def step(harness: ChaosHarness, _: PooledBot) -> None:
        act(harness)

    return step


async def _kill(_: ChaosHarness, bot: PooledBot) -> None:
    await bot.kill()


async def _wait(_: ChaosHarness, __: PooledBot) -> None:
    await asyncio.sleep(0.3)


def _action(name: str) -> Callable[[ChaosHarness, PooledBot], Awaitable[None]]:
    async def step(harness: ChaosHarness, bot: PooledBot) -> None:
        done = asyncio.ensure_future(ACTIONS[name](harness))
        await asyncio.wait((done, bot.exited), timeout=8, return_when=asyncio.FIRST_COMPLETED)
        done.cancel()
        await asyncio.gather(done, return_exceptions=True)

    return step


def _disturb(
    fault: DiscordFault, method: str, path: str
) -> Callable[[ChaosHarness, PooledBot], Awaitable[None]]:
    async def step(harness: ChaosHarness, _: PooledBot) -> None:
        fault(harness, method, path)

    return step


def _spoil(route: str, fault: VideosFault) -> Callable[[ChaosHarness, PooledBot], Awaitable[None]]:
    async def step(harness: ChaosHarness, _: PooledBot) -> None:
        harness.chance.choice((harness.openai, harness.relay)).fault(route, fault)

    return step


#: The steps from which a random mixture of faults is drawn, by name.
STEPS: dict[str, Callable[[ChaosHarness, PooledBot], Awaitable[None]]] = {
    "kill": _kill,
    "wait": _wait,
    "the gateway breaks": _gateway(lambda harness: harness.discord.gateway.cut()),
    "the gateway asks for a reconnect": _gateway(
        lambda harness: harness.discord.gateway.reconnect()
    ),
    "the gateway forgets": _gateway(lambda harness: harness.discord.gateway.invalidate()),
    **{name: _action(name) for name in ACTIONS if name != "delete_before_it_is_mirrored"},
    **{
        f"{method}: {name}": _disturb(each, method, path)
        for method, path in (
            ("POST", r"/channels/\d+/messages$"),
            ("PATCH", r"/channels/\d+/messages/"),
            ("GET", r"/channels/\d+/messages"),
            ("POST", r"/interactions/"),
        )
        for name, each in DISCORD.items()
    },
    **{
        f"{route}: {name}": _spoil(route, fault)
        for route, faults in ROUTES.items()
        for name, fault in faults.items()
    },
}


async def mix(harness: ChaosHarness, steps: Sequence[str], *, rest_s: float = 60.0) -> Round:
    """Run the steps one after the other; start the bot again after each kill."""
    result = Round()
    left = list(steps)
    step = ""
    while left:
        async with harness.connected_bot() as bot:
            while left and not bot.exited.done():
                step = left.pop(0)
                await STEPS[step](harness, bot)
                if step == "kill":
                    in_flight = harness.in_flight()
                    result.kills.append(Kill(at=step, was_reached=True, in_flight=in_flight))
            if bot.exited.done() and (not result.kills or step != "kill"):
                result.report.breach("other", f"the bot ended at {step!r}")
    return await rest(harness, result, rest_s)
