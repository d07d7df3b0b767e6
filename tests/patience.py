"""How long a test waits for what must come."""

from __future__ import annotations

#: Many times longer than it takes, in seconds: the machine may be slow, or busy with other work.
PATIENCE_S = 60.0
