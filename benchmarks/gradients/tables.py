"""Tables of the searches with and without gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.tables import markdown

__all__ = ["AT", "searches"]

AT = 20  # trials without gradients whose level is to be reached
WANTED = 10  # trials with them in which it should be

Row = dict[str, Any]


def searches(rows: Sequence[Row]) -> str:
    """One line a problem.

    level: best value of a search without gradients after AT trials, mean over the seeds. trials: how many the search of the same seed
    needs with gradients to be as good, median and quartiles ("> AT" where it did not get there); mean curve: the same of the curves of
    means. share: of the seeds in which at most WANTED were enough. without, at WANTED: what the search without gradients had by then.
    """
    lines = []
    for name in dict.fromkeys(row["problem"] for row in rows):
        without, told = (_curves(rows, name, gradients) for gradients in (False, True))
        seeds = sorted(without.keys() & told.keys())
        if not seeds:
            continue
        base, ours = (np.array([curves[seed] for seed in seeds]) for curves in (without, told))
        last = base.shape[1] - 1
        needed = np.array([_first(b[last], o) for b, o in zip(base, ours, strict=True)])
        own = np.array([_first(b[last], b) for b in base])
        wanted = min(WANTED, base.shape[1]) - 1
        mean = _first(float(base[:, last].mean()), ours.mean(axis=0))
        low, middle, high = (_text(q, last + 1) for q in np.quantile(needed, [0.25, 0.5, 0.75], method="higher"))
        lines.append(
            {
                "problem": name,
                "hyperparameters": len(_space(name)),
                "seeds": len(seeds),
                f"level at {last + 1}": float(base[:, last].mean()),
                "trials with gradients": f"{middle} ({low} to {high})",
                f"share within {wanted + 1}": f"{np.mean(needed <= wanted + 1):.0%}",
                "mean curve": _text(mean, last + 1),
                "trials without": _text(float(np.quantile(own, 0.5, method="higher")), last + 1),
                f"at {wanted + 1}: without": float(base[:, wanted].mean()),
                "with": float(ours[:, wanted].mean()),
                f"with, at {last + 1}": float(ours[:, last].mean()),
            }
        )
    return markdown(lines)


def _space(name: str) -> Any:
    from benchmarks.gradients.problems import PROBLEMS

    return PROBLEMS[name].space


def _curves(rows: Sequence[Row], name: str, gradients: bool) -> dict[int, np.ndarray]:
    """Best value so far of each seed; before the first result the worst of all."""
    found = {}
    for row in rows:
        if row["problem"] == name and row["gradients"] == gradients:
            values = np.array([np.inf if v is None else v for v in row["values"]])
            values[~np.isfinite(values)] = np.max(values[np.isfinite(values)])
            found[row["seed"]] = np.minimum.accumulate(values)
    return found


def _first(level: float, curve: np.ndarray) -> float:
    """Trials until the curve is as good as the level; infinite where it never is."""
    reached = np.flatnonzero(curve <= level)
    return float(reached[0] + 1) if len(reached) else np.inf


def _text(trials: float, most: int) -> str:
    return f"> {most}" if not np.isfinite(trials) else f"{trials:g}"
