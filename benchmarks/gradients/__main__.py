"""Measures what reported hypergradients bring: trials to a level, and how well sensitivities are known.

    python -m benchmarks.gradients              runs what is missing; stop and start it as you like
    python -m benchmarks.gradients --table      only writes the tables again
    python -m benchmarks.gradients --quick      a smoke run of some seconds; writes nothing

Results are JSON lines in benchmarks/results/gradients, tables in TABLES.md there. A search is `sampler="gp"`, the same with and without
gradients; each seed is another training (initial weights, batches) and another search.
"""

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import argparse
import time
from pathlib import Path
from typing import Any

import trimtab as tt
from benchmarks.gradients import sharpness
from benchmarks.gradients.problems import PROBLEMS, Objective
from benchmarks.gradients.tables import AT, searches
from benchmarks.lines import append, read

SEARCHES = (
    "Trials until the search with gradients is as good as the one without is after 20 (same seed; median, quartiles over the seeds), "
    'and the best value so far. "mean curve": the same told from the means over the seeds. "trials without": when the search without '
    "gradients had reached that level itself. Lower values are better."
)
SENSITIVITIES = (
    "Total shares of the variance from few trials at Sobol' points: mean error against the same analysis of 200 trials, width of the "
    '90 % intervals, and how many of them hold it. "-": nothing could be told.'
)
RESULTS = Path(__file__).resolve().parent.parent / "results" / "gradients"

Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--problems", nargs="+", choices=list(PROBLEMS), default=list(PROBLEMS))
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder where the rows are kept")
    parser.add_argument("--table", action="store_true", help="only write the tables")
    parser.add_argument("--quick", action="store_true", help="a smoke run, nothing is written")
    arguments = parser.parse_args()
    folder: Path | None = None if arguments.quick else arguments.results
    budget = AT
    if arguments.quick:
        arguments.seeds, arguments.problems, budget = 1, ["breast_cancer sgd"], 5
    runs = [] if folder is None else read(folder / "searches.jsonl")
    known = [] if folder is None else read(folder / "sensitivities.jsonl")
    if not arguments.table:
        _search(runs, arguments, budget, folder)
        sharpness.measure(known, arguments.problems, arguments.seeds, folder, quick=arguments.quick)
    text = f"{SEARCHES}\n\n{searches(runs)}\n\n{SENSITIVITIES}\n\n{sharpness.table(known)}\n"
    print(text)
    if folder is not None:
        (folder / "TABLES.md").write_text("Written by `python -m benchmarks.gradients`.\n\n" + text)


def _search(rows: list[Row], arguments: argparse.Namespace, budget: int, folder: Path | None) -> None:
    """Make the searches that are missing: for one seed all problems, without and with gradients, then the next seed."""
    done = {(row["problem"], row["gradients"], row["seed"]) for row in rows}
    for seed in range(arguments.seeds):
        for name in arguments.problems:
            for gradients in (False, True):
                if (name, gradients, seed) not in done:
                    row = search(name, gradients, seed, budget)
                    rows.append(row)
                    if folder is not None:
                        append(folder / "searches.jsonl", row)


def search(name: str, gradients: bool, seed: int, budget: int) -> Row:
    """One search: the values of its trials in order, None where a training diverged, and its seconds."""
    problem, begun = PROBLEMS[name], time.perf_counter()
    study = tt.minimize(
        Objective(problem, seed, gradients), problem.space, budget, sampler="gp", seed=seed, progress=False
    )
    values = [trial.value for trial in study.trials]
    return {
        "problem": name,
        "gradients": gradients,
        "seed": seed,
        "values": values,
        "seconds": round(time.perf_counter() - begun, 2),
    }


if __name__ == "__main__":
    main()
