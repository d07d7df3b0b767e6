"""Every single trouble of the loopbacks, each met by a job of its own, and mixtures of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from tests.chaos.asks import DOINGS, ask, words_of
from tests.chaos.rounds import Kill, Round, finish, rest
from tests.chaos.town import Life, Town, until
from tests.wire.videos_faults import Fault

#: The account, which was fine until now.
REFUSED = Fault.error(401, "Incorrect API key provided.", "invalid_api_key")
#: Troubles of a paid call; what is accepted is billed, whatever was answered.
CREATE = {
    "html": Fault.html(502),
    "html, but taken": Fault.html(502).but_accepted(),
    "500": Fault.error(500, "Oh."),
    "500, but taken": Fault.error(500, "Oh.").but_accepted(),
    "503": Fault.error(503, "Overloaded."),
    "cut": Fault.cut(accepted=False),
    "cut, but taken": Fault.cut(accepted=True),
    "429": Fault.error(429, "Too many.", retry_after="1"),
    "empty": Fault.empty(),
    "empty, but taken": Fault.empty().but_accepted(),
    "no id": Fault.json(200, {"object": "video"}),
    "no id, but taken": Fault.json(200, {"object": "video"}).but_accepted(),
    "redirect": Fault.redirect("https://example.org/"),
    "too slow": Fault.slow(2.0),
    "lost": Fault.lost(),
    "fails": Fault.job_failed({"code": "internal_error", "message": "Oh."}),
    "moderated": Fault.moderated(),
    "400": Fault.error(400, "No such size."),
    "401": REFUSED,
}
#: … of a question about a render.
RETRIEVE = {
    "html": Fault.html(502),
    "500": Fault.error(500, "Oh."),
    "429": Fault.error(429, "Too many.", retry_after="1"),
    "404": Fault.error(404, "Unknown."),
    "cut": Fault.cut(),
    "empty": Fault.empty(),
    "another thing": Fault.json(200, {"object": "list", "data": []}),
    "slow": Fault.slow(1.0),
    "401": REFUSED,
}
#: … of a download.
CONTENT = {
    "html": Fault.html(200),
    "502": Fault.html(502),
    "404": Fault.error(404, "Unknown."),
    "429": Fault.error(429, "Too many.", retry_after="1"),
    "cut": Fault.cut(),
    "empty": Fault.empty(),
    "truncated": Fault.truncated(),
    "endless": Fault.endless(),
    "no clip": Fault.raw(b"not a clip at all"),
    "quiet": Fault.drip(),
    "slow": Fault.slow(1.0),
    "401": REFUSED,
}
#: … of a look at the list; by a 404 to the first one the bot learns that there is none.
LIST = {name: fault for name, fault in RETRIEVE.items() if name != "404"}
ROUTES = {"create": CREATE, "list": LIST, "retrieve": RETRIEVE, "content": CONTENT}

#: Orders for Discord's doubles: method on its faults → what it is given beside method and path.
Trouble = Callable[[Town, str, str], None]


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
    meet: Callable[[Town], Awaitable[Callable[[], bool]]]


def _of_a_kitchen(route: str, name: str, fault: Fault) -> Case:
    async def meet(town: Town) -> Callable[[], bool]:
        prompt = words_of(town)
        # Late, so that all orders are out before the bot begins to doubt this service.
        at_once = fault.kind == "lost" or route == "list"
        late = replace(fault, delay_s=fault.delay_s if at_once else max(fault.delay_s, 0.8))
        # What the list tells is not asked for one by one.
        if route == "retrieve":
            town.openai.fault("list", Fault.cut())
        if route == "list":
            # It is asked once a round, about two or more: there must be rounds enough.
            town.openai.ready_after_s = 5.0
        about = None if route == "list" else prompt
        town.openai.fault(route, late, prompt=about)
        await ask(town, prompt)
        return lambda: not town.openai._faults[route, about]

    return Case(name=f"{route}: {name}", meet=meet)


def _of_discord(name: str, trouble: Trouble, kind: str, where: tuple[str, str]) -> Case:
    async def meet(town: Town) -> Callable[[], bool]:
        channel = town.discord.world.add_channel(f"{kind}-{next(town.numbers)}")
        method, path = where[0], where[1].format(id=channel["id"])
        trouble(town, method, path)
        orders = town.discord.faults._orders
        (order,) = [each for each in orders if each.path.pattern == path]
        await ask(town, where=channel["id"], count=2)
        return lambda: order.times == 0

    return Case(name=f"Discord, {kind}: {name}", meet=meet)


async def _lose_the_list(town: Town) -> Callable[[], bool]:
    """Have an order of unknown outcome while a list that was there is not there any more."""
    town.openai.ready_after_s = 5.0
    await asyncio.gather(ask(town), ask(town))
    # The second is asked for when the first was answered.
    await until(lambda: town.openai.requests["list"] > 1)
    lost = words_of(town)
    town.openai.fault("create", Fault.cut(accepted=True), prompt=lost)
    gone = [Fault.error(status, "No such route.") for status in (404, 405)]
    town.openai.fault("list", *gone * 6)
    await ask(town, lost)
    return lambda: not town.openai._faults["list", None]


async def _be_refused_for_a_while(town: Town) -> Callable[[], bool]:
    """Have orders, renders and clips under way as the first service refuses every key."""
    town.openai.ready_after_s = 1.0
    for _ in range(3):
        await ask(town, count=2)
    town.openai.is_refusing = True
    before = town.openai.requests.total()
    await ask(town, count=2)
    await asyncio.sleep(2.0)
    tries = town.openai.requests.total() - before
    town.openai.is_refusing = False
    await ask(town)
    return lambda: tries > 0


def cases() -> dict[str, list[Case]]:
    """Return every single trouble, by what is troubled."""
    posts = {**DISCORD, **REFUSALS}
    return {
        **{
            r: [_of_a_kitchen(r, name, f) for name, f in some.items()] for r, some in ROUTES.items()
        },
        "list, gone": [Case(name="list: not there any more", meet=_lose_the_list)],
        "account": [Case(name="refused for a while", meet=_be_refused_for_a_while)],
        "post": [_of_discord(name, each, "post", POST) for name, each in posts.items()],
        "edit": [_of_discord(name, each, "edit", EDIT) for name, each in DISCORD.items()],
    }


async def meet_all(town: Town, some: Sequence[Case], *, rest_s: float = 45.0) -> Round:
    """Let a job each meet the troubles, all of them at once, and then let all of it end."""
    result = Round()
    async with town.living() as life:
        met = await asyncio.gather(*(each.meet(town) for each in some))
        await finish(town, life, result, rest_s)
    for case, was_met in zip(some, met, strict=True):
        if not was_met():
            result.account.breach("other", f"nobody met {case.name}")
    return result


def _gateway(act: Callable[[Town], None]) -> Callable[[Town, Life], Awaitable[None]]:
    async def step(town: Town, _: Life) -> None:
        act(town)

    return step


async def _kill(_: Town, life: Life) -> None:
    await life.kill()


async def _wait(_: Town, __: Life) -> None:
    await asyncio.sleep(0.3)


def _doing(name: str) -> Callable[[Town, Life], Awaitable[None]]:
    async def step(town: Town, life: Life) -> None:
        done = asyncio.ensure_future(DOINGS[name](town))
        await asyncio.wait((done, life.dead), timeout=8, return_when=asyncio.FIRST_COMPLETED)
        done.cancel()
        await asyncio.gather(done, return_exceptions=True)

    return step


def _disturb(trouble: Trouble, method: str, path: str) -> Callable[[Town, Life], Awaitable[None]]:
    async def step(town: Town, _: Life) -> None:
        trouble(town, method, path)

    return step


def _spoil(route: str, fault: Fault) -> Callable[[Town, Life], Awaitable[None]]:
    async def step(town: Town, _: Life) -> None:
        town.chance.choice((town.openai, town.relay)).fault(route, fault)

    return step


#: What a mixture is made of, by name.
STEPS: dict[str, Callable[[Town, Life], Awaitable[None]]] = {
    "kill": _kill,
    "wait": _wait,
    "the gateway breaks": _gateway(lambda town: town.discord.gateway.cut()),
    "the gateway asks for a reconnect": _gateway(lambda town: town.discord.gateway.reconnect()),
    "the gateway forgets": _gateway(lambda town: town.discord.gateway.invalidate()),
    **{name: _doing(name) for name in DOINGS if name != "delete_before_it_is_mirrored"},
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


async def mix(town: Town, steps: Sequence[str], *, rest_s: float = 60.0) -> Round:
    """Take the steps one after the other; whenever the bot dies it is started again."""
    result = Round()
    left = list(steps)
    while left:
        async with town.living() as life:
            while left and not life.dead.done():
                step = left.pop(0)
                await STEPS[step](town, life)
                if step == "kill":
                    flying = town.in_flight()
                    result.kills.append(Kill(at=step, was_reached=True, in_flight=flying))
            if life.dead.done() and (not result.kills or step != "kill"):
                result.account.breach("other", f"the bot died of {step!r}")
    return await rest(town, result, rest_s)
