"""Faults of the provider double: those of any HTTP API, and answers of the vendor's wire."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Self

from tests.wire import videos_faults
from tests.wire.provider_double.wire import Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderFault(videos_faults.VideosFault):
    """One thing that goes wrong, once; `truncated`, `endless` and `drip` are for answers of all kinds."""

    @classmethod
    def answer(cls, said: Answer) -> Self:
        """A vendor's own words instead of the right answer; for a paid call, nothing was taken."""
        return cls(
            status=said.status,
            headers=dict(said.headers),
            body=body_of(said),
            content_type=said.content_type,
        )

    @classmethod
    def expired(cls, status: int = 403) -> Self:
        """Content only: every address given so far is refused from here on; a fresh one works."""
        return cls(kind="expired", status=status)


def body_of(said: Answer) -> bytes:
    """Return what goes over the wire."""
    if said.raw is not None:
        return said.raw
    return b"" if said.json is None else json.dumps(said.json).encode()
