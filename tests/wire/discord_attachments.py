"""The files of a message: kept, joined by more, left out, and shown by embeds and components."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from tests.wire.discord_errors import invalid
from tests.wire.discord_payloads import Payload
from tests.wire.discord_uploads import Links, StoredFile
from tests.wire.discord_world import DiscordWorld


class Attachments:
    """Turns files that arrived into attachment objects with links that work for a day."""

    def __init__(self, world: DiscordWorld, links: Callable[[], Links]) -> None:
        self._world = world
        self._links = links

    def after(self, message: Payload, body: Payload, files: list[StoredFile]) -> list[Payload]:
        """Return what a message holds after a body: old ones listed by id, then what came.

        Without `attachments` in the body everything old stays.
        """
        listed = body.get("attachments")
        old = {entry["id"]: entry for entry in message["attachments"]}
        arrived = {str(file.index): file for file in files}
        if listed is None:
            listed = [*old.values(), *({"id": index} for index in arrived)]
        channel_id = message["channel_id"]
        result = []
        for entry in listed:
            key = str(entry["id"])
            is_old = key in old
            result.append(old[key] if is_old else self.keep(channel_id, arrived.pop(key), entry))
        return [*result, *(self.keep(channel_id, file, {}) for file in arrived.values())]

    def keep(self, channel_id: str, file: StoredFile, entry: Payload) -> Payload:
        """Return the attachment object for a file that arrived, and serve it from now on."""
        attachment_id = self._world.snowflakes.take()
        filename = re.sub(r"[^\w.\-]+", "_", entry.get("filename") or file.filename)
        url = self._links().sign(channel_id, attachment_id, filename, self._world.now())
        self._world.files[attachment_id] = file
        attachment = {
            "id": attachment_id,
            "filename": filename,
            "content_type": file.content_type,
            "size": file.size_bytes,
            "url": url,
            "proxy_url": url,
        }
        optional = {key: entry[key] for key in ("title", "description") if entry.get(key)}
        return attachment | optional


def show(node: Any, attachments: list[Payload]) -> None:
    """Replace every `attachment://name` in embeds or components, in place, by the file's link."""
    if isinstance(node, list):
        for item in node:
            show(item, attachments)
    elif isinstance(node, dict):
        url = node.get("url")
        if isinstance(url, str) and url.startswith("attachment://"):
            wanted = url.removeprefix("attachment://")
            found = next((a for a in attachments if a["filename"] == wanted), None)
            if found is None:
                raise invalid("attachments", "ATTACHMENT_NOT_FOUND", f"No file {wanted!r}.")
            node |= {key: found[key] for key in ("url", "proxy_url", "content_type")}
            node["attachment_id"] = found["id"]
        for value in node.values():
            show(value, attachments)
