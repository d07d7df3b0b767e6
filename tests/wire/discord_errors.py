"""Discord's error responses, by their JSON error code."""

from __future__ import annotations

from typing import Any

#: JSON error code → (HTTP status, message), from discord-api-docs, opcodes-and-status-codes,
#: 2026-08-06. The documentation leaves open whether a locked thread gives 160005 or 50083, whether
#: an expired interaction token gives 50027, and whether a user who is not in a thread gives 10007;
#: these choices have never been compared with the real Discord.
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


#: Error codes for requests that are wrong in themselves, whatever the state of the server.
_ALWAYS_WRONG = frozenset({30015, 50006, 50109})


class DiscordApiError(Exception):
    """An error response: the HTTP `status` and the JSON `body`.

    breaks_rule  whether the request was wrong in itself, whatever the state of the server.
    """

    def __init__(self, status: int, body: dict[str, Any], *, breaks_rule: bool = False) -> None:
        super().__init__(f"{status} {body}")
        self.status = status
        self.body = body
        self.breaks_rule = breaks_rule


def refusal(code: int) -> DiscordApiError:
    """Return the error response for one of the error codes in `CODES`."""
    status, message = CODES[code]
    body = {"message": message, "code": code}
    return DiscordApiError(status, body, breaks_rule=code in _ALWAYS_WRONG)


def invalid(field: str, reason: str, message: str, *, breaks_rule: bool = True) -> DiscordApiError:
    """Return error 400/50035.

    `field` is a dotted path into the body, `reason` is Discord's code.
    """
    errors: dict[str, Any] = {"_errors": [{"code": reason, "message": message}]}
    for key in reversed(field.split(".")):
        errors = {key: errors}
    status, text = CODES[50035]
    return DiscordApiError(
        status, {"message": text, "code": 50035, "errors": errors}, breaks_rule=breaks_rule
    )


def unknown(what: str, key: str) -> DiscordApiError:
    """Return an error for an unknown field.

    The real Discord ignores unknown fields; the simulated Discord refuses them.
    """
    return invalid(key, "UNKNOWN_FIELD", f"This double knows no such thing: unknown {what}.")
