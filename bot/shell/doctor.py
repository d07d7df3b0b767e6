"""`python -m bot doctor`: what is wrong with an installation, and what to do about it."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, final

from bot.app import database_path
from bot.clock import Clock
from bot.errors import SorabotError
from bot.obs.log import Redactor, set_up_logging
from bot.shell import doctor_discord, doctor_disk, doctor_providers, doctor_settings, doctor_web
from bot.shell.finding import Finding, Level, format_findings, problem

#: No part takes longer; all are looked at at the same time.
_PART_TIMEOUT_S = 15.0


def run_doctor(clock: Clock) -> tuple[bool, str]:
    """Look at everything; return whether nothing is broken, and a line for each finding.

    Reads the environment and `.env` as the bot does; takes 20 seconds at most, mostly one or two.
    """
    environ, unread = doctor_settings.read_settings_environment()
    is_well, told = asyncio.run(examine(environ, clock, unread, in_colour=_in_colour(environ)))
    return is_well, "\n".join(told)


async def examine(
    environ: Mapping[str, str],
    clock: Clock,
    environment_findings: list[Finding] | None = None,
    *,
    in_colour: bool = False,
) -> tuple[bool, list[str]]:
    """Return whether nothing is broken, and a line for each finding with a sum at the end.

    unread  what was found when `environ` was read.
    No line holds a secret.
    """
    # A look-up of a name that nobody answers goes on when its check has given up long ago.
    asyncio.get_running_loop().set_default_executor(DaemonExecutor())
    settings, found = await doctor_settings.examine(environ, clock)
    clean = Redactor(doctor_settings.secrets(environ, settings)).redact
    set_up_logging("ERROR", "text", doctor_settings.secrets(environ, settings))
    parts = {
        "folders": doctor_disk.examine_folders(settings),
        "database": doctor_disk.examine_database(database_path(settings), settings.video_providers),
        "Discord": doctor_discord.examine(settings, clock),
        "video APIs": doctor_providers.examine(settings, clock),
        "renderer": doctor_providers.examine_renderer(settings, clock),
        "web": doctor_web.examine(settings),
    }
    results = await asyncio.gather(*(_examine_part(name, look) for name, look in parts.items()))
    findings = [
        *(environment_findings or ()),
        *found,
        *(each for result in results for each in result),
    ]
    told = format_findings(findings, clean, in_colour=in_colour)
    return all(each.level is not Level.PROBLEM for each in findings), [
        *told,
        "",
        _summary(findings),
    ]


async def _examine_part(name: str, examination: Awaitable[list[Finding]]) -> list[Finding]:
    try:
        async with asyncio.timeout(_PART_TIMEOUT_S):
            return await examination
    except TimeoutError:
        said = f"not through after {_PART_TIMEOUT_S:g} s"
    except (SorabotError, OSError) as error:
        said = str(error)
    return [problem(name, said, "try again; if it stays so, report it with this line")]


def _summary(findings: list[Finding]) -> str:
    problems = sum(each.level is Level.PROBLEM for each in findings)
    warnings = sum(each.level is Level.WARNING for each in findings)
    if not problems and not warnings:
        return "All is well."
    return f"{_count(problems, 'problem')}, {_count(warnings, 'warning')}."


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _in_colour(environ: Mapping[str, str]) -> bool:
    return sys.stdout.isatty() and not environ.get("NO_COLOR")


@final
class DaemonExecutor(ThreadPoolExecutor):
    """An executor whose threads end with the process, whatever they are at.

    For a process that is done soon, with a few dozen calls: each has a thread of its own.
    """

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run `fn` in a thread."""
        future: Future[Any] = Future()

        def run() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = fn(*args, **kwargs)
            except BaseException as error:  # noqa: BLE001 - it goes to whoever asked
                future.set_exception(error)
            else:
                future.set_result(result)

        threading.Thread(target=run, daemon=True).start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Return at once."""
        del wait, cancel_futures
