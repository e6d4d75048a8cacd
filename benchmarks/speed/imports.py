"""Seconds of a cold process that imports trimtab, beside one that imports numpy only and one that imports nothing."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

__all__ = ["measure"]


def measure(repeats: int) -> list[dict[str, object]]:
    """One row a module: median, minimum and maximum over `repeats` processes, started in turn so that drift hits all alike."""
    codes = {"(nothing)": "pass", "numpy": "import numpy", "trimtab": "import trimtab"}
    try:
        import optuna  # noqa: F401

        codes["optuna"] = "import optuna"
    except ImportError:
        pass
    seconds: dict[str, list[float]] = {name: [] for name in codes}
    for round_ in range(repeats + 1):
        for name, code in codes.items():
            begun = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True)
            if round_:  # the first fills the disk cache
                seconds[name].append(time.perf_counter() - begun)
    return [
        {"import": name, "seconds": statistics.median(s), "min": min(s), "max": max(s), "processes": repeats}
        for name, s in seconds.items()
    ]
