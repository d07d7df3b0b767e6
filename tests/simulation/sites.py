"""The faults that can happen in a simulation."""

from __future__ import annotations

from enum import StrEnum


class FaultSite(StrEnum):
    """A fault; its value is its name in the simulation's history and in the table of counts."""

    # The paid call.
    CREATE_REFUSED = "create refused"
    CREATE_429 = "create 429"
    CREATE_LOST = "create done, answer lost"
    CREATE_500 = "create 500, not done"
    CREATE_500_DONE = "create 500, done"
    CREATE_HTML = "create HTML, done"
    CREATE_HANGS = "create hangs, never lands"
    CREATE_LATE = "create hangs, lands late"
    CREATE_MODERATED = "create refused for its words"
    CREATE_DUPLICATE = "create answered with an earlier render"
    # Polls, the list, and cancelling.
    POLL_500 = "poll 500"
    POLL_HTML = "poll HTML"
    POLL_HANGS = "poll times out"
    POLL_404 = "poll 404 for a while"
    POLL_PARTIAL = "poll leaves one out"
    POLL_WORDS = "poll unknown words"
    POLL_DISORDER = "poll progress out of order"
    LIST_500 = "list 500"
    CANCEL_500 = "cancel 500"
    CANCEL_NO = "cancel too late"
    # Renders.
    RENDER_FAILS = "render fails"
    RENDER_LOST = "render lost for good"
    RENDER_STUCK = "render never ends"
    # Downloads.
    FILE_TRUNCATED = "download truncated"
    FILE_HTML = "download HTML"
    FILE_CUT = "download cut off"
    FILE_500 = "download 500"
    FILE_EXPIRED = "download expired"
    # Discord.
    POST_LOST = "post done, answer lost"
    POST_LATE = "post times out, lands late"
    POST_429 = "post 429"
    POST_500 = "post 500"
    POST_50001 = "post 50001"
    POST_50083 = "post 50083"
    POST_413 = "post 413"
    HISTORY_500 = "history 500"
    HISTORY_50001 = "history 50001"
    DIRECT_CLOSED = "direct messages closed"
    CARD_500 = "card edit 500"
    NONCE_FORGOTTEN = "message found after its nonce was forgotten"
    # The machine.
    CLOCK_JUMPS = "clock jumps"
    CLOCK_OFF_AT_START = "clock off at a restart"
    DATABASE_LOCKED = "database locked"
    DISK_FULL = "disk full"
    KILL = "kill"
    KILL_AT_START = "kill at a start"
    LONG_DOWNTIME = "down for minutes"
    # Members.
    REDELIVERED = "interaction redelivered"
    ANSWER_LOST = "killed over an interaction"
