"""What moderators chose for their server."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Servers(Protocol):
    """The choices of all servers. Each method is one transaction. Raises StorageError."""

    async def gallery(self, guild_id: int) -> int | None:
        """Return the channel where the server's clips are mirrored."""
        ...

    async def set_gallery(
        self, guild_id: int, channel_id: int | None, *, by_user_id: int, now: datetime
    ) -> None:
        """Choose the gallery channel, or none; who chose and when is kept."""
        ...
