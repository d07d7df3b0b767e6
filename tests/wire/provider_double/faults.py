"""Faults of the provider double: those of any HTTP API, and the vendor's own error responses."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Self

from tests.wire import videos_faults
from tests.wire.provider_double.wire import Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderFault(videos_faults.VideosFault):
    """One failure of one request.

    Unlike in `VideosFault`, the kinds `truncated`, `endless` and `drip` apply to all responses.
    """

    @classmethod
    def answer(cls, said: Answer) -> Self:
        """Send this response instead of the right one; a paid call is then not accepted."""
        return cls(
            status=said.status,
            headers=dict(said.headers),
            body=body_of(said),
            content_type=said.content_type,
        )

    @classmethod
    def expired(cls, status: int = 403) -> Self:
        """For downloads only: all addresses of clips given so far expire; new addresses work."""
        return cls(kind="expired", status=status)


def body_of(said: Answer) -> bytes:
    """Return the bytes of a response's body."""
    if said.raw is not None:
        return said.raw
    return b"" if said.json is None else json.dumps(said.json).encode()
