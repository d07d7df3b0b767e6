"""The doctor's checks of the data folders and the database."""

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bot.errors import StorageError
from bot.settings import Settings
from bot.shell.finding import Finding, ok, problem, warning
from bot.storage.disk_space import DiskSpace
from bot.storage.instance_lock import InstanceLock
from bot.storage.private_folder import is_open_to_others
from bot.storage.sqlite import integrity_check
from bot.storage.sqlite.integrity_check import IntegrityCheck

_MIB = 1024 * 1024
#: Warn when the disk has space for fewer clips of the largest size.
_MIN_CLIPS_THAT_FIT = 20
#: Reading all of a large database may take longer than an operator waits.
_READ_TIMEOUT_S = 8.0


async def examine_folders(settings: Settings) -> list[Finding]:
    """Check that the data folder and the archive are writable and have free space."""
    folders = {"data folder": settings.data_dir, "archive": settings.archive_dir}
    if settings.data_dir in settings.archive_dir.parents:
        del folders["archive"]
    return [
        await asyncio.to_thread(_finding_of_folder, name, path, settings)
        for name, path in folders.items()
    ]


async def examine_database(path: Path, names: Sequence[str] = ()) -> list[Finding]:
    """Check as much of the database as can be read in a few seconds.

    names  the configured providers; the operator may have drained some of them.
    """
    if not await asyncio.to_thread(path.exists):
        return [ok("database", f"none at {path} yet; the bot makes one at its first start")]
    try:
        found = await asyncio.to_thread(integrity_check.check_integrity, path, _READ_TIMEOUT_S)
    except StorageError as error:
        return [problem("database", str(error), "look at DATA_DIR, or restore a backup")]
    running = await asyncio.to_thread(_finding_of_running_bot, path)
    return [
        *_findings_of_integrity_check(found),
        running,
        *_findings_of_drained(names, found.drained),
    ]


def _findings_of_drained(names: Sequence[str], drained: Sequence[str]) -> list[Finding]:
    drained_names = [name for name in names if name in drained]
    if not drained_names:
        return []
    resume = "python -m bot providers resume"
    if len(drained_names) == len(names):
        said = "all are drained, so every command for a clip is refused"
        return [problem("video APIs", said, f"{resume} NAME")]
    said = f"no new job goes to {', '.join(drained_names)}, as the operator chose"
    return [warning("video APIs", said, f"{resume} {drained_names[0]}, if that is over")]


def _finding_of_running_bot(path: Path) -> Finding:
    try:
        is_held = InstanceLock.is_held(path)
    except StorageError as error:
        return problem("database", str(error), "let the bot's user read and write DATA_DIR")
    return ok("database", "a bot runs on it" if is_held else "no bot runs on it now")


def _finding_of_folder(name: str, path: Path, settings: Settings) -> Finding:
    there = path
    try:
        there = next(each for each in (path, *path.absolute().parents) if each.exists())
        with tempfile.TemporaryFile(dir=there):
            free_mib = DiskSpace((there,)).free_bytes() // _MIB
    except OSError as error:
        said = f"I can't write to {there}: {error.strerror}"
        return problem(name, said, "let the bot's user write there, or change DATA_DIR")
    said = f"{path} is writable, {free_mib:,} MiB free"
    if there != path:
        said = f"{path} is not there yet and can be made, {free_mib:,} MiB free"
    if free_mib < settings.min_free_mib:
        least = f"MIN_FREE_MIB={settings.min_free_mib}"
        return problem(name, said, f"free some space: below {least} new clips are refused")
    if free_mib < settings.min_free_mib + _MIN_CLIPS_THAT_FIT * settings.max_clip_mib:
        advice = f"make room: fewer than {_MIN_CLIPS_THAT_FIT} of the largest clips fit"
        return warning(name, said, advice)
    if path == settings.data_dir and is_open_to_others(path):
        return warning(name, f"{path} can be read by other users", f"chmod -R go= {path}")
    return ok(name, said)


def _findings_of_integrity_check(found: IntegrityCheck) -> list[Finding]:
    findings = [_finding_of_schema(found)]
    restore = "stop the bot, keep a copy of the file, restore a backup"
    if found.damage:
        findings.append(problem("database", f"damaged: {'; '.join(found.damage)}", restore))
    if found.orphans:
        tables = ", ".join(found.orphans)
        said = f"rows without what they belong to, in {tables}"
        findings.append(problem("database", said, restore))
    if found.unbalanced:
        ids = ", ".join(found.unbalanced)
        advice = "report it with the ids; until then, what these members used may be wrong"
        findings.append(problem("ledger", f"does not agree with jobs, first {ids}", advice))
    if not found.is_whole:
        advice = "run it again when the machine has less to do"
        findings.append(warning("database", "too large to be read in time", advice))
    elif not (found.damage or found.orphans or found.unbalanced):
        are = "whole, the ledger agrees with every job"
        findings.append(ok("database", f"{are} ({found.jobs:,}, {found.under_way:,} under way)"))
    return findings


def _finding_of_schema(found: IntegrityCheck) -> Finding:
    said = f"opens, schema {found.schema_version}, {found.size_bytes / _MIB:,.1f} MiB"
    if found.schema_version > found.newest_version:
        said += f", of a later release: this one knows up to {found.newest_version}"
        advice = "run the later release, or restore a backup from before it"
        return problem("database", said, advice)
    if found.schema_version < found.newest_version:
        advice = f"nothing: the bot brings it to {found.newest_version} when it starts"
        return warning("database", f"{said}; its ledger was not checked", advice)
    return ok("database", said)
