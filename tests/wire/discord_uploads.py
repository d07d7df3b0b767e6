"""Files on their way in and out: multipart bodies streamed to disk, and the CDN's signed links."""

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
#: Nothing larger fits in any server, whatever its boosts; past it, bytes are counted but not kept.
_KEEP_AT_MOST_BYTES = 100 * 1024 * 1024
_LINK_LIFE = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """A file that arrived.

    index       n of files[n].
    filename    as the sender named it.
    size_bytes  what was sent, even when it was too much to keep.
    """

    index: int
    filename: str
    path: Path
    size_bytes: int
    sha256: str

    @property
    def content_type(self) -> str:
        """Guessed from the name, as Discord does: the part's own type says nothing."""
        return mimetypes.guess_type(self.filename)[0] or "application/octet-stream"

    def read_bytes(self) -> bytes:
        return self.path.read_bytes()


def store(path: Path, filename: str, data: bytes) -> StoredFile:
    """Keep bytes that did not come over HTTP."""
    path.write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    return StoredFile(index=0, filename=filename, path=path, size_bytes=len(data), sha256=digest)


async def read_body(request: web.Request, folder: Path) -> tuple[Any, list[StoredFile]]:
    """Return the parsed JSON (None without a body) and the files, streamed into `folder`.

    Raises ApiError 50109 for bad JSON. The memory used does not depend on the files' sizes.
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
    """Signed links to files that stop working after a day, as the CDN's do."""

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
