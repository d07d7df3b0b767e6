"""One render's folder on disk: the order, its picture, and then the clip or why there is none.

    order.json    what was asked for; the render exists from the moment that this does
    picture       the reference picture, if there is one; also the source's
    clip.mp4      the finished clip; appears whole
    failure.json  the render ended without one, or was cancelled; outranks a clip

All of it blocks: call it from a thread.
"""

from __future__ import annotations

import json
import re
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from bot.model import Operation, Size
from bot.providers.base import RenderOrder
from bot.providers.local.script.screenplay import Screenplay

_ID = re.compile(r"[a-z0-9-]{1,80}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """An order as it is kept in `order.json`: all that is needed to render, whatever it came from."""

    #: As ordered: for a remix or extension only what was said about the source.
    prompt: str
    model: str
    size: Size
    has_image: bool
    created_at: datetime
    #: The whole film.
    play: Screenplay
    #: The render that this one was made from.
    source: str | None = None

    @classmethod
    def of(cls, order: RenderOrder, created_at: datetime, source: Ticket | None = None) -> Ticket:
        """Return the ticket of an order that came in at `created_at`.

        source  the ticket of the render that a REMIX or EXTEND starts from.
        """
        play = Screenplay.of(order.prompt, order.seed, order.seconds)
        if source is not None and order.operation is Operation.REMIX:
            play = source.play.remixed(order.prompt, order.seed, order.seconds)
        elif source is not None:
            play = source.play.extended(order.prompt, order.seed, order.seconds)
        return cls(
            prompt=order.prompt,
            model=order.model,
            size=order.size,
            has_image=order.image is not None if source is None else source.has_image,
            created_at=created_at,
            play=play,
            source=order.source,
        )

    def dump(self) -> str:
        """Return the JSON that `load` reads."""
        return json.dumps(
            {
                "prompt": self.prompt,
                "model": self.model,
                "size": str(self.size),
                "has_image": self.has_image,
                "created_at": str(self.created_at),
                "acts": self.play.dump(),
                "source": self.source,
            }
        )

    @classmethod
    def load(cls, text: str) -> Ticket:
        """Read what `dump` wrote; ValueError, KeyError or TypeError for anything else.

        A ticket may have a seed and seconds instead of acts: it is a film of one act.
        """
        fields = cast("dict[str, Any]", json.loads(text))
        prompt, source = str(fields["prompt"]), fields.get("source")
        if "acts" in fields:
            play = Screenplay.load(fields["acts"])
        else:
            play = Screenplay.of(prompt, int(fields["seed"]), int(fields["seconds"]))
        return cls(
            prompt=prompt,
            model=str(fields["model"]),
            size=Size.parse(str(fields["size"])),
            has_image=bool(fields["has_image"]),
            created_at=datetime.fromisoformat(str(fields["created_at"])),
            play=play,
            source=None if source is None else str(source),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a folder says of its render."""

    ticket: Ticket
    #: Why it failed, or None.
    failure: str | None
    #: The clip is there.
    ready: bool

    @property
    def waiting(self) -> bool:
        """Whether it is still to be rendered."""
        return self.failure is None and not self.ready


class Folder:
    """The folder of one render."""

    def __init__(self, root: Path, remote_id: str) -> None:
        """Name the folder of `remote_id` under `root`; touches nothing.

        Raises ValueError for an id that is not made of `[a-z0-9-]`: it must not become a path.
        """
        if _ID.fullmatch(remote_id) is None:
            raise ValueError(f"not an id of this provider: {remote_id[:80]!r}")
        self.remote_id = remote_id
        self.path = root / remote_id

    @classmethod
    def all(cls, root: Path) -> Iterator[Folder]:
        """Return the folders that exist under `root`, in no particular order."""
        for path in root.iterdir() if root.is_dir() else ():
            if _ID.fullmatch(path.name) and path.is_dir():
                yield cls(root, path.name)

    @property
    def clip(self) -> Path:
        return self.path / "clip.mp4"

    @property
    def picture(self) -> Path:
        return self.path / "picture"

    def accept(self, ticket: Ticket, image: Path | None) -> None:
        """Keep an order and its picture; one that is here already stays as it is.

        Raises OSError.
        """
        if (self.path / "order.json").exists():
            return
        self.path.mkdir(parents=True, exist_ok=True)
        if image is not None:
            shutil.copyfile(image, self.picture)
        self._write("order.json", ticket.dump())

    def look(self) -> Found | None:
        """Return what is here; None when nothing is, or nothing that can be read.

        Raises OSError.
        """
        try:
            ticket = Ticket.load((self.path / "order.json").read_text("utf-8"))
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None
        return Found(ticket=ticket, failure=self._failure(), ready=self.clip.exists())

    def fail(self, reason: str) -> None:
        """Note that the render ended without a clip. The first reason stays. Raises OSError."""
        if self._failure() is None and self.path.is_dir():
            self._write("failure.json", json.dumps({"reason": reason}))

    def cancel(self) -> bool:
        """Note that nobody wants the clip any more; idempotent.

        False when there is no such render, or it has ended already. Raises OSError.
        """
        found = self.look()
        if found is None or (found.ready and found.failure is None):
            return False
        self.fail(CANCELLED)
        return self._failure() == CANCELLED

    def tidy(self) -> None:
        """Remove what a killed renderer left half written. Raises OSError."""
        for part in self.path.glob(f"{self.clip.name}.*.part"):
            part.unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove the folder and all in it; nothing happens when there is none. Raises OSError."""
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
            return "unreadable failure note"

    def _write(self, name: str, text: str) -> None:
        part = self.path / f"{name}.{secrets.token_hex(4)}.part"
        part.write_text(text, "utf-8")
        part.replace(self.path / name)


#: The reason in `failure.json` of a render that was stopped on request.
CANCELLED = "cancelled"
