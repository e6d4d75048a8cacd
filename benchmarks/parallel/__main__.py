"""Measures what 4 and 8 workers lose against one at the same number of trials, on the development tables.

    python -m benchmarks.parallel                     runs what is missing; stop and start it as you like
    python -m benchmarks.parallel --table             only prints the table again
    python -m benchmarks.parallel --quick             a smoke run on a made-up task; writes nothing
    python -m benchmarks.parallel --tools "optuna gp" --workers 4

Results are JSON lines in benchmarks/results/parallel. Needs the data of benchmarks/peers.
"""

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.lines import append, keep, paired, read
from benchmarks.parallel.simulate import TASKS, TOOLS, simulate
from benchmarks.tables import markdown

RESULTS = Path(__file__).resolve().parent.parent / "results"
BUDGET, AT = 50, (20, 50)
LEVEL_AT = 30  # the level whose price in trials is compared: what one worker has after so many

Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tools", nargs="+", choices=sorted(TOOLS), default=["trimtab gp", "trimtab tpe"])
    parser.add_argument("--workers", nargs="+", type=int, default=[1, 4, 8])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--tasks", nargs="+", default=list(TASKS))
    parser.add_argument(
        "--results", type=Path, default=RESULTS / "parallel" / "runs.jsonl", help="where the rows are kept"
    )
    parser.add_argument("--again", action="store_true", help="drop the rows of these tools first: the code has changed")
    parser.add_argument("--table", action="store_true", help="only print the table")
    parser.add_argument("--quick", action="store_true", help="a smoke run on a made-up task, nothing is written")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.tasks, arguments.seeds, arguments.workers = ["toy:mixed"], 2, [1, 4]
    rows = [] if arguments.quick else read(arguments.results)
    if arguments.again and not arguments.quick:
        rows = [row for row in rows if row["tool"] not in arguments.tools]
        keep(arguments.results, rows)
    if not arguments.table:
        _run(rows, arguments)
    print(table(rows))


def _run(rows: list[Row], arguments: argparse.Namespace) -> None:
    """Make the runs that are missing; all tools and numbers of workers for one seed, then the next."""
    done = {(row["task"], row["tool"], row["workers"], row["seed"]) for row in rows}
    budget = 8 if arguments.quick else BUDGET
    for seed in range(arguments.seeds):
        for task in arguments.tasks:
            for tool in arguments.tools:
                for workers in arguments.workers:
                    if (task, tool, workers, seed) in done:
                        continue
                    curves = simulate(task, tool, workers, seed, budget)
                    row = {"task": task, "tool": tool, "workers": workers, "seed": seed, **curves}
                    rows.append(row)
                    if not arguments.quick:
                        append(arguments.results, row)


def table(rows: Sequence[Row]) -> str:
    """One line a tool and number of workers: scores, what is lost against one worker (paired), and the price in trials.

    price: trials that the mean curve needs to reach what one worker has after LEVEL_AT, over LEVEL_AT.
    """
    lines = []
    for tool in TOOLS:
        own = [row for row in rows if row["tool"] == tool]
        for workers in sorted({row["workers"] for row in own}):
            line: dict[str, object] = {"tool": tool, "workers": workers}
            runs, one = _by_run(own, workers), _by_run(own, 1)
            for curve in ("observed", "tried"):
                for at in AT:
                    scores, base = _at(runs, curve, at), _at(one, curve, at)
                    line[f"{curve} at {at}"] = f"{np.mean(list(scores.values())):.2f}"
                    mean, error, _ = paired(scores, base)
                    line[f"lost at {at}" + ("" if curve == "observed" else ", tried")] = (
                        "" if workers == 1 or not base else f"{mean:+.2f} ± {error:.2f}"
                    )
            line["price in trials"] = _price(runs, one)
            line["runs"] = len(runs)
            lines.append(line)
    return markdown(lines)


def _by_run(rows: Sequence[Row], workers: int) -> dict[Any, Row]:
    return {(row["task"], row["seed"]): row for row in rows if row["workers"] == workers}


def _at(runs: Mapping[Any, Row], curve: str, n: int) -> dict[Any, float]:
    """Scores after n trials, or after the last one of a shorter run."""
    return {key: row[curve][min(n, len(row[curve])) - 1] for key, row in runs.items()}


def _price(runs: Mapping[Any, Row], one: Mapping[Any, Row]) -> str:
    """How many times the trials; by the best configuration tried, which is less noisy than the incumbent."""
    both = [key for key in runs if key in one]
    if not both:
        return "-"
    alone = np.mean([one[key]["tried"] for key in both], axis=0)
    curve = np.mean([runs[key]["tried"] for key in both], axis=0)
    at = min(LEVEL_AT, len(alone))
    reached = np.flatnonzero(curve <= alone[at - 1])
    return f"{(reached[0] + 1) / at:.2f}" if len(reached) else f"> {len(curve) / at:.2f}"


if __name__ == "__main__":
    main()
