"""How much of the machine's memory is free. Importing this costs nothing."""

from __future__ import annotations


def free_main_memory() -> float:
    """Bytes; infinite where the system does not tell."""
    try:
        with open("/proc/meminfo") as file:
            return next(float(line.split()[1]) * 1024 for line in file if line.startswith("MemAvailable"))
    except (OSError, StopIteration, ValueError):
        return float("inf")
