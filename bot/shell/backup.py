"""`python -m bot backup FILE`: copies the database; the bot may be running."""

import argparse
from pathlib import Path

from bot.app import find_database
from bot.settings import Settings
from bot.shell.arguments import Subparsers
from bot.storage.sqlite.backup import back_up


def add_backup(subparsers: Subparsers) -> None:
    """Add `backup`, whose arguments `run_backup` reads."""
    what = "copy the database to a file; the bot may be running"
    backup = subparsers.add_parser("backup", help=what, description=what)
    backup.add_argument("file", type=Path, metavar="FILE")
    backup.add_argument("--force", action="store_true", help="replace an existing file")


async def run_backup(settings: Settings, arguments: argparse.Namespace) -> str:
    """Make the copy and return a report for the operator. Raises StorageError."""
    backup = await back_up(
        find_database(settings),
        arguments.file,
        force=arguments.force,
        spare_bytes=settings.min_free_mib << 20,
    )
    size_mib = backup.size_bytes / (1 << 20)
    return (
        f"The database is copied to {backup.path} and checked: {backup.jobs:,} jobs, "
        f"schema {backup.schema_version}, {size_mib:,.1f} MiB.\n"
        f"The clips are not in it: they are files in {settings.archive_dir}."
    )
