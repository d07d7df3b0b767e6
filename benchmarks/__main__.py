"""`python -m benchmarks [NAME …] [--quick]` measures Sorabot beside simpler baselines."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import sys
from collections.abc import Sequence

from benchmarks import (
    burst,
    clip_search,
    fairness,
    inflight,
    latency,
    machine,
    memory,
    polling,
    readiness,
    reservations,
)
from benchmarks.open_jobs import OpenJobs

_NAMES = (
    "latency",
    "burst",
    "inflight",
    "fairness",
    "memory",
    "polling",
    "reservations",
    "clip_search",
)


async def _run(names: Sequence[str], *, quick: bool) -> None:
    if "latency" in names:
        config = (
            latency.LatencyConfig(rounds=2, commands=100, rest_s=10.0)
            if quick
            else latency.LatencyConfig()
        )
        await latency.run(config)
    if "burst" in names:
        await burst.run(burst.BurstConfig(rounds=1) if quick else burst.BurstConfig())
    if "inflight" in names:
        loads = (OpenJobs(rendering=0), OpenJobs(rendering=1_000, queued=9_000))
        config = inflight.InFlightConfig(loads=loads, settle_s=10.0, watch_s=20.0)
        await inflight.run(config if quick else inflight.InFlightConfig())
    if "fairness" in names:
        await fairness.run(
            fairness.FairnessConfig(queued=20, others=8) if quick else fairness.FairnessConfig()
        )
    if "memory" in names:
        await memory.run(memory.MemoryConfig(rounds=1) if quick else memory.MemoryConfig())
    if "polling" in names:
        config = polling.PollingConfig(clips={5: 100, 60: 300}, simulated=5000)
        await polling.run(config if quick else polling.PollingConfig())
        await readiness.run(
            readiness.ReadinessConfig(clips=8) if quick else readiness.ReadinessConfig()
        )
    if "reservations" in names:
        config = reservations.ReservationsConfig(jobs=10_000, rounds=2)
        await reservations.run(config if quick else reservations.ReservationsConfig())
    if "clip_search" in names:
        await clip_search.run(
            clip_search.ClipSearchConfig(jobs=50_000, calls=50)
            if quick
            else clip_search.ClipSearchConfig()
        )


async def _until_told(names: Sequence[str], *, quick: bool) -> None:
    """Run the named benchmarks.

    SIGTERM stops them and every process they started, as Ctrl-C does.
    """
    task = asyncio.current_task()
    if task is not None:
        with contextlib.suppress(NotImplementedError):  # Windows
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    await _run(names, quick=quick)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmarks named as arguments, or all; return 0, or 130 when interrupted."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(_NAMES))
    parser.add_argument("--quick", action="store_true", help="a rough look in about four minutes")
    given = parser.parse_args(arguments)
    if unknown := set(given.names) - set(_NAMES):
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}")
    print(machine.describe(), flush=True)
    try:
        asyncio.run(_until_told(given.names or _NAMES, quick=given.quick))
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("interrupted; everything that was started has ended", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
