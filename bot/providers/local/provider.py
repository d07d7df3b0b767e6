"""The provider that needs no key: it draws its clips on this machine."""

from __future__ import annotations

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
    ProviderTroubleError,
    RejectedOrderError,
    RemoteNotFoundError,
    RenderFailedError,
    SourceGoneError,
)
from bot.model import Operation, Size
from bot.providers import clip_file
from bot.providers.base import Capabilities, Download, Model, Remote, RemoteState, RenderOrder
from bot.providers.local import process
from bot.providers.local.folder import Folder, Found, Ticket
from bot.providers.local.script.screenplay import MAX_S

_LOG = logging.getLogger(__name__)

_MODEL = "local-preview"
#: How much of a clip is copied at a time.
_CHUNK_BYTES = 1 << 20
_SIZES = (
    Size(width_px=1280, height_px=720),
    Size(width_px=720, height_px=1280),
    Size(width_px=1792, height_px=1024),
)


@dataclass(slots=True)
class _Run:
    """A render that this process has in hand."""

    ticket: Ticket
    task: asyncio.Task[None] | None = None
    state: RemoteState = RemoteState.QUEUED
    progress: int = 0


class LocalProvider:
    """Renders illustrated previews in child processes, at most `max_concurrent` at a time.

    Its state is on disk, in one folder of `work_dir` for each render. What a killed process left
    unfinished is started again by the next poll that asks for it; a clip is the same every time.
    A cancelled render polls as FAILED with RenderFailedError.

    A finished render keeps its order, its reference picture and its clip (about 0.5 to 2 MB for 4 s
    of 1280x720), also when it has been downloaded; `delete()` empties its folder, nothing else.
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
        """Remember where to work; touches nothing.

        command       the renderer's command line, when it is not the one in this package.
        time_limit_s  a render that takes longer is killed.
        """
        self._root = work_dir
        self._clock = clock
        self._command = tuple(command) if command is not None else process.renderer_command()
        self._time_limit_s = time_limit_s
        self._max_concurrent = max_concurrent
        self._slots = asyncio.Semaphore(max_concurrent)
        self._runs: dict[str, _Run] = {}
        #: Ids whose folder is being removed: nothing may be started in them.
        self._leaving: set[str] = set()
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
                    remix_reshapes=True,
                    takes_image=True,
                    source="bot/providers/local",
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

    async def submit(self, order: RenderOrder) -> Remote:
        """Keep the order on disk and queue it; the same key twice is one render.

        Any even size from 64 to 2048 px and 1 to 60 s are taken, also those that
        `capabilities()` does not offer; an extension may be 60 s long in all. A remix or extension
        keeps all it needs of its source, which may be deleted afterwards.
        Raises RejectedOrderError, SourceGoneError and NotAcceptedError.
        """
        self._check(order)
        if self._closed:
            raise NotAcceptedError("the local renderer is closed")
        folder = Folder(self._root, _remote_id(order.key))
        try:
            if await asyncio.to_thread(folder.look) is None:
                await asyncio.to_thread(self._accept, folder, order)
            remote = await self._look(folder)
        except OSError as error:
            raise NotAcceptedError(f"cannot keep the order: {error}") from error
        if isinstance(remote, ProviderError):
            raise NotAcceptedError(f"the order is gone again: {remote}")
        return remote

    async def poll(self, remote_ids: Sequence[str]) -> Mapping[str, Remote | ProviderError]:
        ids = list(dict.fromkeys(remote_ids))
        answers = await asyncio.gather(*map(self._poll_one, ids))
        return dict(zip(ids, answers, strict=True))

    async def recent(self, since: datetime) -> Sequence[Remote]:
        try:
            kept = await asyncio.to_thread(self._kept, since)
        except OSError as error:
            raise ProviderTroubleError(f"cannot list {self._root.name}: {error}") from error
        return [self._describe(folder.remote_id, found) for folder, found in kept]

    async def download(self, remote_id: str, target: Path, *, max_bytes: int) -> Download:
        """As promised by `Provider`; also raises StorageError when `target` cannot be written."""
        try:
            folder = Folder(self._root, remote_id)
        except ValueError as error:
            raise RemoteNotFoundError(str(error)) from error
        try:
            found = await asyncio.to_thread(folder.look)
            if found is None or found.failure is not None:
                raise RemoteNotFoundError(f"{remote_id} has no clip")
            if not found.ready:
                raise ProviderTroubleError(f"{remote_id} is not rendered yet")
            size_bytes = (await asyncio.to_thread(folder.clip.stat)).st_size
        except FileNotFoundError as error:
            raise RemoteNotFoundError(f"{remote_id} has no clip any more") from error
        except OSError as error:
            raise ProviderTroubleError(f"cannot read {remote_id}: {error}") from error
        async with aclosing(_chunks(folder.clip)) as chunks:
            return await clip_file.save(
                chunks, target, max_bytes=max_bytes, announced_bytes=size_bytes
            )

    async def cancel(self, remote_id: str) -> bool:
        try:
            folder = Folder(self._root, remote_id)
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
        """Remove a render, stopping it first; True also when there is nothing to remove.

        Raises ProviderTroubleError when the disk refuses.
        """
        try:
            folder = Folder(self._root, remote_id)
        except ValueError:
            return False
        self._leaving.add(remote_id)
        try:
            await self._kill(remote_id)
            await asyncio.to_thread(folder.remove)
        except OSError as error:
            raise ProviderTroubleError(f"cannot remove {remote_id}: {error}") from error
        finally:
            self._leaving.discard(remote_id)
        return True

    async def check(self) -> str:
        return "it draws on this machine"

    async def refresh(self) -> None:
        return

    async def close(self) -> None:
        """Kill and reap the renderers; what they had in hand stays queued on disk. Idempotent."""
        self._closed = True
        await asyncio.gather(*(self._kill(remote_id) for remote_id in list(self._runs)))

    def _check(self, order: RenderOrder) -> None:
        if order.model != _MODEL:
            raise RejectedOrderError(f"no model {order.model!r}")
        sides = (order.size.width_px, order.size.height_px)
        if any(side % 2 or not 64 <= side <= 2048 for side in sides):
            raise RejectedOrderError(f"cannot draw {order.size}")
        if not 1 <= order.seconds <= MAX_S:
            raise RejectedOrderError(f"cannot draw {order.seconds} s")

        if (order.operation is Operation.GENERATE) is not (order.source is None):
            raise RejectedOrderError(f"cannot {order.operation} {order.source!r}")

    def _accept(self, folder: Folder, order: RenderOrder) -> None:
        """Keep an order that is not here yet. Raises as `submit`, and OSError."""
        if order.source is not None:
            self._accept_derived(folder, order, order.source)
            return
        if order.image is not None and not order.image.is_file():
            raise RejectedOrderError(f"no picture at {order.image.name!r}")
        folder.accept(Ticket.of(order, self._clock.now()), order.image)

    def _accept_derived(self, folder: Folder, order: RenderOrder, source_id: str) -> None:
        """Keep a remix or extension. Raises as `submit`, and OSError."""
        try:
            source = Folder(self._root, source_id)
            found = source.look()
        except (ValueError, OSError) as error:
            raise SourceGoneError(f"cannot read {source_id[:80]!r}: {error}") from error
        if found is None or found.failure is not None or not found.ready:
            raise SourceGoneError(f"{source_id} is no finished render")
        ticket = Ticket.of(order, self._clock.now(), found.ticket)
        if ticket.play.seconds > MAX_S:
            raise RejectedOrderError(f"cannot draw {ticket.play.seconds} s")
        if ticket.has_image and not source.picture.is_file():
            raise SourceGoneError(f"{source_id} has lost its picture")
        try:
            folder.accept(ticket, source.picture if ticket.has_image else None)
        except FileNotFoundError as error:
            # Deleted while it was being copied.
            raise SourceGoneError(f"{source_id} has lost its picture") from error

    async def _poll_one(self, remote_id: str) -> Remote | ProviderError:
        try:
            return await self._look(Folder(self._root, remote_id))
        except ValueError as error:
            return RemoteNotFoundError(str(error))
        except OSError as error:
            return ProviderTroubleError(f"cannot read {remote_id}: {error}")

    async def _look(self, folder: Folder) -> Remote | ProviderError:
        """Return what is known of a render, and start it if nobody has it in hand."""
        found = await asyncio.to_thread(folder.look)
        if found is None or folder.remote_id in self._leaving:
            return RemoteNotFoundError(f"no render {folder.remote_id}")
        # No await between this question and its answer: two polls never start it twice.
        if found.waiting and folder.remote_id not in self._runs and not self._closed:
            self._start(folder, found.ticket)
        return self._describe(folder.remote_id, found)

    def _describe(self, remote_id: str, found: Found) -> Remote:
        run = self._runs.get(remote_id)
        state, progress, error = RemoteState.QUEUED, 0, None
        if found.failure is not None:
            state, progress, error = RemoteState.FAILED, None, RenderFailedError(found.failure)
        elif found.ready:
            state, progress = RemoteState.READY, 100
        elif run is not None:
            state, progress = run.state, run.progress
        return Remote(
            id=remote_id,
            state=state,
            progress=progress,
            error=error,
            cost_usd_micros=0,
            prompt=found.ticket.prompt,
            model=found.ticket.model,
            seconds=found.ticket.play.seconds,
            size=found.ticket.size,
            created_at=found.ticket.created_at,
            source=found.ticket.source,
        )

    def _kept(self, since: datetime) -> list[tuple[Folder, Found]]:
        kept: list[tuple[Folder, Found]] = []
        for folder in Folder.all(self._root):
            found = folder.look()
            if found is not None and found.ticket.created_at >= since:
                kept.append((folder, found))
        return sorted(kept, key=lambda pair: pair[1].ticket.created_at)

    def _start(self, folder: Folder, ticket: Ticket) -> None:
        run = _Run(ticket=ticket)
        self._runs[folder.remote_id] = run
        run.task = asyncio.create_task(self._render(folder, run), name=f"render {folder.remote_id}")

        def ended(_: asyncio.Task[None]) -> None:
            self._runs.pop(folder.remote_id, None)

        # Not a `finally`: a task that is cancelled before its first step never enters its body.
        run.task.add_done_callback(ended)

    async def _render(self, folder: Folder, run: _Run) -> None:
        """Wait for a slot and render, trying a second time when the renderer breaks down."""
        async with self._slots:
            try:
                for last in (False, True):
                    found = await asyncio.to_thread(folder.look)
                    if found is None or not found.waiting:
                        return
                    await asyncio.to_thread(folder.tidy)
                    run.state, run.progress = RemoteState.RUNNING, 0
                    end = await self._once(folder, run)
                    if await asyncio.to_thread(folder.clip.exists):
                        return
                    _LOG.warning("render %s: %s %s", folder.remote_id, end.exit_code, end.complaint)
                    if last or end.hopeless:
                        reason = (end.complaint.splitlines() or ["no clip and no word"])[-1]
                        await asyncio.to_thread(folder.fail, reason)
                        return
            except OSError:
                # The disk is full, or no process can be started: the next poll tries again.
                _LOG.exception("render %s could not be run", folder.remote_id)

    async def _once(self, folder: Folder, run: _Run) -> process.Ending:
        def told(progress: int) -> None:
            run.progress = max(run.progress, progress)

        return await process.render(
            folder,
            run.ticket,
            command=self._command,
            time_limit_s=self._time_limit_s,
            told=told,
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
    # Opened anew for each piece: a file that a cancelled call has opened would stay open.
    with clip.open("rb") as file:
        file.seek(at_bytes)
        return file.read(_CHUNK_BYTES)


def _remote_id(key: str) -> str:
    """Return the id of an order's render: its key in lower case where that is unambiguous."""
    if re.fullmatch(r"[A-Z0-9]{1,40}", key):
        return f"local-{key.lower()}"
    return f"local-x-{hashlib.sha256(key.encode('utf-8', 'replace')).hexdigest()[:32]}"
