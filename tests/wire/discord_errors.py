"""Discord's refusals, by their JSON error code."""

from __future__ import annotations

from typing import Any

#: code → (HTTP status, message). Source: discord-api-docs, opcodes-and-status-codes, 2026-08-06.
#: 160005 / 50083 for locked threads and 50027 for a dead interaction token are readings of the
#: documentation that were never compared with the live service; so is 10007 for who is not in a
#: thread, where it says 404 alone.
CODES: dict[int, tuple[int, str]] = {
    0: (401, "401: Unauthorized"),
    10002: (404, "Unknown Application"),
    10003: (404, "Unknown Channel"),
    10004: (404, "Unknown Guild"),
    10007: (404, "Unknown Member"),
    10008: (404, "Unknown Message"),
    10013: (404, "Unknown User"),
    10015: (404, "Unknown Webhook"),
    10062: (404, "Unknown interaction"),
    30015: (400, "Maximum number of attachments in a message reached (10)"),
    40005: (413, "Request entity too large"),
    40060: (400, "Interaction has already been acknowledged."),
    50001: (403, "Missing Access"),
    50005: (403, "Cannot edit a message authored by another user"),
    50006: (400, "Cannot send an empty message"),
    50007: (403, "Cannot send messages to this user"),
    50013: (403, "Missing Permissions"),
    50024: (403, "Cannot execute action on this channel type"),
    50027: (401, "Invalid Webhook Token"),
    50035: (400, "Invalid Form Body"),
    50083: (400, "Thread is archived"),
    50109: (400, "The request body contains invalid JSON."),
    160002: (400, "Cannot reply without permission to read message history"),
    160004: (400, "A thread has already been created for this message"),
    160005: (403, "Thread is locked"),
}


#: A bot that meets one of these sent what no state of the world would have made right.
_ALWAYS_WRONG = frozenset({30015, 50006, 50109})


class DiscordApiError(Exception):
    """An answer other than success: HTTP `status` and the JSON `body` that goes with it.

    breaks_rule  the request itself was wrong, whatever the state of the world.
    """

    def __init__(self, status: int, body: dict[str, Any], *, breaks_rule: bool = False) -> None:
        super().__init__(f"{status} {body}")
        self.status = status
        self.body = body
        self.breaks_rule = breaks_rule


def refusal(code: int) -> DiscordApiError:
    """Return the error for one of `CODES`."""
    status, message = CODES[code]
    body = {"message": message, "code": code}
    return DiscordApiError(status, body, breaks_rule=code in _ALWAYS_WRONG)


def invalid(field: str, reason: str, message: str, *, breaks_rule: bool = True) -> DiscordApiError:
    """Return 400/50035, where `field` is a dotted path into the body and `reason` Discord's word."""
    errors: dict[str, Any] = {"_errors": [{"code": reason, "message": message}]}
    for key in reversed(field.split(".")):
        errors = {key: errors}
    status, text = CODES[50035]
    return DiscordApiError(
        status, {"message": text, "code": 50035, "errors": errors}, breaks_rule=breaks_rule
    )


def unknown(what: str, key: str) -> DiscordApiError:
    """Return the error for something that Discord would ignore, and that this double will not."""
    return invalid(key, "UNKNOWN_FIELD", f"This double knows no such thing: unknown {what}.")
