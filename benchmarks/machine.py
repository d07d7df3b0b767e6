"""Describes the machine on which the benchmarks ran."""

from __future__ import annotations

import os
import platform

import psutil


def describe() -> str:
    """Return one line with cores, memory, Python version, operating system and load average."""
    memory_gib = psutil.virtual_memory().total / 2**30
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return (
        f"{os.cpu_count()} cores, {memory_gib:.0f} GiB, Python {platform.python_version()}, "
        f"{platform.system()} {platform.release()}; load before the run: {load}"
    )
