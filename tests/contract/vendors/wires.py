"""Finds the vendors' wires."""

from __future__ import annotations

import importlib
from pathlib import Path

from tests.wire.provider_double.wire import Wire

_FOLDER = Path(__file__).parents[2] / "wire"


def names() -> list[str]:
    """Return the names of the vendors that have a `tests/wire/<vendor>/wire.py`."""
    found = sorted(path.parent.name for path in _FOLDER.glob("*/wire.py"))
    return [name for name in found if name != "provider_double"]


def load(name: str) -> Wire:
    """Import and return the wire (the double's behaviour) of a vendor.

    The import is done here, so that a broken wire fails only its own vendor's tests.
    """
    module = importlib.import_module(f"tests.wire.{name}.wire")
    for kind in vars(module).values():
        if isinstance(kind, type) and issubclass(kind, Wire) and getattr(kind, "name", "") == name:
            return kind()
    raise LookupError(f"tests/wire/{name}/wire.py has no Wire of that name")
