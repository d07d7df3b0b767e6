"""`python -m bot doctor`: checks an installation and says how to fix what is wrong."""

import asyncio
import sys
import threading
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain
from typing import Any, final

from bot.app import database_path
from bot.clock import Clock
from bot.errors import SorabotError
from bot.obs.log import Redactor, set_up_logging
from bot.shell import doctor_disk, doctor_network, doctor_providers, doctor_settings
from bot.shell.finding import Finding, Level, format_findings, problem

#: Time limit for each part of the checks; all parts run at the same time.
_PART_TIMEOUT_S = 15.0


def run_doctor(clock: Clock) -> tuple[bool, str]:
    """Check the installation; return whether there is no problem, and a line for each finding.

    The settings come from the environment and `.env`. Takes 20 seconds at most, usually two.
    """
    environ, environment_findings = doctor_settings.read_settings_environment()
    in_colour = sys.stdout.isatty() and not environ.get("NO_COLOR")
    is_healthy, lines = asyncio.run(
        examine(environ, clock, environment_findings, in_colour=in_colour)
    )
    return is_healthy, "\n".join(lines)


async def examine(
    environ: Mapping[str, str],
    clock: Clock,
    environment_findings: list[Finding] | None = None,
    *,
    in_colour: bool = False,
) -> tuple[bool, list[str]]:
    """Return whether there is no problem, and a line for each finding with a total at the end.

    environment_findings  findings about the reading of `environ`, listed first.
    The lines mask all secrets.
    """
    # Threads of this executor may hang in a DNS look-up after the check has timed out.
    asyncio.get_running_loop().set_default_executor(DaemonExecutor())
    settings, found = await doctor_settings.examine(environ, clock)
    secrets = doctor_settings.secrets(environ, settings)
    set_up_logging("ERROR", "text", secrets)
    parts = {
        "folders": doctor_disk.examine_folders(settings),
        "database": doctor_disk.examine_database(database_path(settings), settings.video_providers),
        "Discord": doctor_network.examine_discord(settings, clock),
        "video APIs": doctor_providers.examine(settings, clock),
        "renderer": doctor_providers.examine_renderer(settings, clock),
        "web": doctor_network.examine_web(settings),
    }
    results = await asyncio.gather(*(_examine_part(name, part) for name, part in parts.items()))
    findings = [*(environment_findings or ()), *found, *chain.from_iterable(results)]
    lines = format_findings(findings, Redactor(secrets).redact, in_colour=in_colour)
    is_healthy = all(each.level is not Level.PROBLEM for each in findings)
    return is_healthy, [*lines, "", _summary(findings)]


async def _examine_part(name: str, examination: Awaitable[list[Finding]]) -> list[Finding]:
    try:
        async with asyncio.timeout(_PART_TIMEOUT_S):
            return await examination
    except TimeoutError:
        message = f"not finished after {_PART_TIMEOUT_S:g} s"
    except (SorabotError, OSError) as error:
        message = str(error)
    return [problem(name, message, "try again; if it happens again, report this line")]


def _summary(findings: list[Finding]) -> str:
    problems = sum(each.level is Level.PROBLEM for each in findings)
    warnings = sum(each.level is Level.WARNING for each in findings)
    if not problems and not warnings:
        return "All is well."
    counts = ((problems, "problem"), (warnings, "warning"))
    return ", ".join(f"{n} {word}{'' if n == 1 else 's'}" for n, word in counts) + "."


@final
class DaemonExecutor(ThreadPoolExecutor):
    """An executor whose threads don't keep the process alive while they hang.

    The executor starts a thread for each call, so it suits a process with a few dozen calls.
    """

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run `fn` in a new thread; the future has its result or its exception."""
        future: Future[Any] = Future()

        def run() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = fn(*args, **kwargs)
            except BaseException as error:  # noqa: BLE001 - the caller gets it
                future.set_exception(error)
            else:
                future.set_result(result)

        threading.Thread(target=run, daemon=True).start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Return at once, without waiting for running threads."""
        del wait, cancel_futures
