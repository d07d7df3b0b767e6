"""The folder of one render on disk: the request, its reference image, and then the clip or the failure.

    order.json    what was requested; the render exists as soon as this file does
    picture       the reference image, if there is one; a remix or extension has a copy of its source's
    clip.mp4      the finished clip; appears only when it is complete
    failure.json  the render failed or was cancelled; takes precedence over a clip

All functions block: call them from a thread.
"""

import json
import re
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from bot.model import Operation, Size
from bot.providers.base import ProviderRequest

_ID = re.compile(r"[a-z0-9-]{1,80}")
#: The reason in `failure.json` of a render that was cancelled.
CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmStep:
    """One request of those that led to a film."""

    operation: Operation
    prompt: str
    seed: int
    #: Length of the whole film; of an EXTEND, of the added part.
    seconds: int

    @classmethod
    def load(cls, fields: Any) -> "FilmStep":
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
        cls, request: ProviderRequest, created_at: datetime, source: "RenderRecord | None" = None
    ) -> "RenderRecord":
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
    def load(cls, text: str) -> "RenderRecord":
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


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderContents:
    """What a folder holds."""

    record: RenderRecord
    #: Why the render failed, or None.
    failure: str | None
    #: Whether the clip is there.
    ready: bool

    @property
    def pending(self) -> bool:
        """Whether the clip is still to be rendered."""
        return self.failure is None and not self.ready


class RenderFolder:
    """The folder of one render."""

    def __init__(self, root: Path, remote_id: str) -> None:
        """Name the folder of `remote_id` under `root`; touches nothing on disk.

        Raises ValueError for an id that is not made of `[a-z0-9-]`: it must not become a path.
        """
        if _ID.fullmatch(remote_id) is None:
            raise ValueError(f"not an id of this provider: {remote_id[:80]!r}")
        self.remote_id = remote_id
        self.path = root / remote_id

    @classmethod
    def all(cls, root: Path) -> Iterator["RenderFolder"]:
        """Return the folders that exist under `root`, in no particular order."""
        for path in root.iterdir() if root.is_dir() else ():
            if _ID.fullmatch(path.name) and path.is_dir():
                yield cls(root, path.name)

    @property
    def clip(self) -> Path:
        return self.path / "clip.mp4"

    @property
    def image(self) -> Path:
        return self.path / "picture"

    def create(self, record: RenderRecord, image: Path | None) -> None:
        """Store a request and its image; does nothing when the folder has a request already.

        Raises OSError.
        """
        if (self.path / "order.json").exists():
            return
        self.path.mkdir(parents=True, exist_ok=True)
        if image is not None:
            shutil.copyfile(image, self.image)
        self._write("order.json", record.dump())

    def read(self) -> FolderContents | None:
        """Return the contents; None when there is no request, or an unreadable one.

        Raises OSError.
        """
        try:
            record = RenderRecord.load((self.path / "order.json").read_text("utf-8"))
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None
        return FolderContents(record=record, failure=self._failure(), ready=self.clip.exists())

    def fail(self, reason: str) -> None:
        """Record that the render ended without a clip; keeps an earlier reason. Raises OSError."""
        if self._failure() is None and self.path.is_dir():
            self._write("failure.json", json.dumps({"reason": reason}))

    def cancel(self) -> bool:
        """Record that the render was cancelled; idempotent.

        False when there is no such render, or it has ended already. Raises OSError.
        """
        contents = self.read()
        if contents is None or (contents.ready and contents.failure is None):
            return False
        self.fail(CANCELLED)
        return self._failure() == CANCELLED

    def remove_partial_clips(self) -> None:
        """Remove incomplete clips of renderers that were killed. Raises OSError."""
        for part in self.path.glob(f"{self.clip.name}.*.part"):
            part.unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove the folder and everything in it; idempotent. Raises OSError."""
        if self.path.is_dir():
            shutil.rmtree(self.path)

    def _failure(self) -> str | None:
        try:
            text = (self.path / "failure.json").read_text("utf-8")
        except FileNotFoundError:
            return None
        try:
            return str(json.loads(text)["reason"])
        except (ValueError, KeyError, TypeError):
            return "unreadable failure.json"

    def _write(self, name: str, text: str) -> None:
        part = self.path / f"{name}.{secrets.token_hex(4)}.part"
        part.write_text(text, "utf-8")
        part.replace(self.path / name)
