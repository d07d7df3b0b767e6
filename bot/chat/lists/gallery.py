"""The list of a server's clips, whose buttons work after a restart."""

from collections.abc import Sequence
from io import BytesIO
from typing import Any

import discord

from bot.chat.clips.clip_text import request_text
from bot.chat.lists import list_text
from bot.chat.lists.list_query import ListQuery, model_hash
from bot.chat.lists.page_button import ListPageButton, page_buttons
from bot.chat.viewers import job_service_of, reader_of
from bot.jobs.catalogue import Catalogue
from bot.media.contact_sheet import contact_sheet
from bot.model import Job
from bot.storage.clip_search import ClipFilter, ClipSort

#: A contact sheet shows no more.
_CLIPS_PER_PAGE = 6


class GalleryButton(ListPageButton, template=r"sora:gallery:(?P<look>.{1,90})"):
    """Shows another page of a gallery."""

    list_name = "gallery"

    async def pressed(self, interaction: discord.Interaction) -> None:
        query = ListQuery.load(self.page_state)
        # Making the contact sheet can take longer than the three seconds for an answer.
        await interaction.response.defer()
        await show_gallery(interaction, query)


async def show_gallery(interaction: discord.Interaction[Any], query: ListQuery) -> None:
    """Fill the deferred answer with a page of the server's clips.

    A model that no provider offers any more counts as no filter.
    """
    jobs, viewer = job_service_of(interaction), reader_of(interaction)
    library = jobs.library
    model = None if query.model is None else _model_by_hash(jobs.catalogue, query.model)
    wanted = ClipFilter(words=query.search, user_id=query.user_id, model=model)
    page = await library.gallery(viewer, wanted, query.sort, query.cursor, _CLIPS_PER_PAGE)
    files: list[discord.File] = []
    if page.jobs:
        sheet = await contact_sheet(await library.thumbnails(page.jobs))
        alt = _alt_text(page.jobs)
        files = [discord.File(BytesIO(sheet), filename="clips.webp", description=alt)]
    entries = list_text.gallery_entries([(job, library.model_label(job)) for job in page.jobs])
    await interaction.edit_original_response(
        content=f"{list_text.gallery_title(query.search)}\n{entries or _empty_text(query)}",
        attachments=files,
        view=page_buttons(GalleryButton, query, page.previous, page.next),
        allowed_mentions=discord.AllowedMentions.none(),
    )


def _empty_text(query: ListQuery) -> str:
    if query.search or query.user_id is not None or query.model is not None:
        return list_text.NOTHING_FOUND
    return list_text.NOTHING_LIKED if query.sort is ClipSort.LOVED else list_text.NOTHING_MADE


def _model_by_hash(catalogue: Catalogue, name_hash: str) -> str | None:
    """Return the model with this hash; None, which means all models, if it is gone."""
    names = (offer.model.name for offer in catalogue.all_offers)
    return next((name for name in names if model_hash(name) == name_hash), None)


def _alt_text(jobs: Sequence[Job]) -> str:
    """Return the alternative text of a contact sheet."""
    shown = [f"{n}: {request_text(job)[:120]}" for n, job in enumerate(jobs, start=1)]
    return "; ".join(shown)[:1024]
