"""Forms: what to change in a remix, and what happens next in an extension.

A form's custom id says which clip it is about, and `submit_clip_modal` takes what was typed: a form
that was open while the bot restarted is not lost.
"""

import re
from collections.abc import Mapping
from typing import Any

import discord

from bot.chat.clips import clip_text
from bot.chat.clips.job_buttons import JOB_ID
from bot.chat.clips.submission import submit_and_announce
from bot.chat.viewers import job_service_of, reader_of
from bot.jobs.catalogue import ClipOptions
from bot.model import Job

CLIP_MODAL = re.compile(rf"sora:(?P<action>remixing|extending):{JOB_ID}")
_FIELD = "words"
_MAX_CHARS = 2000


def remix_modal(parent: Job, *, shows_ancestry: bool) -> discord.ui.Modal:
    """Return the form that asks what to change; the parent's words stand above.

    shows_ancestry  whether the reader may see all clips that the parent was made from.
    """
    # Discord keeps what was typed for a form that is opened again under the same custom id.
    modal = discord.ui.Modal(
        title=f"Remix {parent.id}", custom_id=f"sora:remixing:{parent.id}", timeout=900
    )
    modal.add_item(_parent_text(parent, shows_ancestry=shows_ancestry))
    return modal.add_item(
        discord.ui.Label(
            text="What shall be different?",
            description="Model, length and size stay as they are.",
            component=_field("make it night, with rain on the windows", required=True),
        )
    )


def extend_modal(parent: Job, *, shows_ancestry: bool) -> discord.ui.Modal:
    """Return the form that asks what happens next; left empty, the clip just goes on.

    shows_ancestry  as for `remix_modal`.
    """
    modal = discord.ui.Modal(
        title=f"Extend {parent.id}", custom_id=f"sora:extending:{parent.id}", timeout=900
    )
    modal.add_item(_parent_text(parent, shows_ancestry=shows_ancestry))
    return modal.add_item(
        discord.ui.Label(
            text="What happens next?",
            description="Leave it empty to let the clip go on as it is.",
            component=_field("it begins to snow", required=False),
        )
    )


async def submit_clip_modal(
    interaction: discord.Interaction[Any], form: re.Match[str], typed: Mapping[str, str]
) -> None:
    """Remix or extend the clip of a submitted form. Raises what `JobService.remix` raises.

    form   the match of `CLIP_MODAL`.
    typed  what was typed, by the custom id of the field.
    """
    viewer, jobs = reader_of(interaction), job_service_of(interaction)
    words, parent_id = typed.get(_FIELD, ""), form["job"]
    if form["action"] == "remixing":
        options = ClipOptions(prompt=words)
        await submit_and_announce(
            interaction, lambda request: jobs.remix(parent_id, options, viewer, request)
        )
    else:
        await submit_and_announce(
            interaction, lambda request: jobs.extend(parent_id, words, viewer, request)
        )


def _parent_text(parent: Job, *, shows_ancestry: bool) -> discord.ui.TextDisplay[Any]:
    return discord.ui.TextDisplay(clip_text.parent_text(parent, shows_ancestry=shows_ancestry))


def _field(example: str, *, required: bool) -> discord.ui.TextInput[Any]:
    return discord.ui.TextInput(
        style=discord.TextStyle.paragraph,
        custom_id=_FIELD,
        placeholder=example,
        required=required,
        max_length=_MAX_CHARS,
    )
