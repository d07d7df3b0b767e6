"""Runs the renderer as a child process: starts it, reads its progress, kills it when too slow."""

import asyncio
import contextlib
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bot.media.child_process import child_environment, reap
from bot.providers.vendors.local_folder import RenderFolder, RenderRecord

#: A progress line is short; the reader drops longer ones.
_LINE_MAX_BYTES = 4096
_STDERR_MAX_BYTES = 4000
#: Exit codes of the renderer for a bad spec and a bad image: a second try fails the same way.
_PERMANENT = frozenset({2, 3})


@dataclass(frozen=True, slots=True, kw_only=True)
class RendererExit:
    """How a renderer process ended."""

    #: None when it was killed at its time limit.
    exit_code: int | None
    #: The end of what it wrote to stderr.
    stderr: str

    @property
    def permanent(self) -> bool:
        """Whether the same request would fail the same way again."""
        return self.exit_code in _PERMANENT


def renderer_command() -> tuple[str, ...]:
    """Return the command line that starts the renderer in this interpreter."""
    return (sys.executable, "-P", "-m", "renderer")


async def render(
    folder: RenderFolder,
    record: RenderRecord,
    *,
    command: Sequence[str],
    time_limit_s: float,
    on_progress: Callable[[int], None],
) -> RendererExit:
    """Run the renderer once; calls `on_progress` with 0 to 99.

    Cancellable: the child has been killed and reaped when this returns or raises. The child reads
    stdin until it ends, so it also exits when this process dies. Raises OSError when it cannot be
    started.
    """
    spec = {
        **record.film(),
        "width_px": record.size.width_px,
        "height_px": record.size.height_px,
        "target": str(folder.clip.resolve()),
        "image": str(folder.image.resolve()) if record.has_image else None,
        "exit_with_stdin": True,
    }
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=_LINE_MAX_BYTES,
        env=child_environment(),
    )
    stderr = ""
    try:
        async with asyncio.timeout(time_limit_s):
            stderr = await _communicate(process, json.dumps(spec), on_progress)
    except TimeoutError:
        return RendererExit(exit_code=None, stderr=f"took more than {time_limit_s:.0f} s")
    finally:
        await reap(process)
    return RendererExit(exit_code=process.returncode, stderr=stderr)


async def _communicate(
    process: asyncio.subprocess.Process, spec: str, on_progress: Callable[[int], None]
) -> str:
    """Send the spec and read the child's output until it exits; returns the end of its stderr."""
    if process.stdin is None or process.stdout is None or process.stderr is None:
        raise OSError("the renderer has no pipes")
    # The child may exit before it has read the spec; its exit code says why.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        process.stdin.write(spec.encode() + b"\n")
        await process.stdin.drain()
    _, stderr = await asyncio.gather(
        _read_progress(process.stdout, on_progress), _read_tail(process.stderr)
    )
    await process.wait()
    return stderr


async def _read_progress(stdout: asyncio.StreamReader, on_progress: Callable[[int], None]) -> None:
    while True:
        try:
            line = await stdout.readline()
        except ValueError:
            # The line was longer than the limit; the reader has dropped it.
            continue
        if not line:
            return
        try:
            progress = int(json.loads(line)["progress"])
        except (ValueError, KeyError, TypeError):
            continue
        on_progress(max(0, min(99, progress)))


async def _read_tail(stderr: asyncio.StreamReader) -> str:
    kept = b""
    while chunk := await stderr.read(4096):
        kept = (kept + chunk)[-_STDERR_MAX_BYTES:]
    return kept.decode("utf-8", "replace").strip()
