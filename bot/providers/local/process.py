"""The renderer as a child process: started, listened to, killed in time."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bot.media.child import environment, reap
from bot.providers.local.folder import Folder, Ticket

#: A line of progress is short; anything longer is not ours.
_LINE_MAX_BYTES = 4096
_STDERR_MAX_BYTES = 4000
#: Exit codes of orders that a second try cannot save (see bot.providers.local.render).
_HOPELESS = frozenset({2, 3})


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a child ended."""

    #: None when it was killed for taking too long.
    exit_code: int | None
    #: The end of what it wrote to stderr.
    complaint: str

    @property
    def hopeless(self) -> bool:
        """Whether the same order would end the same way again."""
        return self.exit_code in _HOPELESS


def renderer_command() -> tuple[str, ...]:
    """Return the command line of the renderer in this interpreter."""
    return (sys.executable, "-P", "-m", "bot.providers.local.render")


async def render(
    folder: Folder,
    ticket: Ticket,
    *,
    command: Sequence[str],
    time_limit_s: float,
    told: Callable[[int], None],
) -> Ending:
    """Run the renderer once; `told` hears the progress, 0 to 99.

    Cancellable: the child is dead and reaped when this returns or raises. The child ends by itself
    when this process dies, because its stdin does. Raises OSError when it cannot be started.
    """
    order = {
        "acts": ticket.play.dump(),
        "width_px": ticket.size.width_px,
        "height_px": ticket.size.height_px,
        "target": str(folder.clip.resolve()),
        "image": str(folder.picture.resolve()) if ticket.has_image else None,
        "stay": True,
    }
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=_LINE_MAX_BYTES,
        env=environment(),
    )
    complaint = ""
    try:
        async with asyncio.timeout(time_limit_s):
            complaint = await _attend(process, json.dumps(order), told)
    except TimeoutError:
        return Ending(exit_code=None, complaint=f"took more than {time_limit_s:.0f} s")
    finally:
        await reap(process)
    return Ending(exit_code=process.returncode, complaint=complaint)


async def _attend(
    process: asyncio.subprocess.Process, order: str, told: Callable[[int], None]
) -> str:
    """Feed the child and read it to its end; returns the last of its stderr."""
    if process.stdin is None or process.stdout is None or process.stderr is None:
        raise OSError("the renderer has no pipes")
    # It may die before it has read its order; its exit code tells.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        process.stdin.write(order.encode() + b"\n")
        await process.stdin.drain()
    _, complaint = await asyncio.gather(
        _listen(process.stdout, told), _last_words(process.stderr), return_exceptions=False
    )
    await process.wait()
    return complaint


async def _listen(stdout: asyncio.StreamReader, told: Callable[[int], None]) -> None:
    while True:
        try:
            line = await stdout.readline()
        except ValueError:
            # Longer than the limit: the reader has dropped it already.
            continue
        if not line:
            return
        try:
            progress = int(json.loads(line)["progress"])
        except (ValueError, KeyError, TypeError):
            continue
        told(max(0, min(99, progress)))


async def _last_words(stderr: asyncio.StreamReader) -> str:
    kept = b""
    while chunk := await stderr.read(4096):
        kept = (kept + chunk)[-_STDERR_MAX_BYTES:]
    return kept.decode("utf-8", "replace").strip()
