"""Measures what early stopping saves and how often it loses the best trial, on learning curves of real networks.

    python -m benchmarks.pruners                     runs what is missing; stop and start it as you like
    python -m benchmarks.pruners --table             only writes the table again
    python -m benchmarks.pruners --quick             a smoke run on made-up curves; writes nothing
    python -m benchmarks.pruners --tools "trimtab median" --again

7 tasks of TaskSet (Metz et al. 2020), 100 random configurations each, 51 evaluations a training, the first one of the untrained
network. Results are kept in benchmarks/results/pruners. Optuna's pruners run beside ours where it is installed. The data is taken
from $TRIMTAB_BENCH_DATA (default: ../shared/data).
"""

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.lines import append, keep, read
from benchmarks.pruners.replay import MissingData, curves_of, replay, task_names
from benchmarks.pruners.tools import TOOLS, installed
from benchmarks.tables import markdown

RESULTS = Path(__file__).resolve().parent.parent / "results" / "pruners"
TRIALS = 100

Row = dict[str, Any]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tools", nargs="+", choices=list(TOOLS), default=installed())
    parser.add_argument("--workers", nargs="+", type=int, default=[1, 8])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--again", action="store_true", help="drop the rows of these tools first: the code has changed")
    parser.add_argument("--table", action="store_true", help="only write the table")
    parser.add_argument("--quick", action="store_true", help="a smoke run on made-up curves, nothing is written")
    arguments = parser.parse_args()
    rows = [] if arguments.quick else read(RESULTS / "runs.jsonl")
    if arguments.again and not arguments.quick:
        rows = [row for row in rows if row["tool"] not in arguments.tools]
        keep(RESULTS / "runs.jsonl", rows)
    try:
        if not arguments.table:
            _run(rows, arguments)
    except MissingData as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    text = table(rows)
    if not arguments.quick:
        (RESULTS / "TABLE.md").write_text(text + "\n")
    print(text)
    return 0


def _run(rows: list[Row], arguments: argparse.Namespace) -> None:
    """Make the runs that are missing: all tools for one seed, then the next."""
    done = {(row["task"], row["tool"], row["workers"], row["seed"]) for row in rows}
    tasks, n, seeds = (["made-up"], 30, 1) if arguments.quick else (task_names(), TRIALS, arguments.seeds)
    for seed in range(seeds):
        for task in tasks:
            for workers in arguments.workers:
                for tool in arguments.tools:
                    if (task, tool, workers, seed) in done:
                        continue
                    row = {
                        "task": task,
                        "tool": tool,
                        "workers": workers,
                        "seed": seed,
                        **measure(task, tool, workers, seed, n),
                    }
                    rows.append(row)
                    if not arguments.quick:
                        append(RESULTS / "runs.jsonl", row)


def measure(task: str, tool: str, workers: int, seed: int, n: int) -> Row:
    """One replay.

    saved: share of the evaluations. rank: how many of all trials end better than the best one that was not stopped. share
    stopped; seconds per question.
    """
    curves = curves_of(task, n, seed)
    begun = time.perf_counter()
    taken, stopped = replay(curves, TOOLS[tool](seed), workers, seed)
    seconds = time.perf_counter() - begun
    final = np.where(np.isnan(curves[:, -1]), np.inf, curves[:, -1])
    best = float(final[~stopped].min(initial=np.inf))
    return {
        "saved": 1.0 - float(taken.sum()) / curves.size,
        "rank": int(np.sum(final < best)),
        "stopped": float(stopped.mean()),
        "ms": 1e3 * seconds / float(taken.sum()),
    }


def table(rows: Sequence[Row]) -> str:
    """One line a tool and number of workers: means over tasks and seeds, their standard error, the worst rank."""
    lines = []
    for workers in sorted({row["workers"] for row in rows}):
        for tool in TOOLS:
            own = [row for row in rows if row["tool"] == tool and row["workers"] == workers]
            if not own:
                continue
            ranks = np.array([row["rank"] for row in own])
            lines.append(
                {
                    "pruner": tool,
                    "workers": workers,
                    "evaluations saved": _spread([row["saved"] for row in own]),
                    "best trial lost": _spread([float(rank > 0) for rank in ranks]),
                    "trials better than the best kept": _spread(ranks.tolist()),
                    "at most": int(ranks.max()),
                    "ms a report": f"{np.mean([row['ms'] for row in own]):.2f}",
                    "runs": len(own),
                }
            )
    return markdown(lines)


def _spread(values: Sequence[float]) -> str:
    error = f" ± {np.std(values, ddof=1) / np.sqrt(len(values)):.2f}" if len(values) > 1 else ""
    return f"{np.mean(values):.2f}{error}"


if __name__ == "__main__":
    sys.exit(main())
