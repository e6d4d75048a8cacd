"""Compares samplers on a small subset of COCO's mixed-integer and noisy suites, 50 evaluations each.

    python -m pip install coco-experiment optuna torch
    python -m benchmarks.coco                    runs what is missing, one core; stop and start it as you like
    python -m benchmarks.coco --table            only prints the tables again
    python -m benchmarks.coco --quick            a smoke run of a few seconds; writes nothing

Results are JSON lines in benchmarks/results/coco.
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

from benchmarks.coco.problems import NAMES, Problem, problems
from benchmarks.coco.tools import TOOLS, available
from benchmarks.lines import append, keep, paired, read
from benchmarks.tables import markdown

RESULTS = Path(__file__).resolve().parent.parent / "results" / "coco"
BUDGETS = (10, 20, 30, 50)
DEFAULT = ("trimtab gp", "trimtab tpe", "optuna gp", "optuna tpe", "random")
BASE = "optuna gp"

Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tools", nargs="+", choices=sorted(TOOLS), default=list(DEFAULT))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--suite", choices=("bbob-mixint", "bbob-noisy"), help="one suite only")
    parser.add_argument("--results", type=Path, default=RESULTS / "runs.jsonl", help="where the rows are kept")
    parser.add_argument("--again", action="store_true", help="drop the rows of these tools first: the code has changed")
    parser.add_argument("--table", action="store_true", help="only print the tables")
    parser.add_argument("--quick", action="store_true", help="a smoke run: one problem a suite, nothing is written")
    arguments = parser.parse_args()
    try:
        import cocoex  # noqa: F401
    except ImportError:
        if not arguments.table:
            print("This benchmark needs COCO: python -m pip install coco-experiment", file=sys.stderr)
            raise SystemExit(1) from None
    rows = [] if arguments.quick else read(arguments.results)
    if arguments.again and not arguments.quick:
        rows = [r for r in rows if r["tool"] not in arguments.tools or arguments.suite not in (None, r["suite"])]
        keep(arguments.results, rows)
    if not arguments.table:
        missing = [tool for tool in arguments.tools if not available(tool)]
        for tool in missing:
            print(f"{tool}: not installed, left out", file=sys.stderr)
        tools = [tool for tool in arguments.tools if tool not in missing]
        _run(rows, tools, arguments)
    print(tables(rows))


def _run(rows: list[Row], tools: Sequence[str], arguments: argparse.Namespace) -> None:
    """Make the runs that are missing; the tools take turns, so that what is there is comparable at any time."""
    done = {(row["problem"], row["seed"], row["tool"]) for row in rows}
    chosen = [p for p in problems(arguments.quick) if arguments.suite in (None, p.suite)]
    for seed in range(1 if arguments.quick else arguments.seeds):
        for problem in chosen:
            for tool in tools:
                if (problem.key, seed, tool) in done:
                    continue
                row = run(problem, tool, seed, budgets=(5, 8) if arguments.quick else BUDGETS)
                rows.append(row)
                if not arguments.quick:
                    append(arguments.results, row)


def run(problem: Problem, tool: str, seed: int, budgets: Sequence[int] = BUDGETS) -> Row:
    """One run: the gap of the incumbent by observed value at each budget, and seconds a trial."""
    best, incumbent, gaps, seconds = np.inf, None, {}, 0.0
    trials = TOOLS[tool](problem, seed, max(budgets))
    for number in range(1, max(budgets) + 1):
        begun = time.perf_counter()
        params, value = next(trials)
        seconds += time.perf_counter() - begun
        if value < best:
            best, incumbent = value, params
        if number in budgets:
            assert incumbent is not None
            gaps[str(number)] = round(problem.gap(incumbent), 4)
    return {
        "problem": problem.key,
        "suite": problem.suite,
        "function": problem.function,
        "tool": tool,
        "seed": seed,
        "gap": gaps,
        "seconds": round(seconds / max(budgets), 5),
    }


def tables(rows: Sequence[Row]) -> str:
    """For each suite: the mean gap of each tool with its standard error and mean rank, then each function beside the base."""
    parts = []
    for suite in sorted({row["suite"] for row in rows}):
        own = [row for row in rows if row["suite"] == suite]
        budgets = list(own[0]["gap"])
        by_tool = {tool: {(r["problem"], r["seed"]): r for r in own if r["tool"] == tool} for tool in TOOLS}
        by_tool = {tool: runs for tool, runs in by_tool.items() if runs}
        common = set.intersection(*(set(runs) for runs in by_tool.values()))
        if not common:
            continue
        ranks = _ranks(by_tool, common, budgets[-1])
        lines = []
        for tool, runs in by_tool.items():
            line: dict[str, object] = {"tool": tool}
            for budget in budgets:
                line[f"gap at {budget}"] = f"{np.mean([runs[k]['gap'][budget] for k in common]):.2f}"
            base = by_tool.get(BASE, {})
            mean, error, _ = paired(_gaps(runs, budgets[-1]), _gaps(base, budgets[-1]), common)
            line[f"minus {BASE}"] = "" if tool == BASE or not base else f"{mean:+.2f} ± {error:.2f}"
            line["mean rank"] = f"{ranks[tool]:.2f}"
            line["ms a trial"] = f"{1e3 * np.median([runs[k]['seconds'] for k in common]):.1f}"
            lines.append(line)
        parts.append(f"{suite}, {len(common)} runs of each tool\n\n{markdown(lines)}")
        if BASE in by_tool and "trimtab gp" in by_tool:
            parts.append(_by_function(by_tool, budgets[-1]))
    return "\n\n".join(parts)


def _gaps(runs: dict[Any, Row], budget: str) -> dict[Any, float]:
    return {key: row["gap"][budget] for key, row in runs.items()}


def _ranks(by_tool: dict[str, dict[Any, Row]], common: set[Any], budget: str) -> dict[str, float]:
    """Mean rank of each tool over the runs that all made; ties share their ranks."""
    from scipy.stats import rankdata

    values = np.array([[runs[k]["gap"][budget] for k in sorted(common)] for runs in by_tool.values()])
    return dict(zip(by_tool, rankdata(values, axis=0).mean(axis=1).tolist(), strict=True))


def _by_function(by_tool: dict[str, dict[Any, Row]], budget: str) -> str:
    """Our GP and the base, function by function."""
    lines = []
    ours, base = by_tool["trimtab gp"], by_tool[BASE]
    for function in sorted({row["function"] for row in ours.values()}):
        keys = [k for k, row in ours.items() if row["function"] == function and k in base]
        if not keys:
            continue
        mean, error, n = paired(_gaps(ours, budget), _gaps(base, budget), keys)
        lines.append(
            {
                "function": f"f{function} {NAMES[function]}",
                "trimtab gp": f"{np.mean([ours[k]['gap'][budget] for k in keys]):.2f}",
                BASE: f"{np.mean([base[k]['gap'][budget] for k in keys]):.2f}",
                "difference": f"{mean:+.2f} ± {error:.2f}",
                "runs": n,
            }
        )
    return markdown(lines)


if __name__ == "__main__":
    main()
