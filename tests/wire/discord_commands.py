"""The commands that a bot registered in the simulated Discord, and how members can use them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.wire.discord_payloads import Payload
from tests.wire.discord_permissions import Permission
from tests.wire.discord_rules import check_commands
from tests.wire.discord_world import DiscordWorld

CHAT_INPUT, USER_MENU, MESSAGE_MENU = 1, 2, 3
_SUBCOMMAND, _GROUP = 1, 2
_STRING, _INTEGER, _BOOLEAN, _USER, _CHANNEL, _ROLE, _MENTIONABLE, _NUMBER, _ATTACHMENT = range(
    3, 12
)


class UnavailableError(Exception):
    """Discord's client would not offer this to the member, such as a missing command or option."""


@dataclass(slots=True)
class Invocation:
    """The `data` of a command interaction that is being built, with the objects it mentions."""

    user_id: str
    channel: Payload
    resolved: dict[str, dict[str, Payload]] = field(default_factory=dict)

    def resolve(self, kind: str, key: str, payload: Payload) -> None:
        self.resolved.setdefault(kind, {})[key] = payload


class CommandRegistry:
    """The commands registered globally and in each server.

    A command that is registered again keeps its id if its name and type are the same.
    """

    def __init__(self, world: DiscordWorld, upload: Any) -> None:
        self._world = world
        self._upload = upload
        self._scopes: dict[str | None, list[Payload]] = {None: []}

    def overwrite(self, wanted: Any, guild_id: str | None = None) -> list[Payload]:
        """Replace all commands of a scope; raise DiscordApiError if Discord would refuse them."""
        check_commands(wanted)
        known = {(c["type"], c["name"]): c["id"] for c in self.listed(guild_id)}
        self._scopes[guild_id] = [self._complete(c, known, guild_id) for c in wanted]
        return self.listed(guild_id)

    def listed(self, guild_id: str | None = None) -> list[Payload]:
        return self._scopes.get(guild_id, [])

    def _complete(
        self, wanted: Payload, known: Mapping[tuple[int, str], str], guild_id: str | None
    ) -> Payload:
        kind = wanted.get("type", CHAT_INPUT)
        return {
            "default_member_permissions": None,
            "nsfw": False,
            "contexts": None,
            "integration_types": [0],
            "name_localizations": None,
            "description_localizations": None,
            "description": "",
            **wanted,
            "id": known.get((kind, wanted["name"])) or self._world.snowflakes.take(),
            "application_id": self._world.application["id"],
            "type": kind,
            "version": self._world.snowflakes.take(),
            "options": wanted.get("options") or [],
            "dm_permission": wanted.get("dm_permission", True),
            **({"guild_id": guild_id} if guild_id else {}),
        }

    def find(self, name: str, kind: int, user_id: str, channel: Payload) -> Payload:
        """Return the command with this name if the member sees it in the channel.

        Raises UnavailableError otherwise.
        """
        guild_id = channel.get("guild_id")
        offered = [*self.listed(guild_id), *(self.listed() if guild_id else [])]
        for command in offered:
            if (command["type"], command["name"]) == (kind, name):
                break
        else:
            raise UnavailableError(f"no command {name!r} of type {kind}")
        contexts = command["contexts"]
        if contexts is not None and (0 if guild_id else 1) not in contexts:
            raise UnavailableError(f"{name!r} is not offered in this kind of place")
        held = self._world.permissions(user_id, channel)
        needed = command["default_member_permissions"]
        if guild_id and needed is not None and (not int(needed) or int(needed) & ~held):
            raise UnavailableError(f"{name!r} is hidden from members without {needed}")
        if guild_id and not held & Permission.USE_APPLICATION_COMMANDS:
            raise UnavailableError("this member may not use application commands here")
        return command

    def chat_input(
        self,
        words: str,
        values: Mapping[str, Any],
        user_id: str,
        channel: Payload,
        *,
        focused: str | None = None,
    ) -> Payload:
        """Return the data of an interaction for a command such as "group sub" with option values.

        focused  the option that the member is typing (autocomplete). Its value may be partial, and
                 required options may be missing.
        Raises UnavailableError for input that Discord's client would not let a member send.
        """
        name, *path = words.split()
        command = self.find(name, CHAT_INPUT, user_id, channel)
        call = Invocation(user_id, channel)
        level = command["options"]
        branch: list[Payload] = []
        for word in path:
            step = next((o for o in level if o["name"] == word and o["type"] in (1, 2)), None)
            if step is None:
                raise UnavailableError(f"{words!r}: no subcommand {word!r}")
            branch.append(step)
            level = step.get("options") or []
        if any(option["type"] in (_SUBCOMMAND, _GROUP) for option in level):
            raise UnavailableError(f"{words!r}: a subcommand is missing")
        filled = self._fill(call, level, values, focused)
        for step in reversed(branch):
            filled = [{"name": step["name"], "type": step["type"], "options": filled}]
        return self._data(command, call, channel) | {"options": filled}

    def menu(self, name: str, target: Payload, user_id: str, channel: Payload) -> Payload:
        """Return interaction data for the use of a context menu on a message or a user.

        A message must be given as a bot sees the target of a command (`ContentFilter.as_target`).
        """
        kind = MESSAGE_MENU if "channel_id" in target else USER_MENU
        command = self.find(name, kind, user_id, channel)
        call = Invocation(user_id, channel)
        if kind == MESSAGE_MENU:
            call.resolve("messages", target["id"], target)
        else:
            self._resolve_user(call, target["id"])
        return self._data(command, call, channel) | {"target_id": target["id"]}

    @staticmethod
    def _data(command: Payload, call: Invocation, channel: Payload) -> Payload:
        data = {key: command[key] for key in ("id", "name", "type")}
        if command.get("guild_id") and channel.get("guild_id"):
            data["guild_id"] = command["guild_id"]
        return data | ({"resolved": call.resolved} if call.resolved else {})

    def _fill(
        self,
        call: Invocation,
        options: list[Payload],
        values: Mapping[str, Any],
        focused: str | None,
    ) -> list[Payload]:
        by_name = {option["name"]: option for option in options}
        for name in [*values, *([focused] if focused else [])]:
            if name not in by_name:
                raise UnavailableError(f"no option {name!r}; there are {sorted(by_name)}")
        filled: list[Payload] = []
        for option in options:
            name = option["name"]
            if name == focused:
                if not option.get("autocomplete"):
                    raise UnavailableError(f"{name!r} has no autocomplete")
                typed = str(values.get(name, ""))
                filled.append(
                    {"name": name, "type": option["type"], "value": typed, "focused": True}
                )
            elif values.get(name) is not None:
                value = self._typed(call, option, values[name])
                filled.append({"name": name, "type": option["type"], "value": value})
            elif option.get("required") and focused is None:
                raise UnavailableError(f"the required option {name!r} is missing")
        return filled

    def _typed(self, call: Invocation, option: Payload, value: Any) -> Any:
        kind, name = option["type"], option["name"]
        if kind in (_STRING, _INTEGER, _NUMBER, _BOOLEAN):
            return _checked(option, value)
        if kind == _ATTACHMENT:
            attachment = self._upload(value) if isinstance(value, Path) else value
            call.resolve("attachments", attachment["id"], attachment)
            return attachment["id"]
        if kind == _CHANNEL:
            channel = self._world.channel(value)
            held = str(int(self._world.permissions(call.user_id, channel)))
            call.resolve("channels", channel["id"], {**channel, "permissions": held})
            return channel["id"]
        if kind in (_USER, _MENTIONABLE):
            return self._resolve_user(call, self._world.user_id(value))
        if kind == _ROLE:
            role = self._world.role(value)
            call.resolve("roles", role["id"], role)
            return role["id"]
        raise UnavailableError(f"{name!r}: option type {kind} is not known here")

    def _resolve_user(self, call: Invocation, user_id: str) -> str:
        call.resolve("users", user_id, self._world.users[user_id])
        member = self._world.members.get(user_id)
        if member is not None:
            shown = {k: v for k, v in member.items() if k not in ("user", "deaf", "mute")}
            permissions = str(int(self._world.permissions(user_id, call.channel)))
            call.resolve("members", user_id, {**shown, "permissions": permissions})
        return user_id


def _checked(option: Payload, value: Any) -> Any:
    kind, name = option["type"], option["name"]
    wanted = {_STRING: str, _INTEGER: int, _NUMBER: (int, float), _BOOLEAN: bool}[kind]
    if not isinstance(value, wanted) or (isinstance(value, bool) and kind != _BOOLEAN):
        raise UnavailableError(f"{name!r}: {value!r} is not of option type {kind}")
    choices = [choice["value"] for choice in option.get("choices") or []]
    if choices and value not in choices:
        raise UnavailableError(f"{name!r}: {value!r} is none of the choices {choices}")
    size = len(value) if isinstance(value, str) else value
    low, high = ("min_length", "max_length") if kind == _STRING else ("min_value", "max_value")
    if size < option.get(low, size) or size > option.get(high, 6000 if kind == _STRING else size):
        raise UnavailableError(f"{name!r}: {value!r} is out of the registered range")
    return value
