"""How long a test waits for an event before it fails."""

from __future__ import annotations

#: Time limit in seconds for events that usually take much less, as the machine may be slow or busy.
PATIENCE_S = 60.0
