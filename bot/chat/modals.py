"""Forms: the change that makes a remix, and the words that let a clip go on.

What a form is about stands in its custom id, and `submitted` takes what comes back: a form that was
open while the bot restarted is not lost.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, cast

import discord

from bot.chat import clip_text
from bot.chat.answer import answer
from bot.chat.beginning import begin
from bot.chat.serving import jobs_of
from bot.chat.viewers import reader_of
from bot.jobs.catalogue import Wish
from bot.model import Job

_FORM = re.compile(r"sora:(?P<what>remixing|extending):(?P<job>[0-9A-Z]{4,12})")
_FIELD = "words"
_MOST_CHARS = 2000


def remix_modal(parent: Job, *, known: bool) -> discord.ui.Modal:
    """Return the form that asks what shall be different; the parent's words stand above.

    known  whether its reader may see all that the parent was made from.
    """
    return _modal(
        parent,
        known=known,
        title=f"Remix {parent.id}",
        what="remixing",
        label="What shall be different?",
        hint="Model, length and size stay as they are.",
        example="make it night, with rain on the windows",
        required=True,
    )


def extend_modal(parent: Job, *, known: bool) -> discord.ui.Modal:
    """Return the form that asks what happens next; empty, the clip just goes on.

    known  as for `remix_modal`.
    """
    return _modal(
        parent,
        known=known,
        title=f"Extend {parent.id}",
        what="extending",
        label="What happens next?",
        hint="Leave it empty to let the clip go on as it is.",
        example="it begins to snow",
        required=False,
    )


async def submitted(interaction: discord.Interaction[Any]) -> None:
    """Act on a form that was sent in; whatever goes wrong, its sender reads. Never raises."""
    data = cast("dict[str, Any]", interaction.data or {})
    form = _FORM.fullmatch(str(data.get("custom_id")))
    if form is None:
        return
    words = next(_values(data.get("components")), "")
    try:
        await _begin(interaction, form["what"], form["job"], words)
    except Exception as error:  # noqa: BLE001 - this is the door
        await answer(interaction, error)


async def _begin(
    interaction: discord.Interaction[Any], what: str, parent_id: str, words: str
) -> None:
    viewer, jobs = reader_of(interaction), jobs_of(interaction)
    if what == "remixing":
        wish = Wish(prompt=words)
        await begin(interaction, lambda request: jobs.remix(parent_id, wish, viewer, request))
    else:
        await begin(interaction, lambda request: jobs.extend(parent_id, words, viewer, request))


def _modal(
    parent: Job,
    *,
    known: bool,
    title: str,
    what: str,
    label: str,
    hint: str,
    example: str,
    required: bool,
) -> discord.ui.Modal:
    # Discord keeps what was typed for a form that is opened again under the same custom id.
    modal = discord.ui.Modal(title=title, custom_id=f"sora:{what}:{parent.id}", timeout=900)
    modal.add_item(discord.ui.TextDisplay(clip_text.parent_words(parent, known=known)))
    field: discord.ui.TextInput[Any] = discord.ui.TextInput(
        style=discord.TextStyle.paragraph,
        custom_id=_FIELD,
        placeholder=example,
        required=required,
        max_length=_MOST_CHARS,
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
