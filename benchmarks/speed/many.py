"""A study of 100,000 trials on a file, by one process: whether the rate and the memory of a trial stay the same.

The process asks and tells (random sampler, 2 parameters), as in the rates, and reads how much memory it holds at the first and the
last tenth.

    python -m benchmarks.speed.many 100000        what that process runs; prints its rows as JSON
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

__all__ = ["measure"]


def measure(trials: int) -> list[dict[str, Any]]:
    """One row for the first and one for the last tenth: trials a second, and bytes of memory a trial since the tenth before."""
    command = [sys.executable, "-m", "benchmarks.speed.many", str(trials)]
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the process failed:\n{done.stderr}")
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    return rows


def _memory() -> float:
    """What this process holds now, bytes; NaN where the system does not tell."""
    try:
        return 1024.0 * int(Path("/proc/self/status").read_text().partition("VmRSS:")[2].split()[0])
    except (OSError, IndexError):
        return float("nan")


def _run(trials: int, path: str) -> list[dict[str, Any]]:
    import trimtab as tt

    rows: list[dict[str, Any]] = []
    tenth = trials // 10
    space = {"a": tt.Float(0.0, 1.0), "b": tt.Float(0.0, 1.0)}
    with tt.Study(space, sampler="random", storage=path, seed=0) as study:
        for part in range(10):
            before, begun, busy = _memory(), time.perf_counter(), time.process_time()
            for _ in range(tenth):
                trial = study.ask()
                study.tell(trial, trial["a"])
            seconds, busy = time.perf_counter() - begun, time.process_time() - busy
            rows.append(
                {
                    "trials": f"{part * tenth:,} to {(part + 1) * tenth:,}",
                    "trials_per_s": tenth / seconds,
                    "processor ms a trial": 1e3 * busy / tenth,
                    "bytes a trial": round((_memory() - before) / tenth),
                    "MB": round(_memory() / 1e6, 1),
                }
            )
    return [rows[0], rows[4], rows[-1]]


if __name__ == "__main__":
    for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[_name] = "1"
    with tempfile.TemporaryDirectory() as _folder:
        print(json.dumps(_run(int(sys.argv[1]), f"{_folder}/x.db")))
