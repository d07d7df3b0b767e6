"""An archive that keeps files in a folder of this machine."""

import asyncio
import os
import shutil
from pathlib import Path

from bot.errors import StorageError


class FolderArchive:
    """Keeps files as `<root>/<last two letters of the id>/<id>.mp4`."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def put(self, job_id: str, source: Path) -> str:
        key = f"{job_id[-2:].lower()}/{job_id}.mp4"
        try:
            await asyncio.to_thread(self._move, source, self._root / key)
        except OSError as error:
            raise StorageError(f"cannot keep clip {job_id}: {error}") from error
        return key

    async def fetch(self, key: str) -> Path:
        path = self._root / key
        if not await asyncio.to_thread(path.is_file):
            raise StorageError(f"no file {key!r} in the archive")
        return path

    async def remove(self, key: str) -> None:
        try:
            await asyncio.to_thread((self._root / key).unlink, missing_ok=True)
        except OSError as error:
            raise StorageError(f"cannot remove {key!r}: {error}") from error

    def _move(self, source: Path, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            source.replace(target)
        except OSError:
            # On another file system a copy under a temporary name lets the target appear complete.
            part = target.with_suffix(".part")
            shutil.copyfile(source, part)
            part.replace(target)
            source.unlink()
        with target.open("rb") as file:
            os.fsync(file.fileno())
