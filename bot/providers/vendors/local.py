"""The provider that needs no key: it starts the built-in renderer, a child process, for each clip."""

import asyncio
import hashlib
import logging
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from bot.clock import Clock
from bot.errors import (
    NotAcceptedError,
    ProviderError,
    ProviderRejectedError,
    ProviderTroubleError,
    RemoteNotFoundError,
    RenderFailedError,
    SourceGoneError,
)
from bot.model import Operation, Size
from bot.providers.base import (
    Capabilities,
    Download,
    Model,
    ProviderRequest,
    RenderState,
    RenderStatus,
)
from bot.providers.http import clip_file
from bot.providers.vendors import local_process
from bot.providers.vendors.local_folder import FolderContents, RenderFolder, RenderRecord

_LOG = logging.getLogger(__name__)
_MODEL = "local-preview"
#: The longest film that the renderer takes, in seconds.
MAX_S = 60
#: How much of a clip is copied at a time.
_CHUNK_BYTES = 1 << 20
_SIZES = (
    Size(width_px=1280, height_px=720),
    Size(width_px=720, height_px=1280),
    Size(width_px=1792, height_px=1024),
)


@dataclass(slots=True)
class _Run:
    """A render that this process has queued or started."""

    record: RenderRecord
    task: asyncio.Task[None] | None = None
    state: RenderState = RenderState.QUEUED
    progress: int = 0


class LocalProvider:
    """Renders illustrated previews in child processes, at most `max_concurrent` at a time.

    Its state is on disk, in one folder of `work_dir` for each render. After the bot was killed, the
    next poll for an unfinished render starts it again; the same request gives the same clip.
    A cancelled render polls as FAILED with RenderFailedError.

    The folder of a finished render keeps the request, the reference image and the clip (about
    0.5 to 2 MB for 4 s of 1280x720), also after a download; only `delete()` removes them.
    """

    def __init__(
        self,
        work_dir: Path,
        clock: Clock,
        *,
        max_concurrent: int = 1,
        command: Sequence[str] | None = None,
        time_limit_s: float = 900.0,
    ) -> None:
        """Store the arguments; touches nothing on disk.

        command       starts the renderer; by default `python -m renderer`.
        time_limit_s  a renderer that takes longer is killed.
        """
        self._root = work_dir
        self._clock = clock
        self._command = tuple(command) if command is not None else local_process.renderer_command()
        self._time_limit_s = time_limit_s
        self._max_concurrent = max_concurrent
        self._slots = asyncio.Semaphore(max_concurrent)
        self._runs: dict[str, _Run] = {}
        #: Ids of renders that are being deleted: `_status` starts none of them.
        self._deleting: set[str] = set()
        self._closed = False

    @property
    def name(self) -> str:
        return "local"

    def capabilities(self) -> Capabilities:
        return Capabilities(
            models=(
                Model(
                    name=_MODEL,
                    label="Local preview",
                    seconds=(4, 8, 12),
                    sizes=_SIZES,
                    usd_micros_per_second=dict.fromkeys(_SIZES, 0),
                    operations=frozenset(Operation),
                    remix_can_change_format=True,
                    takes_image=True,
                    facts_source="renderer",
                    verified_on=date(2026, 11, 20),
                ),
            ),
            max_concurrent=self._max_concurrent,
            polls_are_free=True,
            typical_first_poll_s=1.0,
            deadline_s=1800.0,
            can_list=True,
            submit_is_idempotent=True,
            can_cancel=True,
            can_delete=True,
        )

    async def submit(self, request: ProviderRequest) -> RenderStatus:
        """Store the request on disk and queue it; the same key twice makes one render.

        Accepts any even width and height from 64 to 2048 px and 1 to 60 s, also values that
        `capabilities()` does not offer; an extension may be 60 s long in total. A remix or extension
        copies what it needs of its source, so the source may be deleted afterwards.
        Raises ProviderRejectedError, SourceGoneError and NotAcceptedError.
        """
        self._check(request)
        if self._closed:
            raise NotAcceptedError("the local renderer is closed")
        folder = RenderFolder(self._root, _remote_id(request.idempotency_key))
        try:
            if await asyncio.to_thread(folder.read) is None:
                await asyncio.to_thread(self._store, folder, request)
            status = await self._status(folder)
        except OSError as error:
            raise NotAcceptedError(f"cannot store the request: {error}") from error
        if isinstance(status, ProviderError):
            raise NotAcceptedError(f"the request was removed at once: {status}")
        return status

    async def poll(self, remote_ids: Sequence[str]) -> Mapping[str, RenderStatus | ProviderError]:
        ids = list(dict.fromkeys(remote_ids))
        answers = await asyncio.gather(*map(self._poll_one, ids))
        return dict(zip(ids, answers, strict=True))

    async def recent(self, since: datetime) -> Sequence[RenderStatus]:
        try:
            stored = await asyncio.to_thread(self._stored, since)
        except OSError as error:
            raise ProviderTroubleError(f"cannot list {self._root.name}: {error}") from error
        return [self._describe(folder.remote_id, contents) for folder, contents in stored]

    async def download(self, remote_id: str, target: Path, *, max_bytes: int) -> Download:
        """See `Provider`; also raises StorageError when `target` cannot be written."""
        try:
            folder = RenderFolder(self._root, remote_id)
        except ValueError as error:
            raise RemoteNotFoundError(str(error)) from error
        try:
            contents = await asyncio.to_thread(folder.read)
            if contents is None or contents.failure is not None:
                raise RemoteNotFoundError(f"{remote_id} has no clip")
            if not contents.ready:
                raise ProviderTroubleError(f"{remote_id} is not rendered yet")
            size_bytes = (await asyncio.to_thread(folder.clip.stat)).st_size
        except FileNotFoundError as error:
            raise RemoteNotFoundError(f"{remote_id} has lost its clip") from error
        except OSError as error:
            raise ProviderTroubleError(f"cannot read {remote_id}: {error}") from error
        async with aclosing(_chunks(folder.clip)) as chunks:
            return await clip_file.save(
                chunks, target, max_bytes=max_bytes, announced_bytes=size_bytes
            )

    async def cancel(self, remote_id: str) -> bool:
        try:
            folder = RenderFolder(self._root, remote_id)
        except ValueError:
            return False
        try:
            stopped = await asyncio.to_thread(folder.cancel)
        except OSError as error:
            raise ProviderTroubleError(f"cannot cancel {remote_id}: {error}") from error
        if stopped:
            await self._kill(remote_id)
        return stopped

    async def delete(self, remote_id: str) -> bool:
        """Stop a render and remove its folder; True also when there is nothing to remove.

        Raises ProviderTroubleError when the folder cannot be removed.
        """
        try:
            folder = RenderFolder(self._root, remote_id)
        except ValueError:
            return False
        self._deleting.add(remote_id)
        try:
            await self._kill(remote_id)
            await asyncio.to_thread(folder.remove)
        except OSError as error:
            raise ProviderTroubleError(f"cannot remove {remote_id}: {error}") from error
        finally:
            self._deleting.discard(remote_id)
        return True

    async def check(self) -> str:
        return "it draws on this machine"

    async def refresh(self) -> None:
        return

    async def close(self) -> None:
        """Kill and reap the renderers; their requests stay queued on disk. Idempotent."""
        self._closed = True
        await asyncio.gather(*(self._kill(remote_id) for remote_id in list(self._runs)))

    def _check(self, request: ProviderRequest) -> None:
        if request.model != _MODEL:
            raise ProviderRejectedError(f"no model {request.model!r}")
        sides = (request.size.width_px, request.size.height_px)
        if any(side % 2 or not 64 <= side <= 2048 for side in sides):
            raise ProviderRejectedError(f"cannot draw {request.size}")
        if not 1 <= request.seconds <= MAX_S:
            raise ProviderRejectedError(f"cannot draw {request.seconds} s")
        if (request.operation is Operation.GENERATE) is not (request.source_remote_id is None):
            raise ProviderRejectedError(f"cannot {request.operation} {request.source_remote_id!r}")

    def _store(self, folder: RenderFolder, request: ProviderRequest) -> None:
        """Store a request that is not stored yet. Raises as `submit`, and OSError."""
        if request.source_remote_id is not None:
            self._store_derived(folder, request, request.source_remote_id)
            return
        if request.image is not None and not request.image.is_file():
            raise ProviderRejectedError(f"no reference image at {request.image.name!r}")
        folder.create(RenderRecord.of(request, self._clock.now()), request.image)

    def _store_derived(
        self, folder: RenderFolder, request: ProviderRequest, source_id: str
    ) -> None:
        """Store a remix or extension. Raises as `submit`, and OSError."""
        try:
            source = RenderFolder(self._root, source_id)
            contents = source.read()
        except (ValueError, OSError) as error:
            raise SourceGoneError(f"cannot read {source_id[:80]!r}: {error}") from error
        if contents is None or contents.failure is not None or not contents.ready:
            raise SourceGoneError(f"{source_id} is no finished render")
        record = RenderRecord.of(request, self._clock.now(), contents.record)
        if record.seconds > MAX_S:
            raise ProviderRejectedError(f"cannot draw {record.seconds} s")
        if record.has_image and not source.image.is_file():
            raise SourceGoneError(f"{source_id} has lost its reference image")
        try:
            folder.create(record, source.image if record.has_image else None)
        except FileNotFoundError as error:
            # The source was deleted while its reference image was being copied.
            raise SourceGoneError(f"{source_id} has lost its reference image") from error

    async def _poll_one(self, remote_id: str) -> RenderStatus | ProviderError:
        try:
            return await self._status(RenderFolder(self._root, remote_id))
        except ValueError as error:
            return RemoteNotFoundError(str(error))
        except OSError as error:
            return ProviderTroubleError(f"cannot read {remote_id}: {error}")

    async def _status(self, folder: RenderFolder) -> RenderStatus | ProviderError:
        """Return the status of a render; start the render if it is pending and not started."""
        contents = await asyncio.to_thread(folder.read)
        if contents is None or folder.remote_id in self._deleting:
            return RemoteNotFoundError(f"no render {folder.remote_id}")
        # There is no await between this check and the start, so two polls never start it twice.
        if contents.pending and folder.remote_id not in self._runs and not self._closed:
            self._start(folder, contents.record)
        return self._describe(folder.remote_id, contents)

    def _describe(self, remote_id: str, contents: FolderContents) -> RenderStatus:
        run, record = self._runs.get(remote_id), contents.record
        state, progress, error = RenderState.QUEUED, 0, None
        if contents.failure is not None:
            state, progress, error = RenderState.FAILED, None, RenderFailedError(contents.failure)
        elif contents.ready:
            state, progress = RenderState.READY, 100
        elif run is not None:
            state, progress = run.state, run.progress
        return RenderStatus(
            id=remote_id,
            state=state,
            progress=progress,
            error=error,
            cost_usd_micros=0,
            prompt=record.prompt,
            model=record.model,
            seconds=record.seconds,
            size=record.size,
            created_at=record.created_at,
            source_remote_id=record.source,
        )

    def _stored(self, since: datetime) -> list[tuple[RenderFolder, FolderContents]]:
        stored: list[tuple[RenderFolder, FolderContents]] = []
        for folder in RenderFolder.all(self._root):
            contents = folder.read()
            if contents is not None and contents.record.created_at >= since:
                stored.append((folder, contents))
        return sorted(stored, key=lambda pair: pair[1].record.created_at)

    def _start(self, folder: RenderFolder, record: RenderRecord) -> None:
        run = _Run(record=record)
        self._runs[folder.remote_id] = run
        run.task = asyncio.create_task(self._render(folder, run), name=f"render {folder.remote_id}")

        def forget(_: asyncio.Task[None]) -> None:
            self._runs.pop(folder.remote_id, None)

        # Not a `finally`: a task that is cancelled before its first step never enters its body.
        run.task.add_done_callback(forget)

    async def _render(self, folder: RenderFolder, run: _Run) -> None:
        """Wait for a slot and render; try a second time when the renderer crashes."""
        async with self._slots:
            try:
                for last in (False, True):
                    contents = await asyncio.to_thread(folder.read)
                    if contents is None or not contents.pending:
                        return
                    await asyncio.to_thread(folder.remove_partial_clips)
                    run.state, run.progress = RenderState.RUNNING, 0
                    end = await self._run_renderer(folder, run)
                    if await asyncio.to_thread(folder.clip.exists):
                        return
                    text = "render %s: the renderer exited with %s: %s"
                    _LOG.warning(text, folder.remote_id, end.exit_code, end.stderr)
                    if last or end.permanent:
                        reason = (end.stderr.splitlines() or ["no clip and no error message"])[-1]
                        await asyncio.to_thread(folder.fail, reason)
                        return
            except OSError:
                # The disk is full, or no process can be started: the next poll tries again.
                _LOG.exception("render %s could not be run", folder.remote_id)

    async def _run_renderer(self, folder: RenderFolder, run: _Run) -> local_process.RendererExit:
        def on_progress(progress: int) -> None:
            run.progress = max(run.progress, progress)

        return await local_process.render(
            folder,
            run.record,
            command=self._command,
            time_limit_s=self._time_limit_s,
            on_progress=on_progress,
        )

    async def _kill(self, remote_id: str) -> None:
        run = self._runs.get(remote_id)
        if run is not None and run.task is not None:
            run.task.cancel()
            await asyncio.wait({run.task})


async def _chunks(clip: Path) -> AsyncGenerator[bytes]:
    at_bytes = 0
    while chunk := await asyncio.to_thread(_chunk, clip, at_bytes):
        yield chunk
        at_bytes += len(chunk)


def _chunk(clip: Path, at_bytes: int) -> bytes:
    # The file is opened again for each chunk: a cancelled call would leave an open file behind.
    with clip.open("rb") as file:
        file.seek(at_bytes)
        return file.read(_CHUNK_BYTES)


def _remote_id(key: str) -> str:
    """Return the render id for a request key.

    `local-` and the key in lower case; `local-x-` and a hash of a key that is not 1 to 40 capitals
    and digits, because two such keys may be the same in lower case.
    """
    if re.fullmatch(r"[A-Z0-9]{1,40}", key):
        return f"local-{key.lower()}"
    return f"local-x-{hashlib.sha256(key.encode('utf-8', 'replace')).hexdigest()[:32]}"
