"""`python -m tests.simulation SEED` prints the history of one simulation; `--seeds N` runs many."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter

from tests.simulation.seeds import run_seed


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("seed", nargs="?", type=int, help="print this seed's history")
    parser.add_argument("--seeds", type=int, help="run this many seeds, from --first on")
    parser.add_argument("--first", type=int, default=0)
    given = parser.parse_args()
    if given.seed is not None:
        outcome = run_seed(given.seed)
        sys.stdout.write("\n".join((*outcome.history, "")))
        return 1 if outcome.violations else 0
    return _many(given.first, given.seeds or 2000)


def _many(first: int, count: int) -> int:
    hits: Counter[str] = Counter()
    states: Counter[str] = Counter()
    tolerated: Counter[str] = Counter()
    kills, virtual_s, bad = 0, 0.0, 0
    started_s = time.process_time()
    for seed in range(first, first + count):
        outcome = run_seed(seed)
        hits.update(outcome.hits)
        states.update(outcome.states)
        tolerated.update(outcome.tolerated)
        kills += outcome.kills
        virtual_s += outcome.virtual_s
        if outcome.violations:
            bad += 1
            sys.stdout.write(f"seed {seed}: {'; '.join(outcome.violations)}\n")
            sys.stdout.flush()
    took_s = time.process_time() - started_s
    sys.stdout.write(
        f"{count} seeds, {kills} kills, {virtual_s / 3600:.0f} virtual hours, {bad} seeds with "
        f"violations, {took_s:.0f} s of one core, {count / took_s:.0f} seeds/s\n"
    )
    sys.stdout.write(", ".join(f"{n} {state}" for state, n in states.most_common()) + "\n")
    for known, n in tolerated.items():
        sys.stdout.write(f"tolerated {n} times: {known}\n")
    for site, n in sorted(hits.items(), key=lambda each: each[1]):
        sys.stdout.write(f"{n:8d} {site}\n")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
