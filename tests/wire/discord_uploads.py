"""Uploaded files: multipart bodies are streamed to disk, and files have signed CDN links."""

from __future__ import annotations

import hashlib
import hmac
import json
import mimetypes
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from aiohttp import BodyPartReader, web

from tests.wire.discord_errors import refusal

_CHUNK_BYTES = 256 * 1024
_FILE_FIELD = re.compile(r"files\[(\d+)\]")
#: No server accepts a larger file. Of a larger upload, the rest is counted but not stored.
_KEEP_AT_MOST_BYTES = 100 * 1024 * 1024
_LINK_LIFE = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """A file that was uploaded to the simulated Discord.

    index       the n in the field name "files[n]".
    filename    the name that the sender gave the file.
    size_bytes  the size of the upload, even if it was too large to be stored whole.
    """

    index: int
    filename: str
    path: Path
    size_bytes: int
    sha256: str

    @property
    def content_type(self) -> str:
        """The content type guessed from the file name.

        Like Discord, it ignores the sender's header.
        """
        return mimetypes.guess_type(self.filename)[0] or "application/octet-stream"

    def read_bytes(self) -> bytes:
        return self.path.read_bytes()


def store(path: Path, filename: str, data: bytes) -> StoredFile:
    """Store a file that did not arrive over HTTP."""
    path.write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    return StoredFile(index=0, filename=filename, path=path, size_bytes=len(data), sha256=digest)


async def read_body(request: web.Request, folder: Path) -> tuple[Any, list[StoredFile]]:
    """Return a request's parsed JSON (None without a body) and its files, streamed into `folder`.

    Raises DiscordApiError 50109 for invalid JSON. Large files are never held in memory whole.
    """
    if request.content_type != "multipart/form-data":
        raw = await request.read()
        return (_parsed(raw) if raw else None), []
    body: Any = None
    files: list[StoredFile] = []
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader):
            raise refusal(50109)
        field = _FILE_FIELD.fullmatch(part.name or "")
        if part.name == "payload_json":
            body = _parsed(await part.read())
        elif field:
            files.append(await _stream(part, int(field[1]), folder))
        else:
            raise refusal(50109)
    return body, files


def _parsed(raw: bytes | bytearray) -> Any:
    try:
        return json.loads(raw)
    except ValueError as error:
        raise refusal(50109) from error


async def _stream(part: BodyPartReader, index: int, folder: Path) -> StoredFile:
    path = _place(folder, index)
    digest = hashlib.sha256()
    size_bytes = 0
    with path.open("wb") as out:
        while chunk := await part.read_chunk(_CHUNK_BYTES):
            size_bytes += len(chunk)
            if size_bytes <= _KEEP_AT_MOST_BYTES:
                digest.update(chunk)
                out.write(chunk)
    return StoredFile(
        index=index,
        filename=part.filename or "unknown",
        path=path,
        size_bytes=size_bytes,
        sha256=digest.hexdigest(),
    )


def _place(folder: Path, index: int) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder / str(index)


class Links:
    """Creates and checks signed links to files.

    Like the real CDN's links, they expire after a day.
    """

    def __init__(self, base: str) -> None:
        self._base = base
        self._key = b"loopback"

    def sign(self, channel_id: str, file_id: str, filename: str, now: datetime) -> str:
        path = f"/attachments/{channel_id}/{file_id}/{filename}"
        issued, expires = int(now.timestamp()), int((now + _LINK_LIFE).timestamp())
        return f"{self._base}{path}?ex={expires:x}&is={issued:x}&hm={self._mark(file_id, expires)}&"

    def is_good(self, file_id: str, expires_hex: str, mark: str, now: datetime) -> bool:
        try:
            expires = int(expires_hex, 16)
        except ValueError:
            return False
        genuine = hmac.compare_digest(mark, self._mark(file_id, expires))
        return genuine and now.timestamp() < expires

    def _mark(self, file_id: str, expires: int) -> str:
        return hmac.new(self._key, f"{file_id}:{expires:x}".encode(), "sha256").hexdigest()
