"""The folders that the bot writes to, and the database in one of them."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bot.errors import StorageError
from bot.settings import Settings
from bot.shell.finding import Finding, ok, problem, warning
from bot.storage.disk_space import DiskSpace
from bot.storage.instance_lock import InstanceLock
from bot.storage.sqlite import integrity_check
from bot.storage.sqlite.integrity_check import IntegrityCheck

_MIB = 1024 * 1024
#: With room for fewer of the largest clips than this the disk is soon full.
_MIN_CLIPS_THAT_FIT = 20
#: A whole look at a large database may take longer than an operator waits.
_READ_TIMEOUT_S = 8.0


async def examine_folders(settings: Settings) -> list[Finding]:
    """Look whether the data folder and the archive can be written to, and how much room they have."""
    folders = {"data folder": settings.data_dir, "archive": settings.archive_dir}
    if settings.data_dir in settings.archive_dir.parents:
        del folders["archive"]
    return [
        await asyncio.to_thread(_finding_of_folder, name, path, settings)
        for name, path in folders.items()
    ]


async def examine_database(path: Path, names: Sequence[str] = ()) -> list[Finding]:
    """Read the database from end to end, as far as a few seconds allow.

    names  the video APIs that could have jobs, of which the operator may have drained some.
    """
    if not await asyncio.to_thread(path.exists):
        return [ok("database", f"none at {path} yet; the bot makes one at its first start")]
    try:
        found = await asyncio.to_thread(integrity_check.check_integrity, path, _READ_TIMEOUT_S)
    except StorageError as error:
        return [problem("database", str(error), "look at DATA_DIR, or restore a backup")]
    company = await asyncio.to_thread(_finding_of_running_bot, path)
    return [
        *_findings_of_integrity_check(found),
        company,
        *_findings_of_drained(names, found.drained),
    ]


def _findings_of_drained(names: Sequence[str], drained: Sequence[str]) -> list[Finding]:
    kept_away = [name for name in names if name in drained]
    if not kept_away:
        return []
    resume = "python -m bot providers resume"
    if len(kept_away) == len(names):
        return [problem("video APIs", "all are drained, every order is refused", f"{resume} NAME")]
    said = f"no new job goes to {', '.join(kept_away)}, as the operator chose"
    return [warning("video APIs", said, f"{resume} {kept_away[0]}, if that is over")]


def _finding_of_running_bot(path: Path) -> Finding:
    """Return whether a bot runs on a database; it would let no second one do so."""
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
        advice = f"make room: with less than MIN_FREE_MIB={settings.min_free_mib} no order is taken"
        return problem(name, said, advice)
    if free_mib < settings.min_free_mib + _MIN_CLIPS_THAT_FIT * settings.max_clip_mib:
        advice = f"make room: fewer than {_MIN_CLIPS_THAT_FIT} of the largest clips fit"
        return warning(name, said, advice)
    return ok(name, said)


def _findings_of_integrity_check(found: IntegrityCheck) -> list[Finding]:
    findings = [_finding_of_schema(found)]
    restore = "stop the bot, keep a copy of the file, restore a backup"
    if found.damage:
        findings.append(problem("database", f"damaged: {'; '.join(found.damage)}", restore))
    if found.orphans:
        tables = ", ".join(found.orphans)
        findings.append(
            problem("database", f"rows without what they belong to, in {tables}", restore)
        )
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
        return problem(
            "database",
            f"{said}, of a later release: this one knows up to {found.newest_version}",
            "run the later release, or restore a backup from before it",
        )
    if found.schema_version < found.newest_version:
        advice = f"nothing: the bot brings it to {found.newest_version} when it starts"
        return warning("database", f"{said}; its books were not looked at", advice)
    return ok("database", said)
