"""The message that carries finished clips: its buttons, its nonce, and the names of its files."""

import re
from collections.abc import Sequence
from contextlib import suppress

import discord

from bot.chat.clips.clip_buttons import (
    AgainButton,
    DeleteButton,
    DetailsButton,
    ExtendButton,
    RemixButton,
)
from bot.chat.text import base36
from bot.errors import RefusedError
from bot.jobs.library import Library
from bot.jobs.ports import JobStatus
from bot.model import Job, Viewer

#: Longest nonce that Discord takes (2026-08).
_MAX_NONCE_CHARS = 25
_FILE_NAME = re.compile(r"sora-(?P<job>[0-9A-Z]{4,12})\.mp4")


def file_name(job: Job) -> str:
    """Return the name of a job's file in Discord.

    Discord plays it because of its ending; the bot finds a clip again by the id in it.
    """
    return f"sora-{job.id}.mp4"


def clip_nonce(job: Job, *, is_moved: bool) -> str:
    """Return the nonce by which Discord rejects a second message with a job's clip.

    is_moved  the clip is posted elsewhere than it was asked for; that place has its own nonce.
    """
    nonce = f"sora-{job.id}"
    if not is_moved:
        return nonce
    # The ids of two channels differ at the end.
    tail = base36(job.place.channel_id)
    return f"{nonce}-{tail[-(_MAX_NONCE_CHARS - len(nonce) - 1) :]}"


def build_clip_view(statuses: Sequence[JobStatus]) -> discord.ui.View:
    """Return the buttons below the clips of one message; `statuses` holds at least one."""
    view = discord.ui.View(timeout=None)
    if len(statuses) == 1:
        status = statuses[0]
        view.add_item(RemixButton(status.job.id))
        view.add_item(AgainButton(status.job.id))
        if status.can_extend:
            view.add_item(ExtendButton(status.job.id))
        view.add_item(DeleteButton(status.job.id))
        return view
    for status in statuses:
        view.add_item(RemixButton(status.job.id, named=True, row=0))
        # It leads to the other buttons: four of each kind would be too many.
        view.add_item(DetailsButton(status.job.id, named=True, row=1))
    return view


async def clips_in_message(
    library: Library, message: discord.Message, viewer: Viewer
) -> tuple[Job, ...]:
    """Return those clips among a message's files that the viewer may see.

    message  must be the bot's own, such as a mirror: members can name a file as they like.
    """
    names = (_FILE_NAME.fullmatch(each.filename) for each in message.attachments)
    found: list[Job] = []
    for name in names:
        with suppress(RefusedError):
            if name is not None:
                found.append(await library.clip(name["job"], viewer))
    return tuple(found)
