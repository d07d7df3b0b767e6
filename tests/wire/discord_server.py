"""The simulated Discord as a separate process: `python -m tests.wire.discord_server`.

The process prints one line of JSON with its addresses, its token and the ids of users and channels.
It then reads commands as lines of JSON from stdin. The response to each command is a line of JSON
with the same `id`:

    {"id": 1, "do": "ready", "timeout_s": 10, "times": 1}
    {"id": 2, "do": "slash", "user": "alice", "channel": "general",
     "command": "sora generate", "options": {"prompt": "a cat"}, "count": 50, "per_s": 10}
    {"id": 3, "do": "message", "channel": "general", "author": "alice", "content": "hi"}
    {"id": 4, "do": "posts", "channel": "general", "at_least": 1, "timeout_s": 60}
    {"id": 5, "do": "set", "upload_limit_bytes": 52428800}
    {"id": 6, "do": "forward", "seconds": 900}
    {"id": 7, "do": "cut"}
    {"id": 8, "do": "report"}

The response to `slash` comes when the bot has answered all interactions, with the seconds that each
answer took (null for none). Commands run concurrently. "stop", the end of stdin or SIGTERM ends the
process.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
from collections import Counter
from typing import Any

from tests.wire.discord_double import LoopbackDiscord
from tests.wire.discord_interactions import SentInteraction
from tests.wire.discord_payloads import Payload

_ANSWER_WITHIN_S = 15.0


class CommandDispatcher:
    """Runs the commands that arrive as lines of JSON."""

    def __init__(self, double: LoopbackDiscord) -> None:
        self._double = double
        self._handlers = {
            "ready": self._ready,
            "slash": self._slash,
            "message": self._message,
            "posts": self._posts,
            "set": self._set,
            "forward": self._forward,
            "cut": self._cut,
            "report": self._report,
        }

    def handshake(self) -> Payload:
        world = self._double.world
        return {
            "api_url": self._double.api_url,
            "gateway_url": self._double.gateway_url,
            "token": self._double.token,
            "guild_id": world.guild["id"],
            "users": {user["username"]: user["id"] for user in world.users.values()},
            "channels": {c["name"]: c["id"] for c in world.channels.values() if "name" in c},
        }

    async def execute(self, line: bytes) -> Payload:
        """Run one command and return its response; an error is returned as a response, too."""
        request: Payload = {}
        try:
            request = json.loads(line)
            handle = self._handlers[request["do"]]
            found = await handle(request)
        except Exception as error:  # noqa: BLE001 - a bad command must not end the process
            return {"id": request.get("id"), "error": f"{type(error).__name__}: {error}"}
        return {"id": request.get("id"), **found}

    async def _ready(self, request: Payload) -> Payload:
        await self._double.ready(request.get("timeout_s", 10.0), times=request.get("times", 1))
        return {"ready": True}

    async def _slash(self, request: Payload) -> Payload:
        user, channel = request.get("user", "alice"), request.get("channel", "general")
        gap_s = 1 / request.get("per_s", 50)
        loop = asyncio.get_running_loop()
        first_s = loop.time()
        records: list[SentInteraction] = []
        for number in range(request.get("count", 1)):
            await asyncio.sleep(first_s + number * gap_s - loop.time())
            command, options = request["command"], request.get("options", {})
            records.append(await self._double.slash(user, channel, command, options))
        waiting = [record.answered(_ANSWER_WITHIN_S) for record in records]
        await asyncio.gather(*waiting, return_exceptions=True)
        return {
            "answered_after_s": [record.answered_after_s for record in records],
            "callback_types": [record.callback_type for record in records],
            "messages": [record.message and record.message["id"] for record in records],
        }

    async def _message(self, request: Payload) -> Payload:
        message = await self._double.message(
            request["channel"], request["author"], request["content"]
        )
        return {"message": message}

    async def _posts(self, request: Payload) -> Payload:
        double, channel = self._double, request["channel"]
        wanted = request.get("at_least", 0)
        await double.world.changes.until(
            lambda: len(double.posts(channel)) >= wanted or not wanted,
            request.get("timeout_s", 10.0),
        )
        return {"posts": [self._shown(message) for message in double.posts(channel)]}

    def _shown(self, message: Payload) -> Payload:
        files = [self._double.stored(entry).sha256 for entry in message["attachments"]]
        return {**message, "sha256": files}

    async def _set(self, request: Payload) -> Payload:
        self._double.world.upload_limit_bytes = request["upload_limit_bytes"]
        return {}

    async def _forward(self, request: Payload) -> Payload:
        self._double.world.forward(request["seconds"])
        return {}

    async def _cut(self, _request: Payload) -> Payload:
        self._double.gateway.cut()
        return {}

    async def _report(self, _request: Payload) -> Payload:
        calls = Counter(f"{c.method} {c.template or c.path} {c.status}" for c in self._double.calls)
        gateway = self._double.gateway
        return {
            "calls": dict(calls),
            "violations": self._double.violations,
            "identifies": gateway.identifies,
            "resumes": gateway.resumes,
        }


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    loop.add_signal_handler(signal.SIGTERM, lines.feed_eof)
    running: set[asyncio.Task[None]] = set()
    async with LoopbackDiscord() as double:
        dispatcher = CommandDispatcher(double)
        _say(dispatcher.handshake())

        async def work(line: bytes) -> None:
            _say(await dispatcher.execute(line))

        async for line in lines:
            with contextlib.suppress(ValueError, AttributeError):
                if json.loads(line).get("do") == "stop":
                    break
            task = asyncio.create_task(work(line))
            running.add(task)
            task.add_done_callback(running.discard)
        for task in running:
            task.cancel()


def _say(answer: Any) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(_serve())
