"""The buttons, menus and forms that work on messages of an earlier process."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any, cast

import discord

from bot.chat.clips import clip_buttons, job_buttons, modals, replies
from bot.chat.lists import gallery, history
from bot.chat.moderation import audit, job_list, settings_form, settings_panel
from bot.chat.transport.error_handler import respond_with_error

#: Buttons and menus; the client learns them before it connects.
DYNAMIC_ITEMS = (
    audit.AuditButton,
    audit.BlocksButton,
    clip_buttons.AgainButton,
    clip_buttons.AllowRemixesButton,
    clip_buttons.ConfirmDeleteButton,
    clip_buttons.DeleteButton,
    clip_buttons.DetailsButton,
    clip_buttons.ExtendButton,
    clip_buttons.ForbidRemixesButton,
    clip_buttons.RemixButton,
    gallery.GalleryButton,
    history.HistoryButton,
    job_buttons.CancelButton,
    job_buttons.CancelJobButton,
    job_buttons.FetchButton,
    job_list.JobListButton,
    replies.ChooseClipButton,
    settings_panel.SettingsFormButton,
    settings_panel.SettingsMenu,
    settings_panel.SettingsTab,
)
_Submit = Callable[[discord.Interaction[Any], re.Match[str], Mapping[str, str]], Awaitable[None]]
#: Takes a submitted form, by the pattern of the form's custom id.
MODAL_HANDLERS: Mapping[re.Pattern[str], _Submit] = {
    modals.CLIP_MODAL: modals.submit_clip_modal,
    settings_form.FORM_ID: settings_panel.submit_settings_modal,
}


async def handle_modal_submit(interaction: discord.Interaction[Any]) -> None:
    """Give a submitted form to its handler and answer what that raises. Never raises."""
    data = cast("dict[str, Any]", interaction.data or {})
    for pattern, submit in MODAL_HANDLERS.items():
        if (form := pattern.fullmatch(str(data.get("custom_id")))) is not None:
            try:
                await submit(interaction, form, dict(_typed(data.get("components"))))
            except Exception as error:  # noqa: BLE001 - every error is answered
                await respond_with_error(interaction, error)


def _typed(node: object) -> Iterator[tuple[str, str]]:
    """Yield custom id and text of each text field, at any depth among the components."""
    if isinstance(node, list):
        for each in cast("list[object]", node):
            yield from _typed(each)
    elif isinstance(node, dict):
        fields = cast("dict[str, object]", node)
        if "value" in fields:
            yield str(fields.get("custom_id")), str(fields["value"] or "")
        for name in ("components", "component"):
            yield from _typed(fields.get(name))
