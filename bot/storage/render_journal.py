"""A journal of paid renders for times when the database refuses to store them."""

import asyncio
import json
import logging
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from bot.errors import StorageError

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedRender:
    """A provider's answer to a paid call: it renders `remote_id` for the job."""

    job_id: str
    provider: str
    remote_id: str


class RenderJournal:
    """A file to which renders are appended that the database could not store.

    Each line is a JSON object and is synced to the disk before `append` returns, so that a process
    that is killed leaves what the next one needs. The file is readable by its owner only.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = asyncio.Lock()
        #: What the file holds, as far as this process knows.
        self._entries: dict[str, AcceptedRender] = {}

    async def append(self, render: AcceptedRender) -> None:
        """Write down a render; nothing happens when it is written down already. Raises OSError."""
        async with self._lock:
            if self._entries.get(render.job_id) != render:
                await asyncio.to_thread(_append, self._path, render)
                self._entries[render.job_id] = render

    def has(self, provider: str, remote_id: str) -> bool:
        """Whether a provider's render is written down and belongs to a job."""
        return any(
            (each.provider, each.remote_id) == (provider, remote_id)
            for each in self._entries.values()
        )

    async def read(self) -> list[AcceptedRender]:
        """Return the renders that an earlier process wrote down. Raises StorageError.

        A line that can't be read, such as the last one of a process that was killed while writing,
        is logged and left out.
        """
        async with self._lock:
            try:
                renders = await asyncio.to_thread(_read, self._path)
            except OSError as error:
                raise StorageError(f"can't read paid renders from {self._path}: {error}") from error
            self._entries = {each.job_id: each for each in renders}
            return list(self._entries.values())

    async def remove(self, job_id: str) -> None:
        """Forget a render that is stored now; the file goes with its last one.

        A file that can't be removed is only logged: a render that is stored twice changes nothing.
        """
        async with self._lock:
            if self._entries.pop(job_id, None) is not None and not self._entries:
                try:
                    await asyncio.to_thread(self._path.unlink, missing_ok=True)
                except OSError as error:
                    _log.warning("can't remove %s: %s", self._path, error)


def _append(path: Path, render: AcceptedRender) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        # The line feed first: a line that an earlier process left cut off must not swallow this one.
        os.write(file, b"\n" + json.dumps(asdict(render)).encode())
        os.fsync(file)
    finally:
        os.close(file)


def _read(path: Path) -> list[AcceptedRender]:
    if not path.is_file():
        return []
    renders: list[AcceptedRender] = []
    for line in path.read_text("utf-8", errors="replace").splitlines():
        if not line:
            continue
        try:
            renders.append(AcceptedRender(**json.loads(line)))
        except (TypeError, ValueError):
            _log.exception("%s has a line that can't be read: %.200s", path, line)
    return renders
