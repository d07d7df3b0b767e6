"""A Discord outside the process: messages, their files, and nonces that are soon forgotten."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.simulation.world import SimulatedWorld

#: 2026-11: the documentation says "unique in the past few minutes".
NONCE_WINDOW_S = 180.0


@dataclass(slots=True, kw_only=True)
class Message:
    """A message of the bot's."""

    id: int
    channel_id: int
    at_s: float
    nonce: str | None
    #: The bytes of its files by name, in their order.
    files: dict[str, bytes] = field(default_factory=dict)


class Channels:
    """All channels; a message's id tells when it was posted, as Discord's do."""

    def __init__(self, world: SimulatedWorld) -> None:
        self.world = world
        self.messages: dict[int, Message] = {}
        self.is_down = False
        #: Until then no history can be read.
        self.mute_until_s = 0.0
        #: Second by second, how many requests came.
        self.requests: dict[int, int] = {}
        self._number = 0

    def count(self) -> None:
        """Count a request."""
        second = int(self.world.now_s)
        self.requests[second] = self.requests.get(second, 0) + 1

    def snowflake(self) -> int:
        """Return an id of now."""
        self._number += 1
        return id_at(self.world.now_s) + self._number

    def post(self, channel_id: int, nonce: str | None, files: dict[str, bytes]) -> Message:
        """Add a message, or find the one that came with the same nonce just before."""
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
        """Replace a message's files by those of `kept` and more."""
        message = self.messages[message_id]
        message.files = {**{n: f for n, f in message.files.items() if n in kept}, **files}
        self.world.note(f"discord shows {len(message.files)} file(s) in one message")
        return message

    def after(self, channel_id: int, snowflake: int) -> list[Message]:
        """Return the messages of a channel that are younger than an id."""
        return [
            each
            for each in self.messages.values()
            if each.channel_id == channel_id and each.id > snowflake
        ]

    def holding(self, name: str) -> list[Message]:
        """Return the messages that show a file of this name."""
        return [each for each in self.messages.values() if name in each.files]


def id_at(seconds: float) -> int:
    """Return the smallest id of an instant, in seconds of the true time."""
    return max(0, int((seconds + 100_000) * 1000)) << 22


def nonce_label(world: SimulatedWorld, nonce: str | None) -> str:
    """Return what the history calls a nonce."""
    return world.label((nonce or "").removeprefix("sora-"))
