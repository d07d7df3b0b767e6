"""Decides from a request to Discord alone whether it may be retried, and keeps edits from pinging."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

#: POST routes that create at most one thing: a message has one thread (a second call fails with
#: `ErrorCode.THREAD_EXISTS`), a member one direct message channel with the bot.
_IDEMPOTENT_POSTS = frozenset(
    {"/channels/{channel_id}/messages/{message_id}/threads", "/users/@me/channels"}
)
#: Routes that change an existing message.
_EDITS = frozenset(
    {
        "/channels/{channel_id}/messages/{message_id}",
        "/webhooks/{webhook_id}/{webhook_token}/messages/{message_id}",
        "/webhooks/{webhook_id}/{webhook_token}/messages/@original",
    }
)
_CALLBACK = "/interactions/{webhook_id}/{webhook_token}/callback"
#: A callback of this type edits the message with the button.
_UPDATE_MESSAGE = 7
_NO_MENTIONS: Mapping[str, Any] = {"parse": []}


def is_callback(path: str) -> bool:
    """Whether `path`, a route's template, is for the first answer to an interaction."""
    return path == _CALLBACK


def may_retry(method: str, path: str, body: Mapping[str, Any]) -> bool:
    """Whether a request of unknown outcome may be sent once more.

    path  the route's template, such as `/channels/{channel_id}/messages`.
    body  the JSON of the request; empty without one.
    A POST creates something, so it may be repeated only with a nonce that Discord enforces, or if
    Discord allows one such thing only. An interaction takes one answer (then: ALREADY_ACKNOWLEDGED).
    """
    if method != "POST":
        return True
    if body.get("nonce") and body.get("enforce_nonce"):
        return True
    return path in _IDEMPOTENT_POSTS or is_callback(path)


def without_mentions(method: str, path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return `body`; that of an edit without allowed_mentions gets them, so that it pings nobody.

    Discord parses such an edit with its defaults (its documentation, 2026-08), and discord.py 2.7.1
    leaves allowed_mentions out when the content stays.
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
