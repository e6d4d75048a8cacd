"""A study of 10,000 trials, on a file: milliseconds of ask + tell as it grows, and the most memory that its process held.

Each sampler has a process of its own, which adds the trials, asks at n = 1,000, 2,000, 5,000 and 10,000, and reads at the end how
much memory it ever held (VmHWM on Linux, else ru_maxrss).

    python -m benchmarks.speed.long gp 10000 21        what that process runs; prints one row a size as JSON
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

__all__ = ["measure"]

SIZES = (1_000, 2_000, 5_000, 10_000)
SAMPLERS = ("gp", "tpe", "auto")


def measure(repeats: int, largest: int) -> list[dict[str, Any]]:
    """One row a sampler and n: median and worst milliseconds; with the last n the peak memory of the whole process in MB."""
    rows: list[dict[str, Any]] = []
    for sampler in SAMPLERS:
        command = [sys.executable, "-m", "benchmarks.speed.long", sampler, str(largest), str(repeats)]
        root = Path(__file__).resolve().parents[2]
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"the process of {sampler} failed:\n{done.stderr}")
        rows += json.loads(done.stdout)
    return rows


def peak_memory() -> float:
    """The most memory that this process ever held, MB (10^6 bytes)."""
    try:
        status = Path("/proc/self/status").read_text()
        return 1024 * int(status.partition("VmHWM:")[2].split()[0]) / 1e6
    except OSError:
        import resource

        unit = 1 if sys.platform == "darwin" else 1024
        return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def _grow(sampler: str, largest: int, repeats: int, path: str) -> list[dict[str, Any]]:
    import numpy as np

    import trimtab as tt
    from benchmarks.speed.asks import loss, space, timed

    rng = np.random.default_rng(0)
    study = tt.Study(space(), sampler=sampler, storage=path, seed=0)
    imported = peak_memory()
    rows: list[dict[str, Any]] = []

    def step() -> None:
        trial = study.ask()
        study.tell(trial, loss(trial.params, rng))

    for n in [size for size in SIZES if size <= largest] or [largest]:
        for params in study.space.decode(study.space.sample(n - len(study), rng)):
            study.add_trial(params, loss(params, rng))
        step()  # takes in what was added
        ms = timed(step, max(repeats, n // 20 + 2) if n <= SIZES[0] else repeats)
        rows.append(
            {
                "tool": f"trimtab {sampler}",
                "n": n,
                "ms": statistics.median(ms),
                "max": max(ms),
                "asks": len(ms),
                "peak MB": round(peak_memory(), 1),
                "of that before the first trial": round(imported, 1),
            }
        )
    return rows


if __name__ == "__main__":
    for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[_name] = "1"
    with tempfile.TemporaryDirectory() as _folder:
        print(json.dumps(_grow(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), f"{_folder}/x.db")))
