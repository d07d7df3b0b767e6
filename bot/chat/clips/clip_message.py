"""The names of clips' files, by which a clip is known again wherever its file hangs."""

from __future__ import annotations

import re
from contextlib import suppress

import discord

from bot.errors import RefusedError
from bot.jobs.library import Library
from bot.model import Job, Viewer

_FILE_NAME = re.compile(r"sora-(?P<job>[0-9A-Z]{4,12})\.mp4")


def file_name(job: Job) -> str:
    """Return what a job's file is called in Discord."""
    # The ending decides whether Discord plays it; the id is how a clip is found again.
    return f"sora-{job.id}.mp4"


async def clips_in_message(
    library: Library, message: discord.Message, viewer: Viewer
) -> tuple[Job, ...]:
    """Return the clips whose files a message carries, as far as the viewer may see them.

    message  the bot's own, such as a mirror in the gallery channel: anybody can name a file.
    """
    names = (_FILE_NAME.fullmatch(each.filename) for each in message.attachments)
    found: list[Job] = []
    for name in names:
        with suppress(RefusedError):
            if name is not None:
                found.append(await library.clip(name["job"], viewer))
    return tuple(found)
