"""How well sensitivities are known from few trials, with reported gradients and without.

The trials are Sobol' points, so that nothing but the gradients differs. What they are judged by is the same analysis of many more points
of the same training: total shares of the variance, on the scale of ranks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import trimtab as tt
from benchmarks.gradients.problems import PROBLEMS, Objective
from benchmarks.lines import append
from benchmarks.tables import markdown

__all__ = ["measure", "table"]

TRIALS, MANY = (10, 20), 200
SCALE = "rank"

Row = dict[str, Any]


def measure(rows: list[Row], names: Sequence[str], seeds: int, folder: Path | None, *, quick: bool = False) -> None:
    """Add the rows that are missing: for each problem one training (seed 0), `seeds` designs of few points."""
    done = {(row["problem"], row["seed"]) for row in rows}
    for name in names:
        missing = [seed for seed in range(seeds) if (name, seed) not in done]
        if not missing:
            continue
        truth = tt.sensitivity.sobol(_table(name, 24 if quick else MANY, 999, gradients=False), scale=SCALE)
        for seed in missing:
            row = {"problem": name, "seed": seed, **_compared(name, seed, truth, (10,) if quick else TRIALS)}
            rows.append(row)
            if folder is not None:
                append(folder / "sensitivities.jsonl", row)


def _table(name: str, n: int, seed: int, *, gradients: bool) -> Any:
    study = tt.Study(PROBLEMS[name].space, sampler="sobol", seed=seed)
    return study.optimize(Objective(PROBLEMS[name], 0, gradients), n, progress=False).table


def _compared(name: str, seed: int, truth: Any, trials: Sequence[int]) -> dict[str, Any]:
    """Mean absolute error of the total shares, width of the 90 % intervals, and share of them that hold the truth, by number of trials."""
    table = _table(name, max(trials), seed, gradients=True)
    found = {}
    for n in trials:
        told = table.where(np.arange(table.n) < n)
        for which, some in (("without", replace(told, derivatives=None)), ("with", told)):
            shares = tt.sensitivity.sobol(some, scale=SCALE)
            held = (shares.total_low <= truth.total) & (truth.total <= shares.total_high)
            found[f"{n} {which}"] = {
                "error": _number(np.abs(shares.total - truth.total).mean()),
                "width": _number((shares.total_high - shares.total_low).mean()),
                "held": _number(held.mean()),
            }
    return found


def _number(value: Any) -> float | None:
    return round(float(value), 5) if math.isfinite(value) else None


def table(rows: Sequence[Row]) -> str:
    """One line a problem and number of trials: means over the designs."""
    lines = []
    for name in dict.fromkeys(row["problem"] for row in rows):
        own = [row for row in rows if row["problem"] == name]
        for n in sorted({int(key.split()[0]) for key in own[0] if key[0].isdigit()}):
            line: dict[str, object] = {"problem": name, "trials": n, "designs": len(own)}
            for what in ("error", "width", "held"):
                for which in ("without", "with"):
                    values = [row[f"{n} {which}"][what] for row in own]
                    known = [value for value in values if value is not None]
                    line[f"{what} {which}"] = float(np.mean(known)) if known else None
            lines.append(line)
    return markdown(lines)
