"""A simulated Discord: it keeps messages with their files, and nonces for three minutes."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.simulation.world import SimulatedWorld

#: Seconds for which a nonce prevents a second message. Discord's documentation says: "unique in the
#: past few minutes" (2026-11).
NONCE_WINDOW_S = 180.0


@dataclass(slots=True, kw_only=True)
class Message:
    """A message of the bot."""

    id: int
    channel_id: int
    at_s: float
    nonce: str | None
    #: The message's attached files in their order: name → bytes.
    files: dict[str, bytes] = field(default_factory=dict)


class Channels:
    """All simulated channels.

    A message's id contains the time of the message, as Discord's ids do.
    """

    def __init__(self, world: SimulatedWorld) -> None:
        self.world = world
        self.messages: dict[int, Message] = {}
        self.is_down = False
        #: Until this virtual second, every read of a channel's history fails.
        self.mute_until_s = 0.0
        #: Number of requests in each second of true time.
        self.requests: dict[int, int] = {}
        self._number = 0

    def count(self) -> None:
        """Count a request."""
        second = int(self.world.now_s)
        self.requests[second] = self.requests.get(second, 0) + 1

    def snowflake(self) -> int:
        """Return a new id that contains the current time."""
        self._number += 1
        return id_at(self.world.now_s) + self._number

    def post(self, channel_id: int, nonce: str | None, files: dict[str, bytes]) -> Message:
        """Add a message to a channel, or return the recent message with the same nonce."""
        world = self.world
        for message in self.messages.values():
            is_same = (message.channel_id, message.nonce) == (channel_id, nonce)
            if nonce and is_same and world.now_s - message.at_s <= NONCE_WINDOW_S:
                world.note(f"discord knows the nonce of {nonce_label(world, nonce)}")
                return message
        message = Message(
            id=self.snowflake(),
            channel_id=channel_id,
            at_s=world.now_s,
            nonce=nonce,
            files=dict(files),
        )
        self.messages[message.id] = message
        world.note(f"discord shows {len(files)} file(s) of {nonce_label(world, nonce)}")
        return message

    def edit(self, message_id: int, kept: list[str], files: dict[str, bytes]) -> Message:
        """Add files to a message, and remove its old files except those named in `kept`."""
        message = self.messages[message_id]
        message.files = {**{n: f for n, f in message.files.items() if n in kept}, **files}
        self.world.note(f"discord shows {len(message.files)} file(s) in one message")
        return message

    def after(self, channel_id: int, snowflake: int) -> list[Message]:
        """Return the messages of a channel whose id is higher, so that they are newer."""
        return [
            each
            for each in self.messages.values()
            if each.channel_id == channel_id and each.id > snowflake
        ]

    def holding(self, name: str) -> list[Message]:
        """Return the messages that have an attached file of this name."""
        return [each for each in self.messages.values() if name in each.files]


def id_at(seconds: float) -> int:
    """Return the smallest Discord id for a time, which is given in seconds of true time."""
    return max(0, int((seconds + 100_000) * 1000)) << 22


def nonce_label(world: SimulatedWorld, nonce: str | None) -> str:
    """Return the label by which the simulation's history calls the job of this nonce."""
    return world.label((nonce or "").removeprefix("sora-"))
