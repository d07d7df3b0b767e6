"""What a render's folder stores: its request, and the earlier requests that its film builds on."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, cast

from bot.model import Operation, Size
from bot.providers.base import ProviderRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmStep:
    """One request of those that led to a film."""

    operation: Operation
    prompt: str
    seed: int
    #: Length of the whole film; of an EXTEND, of the added part.
    seconds: int

    @classmethod
    def load(cls, fields: Any) -> FilmStep:
        """Read the fields of a stored step. Raises ValueError, KeyError or TypeError for others."""
        return cls(
            operation=Operation(fields["operation"]),
            prompt=str(fields["prompt"]),
            seed=int(fields["seed"]),
            seconds=int(fields["seconds"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderRecord:
    """The contents of `order.json`: all that the renderer needs, also for a remix or extension."""

    #: As requested: of a remix or extension only its own prompt, without its source's.
    prompt: str
    model: str
    size: Size
    has_image: bool
    created_at: datetime
    #: The requests that led to this film, oldest first.
    steps: tuple[FilmStep, ...]
    #: The film that the steps start from, where the record holds one as acts; passed on unread.
    acts: tuple[Any, ...] = ()
    #: The render that this one was made from.
    source: str | None = None

    @classmethod
    def of(
        cls, request: ProviderRequest, created_at: datetime, source: RenderRecord | None = None
    ) -> RenderRecord:
        """Return the record of a request that arrived at `created_at`.

        source  the record of the render that a REMIX or EXTEND starts from.
        """
        step = FilmStep(
            operation=request.operation,
            prompt=request.prompt,
            seed=request.seed,
            seconds=request.seconds,
        )
        return cls(
            prompt=request.prompt,
            model=request.model,
            size=request.size,
            has_image=request.image is not None if source is None else source.has_image,
            created_at=created_at,
            steps=(step,) if source is None else (*source.steps, step),
            acts=() if source is None else source.acts,
            source=request.source_remote_id,
        )

    @property
    def seconds(self) -> int:
        """Length of the whole film."""
        total = sum(int(act["seconds"]) for act in self.acts)
        for step in self.steps:
            total = step.seconds + (total if step.operation is Operation.EXTEND else 0)
        return total

    def film(self) -> dict[str, list[Any]]:
        """Return what the renderer reads of the film."""
        return {"acts": list(self.acts), "steps": [asdict(step) for step in self.steps]}

    def dump(self) -> str:
        """Return the JSON that `load` reads."""
        return json.dumps(
            {
                "prompt": self.prompt,
                "model": self.model,
                "size": str(self.size),
                "has_image": self.has_image,
                "created_at": str(self.created_at),
                **self.film(),
                "source": self.source,
            }
        )

    @classmethod
    def load(cls, text: str) -> RenderRecord:
        """Read what `dump` returned. Raises ValueError, KeyError or TypeError for anything else.

        A record may hold acts without steps, or a seed and seconds instead of both: a film of one
        step.
        """
        fields = cast("dict[str, Any]", json.loads(text))
        source = fields.get("source")
        steps, acts = fields.get("steps", []), fields.get("acts", [])
        if not steps and not acts:
            steps = [{**fields, "operation": Operation.GENERATE}]
        record = cls(
            prompt=str(fields["prompt"]),
            model=str(fields["model"]),
            size=Size.parse(str(fields["size"])),
            has_image=bool(fields["has_image"]),
            created_at=datetime.fromisoformat(str(fields["created_at"])),
            steps=tuple(FilmStep.load(step) for step in steps),
            acts=tuple(acts),
            source=None if source is None else str(source),
        )
        if record.seconds < 1:
            raise ValueError(f"a film of {record.seconds} s")
        return record
