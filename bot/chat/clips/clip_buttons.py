"""The buttons below a finished clip. Each press checks its user anew."""

import discord

from bot.chat.clips import clip_text
from bot.chat.clips.details import details_embed
from bot.chat.clips.job_buttons import JOB_ID, JobButton
from bot.chat.clips.modals import extend_modal, remix_modal
from bot.chat.clips.submission import submit_and_announce
from bot.chat.embed_message import EmbedMessage, respond_ephemerally
from bot.chat.text import jump_url
from bot.chat.viewers import job_service_of, reader_of
from bot.jobs.library import ClipDetails
from bot.jobs.remixing import check_extend
from bot.model import State


async def open_remix_modal(interaction: discord.Interaction, clip_id: str) -> None:
    """Open the form for a remix of a clip. Raises what `Library.parent` raises."""
    viewer, library = reader_of(interaction), job_service_of(interaction).library
    parent = (await library.parent(clip_id, viewer)).job
    known = await library.knows_origin(parent, viewer)
    await interaction.response.send_modal(remix_modal(parent, shows_ancestry=known))


class RemixButton(JobButton, template=rf"sora:remix:{JOB_ID}"):
    """Opens the form for a remix."""

    action, style = "remix", discord.ButtonStyle.primary
    label, named_label = "Remix", "Remix {}"

    async def pressed(self, interaction: discord.Interaction) -> None:
        await open_remix_modal(interaction, self.job_id)


class AgainButton(JobButton, template=rf"sora:again:{JOB_ID}"):
    """Makes the same once more, with another seed."""

    action, style = "again", discord.ButtonStyle.secondary
    label, named_label = "Again", "Again {}"

    async def pressed(self, interaction: discord.Interaction) -> None:
        viewer, jobs = reader_of(interaction), job_service_of(interaction)
        await submit_and_announce(
            interaction, lambda request: jobs.repeat(self.job_id, viewer, request)
        )


class ExtendButton(JobButton, template=rf"sora:extend:{JOB_ID}"):
    """Opens the form for an extension."""

    action, style = "extend", discord.ButtonStyle.secondary
    label, named_label = "Extend", "Extend {}"

    async def pressed(self, interaction: discord.Interaction) -> None:
        viewer, jobs = reader_of(interaction), job_service_of(interaction)
        library = jobs.library
        parent = (await library.parent(self.job_id, viewer)).job
        # Refused before the form is filled in.
        check_extend(await jobs.catalogue_for(viewer), parent)
        known = await library.knows_origin(parent, viewer)
        await interaction.response.send_modal(extend_modal(parent, shows_ancestry=known))


class DeleteButton(JobButton, template=rf"sora:delete:{JOB_ID}"):
    """Asks for confirmation before a clip is deleted."""

    action, style = "delete", discord.ButtonStyle.secondary
    label, named_label = "Delete", "Delete {}"

    async def pressed(self, interaction: discord.Interaction) -> None:
        jobs = job_service_of(interaction)
        job = await jobs.library.deletable(self.job_id, reader_of(interaction))
        view = discord.ui.View(timeout=None).add_item(ConfirmDeleteButton(job.id))
        await interaction.response.send_message(
            clip_text.delete_question(job), view=view, ephemeral=True
        )


class ConfirmDeleteButton(JobButton, template=rf"sora:erase:{JOB_ID}"):
    """Deletes the clip."""

    action, label, style = "erase", "Delete {} for good", discord.ButtonStyle.danger

    async def pressed(self, interaction: discord.Interaction) -> None:
        await job_service_of(interaction).library.delete(self.job_id, reader_of(interaction))
        await interaction.response.edit_message(content=clip_text.deleted(self.job_id), view=None)


class ForbidRemixesButton(JobButton, template=rf"sora:forbid:{JOB_ID}"):
    """Forbids others to remix, extend or repeat the user's own clip."""

    action, label, style = "forbid", "Forbid remixes", discord.ButtonStyle.secondary

    async def pressed(self, interaction: discord.Interaction) -> None:
        library = job_service_of(interaction).library
        await library.set_remixable(self.job_id, reader_of(interaction), remixable=False)
        await interaction.response.send_message(clip_text.forbidden(self.job_id), ephemeral=True)


class AllowRemixesButton(JobButton, template=rf"sora:allow:{JOB_ID}"):
    """Lets others remix, extend and repeat the user's own clip again."""

    action, label, style = "allow", "Allow remixes", discord.ButtonStyle.secondary

    async def pressed(self, interaction: discord.Interaction) -> None:
        library = job_service_of(interaction).library
        await library.set_remixable(self.job_id, reader_of(interaction), remixable=True)
        await interaction.response.send_message(clip_text.allowed(self.job_id), ephemeral=True)


class DetailsButton(JobButton, template=rf"sora:details:{JOB_ID}"):
    """Shows a clip's details to the user alone."""

    action, style = "details", discord.ButtonStyle.secondary
    label, named_label = "Details", "Details {}"

    async def pressed(self, interaction: discord.Interaction) -> None:
        await show_details(interaction, self.job_id)


async def show_details(interaction: discord.Interaction, clip_id: str) -> None:
    """Show a clip's details to the user alone. Raises what `Library.details` raises."""
    library = job_service_of(interaction).library
    details = await library.details(clip_id, reader_of(interaction))
    await respond_ephemerally(interaction, None, build_details_message(details))


def build_details_message(details: ClipDetails) -> EmbedMessage:
    """Return a clip's details, with the buttons that the viewer may use."""
    job = details.status.job
    view = discord.ui.View(timeout=None)
    if job.state is State.DONE:
        view.add_item(discord.ui.Button(label="Watch", url=jump_url(job), row=0))
    has_file = details.status.clip is not None
    if has_file and (job.remixable or details.is_own):
        view.add_item(RemixButton(job.id, row=0)).add_item(AgainButton(job.id, row=0))
        if details.status.can_extend:
            view.add_item(ExtendButton(job.id, row=0))
    if has_file and details.is_own:
        share = ForbidRemixesButton if job.remixable else AllowRemixesButton
        view.add_item(share(job.id, row=1))
    if details.may_delete:
        view.add_item(DeleteButton(job.id, row=1))
    return EmbedMessage(embed=details_embed(details), view=view if view.children else None)
