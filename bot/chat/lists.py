"""History and gallery: lists that are leafed through with buttons, also after a restart.

A button carries what was looked for and the place in the list; who presses is looked at anew.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from io import BytesIO
from typing import Any, ClassVar, Self

import discord

from bot.chat import gallery_text
from bot.chat.answer import SafeItem
from bot.chat.clip_text import plain_words
from bot.chat.pages import Look, model_mark
from bot.chat.serving import jobs_of
from bot.chat.sheet import PLAIN, Sheet
from bot.chat.viewers import reader_of
from bot.jobs.catalogue import Catalogue
from bot.jobs.service import JobService
from bot.media.sheet import contact_sheet
from bot.model import Job, Viewer
from bot.storage.shelf import Cursor, Filter, Sort

_HISTORY_LENGTH = 6
#: As many as a contact sheet shows.
_GALLERY_LENGTH = 6


class PageButton(SafeItem[discord.ui.Button[Any]], template=r"sora:page:(?P<look>.{1,90})"):
    """Goes to another page of a list; those below say of which."""

    word: ClassVar[str]

    def __init__(self, look: str, label: str = "…", *, disabled: bool = False) -> None:
        super().__init__(
            discord.ui.Button(
                label=label,
                style=discord.ButtonStyle.secondary,
                custom_id=f"sora:{self.word}:{look}",
                disabled=disabled,
            )
        )
        #: What `Look.load` reads when it is pressed: discord.py drops what is raised before.
        self.look = look

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction, _item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(match["look"])


class HistoryButton(PageButton, template=r"sora:history:(?P<look>.{1,90})"):
    """Another page of somebody's history."""

    word = "history"

    async def pressed(self, interaction: discord.Interaction) -> None:
        sheet = await history_sheet(
            jobs_of(interaction), reader_of(interaction), Look.load(self.look)
        )
        await interaction.response.edit_message(embed=sheet.embed, view=sheet.view)


class GalleryButton(PageButton, template=r"sora:gallery:(?P<look>.{1,90})"):
    """Another page of a gallery."""

    word = "gallery"

    async def pressed(self, interaction: discord.Interaction) -> None:
        look = Look.load(self.look)
        # Making the pictures can outlast the three seconds for an answer.
        await interaction.response.defer()
        await show_gallery(interaction, look)


async def history_sheet(jobs: JobService, viewer: Viewer, look: Look) -> Sheet:
    """Return a page of a member's jobs, through the viewer's eyes."""
    library = jobs.library
    user_id = viewer.user_id if look.user_id is None else look.user_id
    page = await library.history(viewer, user_id, look.words, look.at, _HISTORY_LENGTH)
    own = user_id == viewer.user_id
    embed = discord.Embed(title="Your clips" if own else "Clips", colour=PLAIN)
    entries = [gallery_text.history_entry(job, library.label(job)) for job in page.jobs]
    whose = "" if own else f"made for <@{user_id}>\n\n"
    nothing = gallery_text.NOTHING_MADE if own and not look.words else gallery_text.NOTHING_FOUND
    embed.description = whose + ("\n\n".join(entries) or nothing)
    if look.words:
        embed.set_footer(text=f"with “{look.words}”")
    return Sheet(embed=embed, view=_leaves(HistoryButton, look, page.previous, page.next))


async def show_gallery(interaction: discord.Interaction[Any], look: Look) -> None:
    """Fill the deferred answer with a page of the server's clips.

    A model that no video service here has any more is as good as none.
    """
    jobs, viewer = jobs_of(interaction), reader_of(interaction)
    library = jobs.library
    model = None if look.model is None else _model(jobs.catalogue, look.model)
    wanted = Filter(words=look.words, user_id=look.user_id, model=model)
    page = await library.gallery(viewer, wanted, look.sort, look.at, _GALLERY_LENGTH)
    files: list[discord.File] = []
    if page.jobs:
        picture = await contact_sheet(await library.posters(page.jobs))
        alt = _described(page.jobs)
        files = [discord.File(BytesIO(picture), filename="clips.webp", description=alt)]
    entries = gallery_text.gallery_entries([(job, library.label(job)) for job in page.jobs])
    await interaction.edit_original_response(
        content="\n".join([gallery_text.gallery_title(look.words), *(entries or [_nothing(look)])]),
        attachments=files,
        view=_leaves(GalleryButton, look, page.previous, page.next),
        allowed_mentions=discord.AllowedMentions.none(),
    )


def _leaves(
    kind: type[PageButton], look: Look, previous: Cursor | None, following: Cursor | None
) -> discord.ui.View | None:
    """Return the buttons to the neighbouring pages; None where there are none."""
    if previous is None and following is None:
        return None
    view = discord.ui.View(timeout=None)
    for label, at in (("◀ Back", previous), ("More ▶", following)):
        there = look if at is None else look.moved(at)
        view.add_item(kind(there.dump(), label, disabled=at is None))
    return view


def _nothing(look: Look) -> str:
    if look.words or look.user_id is not None or look.model is not None:
        return gallery_text.NOTHING_FOUND
    return gallery_text.NOTHING_LOVED if look.sort is Sort.LOVED else gallery_text.NOTHING_MADE


def _model(catalogue: Catalogue, mark: str) -> str | None:
    """Return the model that a button's mark stands for; None, that is all, for one that is gone."""
    names = (offer.model.name for offer in catalogue.known)
    return next((name for name in names if model_mark(name) == mark), None)


def _described(jobs: Sequence[Job]) -> str:
    """Return the alternative text of a contact sheet."""
    shown = [f"{n}: {plain_words(job)[:120]}" for n, job in enumerate(jobs, start=1)]
    return "; ".join(shown)[:1024]
