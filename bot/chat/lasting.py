"""What must work on messages of an earlier process: every button and menu, every form."""

from __future__ import annotations

from typing import Any

import discord

from bot.chat.buttons import CancelButton, CancelJobButton, FetchButton
from bot.chat.clip_buttons import (
    AgainButton,
    DeleteButton,
    DetailsButton,
    EraseButton,
    ExtendButton,
    KeepToMyselfButton,
    RemixButton,
    ShareButton,
)
from bot.chat.lists import GalleryButton, HistoryButton
from bot.chat.mod_text import AuditButton, BlocksButton
from bot.chat.modals import submitted
from bot.chat.replies import PickButton
from bot.chat.server_jobs import JobsButton
from bot.chat.settings_panel import LimitsButton, SettingsMenu, SettingsTab, limits_sent

#: All that a client has to know before it connects.
BUTTONS = (
    AgainButton,
    AuditButton,
    BlocksButton,
    CancelButton,
    CancelJobButton,
    DeleteButton,
    DetailsButton,
    EraseButton,
    ExtendButton,
    FetchButton,
    GalleryButton,
    HistoryButton,
    JobsButton,
    KeepToMyselfButton,
    LimitsButton,
    PickButton,
    RemixButton,
    SettingsMenu,
    SettingsTab,
    ShareButton,
)


async def form_sent(interaction: discord.Interaction[Any]) -> None:
    """Hand a form to whom it is for; whatever goes wrong, its sender reads. Never raises."""
    await submitted(interaction)
    await limits_sent(interaction)
