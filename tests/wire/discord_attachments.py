"""The attachments of simulated Discord messages, and links to them in embeds and components."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from tests.wire.discord_errors import invalid
from tests.wire.discord_payloads import Payload
from tests.wire.discord_uploads import Links, StoredFile
from tests.wire.discord_world import DiscordWorld


class Attachments:
    """Turns uploaded files into attachment objects, whose links work for a day."""

    def __init__(self, world: DiscordWorld, links: Callable[[], Links]) -> None:
        self._world = world
        self._links = links

    def after(self, message: Payload, body: Payload, files: list[StoredFile]) -> list[Payload]:
        """Return a message's attachments after a post or edit with `body` and `files`.

        Old attachments stay if `body` lists their ids, or if it has no key `attachments` at all.
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
        """Return the attachment object for an uploaded file, and serve the file from now on."""
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
    """Replace each link `attachment://name` in embeds or components, in place, by the file's URL.

    Raises DiscordApiError if the message has no such file.
    """
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
