"""Checks that the models in an operator's setting ask for nothing that the API lacks."""

from __future__ import annotations

from collections.abc import Collection

from bot.errors import SettingsError
from bot.model import Operation, Size
from bot.providers.base import Model


def check_model(
    variable: str,
    model: Model,
    *,
    sizes: Collection[Size] | None = None,
    seconds: range | None = None,
    operations: Collection[Operation] = (Operation.GENERATE,),
) -> None:
    """Raise SettingsError naming `variable` unless `model` keeps to what the API takes.

    sizes, seconds  None: not known, so not checked.
    operations      what the API can do by itself.
    """
    if odd := sorted(model.operations - set(operations)):
        problem = f"{model.name!r} can't {' or '.join(odd)}"
        allowed = f"{', '.join(sorted(operations))}; the bot composes the others"
        raise SettingsError(variable, problem, allowed)
    if sizes is not None and (odd := [str(size) for size in model.sizes if size not in sizes]):
        problem = f"{model.name!r} has no {', '.join(odd)}"
        raise SettingsError(variable, problem, ", ".join(map(str, sizes)))
    if seconds is not None and (odd := [str(s) for s in model.seconds if s not in seconds]):
        problem = f"{model.name!r} makes no {', '.join(odd)} s"
        allowed = f"{seconds[0]} to {seconds[-1]} s"
        if seconds.step != 1:
            allowed = f"{', '.join(map(str, seconds))} s"
        raise SettingsError(variable, problem, allowed)
