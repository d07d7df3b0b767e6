"""The list of a member's jobs, whose buttons work after a restart."""

import discord

from bot.chat.embed_message import DEFAULT_COLOUR, EmbedMessage
from bot.chat.lists import list_text
from bot.chat.lists.list_query import ListQuery
from bot.chat.lists.page_button import ListPageButton, page_buttons
from bot.chat.viewers import job_service_of, reader_of
from bot.jobs.service import JobService
from bot.model import Viewer

_JOBS_PER_PAGE = 6


class HistoryButton(ListPageButton, template=r"sora:history:(?P<look>.{1,90})"):
    """Shows another page of a member's history."""

    list_name = "history"

    async def pressed(self, interaction: discord.Interaction) -> None:
        message = await build_history_message(
            job_service_of(interaction), reader_of(interaction), ListQuery.load(self.page_state)
        )
        await interaction.response.edit_message(embed=message.embed, view=message.view)


async def build_history_message(jobs: JobService, viewer: Viewer, query: ListQuery) -> EmbedMessage:
    """Return a page of a member's jobs, as far as the viewer may see them."""
    library = jobs.library
    user_id = viewer.user_id if query.user_id is None else query.user_id
    page = await library.history(viewer, user_id, query.search, query.cursor, _JOBS_PER_PAGE)
    own = user_id == viewer.user_id
    embed = discord.Embed(title="Your clips" if own else "Clips", colour=DEFAULT_COLOUR)
    entries = [list_text.history_entry(job, library.model_label(job)) for job in page.jobs]
    whose = "" if own else f"made for <@{user_id}>\n\n"
    nothing = list_text.NOTHING_MADE if own and not query.search else list_text.NOTHING_FOUND
    embed.description = whose + ("\n\n".join(entries) or nothing)
    if query.search:
        embed.set_footer(text=f"with “{query.search}”")
    view = page_buttons(HistoryButton, query, page.previous, page.next)
    return EmbedMessage(embed=embed, view=view)
