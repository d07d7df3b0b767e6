"""What a request to Discord may do: go out twice, or ping somebody. Looks at its words alone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

#: Routes that make one thing however often they are called: a message has one thread (the second
#: call is answered with 160004), a member one direct channel with the bot.
_IDEMPOTENT_POSTS = frozenset(
    {"/channels/{channel_id}/messages/{message_id}/threads", "/users/@me/channels"}
)
#: Changes of a message that exists.
_EDITS = frozenset(
    {
        "/channels/{channel_id}/messages/{message_id}",
        "/webhooks/{webhook_id}/{webhook_token}/messages/{message_id}",
        "/webhooks/{webhook_id}/{webhook_token}/messages/@original",
    }
)
_CALLBACK = "/interactions/{webhook_id}/{webhook_token}/callback"
#: A callback of this type changes the message that the button is on.
_UPDATE_MESSAGE = 7
#: What an edit must say to ping nobody.
_NO_MENTIONS: Mapping[str, Any] = {"parse": []}


def is_callback(path: str) -> bool:
    """Whether `path`, a route's template, takes the first answer to an interaction."""
    return path == _CALLBACK


def may_retry(method: str, path: str, body: Mapping[str, Any]) -> bool:
    """Whether a request whose fate is unknown may go out once more.

    path  the route's template, such as `/channels/{channel_id}/messages`.
    body  the JSON of the request; empty without one.
    A POST makes something: a second one only with a nonce that Discord enforces, or where Discord
    itself lets there be one only. An interaction takes one answer (40060 afterwards).
    """
    if method != "POST":
        return True
    if body.get("nonce") and body.get("enforce_nonce"):
        return True
    return path in _IDEMPOTENT_POSTS or is_callback(path)


def without_mentions(method: str, path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return `body` as it pings nobody where it is an edit that says nothing of pings.

    2026-08: an edit without allowed_mentions is parsed with Discord's defaults (documentation), and
    discord.py 2.7.1 leaves it out when the content stays.
    """
    if method == "PATCH" and path in _EDITS:
        return {"allowed_mentions": _NO_MENTIONS, **body}
    if is_callback(path) and body.get("type") == _UPDATE_MESSAGE:
        return {**body, "data": {"allowed_mentions": _NO_MENTIONS, **(body.get("data") or {})}}
    return body


def json_body(form: Sequence[Mapping[str, Any]] | None) -> Mapping[str, Any]:
    """Return the JSON part of a multipart form; empty without one."""
    for part in form or ():
        if part.get("name") == "payload_json":
            return json.loads(part["value"])
    return {}


def with_json_body(
    form: Sequence[Mapping[str, Any]], body: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Return the form with `body` as its JSON part."""
    value = json.dumps(body, separators=(",", ":"))
    return [
        {**part, "value": value} if part.get("name") == "payload_json" else dict(part)
        for part in form
    ]
