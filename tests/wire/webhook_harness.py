"""The bot's web server on loopback for tests of webhooks, and a host that publishes keys."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import ClientSession, web

from bot.providers.webhooks import vendor_verifiers as vendors
from bot.providers.webhooks.verifier import WebhookVerifier
from bot.settings import Secret
from bot.web.health import HealthServer
from bot.web.webhooks import Webhooks
from tests.patience import PATIENCE_S
from tests.wire.autojump_clock import AutojumpClock
from tests.wire.webhook_senders import DONE, SECRET, Fal, standard, timed


@dataclass(slots=True)
class WebhookHarness:
    """The bot's web server, and the polls that webhooks have woken."""

    port: int = 0
    clock: AutojumpClock = field(default_factory=AutojumpClock)
    woken: list[tuple[str, str]] = field(default_factory=list)
    #: Raised by the next wake.
    trouble: Exception | None = None
    #: Wakes wait for it.
    may_wake: asyncio.Event = field(default_factory=asyncio.Event)
    wake_s: float = 0.0
    client: ClientSession = field(init=False)

    async def wake(self, provider: str, remote_id: str) -> None:
        await self.may_wake.wait()
        await asyncio.sleep(self.wake_s)
        self.woken.append((provider, remote_id))
        if self.trouble is not None:
            raise self.trouble

    async def post(self, name: str, body: bytes, headers: Mapping[str, str]) -> int:
        # aiohttp warns about bodies of 1 MiB or more unless they are files, so send a file object.
        data = io.BytesIO(body)
        async with self.client.post(f"/webhooks/{name}", data=data, headers=headers) as answer:
            assert await answer.read() == b""
            return answer.status

    async def send(self, name: str = "openai", *secrets: str, delivery: str = "msg_1") -> int:
        body = DONE[name]
        sign = timed if name == "openrouter" else standard
        return await self.post(
            name, body, sign(body, self.clock.now(), *secrets, delivery=delivery)
        )

    async def settled(self, woken: int) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while len(self.woken) < woken:
                await asyncio.sleep(0.005)
        await asyncio.sleep(0.02)
        assert len(self.woken) == woken

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)


@asynccontextmanager
async def webhook_harness(
    *, body_s: float = 10.0, **more: WebhookVerifier
) -> AsyncGenerator[WebhookHarness]:
    here = WebhookHarness()
    here.may_wake.set()
    secrets = [Secret(SECRET)]
    known: dict[str, WebhookVerifier] = {
        "openai": vendors.openai(secrets),
        "replicate": vendors.replicate(secrets),
        "openrouter": vendors.openrouter(secrets),
        **more,
    }

    async def ready() -> bool:
        return True

    webhooks = Webhooks(known, here.wake, here.clock, body_s=body_s)
    server = HealthServer("127.0.0.1", 0, ready, webhooks)
    await server.start()
    here.port = server.port
    async with ClientSession(f"http://127.0.0.1:{here.port}") as here.client:
        try:
            yield here
        finally:
            here.may_wake.set()
            await server.stop()
            await server.stop()


@asynccontextmanager
async def key_host(vendor: Fal) -> AsyncGenerator[tuple[str, list[Mapping[str, str]]]]:
    asked: list[Mapping[str, str]] = []

    async def keys(request: web.Request) -> web.Response:
        asked.append(dict(request.headers))
        return web.json_response(vendor.published())

    app = web.Application()
    app.router.add_get("/.well-known/jwks.json", keys)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    try:
        yield f"http://{host}:{port}/.well-known", asked
    finally:
        await runner.cleanup()
