"""Time limits of the transport."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Time limits of the transport, in seconds."""

    connect_s: float = 5.0
    #: For the next bytes of a JSON answer.
    read_s: float = 60.0
    #: For a whole create, from the first byte sent to the last received.
    create_s: float = 120.0
    #: For any other JSON call with all its retries.
    call_s: float = 90.0
    #: For the next bytes of a download.
    idle_s: float = 30.0
    #: For a whole download.
    download_s: float = 900.0
    #: First pause before a retry; doubles up to 8 s.
    backoff_s: float = 0.5
    #: Longest Retry-After that the transport waits for; a longer one is raised to the caller.
    max_retry_after_s: float = 10.0
