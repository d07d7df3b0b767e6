"""Forms: the change that makes a remix, and the words that let a clip go on.

What a form is about stands in its custom id, and `submitted` takes what comes back: a form that was
open while the bot restarted is not lost.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, cast

import discord

from bot.chat.clips import clip_text
from bot.chat.clips.submission import submit_and_announce
from bot.chat.serving import job_service_of
from bot.chat.transport.error_handler import respond_with_error
from bot.chat.viewers import reader_of
from bot.jobs.catalogue import ClipOptions
from bot.model import Job

_FORM = re.compile(r"sora:(?P<what>remixing|extending):(?P<job>[0-9A-Z]{4,12})")
_FIELD = "words"
_MAX_CHARS = 2000


def remix_modal(parent: Job, *, shows_ancestry: bool) -> discord.ui.Modal:
    """Return the form that asks what shall be different; the parent's words stand above.

    known  whether its reader may see all that the parent was made from.
    """
    return _modal(
        parent,
        shows_ancestry=shows_ancestry,
        title=f"Remix {parent.id}",
        action="remixing",
        label="What shall be different?",
        hint="Model, length and size stay as they are.",
        example="make it night, with rain on the windows",
        required=True,
    )


def extend_modal(parent: Job, *, shows_ancestry: bool) -> discord.ui.Modal:
    """Return the form that asks what happens next; empty, the clip just goes on.

    known  as for `remix_modal`.
    """
    return _modal(
        parent,
        shows_ancestry=shows_ancestry,
        title=f"Extend {parent.id}",
        action="extending",
        label="What happens next?",
        hint="Leave it empty to let the clip go on as it is.",
        example="it begins to snow",
        required=False,
    )


async def handle_clip_modal(interaction: discord.Interaction[Any]) -> None:
    """Act on a form that was sent in; whatever goes wrong, its sender reads. Never raises."""
    data = cast("dict[str, Any]", interaction.data or {})
    form = _FORM.fullmatch(str(data.get("custom_id")))
    if form is None:
        return
    words = next(_values(data.get("components")), "")
    try:
        await _submit(interaction, form["what"], form["job"], words)
    except Exception as error:  # noqa: BLE001 - this is the door
        await respond_with_error(interaction, error)


async def _submit(
    interaction: discord.Interaction[Any], action: str, parent_id: str, words: str
) -> None:
    viewer, jobs = reader_of(interaction), job_service_of(interaction)
    if action == "remixing":
        wish = ClipOptions(prompt=words)
        await submit_and_announce(
            interaction, lambda request: jobs.remix(parent_id, wish, viewer, request)
        )
    else:
        await submit_and_announce(
            interaction, lambda request: jobs.extend(parent_id, words, viewer, request)
        )


def _modal(
    parent: Job,
    *,
    shows_ancestry: bool,
    title: str,
    action: str,
    label: str,
    hint: str,
    example: str,
    required: bool,
) -> discord.ui.Modal:
    # Discord keeps what was typed for a form that is opened again under the same custom id.
    modal = discord.ui.Modal(title=title, custom_id=f"sora:{action}:{parent.id}", timeout=900)
    modal.add_item(
        discord.ui.TextDisplay(clip_text.parent_text(parent, shows_ancestry=shows_ancestry))
    )
    field: discord.ui.TextInput[Any] = discord.ui.TextInput(
        style=discord.TextStyle.paragraph,
        custom_id=_FIELD,
        placeholder=example,
        required=required,
        max_length=_MAX_CHARS,
    )
    modal.add_item(discord.ui.Label(text=label, description=hint, component=field))
    return modal


def _values(node: object) -> Iterator[str]:
    """Yield what was typed into our field, wherever it stands among the components."""
    if isinstance(node, list):
        for each in cast("list[object]", node):
            yield from _values(each)
    elif isinstance(node, dict):
        fields = cast("dict[str, object]", node)
        if fields.get("custom_id") == _FIELD:
            yield str(fields.get("value") or "")
        for name in ("components", "component"):
            yield from _values(fields.get(name))
