"""What must work on messages of an earlier process: every button and menu, every form."""

from __future__ import annotations

from typing import Any

import discord

from bot.chat.clips.clip_buttons import (
    AgainButton,
    AllowRemixesButton,
    ConfirmDeleteButton,
    DeleteButton,
    DetailsButton,
    ExtendButton,
    ForbidRemixesButton,
    RemixButton,
)
from bot.chat.clips.job_buttons import CancelButton, CancelJobButton, FetchButton
from bot.chat.clips.modals import handle_clip_modal
from bot.chat.clips.replies import ChooseClipButton
from bot.chat.lists.gallery import GalleryButton, HistoryButton
from bot.chat.moderation.job_list import JobListButton
from bot.chat.moderation.moderation_text import AuditButton, BlocksButton
from bot.chat.moderation.settings_panel import (
    LimitsButton,
    SettingsMenu,
    SettingsTab,
    handle_limits_modal,
)

#: All that a client has to know before it connects.
DYNAMIC_ITEMS = (
    AgainButton,
    AuditButton,
    BlocksButton,
    CancelButton,
    CancelJobButton,
    DeleteButton,
    DetailsButton,
    ConfirmDeleteButton,
    ExtendButton,
    FetchButton,
    GalleryButton,
    HistoryButton,
    JobListButton,
    ForbidRemixesButton,
    LimitsButton,
    ChooseClipButton,
    RemixButton,
    SettingsMenu,
    SettingsTab,
    AllowRemixesButton,
)


async def handle_modal_submit(interaction: discord.Interaction[Any]) -> None:
    """Hand a form to whom it is for; whatever goes wrong, its sender reads. Never raises."""
    await handle_clip_modal(interaction)
    await handle_limits_modal(interaction)
