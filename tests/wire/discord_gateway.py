"""The simulated Discord gateway: HELLO, IDENTIFY, RESUME with replay, heartbeats, and events."""

from __future__ import annotations

import asyncio
import json
import secrets
import socket
import struct
import time
import zlib
from collections import deque
from collections.abc import Callable
from typing import Any

from aiohttp import WSMsgType, web

from tests.wire.discord_payloads import Payload
from tests.wire.discord_world import GUILDS_INTENT, DiscordWorld

_PRIVILEGED = 1 << 1 | 1 << 8 | 1 << 15
_MAX_SEND_BYTES = 4096
_MAX_SENDS, _SENDS_WINDOW_S = 120, 60.0
#: The number of events that a session keeps, to replay them at a RESUME.
_KEPT_EVENTS = 2000

DISPATCH, HEARTBEAT, IDENTIFY, PRESENCE, RESUME = 0, 1, 2, 3, 6
RECONNECT, INVALID_SESSION, HELLO, HEARTBEAT_ACK = 7, 9, 10, 11
_UNKNOWN_OPCODE, _DECODE_ERROR, _NOT_AUTHENTICATED, _BAD_TOKEN = 4001, 4002, 4003, 4004
_TOO_MANY, _DISALLOWED_INTENTS = 4008, 4014


class Connection:
    """One WebSocket connection of a bot.

    Frames to send are queued, so that sending never blocks.
    """

    def __init__(self, request: web.Request, ws: web.WebSocketResponse) -> None:
        self.request = request
        self.ws = ws
        self.session: Session | None = None
        self.sends: deque[float] = deque()
        self.is_left = False
        self.is_dead = False
        self._queue: asyncio.Queue[bytes | str] = asyncio.Queue()
        zipped = request.query.get("compress") == "zlib-stream"
        self._zip = zlib.compressobj() if zipped else None

    def send(self, op: int, data: Any, *, seq: int | None = None, event: str | None = None) -> None:
        text = json.dumps({"op": op, "d": data, "s": seq, "t": event}, separators=(",", ":"))
        if self._zip is None:
            self._queue.put_nowait(text)
        else:
            self._queue.put_nowait(
                self._zip.compress(text.encode()) + self._zip.flush(zlib.Z_SYNC_FLUSH)
            )

    async def write(self) -> None:
        while True:
            frame = await self._queue.get()
            if isinstance(frame, str):
                await self.ws.send_str(frame)
            else:
                await self.ws.send_bytes(frame)

    def cut(self) -> None:
        """Reset the TCP connection without a WebSocket close frame."""
        self.is_left = True
        reset(self.request)

    async def leave(self, code: int) -> None:
        """Close the WebSocket from the server's side with `code`.

        The bot can resume its session.
        """
        self.is_left = True
        await self.ws.close(code=code)


class Session:
    """What survives a lost connection: the last event's number, and the events to replay."""

    def __init__(self, intents: int) -> None:
        self.id = secrets.token_hex(16)
        self.intents = intents
        self.seq = 0
        self.events: deque[tuple[int, str, Any]] = deque(maxlen=_KEPT_EVENTS)
        self.connection: Connection | None = None

    def emit(self, event: str, data: Any) -> None:
        self.seq += 1
        self.events.append((self.seq, event, data))
        if self.connection is not None:
            self.connection.send(DISPATCH, data, seq=self.seq, event=event)


class Gateway:
    """All gateway sessions of the bot.

    identifies, resumes  how often a bot has identified and resumed with success.
    violation            called with a description of each frame that a bot must not send.
    """

    def __init__(self, world: DiscordWorld, token: str, violation: Callable[[str], None]) -> None:
        self._world = world
        self._token = token
        self._violation = violation
        self.url = ""
        self.heartbeat_interval_s = 41.25
        self.sessions: dict[str, Session] = {}
        self.identifies = 0
        self.resumes = 0
        self.heartbeats = 0
        self._refusals = 0
        self._leaving: set[asyncio.Task[None]] = set()
        world.emit = self.emit

    @property
    def connected(self) -> list[Session]:
        return [session for session in self.sessions.values() if session.connection is not None]

    def emit(self, event: str, data: Payload, intent: int = 0) -> None:
        """Send an event to each session with this intent (0: all sessions).

        A session without a connection receives the event when it resumes.
        """
        for session in self.sessions.values():
            if not intent or session.intents & intent:
                session.emit(event, data)
        self._world.changes.notify()

    # ---- on demand

    def cut(self) -> None:
        """Reset the TCP connection of every session; the bot can resume the sessions."""
        for session in self.connected:
            assert session.connection is not None
            connection, session.connection = session.connection, None
            connection.cut()

    def close(self, code: int) -> None:
        """Close the WebSocket of every session with `code`; the bot can resume the sessions."""
        for session in self.connected:
            assert session.connection is not None
            connection, session.connection = session.connection, None
            task = asyncio.create_task(connection.leave(code))
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)

    def play_dead(self) -> None:
        """Keep the open sockets, but send nothing more on them: no event and no heartbeat ACK.

        Later events wait until the bot resumes its session on a new connection.
        """
        for session in self.connected:
            assert session.connection is not None
            session.connection.is_dead = True
            session.connection = None

    def reconnect(self) -> None:
        """Send opcode 7, which asks the bot to reconnect and resume."""
        for session in self.connected:
            assert session.connection is not None
            session.connection.send(RECONNECT, None)

    def invalidate(self, *, resumable: bool = False) -> None:
        """Send opcode 9, invalid session; if not `resumable`, the sessions are also deleted."""
        for session in self.connected:
            assert session.connection is not None
            session.connection.send(INVALID_SESSION, resumable)
            if not resumable:
                session.connection = None
                del self.sessions[session.id]

    def refuse_next(self, times: int = 1) -> None:
        """Answer the next `times` WebSocket handshakes with HTTP 503."""
        self._refusals += times

    def admit(self) -> None:
        """Refuse no more handshakes."""
        self._refusals = 0

    # ---- the socket

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if self._refusals:
            self._refusals -= 1
            return web.Response(status=503)
        ws = web.WebSocketResponse(max_msg_size=1 << 20, compress=False, timeout=0.5)
        await ws.prepare(request)
        connection = Connection(request, ws)
        writer = asyncio.create_task(connection.write())
        try:
            interval_ms = int(self.heartbeat_interval_s * 1000)
            connection.send(HELLO, {"heartbeat_interval": interval_ms, "_trace": []})
            async for frame in ws:
                if frame.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                    break
                code = self._receive(connection, frame.data)
                if code is not None:
                    self._violation(f"gateway: closed with {code} after {frame.data[:200]!r}")
                    await ws.close(code=code)
        finally:
            writer.cancel()
            # Ignore the writer's error: it only says that the socket is closed.
            await asyncio.gather(writer, return_exceptions=True)
            session = connection.session
            if session is not None and session.connection is connection:
                session.connection = None
                # If the bot closes the WebSocket with 1000 or 1001, its session ends.
                if ws.close_code in (1000, 1001) and not connection.is_left:
                    self.sessions.pop(session.id, None)
            self._world.changes.notify()
        return ws

    def _receive(self, connection: Connection, raw: str | bytes) -> int | None:
        """Handle one frame of the bot.

        Return the close code if it breaks a rule, otherwise None.
        """
        if connection.is_dead:
            return None
        now_s = time.monotonic()
        connection.sends.append(now_s)
        while connection.sends[0] < now_s - _SENDS_WINDOW_S:
            connection.sends.popleft()
        if len(connection.sends) > _MAX_SENDS:
            return _TOO_MANY
        try:
            frame = json.loads(raw)
            op, data = frame["op"], frame["d"]
        except (ValueError, KeyError, TypeError):
            return _DECODE_ERROR
        if len(raw) > _MAX_SEND_BYTES:
            return _DECODE_ERROR
        if op == HEARTBEAT:
            self.heartbeats += 1
            self._world.changes.notify()
            connection.send(HEARTBEAT_ACK, None)
            return None
        if op == IDENTIFY:
            return self._identify(connection, data)
        if op == RESUME:
            return self._resume(connection, data)
        if connection.session is None:
            return _NOT_AUTHENTICATED
        return None if op == PRESENCE else _UNKNOWN_OPCODE

    def _identify(self, connection: Connection, data: Payload) -> int | None:
        if data.get("token") != self._token:
            return _BAD_TOKEN
        if data["intents"] & _PRIVILEGED & ~self._world.privileged_intents:
            return _DISALLOWED_INTENTS
        # A bot that identifies anew never resumes its old sessions, so delete them.
        for old in [s for s in self.sessions.values() if s.connection is None]:
            del self.sessions[old.id]
        session = Session(data["intents"])
        self.sessions[session.id] = session
        self._bind(connection, session)
        world = self._world
        application = world.application
        ready: Payload = {
            "v": 10,
            "user": {**world.bot, "email": None, "mfa_enabled": False, "verified": True},
            "guilds": [{"id": world.guild["id"], "unavailable": True}],
            "private_channels": [],
            "relationships": [],
            "presences": [],
            "session_id": session.id,
            "session_type": "normal",
            "resume_gateway_url": self.url,
            "application": {"id": application["id"], "flags": application["flags"]},
            "user_settings": {},
            "geo_ordered_rtc_regions": [],
            "guild_join_requests": [],
            "_trace": [],
        }
        if "shard" in data:
            ready["shard"] = data["shard"]
        session.emit("READY", ready)
        if session.intents & GUILDS_INTENT:
            session.emit("GUILD_CREATE", world.guild_create())
        self.identifies += 1
        world.changes.notify()
        return None

    def _resume(self, connection: Connection, data: Payload) -> int | None:
        if data.get("token") != self._token:
            return _BAD_TOKEN
        session = self.sessions.get(data["session_id"])
        missed = [e for e in session.events if e[0] > data["seq"]] if session else []
        if session is None or session.seq - data["seq"] > len(missed):
            connection.send(INVALID_SESSION, False)
            return None
        self._bind(connection, session)
        for seq, event, payload in missed:
            connection.send(DISPATCH, payload, seq=seq, event=event)
        session.emit("RESUMED", {"_trace": []})
        self.resumes += 1
        self._world.changes.notify()
        return None

    @staticmethod
    def _bind(connection: Connection, session: Session) -> None:
        connection.session = session
        session.connection = connection


def reset(request: web.Request) -> None:
    """Close the TCP connection of a request at once, with RST."""
    transport = request.transport
    if transport is None:
        return
    raw = transport.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
