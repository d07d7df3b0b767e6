"""The one door for errors: whoever asked reads a sentence, the log gets the rest.

Commands, buttons, menus and modals all end here. discord.py itself would only log what goes wrong
in a view, and drop what goes wrong in a dynamic item.
"""

from __future__ import annotations

import logging
import re
import secrets
from abc import abstractmethod
from typing import Any, Generic, TypeVar

import aiohttp
import discord
from discord import app_commands

from bot.errors import RefusedError, SorabotError, StorageError
from bot.model import ID_ALPHABET

_log = logging.getLogger(__name__)
#: Discord's codes for "answered already" and "the three seconds are over".
_ALREADY_ACKNOWLEDGED = 40060
_UNKNOWN_INTERACTION = 10062
#: What a proxy's refusal has instead of one.
_NO_CODE = 0
#: Discord takes no longer message from a bot; an answer cut short beats none.
_MAX_CHARS = 2000
#: Of a reply: pings whom it answers, and nobody that its words name.
MENTION_REPLIED_USER = discord.AllowedMentions(
    everyone=False, users=False, roles=False, replied_user=True
)
#: The command may have done its work all the same.
RESPONSE_FAILED = "Discord didn't take my answer. `/sora status` shows how your clips are."
_ItemT = TypeVar("_ItemT", bound="discord.ui.Item[Any]")


async def respond_with_error(interaction: discord.Interaction, error: BaseException) -> None:
    """Tell whoever used `interaction` what went wrong, to them alone; never raises.

    An error of our own brings its sentence. Anything else is logged with its traceback under a
    code that the user can quote. Where Discord takes no answer any more, that is logged, once.
    """
    cause = _unwrapped(error)
    if isinstance(cause, discord.HTTPException) and cause.code in (
        _UNKNOWN_INTERACTION,
        _ALREADY_ACKNOWLEDGED,
    ):
        _log.warning("interaction %s took no answer: %s", interaction.id, cause)
        return
    sentence = error_text(error)
    try:
        await _send_ephemeral(interaction, sentence)
    except (discord.HTTPException, aiohttp.ClientError, OSError) as trouble:
        _log.warning("could not answer interaction %s: %s", interaction.id, trouble)


def error_text(error: BaseException) -> str:
    """Return what the user reads; whatever is not a refusal is logged."""
    cause = _unwrapped(error)
    if isinstance(cause, SorabotError):
        if not isinstance(cause, RefusedError):
            _log.error("%s: %s", cause.code, cause, exc_info=isinstance(cause, StorageError))
        return cause.user_text
    if isinstance(cause, app_commands.TransformerError):
        return f"I can't read `{cause.value}` there."
    if isinstance(cause, app_commands.NoPrivateMessage):
        return "This works in servers only."
    if isinstance(cause, app_commands.CheckFailure):
        return "You may not do that here."
    if isinstance(cause, app_commands.CommandNotFound | app_commands.CommandSignatureMismatch):
        return "That command has just changed. Try again in a minute."
    if isinstance(cause, discord.DiscordServerError | aiohttp.ClientError | TimeoutError) or (
        isinstance(cause, discord.HTTPException) and cause.code == _NO_CODE
    ):
        _log.warning("Discord stumbled over an answer: %s: %s", type(cause).__name__, cause)
        return RESPONSE_FAILED
    code = "".join(secrets.choice(ID_ALPHABET) for _ in range(6))
    _log.error("unexpected error %s", code, exc_info=cause)
    return f"Something went wrong on my side; nothing was charged. If it goes on, quote `{code}`."


def _unwrapped(error: BaseException) -> BaseException:
    return error.original if isinstance(error, app_commands.CommandInvokeError) else error


async def _send_ephemeral(interaction: discord.Interaction, sentence: str) -> None:
    sentence = sentence[:_MAX_CHARS]
    if not interaction.response.is_done():
        try:
            await interaction.response.send_message(sentence, ephemeral=True)
        except discord.HTTPException as error:
            if error.code == _UNKNOWN_INTERACTION:
                _log.warning("interaction %s was over before its answer", interaction.id)
                return
            if error.code != _ALREADY_ACKNOWLEDGED:
                raise
        else:
            return
    await interaction.followup.send(sentence, ephemeral=True)


async def reply_with_error(message: discord.Message, error: BaseException) -> None:
    """Tell who wrote `message` what went wrong, as a reply; never raises."""
    sentence = error_text(error)[:_MAX_CHARS]
    try:
        await message.reply(sentence, allowed_mentions=MENTION_REPLIED_USER)
    except (discord.HTTPException, aiohttp.ClientError, OSError) as trouble:
        _log.warning("could not answer message %s: %s", message.id, trouble)


class SafeTree(app_commands.CommandTree[Any]):
    """A command tree whose errors reach the user."""

    async def on_error(
        self, interaction: discord.Interaction, error: app_commands.AppCommandError, /
    ) -> None:
        await respond_with_error(interaction, error)


class SafeView(discord.ui.View):
    """A view whose errors reach the user."""

    async def on_error(
        self, interaction: discord.Interaction, error: Exception, item: discord.ui.Item[Any], /
    ) -> None:
        _log.info("in item %r", item)
        await respond_with_error(interaction, error)


class SafeModal(discord.ui.Modal):
    """A modal whose errors reach the user."""

    async def on_error(self, interaction: discord.Interaction, error: Exception, /) -> None:
        await respond_with_error(interaction, error)


class SafeItem(discord.ui.DynamicItem[_ItemT], Generic[_ItemT], template="sora:never"):
    """A restart-proof item whose errors reach the user; its state is in the custom id only."""

    async def callback(self, interaction: discord.Interaction) -> None:
        try:
            await self.pressed(interaction)
        except Exception as error:  # noqa: BLE001 - this is the door
            await respond_with_error(interaction, error)

    @abstractmethod
    async def pressed(self, interaction: discord.Interaction) -> None:
        """Do what the item is for; whatever is raised, the presser reads."""

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction, item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> SafeItem[_ItemT]:
        raise NotImplementedError
