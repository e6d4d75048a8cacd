"""Measures how far one PostgreSQL database carries: 1 to 100 simulated workers, trials of 0.5, 1 and 5 seconds.

    python -m benchmarks.scaling             some ten minutes; writes benchmarks/results/scaling.json and docs/scaling.md's table
    python -m benchmarks.scaling --quick     a smoke run of seconds; writes nothing
    python -m benchmarks.scaling --table     only writes the table again, from the results

Needs PostgreSQL's programs. The server runs on this machine, beside the workers: on a quiet machine only.
"""

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import argparse
import json
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.postgres_server import Server
from benchmarks.scaling.workers import simulate
from benchmarks.tables import markdown, replace_block

HERE = Path(__file__).resolve().parent.parent
RESULTS = HERE / "results" / "scaling.json"
PAGE = HERE.parent / "docs" / "scaling.md"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", nargs="+", type=int, default=[1, 10, 30, 100])
    parser.add_argument("--seconds", nargs="+", type=float, default=[0.5, 1.0, 5.0], help="of a trial")
    parser.add_argument("--length", type=float, default=20.0, help="seconds of one measurement; 5 trials at least")
    parser.add_argument("--warm", type=float, default=10.0, help="seconds before it, in which workers join and warm up")
    parser.add_argument("--quick", action="store_true", help="a smoke run; writes nothing")
    parser.add_argument("--table", action="store_true", help="only write the table again")
    arguments = parser.parse_args()
    if arguments.table:
        replace_block(PAGE, "scaling", summary(json.loads(RESULTS.read_text())))
        return
    if arguments.quick:
        arguments.workers, arguments.seconds, arguments.warm, arguments.length = [2, 12], [0.1], 0.5, 1.0
    rows: list[dict[str, Any]] = []
    with Server() as server:
        for seconds in arguments.seconds:
            for workers in arguments.workers:
                length = max(arguments.length, 5 * seconds)
                rows.append(simulate(server, workers, seconds, arguments.warm + seconds, length))
                print(markdown(rows[-1:]), flush=True)
    measured = {"python": platform.python_version(), "cores": os.cpu_count(), "rows": rows}
    if not arguments.quick:
        RESULTS.write_text(json.dumps(measured, indent=1) + "\n")
        replace_block(PAGE, "scaling", summary(measured))


def summary(measured: Mapping[str, Any]) -> str:
    """The page's table."""
    rows = [
        {
            "workers": row["workers"],
            "seconds of a trial": f"{row['trial s']:g}",
            "trials per second": f"{row['trials per s']:.1f}",
            "spent in bookkeeping": f"{100 * row['bookkeeping share']:.1f} %",
            "ask, median (p99)": f"{row['ask ms, median']:.0f} ({row['ask ms, p99']:.0f}) ms",
            "tell, median (p99)": f"{row['tell ms, median']:.0f} ({row['tell ms, p99']:.0f}) ms",
            "server's processor time of a trial": f"{row['server CPU ms per trial']:.1f} ms",
            "a worker's": f"{row['worker CPU ms per trial']:.1f} ms",
        }
        for row in measured["rows"]
    ]
    note = (
        f"Written by `python -m benchmarks.scaling` (Python {measured['python']}); server and all workers on one machine with "
        f"{measured['cores']} cores, random sampler."
    )
    return f"{markdown(rows)}\n\n{note}"


if __name__ == "__main__":
    main()
