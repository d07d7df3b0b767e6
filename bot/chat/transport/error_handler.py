"""Answers errors of commands, buttons, menus and forms: the user reads a sentence, the log the rest.

discord.py by itself only logs errors in a view, and drops errors in a dynamic item.
"""

import logging
import re
import secrets
from abc import abstractmethod
from typing import Any, Generic, Self, TypeVar, cast

import aiohttp
import discord
from discord import app_commands

from bot.chat.transport.error_codes import ErrorCode
from bot.chat.transport.error_mapping import REQUEST_ERRORS
from bot.errors import RefusedError, SorabotError, StorageError
from bot.model import ID_ALPHABET

_log = logging.getLogger(__name__)
#: Discord rejects a longer message, so the sentence is cut.
_MAX_CHARS = 2000
#: A reply pings the author of the message that it answers, and nobody else.
MENTION_REPLIED_USER = discord.AllowedMentions(
    everyone=False, users=False, roles=False, replied_user=True
)
#: Doesn't say "failed": the command may have done its work.
RESPONSE_FAILED = "Discord didn't take my answer. `/sora status` shows how your clips are."
_OVER = (ErrorCode.UNKNOWN_INTERACTION, ErrorCode.ALREADY_ACKNOWLEDGED)
_ItemT = TypeVar("_ItemT", bound="discord.ui.Item[Any]")


async def respond_with_error(interaction: discord.Interaction, error: BaseException) -> None:
    """Answer `interaction` ephemerally with what went wrong; never raises.

    If Discord takes no answer any more, that is logged.
    """
    cause = _unwrapped(error)
    if isinstance(cause, discord.HTTPException) and cause.code in _OVER:
        _log.warning("interaction %s took no answer: %s", interaction.id, cause)
        return
    try:
        await _send_ephemeral(interaction, error_text(error))
    except REQUEST_ERRORS as trouble:
        _log.warning("could not answer interaction %s: %s", interaction.id, trouble)


def error_text(error: BaseException) -> str:
    """Return what the user reads; anything but a refusal is logged.

    A SorabotError has its own sentence. An unexpected error is logged with its traceback under a
    random code, which the user can quote.
    """
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
        isinstance(cause, discord.HTTPException) and cause.code == ErrorCode.NONE
    ):
        _log.warning("Discord failed to take an answer: %s: %s", type(cause).__name__, cause)
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
            if error.code == ErrorCode.UNKNOWN_INTERACTION:
                _log.warning("interaction %s expired before it was answered", interaction.id)
                return
            if error.code != ErrorCode.ALREADY_ACKNOWLEDGED:
                raise
        else:
            return
    await interaction.followup.send(sentence, ephemeral=True)


async def reply_with_error(message: discord.Message, error: BaseException) -> None:
    """Reply to `message` with what went wrong; never raises."""
    sentence = error_text(error)[:_MAX_CHARS]
    try:
        await message.reply(sentence, allowed_mentions=MENTION_REPLIED_USER)
    except REQUEST_ERRORS as trouble:
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
    """A button or menu that works after a restart, and whose errors reach the user.

    Its whole state is in its custom id; the groups of the template are the constructor's arguments.
    """

    async def callback(self, interaction: discord.Interaction) -> None:
        try:
            await self.pressed(interaction)
        except Exception as error:  # noqa: BLE001 - every error is answered
            await respond_with_error(interaction, error)

    @abstractmethod
    async def pressed(self, interaction: discord.Interaction) -> None:
        """Act on a press; the user reads what is raised."""

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction, _item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(*cast("Any", match.groups()))


class SafeButton(SafeItem[discord.ui.Button[Any]], template="sora:never"):
    """A button that works after a restart, and whose errors reach the user."""

    def __init__(
        self,
        custom_id: str,
        label: str,
        style: discord.ButtonStyle = discord.ButtonStyle.secondary,
        *,
        row: int | None = None,
        disabled: bool = False,
    ) -> None:
        super().__init__(
            discord.ui.Button(
                label=label, style=style, custom_id=custom_id, row=row, disabled=disabled
            )
        )
