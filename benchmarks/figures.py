"""Computes quantiles of measurements, and prints tables and whether a target was met."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantiles:
    """How measured values are spread; in the unit of the values."""

    count: int
    mean: float
    p50: float
    p95: float
    p99: float
    worst: float


def quantiles(values: Iterable[float]) -> Quantiles:
    """Return the nearest-rank quantiles of the values. Raises ValueError if there are no values."""
    ordered = sorted(values)
    if not ordered:
        raise ValueError("nothing was measured")

    def at(part: float) -> float:
        return ordered[math.ceil(part * len(ordered)) - 1]

    mean = sum(ordered) / len(ordered)
    return Quantiles(
        count=len(ordered),
        mean=mean,
        p50=at(0.5),
        p95=at(0.95),
        p99=at(0.99),
        worst=ordered[-1],
    )


def heading(text: str) -> None:
    """Print the title of a benchmark."""
    print(f"\n{text}\n{'-' * len(text)}", flush=True)


def table(titles: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table with column titles: the first column left-aligned, the others right-aligned."""
    shown = [list(titles), *([_cell(value) for value in row] for row in rows)]
    widths = [max(len(row[column]) for row in shown) for column in range(len(titles))]
    for first, *others in shown:
        cells = [text.rjust(width) for text, width in zip(others, widths[1:], strict=True)]
        print("  ".join([first.ljust(widths[0]), *cells]).rstrip())
    print(flush=True)


def verdict(budget: str, *, is_met: bool, found: str) -> None:
    """Print whether a benchmark's target was met, and the measured value."""
    print(f"budget {budget}: {'met' if is_met else 'MISSED'} ({found})", flush=True)


def _cell(value: object) -> str:
    return f"{value:.2f}" if isinstance(value, float) else str(value)
