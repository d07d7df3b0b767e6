"""Discord's codes of the errors that the bot tells apart.

Source: "JSON Error Codes" in Discord's documentation (2026-08).
"""

from enum import IntEnum


class ErrorCode(IntEnum):
    """What `discord.HTTPException.code` holds."""

    #: The answer has no code: it comes from a proxy in front of Discord.
    NONE = 0
    #: The channel was deleted, with all its messages.
    UNKNOWN_CHANNEL = 10003
    #: The three seconds for a first answer are over.
    UNKNOWN_INTERACTION = 10062
    REQUEST_TOO_LARGE = 40005
    ALREADY_ACKNOWLEDGED = 40060
    THREAD_ARCHIVED = 50083
    #: The message has a thread already.
    THREAD_EXISTS = 160004
