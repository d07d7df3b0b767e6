"""Every single trouble of the loopbacks, each met by a job of its own, and mixtures of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from tests.chaos.actions import ACTIONS, ask, words_of
from tests.chaos.harness import ChaosHarness, PooledBot, until
from tests.chaos.rounds import Kill, Round, finish, rest
from tests.wire.videos_faults import VideosFault

#: The account, which was fine until now.
REFUSED = VideosFault.error(401, "Incorrect API key provided.", "invalid_api_key")
#: Troubles of a paid call; what is accepted is billed, whatever was answered.
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
#: … of a question about a render.
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
#: … of a download.
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
#: … of a look at the list; by a 404 to the first one the bot learns that there is none.
LIST = {name: fault for name, fault in RETRIEVE.items() if name != "404"}
ROUTES = {"create": CREATE, "list": LIST, "retrieve": RETRIEVE, "content": CONTENT}

#: Orders for Discord's doubles: method on its faults → what it is given beside method and path.
Trouble = Callable[[ChaosHarness, str, str], None]


def _fails(status: int, code: int | None = None, *, after_work: bool = False) -> Trouble:
    return lambda town, method, path: town.discord.fail_next(
        method, path, status, code, after_work=after_work
    )


#: Troubles of any request to Discord. A refusal that Discord itself gives is never a lie.
DISCORD: dict[str, Trouble] = {
    "500": _fails(500),
    "500, but done": _fails(500, after_work=True),
    "502, but done": _fails(502, after_work=True),
    "503": _fails(503, 0),
    "503, but done": _fails(503, 0, after_work=True),
    "429": _fails(429),
    "a proxy's 400": _fails(400, 0),
    "a proxy's 400, but done": _fails(400, 0, after_work=True),
    "cut": lambda town, method, path: town.discord.cut_next(method, path),
    "reset": lambda town, method, path: town.discord.reset_next(method, path),
    "drip": lambda town, method, path: town.discord.drip_next(method, path, 0.7),
    "delay": lambda town, method, path: town.discord.delay_next(method, path, 0.7),
}
#: … of a post: certain refusals, which send the clip on to the next place.
REFUSALS: dict[str, Trouble] = {
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
    """One trouble; `meet` has one job meet it and returns what tells whether it did."""

    name: str
    meet: Callable[[ChaosHarness], Awaitable[Callable[[], bool]]]


def _provider_case(route: str, name: str, fault: VideosFault) -> Case:
    async def meet(town: ChaosHarness) -> Callable[[], bool]:
        prompt = words_of(town)
        # Late, so that all orders are out before the bot begins to doubt this service.
        at_once = fault.kind == "lost" or route == "list"
        late = replace(fault, delay_s=fault.delay_s if at_once else max(fault.delay_s, 0.8))
        # What the list tells is not asked for one by one.
        if route == "retrieve":
            town.openai.fault("list", VideosFault.cut())
        if route == "list":
            # It is asked once a round, about two or more: there must be rounds enough.
            town.openai.ready_after_s = 5.0
        about = None if route == "list" else prompt
        town.openai.fault(route, late, prompt=about)
        await ask(town, prompt)
        return lambda: not town.openai._faults[route, about]

    return Case(name=f"{route}: {name}", meet=meet)


def _discord_case(name: str, trouble: Trouble, kind: str, where: tuple[str, str]) -> Case:
    async def meet(town: ChaosHarness) -> Callable[[], bool]:
        channel = town.discord.world.add_channel(f"{kind}-{next(town.numbers)}")
        method, path = where[0], where[1].format(id=channel["id"])
        trouble(town, method, path)
        orders = town.discord.faults._orders
        (order,) = [each for each in orders if each.path.pattern == path]
        await ask(town, where=channel["id"], count=2)
        return lambda: order.times == 0

    return Case(name=f"Discord, {kind}: {name}", meet=meet)


async def _lose_the_list(harness: ChaosHarness) -> Callable[[], bool]:
    """Have an order of unknown outcome while a list that was there is not there any more."""
    harness.openai.ready_after_s = 5.0
    await asyncio.gather(ask(harness), ask(harness))
    # The second is asked for when the first was answered.
    await until(lambda: harness.openai.requests["list"] > 1)
    lost = words_of(harness)
    harness.openai.fault("create", VideosFault.cut(accepted=True), prompt=lost)
    gone = [VideosFault.error(status, "No such route.") for status in (404, 405)]
    harness.openai.fault("list", *gone * 6)
    await ask(harness, lost)
    return lambda: not harness.openai._faults["list", None]


async def _be_refused_for_a_while(harness: ChaosHarness) -> Callable[[], bool]:
    """Have orders, renders and clips under way as the first service refuses every key."""
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
    """Return every single trouble, by what is troubled."""
    posts = {**DISCORD, **REFUSALS}
    return {
        **{
            r: [_provider_case(r, name, f) for name, f in some.items()]
            for r, some in ROUTES.items()
        },
        "list, gone": [Case(name="list: not there any more", meet=_lose_the_list)],
        "account": [Case(name="refused for a while", meet=_be_refused_for_a_while)],
        "post": [_discord_case(name, each, "post", POST) for name, each in posts.items()],
        "edit": [_discord_case(name, each, "edit", EDIT) for name, each in DISCORD.items()],
    }


async def meet_all(harness: ChaosHarness, some: Sequence[Case], *, rest_s: float = 45.0) -> Round:
    """Let a job each meet the troubles, all of them at once, and then let all of it end."""
    result = Round()
    async with harness.connected_bot() as life:
        met = await asyncio.gather(*(each.meet(harness) for each in some))
        await finish(harness, life, result, rest_s)
    for case, was_met in zip(some, met, strict=True):
        if not was_met():
            result.report.breach("other", f"nobody met {case.name}")
    return result


def _gateway(
    act: Callable[[ChaosHarness], None],
) -> Callable[[ChaosHarness, PooledBot], Awaitable[None]]:
    async def step(town: ChaosHarness, _: PooledBot) -> None:
        act(town)

    return step


async def _kill(_: ChaosHarness, bot: PooledBot) -> None:
    await bot.kill()


async def _wait(_: ChaosHarness, __: PooledBot) -> None:
    await asyncio.sleep(0.3)


def _action(name: str) -> Callable[[ChaosHarness, PooledBot], Awaitable[None]]:
    async def step(town: ChaosHarness, life: PooledBot) -> None:
        done = asyncio.ensure_future(ACTIONS[name](town))
        await asyncio.wait((done, life.exited), timeout=8, return_when=asyncio.FIRST_COMPLETED)
        done.cancel()
        await asyncio.gather(done, return_exceptions=True)

    return step


def _disturb(
    trouble: Trouble, method: str, path: str
) -> Callable[[ChaosHarness, PooledBot], Awaitable[None]]:
    async def step(town: ChaosHarness, _: PooledBot) -> None:
        trouble(town, method, path)

    return step


def _spoil(route: str, fault: VideosFault) -> Callable[[ChaosHarness, PooledBot], Awaitable[None]]:
    async def step(town: ChaosHarness, _: PooledBot) -> None:
        town.chance.choice((town.openai, town.relay)).fault(route, fault)

    return step


#: What a mixture is made of, by name.
STEPS: dict[str, Callable[[ChaosHarness, PooledBot], Awaitable[None]]] = {
    "kill": _kill,
    "wait": _wait,
    "the gateway breaks": _gateway(lambda town: town.discord.gateway.cut()),
    "the gateway asks for a reconnect": _gateway(lambda town: town.discord.gateway.reconnect()),
    "the gateway forgets": _gateway(lambda town: town.discord.gateway.invalidate()),
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
    """Take the steps one after the other; whenever the bot dies it is started again."""
    result = Round()
    left = list(steps)
    step = ""
    while left:
        async with harness.connected_bot() as life:
            while left and not life.exited.done():
                step = left.pop(0)
                await STEPS[step](harness, life)
                if step == "kill":
                    flying = harness.in_flight()
                    result.kills.append(Kill(at=step, was_reached=True, in_flight=flying))
            if life.exited.done() and (not result.kills or step != "kill"):
                result.report.breach("other", f"the bot died of {step!r}")
    return await rest(harness, result, rest_s)
