"""History and gallery: lists that are leafed through with buttons, also after a restart.

A button carries what was looked for and the place in the list; who presses is looked at anew.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from io import BytesIO
from typing import Any, ClassVar, Self

import discord

from bot.chat.clips.clip_text import request_text
from bot.chat.embed_message import DEFAULT_COLOUR, EmbedMessage
from bot.chat.lists import list_text
from bot.chat.lists.list_query import ListQuery, model_hash
from bot.chat.serving import job_service_of
from bot.chat.transport.error_handler import SafeItem
from bot.chat.viewers import reader_of
from bot.jobs.catalogue import Catalogue
from bot.jobs.service import JobService
from bot.media.contact_sheet import contact_sheet
from bot.model import Job, Viewer
from bot.storage.clip_search import ClipFilter, ClipSort, Cursor

_HISTORY_LENGTH = 6
#: As many as a contact sheet shows.
_GALLERY_LENGTH = 6


class ListPageButton(SafeItem[discord.ui.Button[Any]], template=r"sora:page:(?P<look>.{1,90})"):
    """Goes to another page of a list; those below say of which."""

    list_name: ClassVar[str]

    def __init__(self, page_state: str, label: str = "…", *, disabled: bool = False) -> None:
        super().__init__(
            discord.ui.Button(
                label=label,
                style=discord.ButtonStyle.secondary,
                custom_id=f"sora:{self.list_name}:{page_state}",
                disabled=disabled,
            )
        )
        #: What `Look.load` reads when it is pressed: discord.py drops what is raised before.
        self.page_state = page_state

    @classmethod
    async def from_custom_id(
        cls,
        _interaction: discord.Interaction,
        _control: discord.ui.Item[Any],
        match: re.Match[str],
        /,
    ) -> Self:
        return cls(match["look"])


class HistoryButton(ListPageButton, template=r"sora:history:(?P<look>.{1,90})"):
    """Another page of somebody's history."""

    list_name = "history"

    async def pressed(self, interaction: discord.Interaction) -> None:
        sheet = await build_history_message(
            job_service_of(interaction), reader_of(interaction), ListQuery.load(self.page_state)
        )
        await interaction.response.edit_message(embed=sheet.embed, view=sheet.view)


class GalleryButton(ListPageButton, template=r"sora:gallery:(?P<look>.{1,90})"):
    """Another page of a gallery."""

    list_name = "gallery"

    async def pressed(self, interaction: discord.Interaction) -> None:
        look = ListQuery.load(self.page_state)
        # Making the pictures can outlast the three seconds for an answer.
        await interaction.response.defer()
        await show_gallery(interaction, look)


async def build_history_message(jobs: JobService, viewer: Viewer, query: ListQuery) -> EmbedMessage:
    """Return a page of a member's jobs, through the viewer's eyes."""
    library = jobs.library
    user_id = viewer.user_id if query.user_id is None else query.user_id
    page = await library.history(viewer, user_id, query.search, query.cursor, _HISTORY_LENGTH)
    own = user_id == viewer.user_id
    embed = discord.Embed(title="Your clips" if own else "Clips", colour=DEFAULT_COLOUR)
    entries = [list_text.history_entry(job, library.model_label(job)) for job in page.jobs]
    whose = "" if own else f"made for <@{user_id}>\n\n"
    nothing = list_text.NOTHING_MADE if own and not query.search else list_text.NOTHING_FOUND
    embed.description = whose + ("\n\n".join(entries) or nothing)
    if query.search:
        embed.set_footer(text=f"with “{query.search}”")
    return EmbedMessage(
        embed=embed, view=_page_buttons(HistoryButton, query, page.previous, page.next)
    )


async def show_gallery(interaction: discord.Interaction[Any], query: ListQuery) -> None:
    """Fill the deferred answer with a page of the server's clips.

    A model that no video service here has any more is as good as none.
    """
    jobs, viewer = job_service_of(interaction), reader_of(interaction)
    library = jobs.library
    model = None if query.model is None else _model_by_hash(jobs.catalogue, query.model)
    wanted = ClipFilter(words=query.search, user_id=query.user_id, model=model)
    page = await library.gallery(viewer, wanted, query.sort, query.cursor, _GALLERY_LENGTH)
    files: list[discord.File] = []
    if page.jobs:
        picture = await contact_sheet(await library.thumbnails(page.jobs))
        alt = _alt_text(page.jobs)
        files = [discord.File(BytesIO(picture), filename="clips.webp", description=alt)]
    entries = list_text.gallery_entries([(job, library.model_label(job)) for job in page.jobs])
    await interaction.edit_original_response(
        content="\n".join(
            [list_text.gallery_title(query.search), *(entries or [_empty_text(query)])]
        ),
        attachments=files,
        view=_page_buttons(GalleryButton, query, page.previous, page.next),
        allowed_mentions=discord.AllowedMentions.none(),
    )


def _page_buttons(
    kind: type[ListPageButton], query: ListQuery, previous: Cursor | None, following: Cursor | None
) -> discord.ui.View | None:
    """Return the buttons to the neighbouring pages; None where there are none."""
    if previous is None and following is None:
        return None
    view = discord.ui.View(timeout=None)
    for label, at in (("◀ Back", previous), ("More ▶", following)):
        there = query if at is None else query.with_cursor(at)
        view.add_item(kind(there.dump(), label, disabled=at is None))
    return view


def _empty_text(query: ListQuery) -> str:
    if query.search or query.user_id is not None or query.model is not None:
        return list_text.NOTHING_FOUND
    return list_text.NOTHING_LIKED if query.sort is ClipSort.LOVED else list_text.NOTHING_MADE


def _model_by_hash(catalogue: Catalogue, name_hash: str) -> str | None:
    """Return the model that a button's mark stands for; None, that is all, for one that is gone."""
    names = (offer.model.name for offer in catalogue.all_offers)
    return next((name for name in names if model_hash(name) == name_hash), None)


def _alt_text(jobs: Sequence[Job]) -> str:
    """Return the alternative text of a contact sheet."""
    shown = [f"{n}: {request_text(job)[:120]}" for n, job in enumerate(jobs, start=1)]
    return "; ".join(shown)[:1024]
