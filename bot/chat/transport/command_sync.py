"""Registers the bot's commands with Discord, unless it has them already."""

import asyncio
import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from itertools import chain, repeat
from pathlib import Path
from typing import Any, cast

import aiohttp
import discord
from discord import app_commands

_log = logging.getLogger(__name__)
#: Seconds before a failed sync is tried again; the last value repeats.
_WAITS_S = (5.0, 15.0, 60.0, 300.0, 900.0)


class CommandSync:
    """Registers the commands of one tree.

    path       records what was registered; without the file everything is registered again.
    guild_ids  guilds that get the commands as their own; empty registers them globally.
    """

    def __init__(
        self, path: Path, guild_ids: Sequence[int] = (), waits_s: Sequence[float] = _WAITS_S
    ) -> None:
        self._path = path
        self._guild_ids = tuple(guild_ids)
        self._waits_s = tuple(waits_s)

    def prepare(self, tree: app_commands.CommandTree[Any]) -> None:
        """Copy the tree's commands to the guilds. Not idempotent."""
        for guild_id in self._guild_ids:
            tree.copy_global_to(guild=discord.Object(guild_id))

    async def sync_once(self, tree: app_commands.CommandTree[Any], timeout_s: float) -> bool:
        """Try for at most `timeout_s` seconds; return whether Discord has the commands then.

        Never raises for errors of Discord.
        """
        try:
            async with asyncio.timeout(timeout_s):
                waits = await asyncio.gather(
                    *(self._try_scope(tree, each) for each in self._scopes)
                )
        except TimeoutError:
            _log.warning("registering the commands takes over %.0f s", timeout_s)
            return False
        return not any(waits)

    async def sync_until_done(self, tree: app_commands.CommandTree[Any]) -> None:
        """Return when Discord has the commands; never raises for errors of Discord."""
        await asyncio.gather(*(self._retry_scope(tree, each) for each in self._scopes))

    @property
    def _scopes(self) -> tuple[int | None, ...]:
        return self._guild_ids or (None,)

    async def _retry_scope(self, tree: app_commands.CommandTree[Any], guild_id: int | None) -> None:
        for wait_s in chain(self._waits_s, repeat(self._waits_s[-1])):
            await asyncio.sleep(wait_s)
            if not await self._try_scope(tree, guild_id):
                return

    async def _try_scope(self, tree: app_commands.CommandTree[Any], guild_id: int | None) -> bool:
        """Return whether it has to be tried again."""
        try:
            await self._sync_scope(tree, guild_id)
        except (discord.Forbidden, discord.NotFound) as error:
            _log.error(
                "DISCORD_GUILD_IDS: no commands in server %s: invite me there, or take it out "
                "of the list (%s)",
                guild_id,
                error,
            )
        except (discord.DiscordException, aiohttp.ClientError, OSError) as error:
            _log.warning("commands not registered yet: %s", error)
        else:
            return False
        return True

    async def _sync_scope(self, tree: app_commands.CommandTree[Any], guild_id: int | None) -> None:
        guild = None if guild_id is None else discord.Object(guild_id)
        digest = _digest(tree, guild)
        scope = f"{tree.client.application_id}/{guild_id or 'everywhere'}"
        noted = (await asyncio.to_thread(self._read)).get(scope)
        # The ids are compared, too: another process or an operator may have replaced the commands.
        if noted is not None and noted.get("digest") == digest:
            known = await tree.fetch_commands(guild=guild)
            if sorted(each.id for each in known) == noted.get("ids"):
                _log.info("Discord has the commands already")
                return
        commands = await tree.sync(guild=guild)
        entry = {"digest": digest, "ids": sorted(each.id for each in commands)}
        await asyncio.to_thread(self._record, scope, entry)
        _log.info("registered %d commands with Discord", len(commands))

    def _read(self) -> Mapping[str, Any]:
        try:
            noted = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return cast("dict[str, Any]", noted) if isinstance(noted, dict) else {}

    def _record(self, scope: str, entry: Mapping[str, Any]) -> None:
        """Record it for the next start; if the disk refuses, that start syncs once more."""
        whole = json.dumps({**self._read(), scope: entry}, indent=1)
        part = self._path.with_suffix(".part")
        try:
            part.write_text(whole, encoding="utf-8")
            part.replace(self._path)
        except OSError as error:
            _log.warning("the commands will be registered again at the next start: %s", error)


def _digest(tree: app_commands.CommandTree[Any], guild: discord.Object | None) -> str:
    payload = [command.to_dict(tree) for command in tree.get_commands(guild=guild)]
    payload.sort(key=lambda each: (each["type"], each["name"]))
    return hashlib.sha256(json.dumps(payload, sort_keys=True).encode()).hexdigest()
