"""What each route does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.wire.discord_api import ApiCall, Route
from tests.wire.discord_commands import CommandRegistry
from tests.wire.discord_errors import invalid, refusal, unknown
from tests.wire.discord_interactions import Interactions
from tests.wire.discord_messages import Messages
from tests.wire.discord_payloads import THREADS, Payload
from tests.wire.discord_permissions import Permission
from tests.wire.discord_threads import ThreadRoutes
from tests.wire.discord_world import DiscordWorld

_EDIT = frozenset(
    {"content", "embeds", "flags", "allowed_mentions", "components", "attachments", "tts"}
)
_CREATE = _EDIT | {"nonce", "enforce_nonce", "message_reference", "sticker_ids", "poll"}
_HOOK = _EDIT | {"poll"}
_HOOK_QUERY = frozenset({"wait", "with_components", "thread_id"})


class Routes:
    """The table of the simulated REST routes, and the short handlers among them."""

    def __init__(
        self,
        world: DiscordWorld,
        messages: Messages,
        interactions: Interactions,
        commands: CommandRegistry,
        gateway_url: Callable[[], str],
    ) -> None:
        self._world = world
        self._messages = messages
        self._interactions = interactions
        self._commands = commands
        self._gateway_url = gateway_url

    def table(self) -> list[Route]:
        return [
            *self._about_the_bot(),
            *self._of_channels(),
            *ThreadRoutes(self._world, self._messages).table(),
            *self._of_interactions(),
        ]

    def _about_the_bot(self) -> list[Route]:
        scoped = frozenset({"with_localizations"})
        everywhere = "/applications/{application}/commands"
        in_guild = "/applications/{application}/guilds/{guild}/commands"
        return [
            _get("/users/@me", lambda _call: self._world.bot),
            _get("/users/{user}", self._user),
            _get("/oauth2/applications/@me", lambda _call: self._world.application),
            _get("/applications/@me", lambda _call: self._world.application),
            _get("/gateway", lambda _call: {"url": self._gateway_url()}, needs_bot=False),
            _get("/gateway/bot", self._gateway_bot),
            _get(everywhere, self._list_commands, query=scoped),
            _get(in_guild, self._list_commands, query=scoped),
            Route(
                method="PUT",
                template=everywhere,
                handler=self._put_commands,
                fields=frozenset(),
            ),
            Route(method="PUT", template=in_guild, handler=self._put_commands, fields=frozenset()),
            _get("/guilds/{guild}", self._guild, query=frozenset({"with_counts"})),
            _get("/guilds/{guild}/channels", self._guild_channels),
            _get("/guilds/{guild}/members/{user}", self._member),
            _send("POST", "/users/@me/channels", self._open_dm, frozenset({"recipient_id"})),
        ]

    def _user(self, call: ApiCall) -> Payload:
        if call.params["user"] not in self._world.users:
            raise refusal(10013)
        return self._world.users[call.params["user"]]

    def _gateway_bot(self, _call: ApiCall) -> Payload:
        limit = {"total": 1000, "remaining": 1000, "reset_after": 0, "max_concurrency": 1}
        return {"url": self._gateway_url(), "shards": 1, "session_start_limit": limit}

    def _scope(self, call: ApiCall) -> str | None:
        if call.params["application"] != self._world.application["id"]:
            raise refusal(10002)
        guild_id = call.params.get("guild")
        if guild_id is not None and guild_id != self._world.guild["id"]:
            raise refusal(50001)
        return guild_id

    def _list_commands(self, call: ApiCall) -> list[Payload]:
        return self._commands.listed(self._scope(call))

    def _put_commands(self, call: ApiCall) -> list[Payload]:
        return self._commands.overwrite(call.body, self._scope(call))

    def _known_guild(self, call: ApiCall) -> Payload:
        if call.params["guild"] != self._world.guild["id"]:
            raise refusal(10004)
        return self._world.guild

    def _guild(self, call: ApiCall) -> Payload:
        guild = self._known_guild(call)
        if call.query.get("with_counts") not in ("1", "true"):
            return guild
        count = len(self._world.members)
        return {**guild, "approximate_member_count": count, "approximate_presence_count": count}

    def _guild_channels(self, call: ApiCall) -> list[Payload]:
        guild_id = self._known_guild(call)["id"]
        mine = [c for c in self._world.channels.values() if c.get("guild_id") == guild_id]
        return [channel for channel in mine if channel["type"] not in THREADS]

    def _member(self, call: ApiCall) -> Payload:
        self._known_guild(call)
        if call.params["user"] not in self._world.members:
            raise refusal(10007)
        return self._world.members[call.params["user"]]

    def _open_dm(self, call: ApiCall) -> Payload:
        user_id = str(call.body["recipient_id"])
        if user_id not in self._world.users:
            raise invalid("recipient_id", "NUMBER_TYPE_COERCE", "Unknown user.")
        return self._world.dm(user_id)

    # ---- channels, messages

    def _of_channels(self) -> list[Route]:
        channel, posts = "/channels/{channel}", "/channels/{channel}/messages"
        window = frozenset({"limit", "before", "after", "around"})
        messages, seen = self._messages, self._messages.content_filter.for_bot
        return [
            _get(channel, lambda call: self._world.visible_channel(call.params["channel"])),
            _get(posts, lambda c: messages.history(c.params["channel"], c.query), query=window),
            _send(
                "POST",
                posts,
                lambda c: seen(messages.create(c.params["channel"], c.body, c.files)),
                _CREATE,
            ),
            _get(posts + "/{message}", self._read_message),
            _send(
                "PATCH",
                posts + "/{message}",
                lambda c: seen(
                    messages.edit(c.params["channel"], c.params["message"], c.body, c.files)
                ),
                _EDIT,
            ),
            Route(
                method="DELETE",
                template=posts + "/{message}",
                handler=lambda c: messages.remove(c.params["channel"], c.params["message"]),
            ),
            Route(method="POST", template=channel + "/typing", handler=self._type),
        ]

    def _read_message(self, call: ApiCall) -> Payload:
        channel_id = call.params["channel"]
        self._world.visible_channel(channel_id)
        self._world.require_permission(channel_id, Permission.READ_MESSAGE_HISTORY)
        message = self._messages.public(channel_id, call.params["message"])
        return self._messages.content_filter.for_bot(message)

    def _type(self, call: ApiCall) -> None:
        self._world.visible_channel(call.params["channel"])
        self._world.require_permission(call.params["channel"], Permission.SEND_MESSAGES)

    # ---- interactions and their webhooks

    def _of_interactions(self) -> list[Route]:
        hook = "/webhooks/{application}/{token}"
        post = hook + "/messages/{message}"
        thread = frozenset({"thread_id"})
        return [
            Route(
                method="POST",
                template="/interactions/{interaction}/{token}/callback",
                handler=self._callback,
                fields=frozenset({"type", "data"}),
                query=frozenset({"with_response"}),
                needs_bot=False,
            ),
            Route(
                method="POST",
                template=hook,
                handler=self._follow_up,
                fields=_HOOK,
                query=_HOOK_QUERY,
                needs_bot=False,
            ),
            Route(
                method="GET",
                template=post,
                handler=lambda c: self._interactions.find(*_hook(c), c.params["message"])[1],
                query=thread,
                needs_bot=False,
            ),
            Route(
                method="PATCH",
                template=post,
                handler=lambda c: self._interactions.edit(
                    *_hook(c), c.params["message"], c.body, c.files
                ),
                fields=_HOOK,
                query=thread | {"with_components", "wait"},
                needs_bot=False,
            ),
            Route(
                method="DELETE",
                template=post,
                handler=lambda c: self._interactions.delete(*_hook(c), c.params["message"]),
                query=thread,
                needs_bot=False,
            ),
        ]

    def _callback(self, call: ApiCall) -> Payload | None:
        _known(call.body.get("data") or {}, _CALLBACK_DATA)
        answer = self._interactions.callback(
            call.params["interaction"], call.params["token"], call.body, call.files, call.arrived_s
        )
        return answer if call.query.get("with_response") in ("1", "true") else None

    def _follow_up(self, call: ApiCall) -> Payload | None:
        message = self._interactions.follow_up(*_hook(call), call.body, call.files)
        return message if call.query.get("wait") in ("1", "true") else None


_CALLBACK_DATA = _HOOK | {"choices", "custom_id", "title"}


def _known(data: Payload, fields: frozenset[str]) -> None:
    for key in data.keys() - fields:
        raise unknown(f"field {key!r}", f"data.{key}")


def _hook(call: ApiCall) -> tuple[str, str]:
    return call.params["application"], call.params["token"]


def _get(template: str, handler: Callable[[ApiCall], Any], **options: Any) -> Route:
    return Route(method="GET", template=template, handler=handler, **options)


def _send(
    method: str, template: str, handler: Callable[[ApiCall], Any], fields: frozenset[str]
) -> Route:
    return Route(method=method, template=template, handler=handler, fields=fields)
