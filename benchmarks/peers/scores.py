"""Runs to figures: means over tasks with their standard errors, paired differences, ranks, trials to a level. Nothing is read or printed.

Notation
    run     a line of results (see `running.record`)
    pair    (task, seed); tools are compared on the pairs that all of them have
    values  {pair: number}

Tasks are fixed, seeds are drawn: a mean is the mean over tasks of the mean over seeds, and its standard error comes from the seeds
alone. Seeds are independent from task to task, for a tool's own seed is made of both.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = [
    "Estimate",
    "best_peer",
    "common",
    "curve",
    "difference",
    "levels",
    "mean_over_tasks",
    "ranks",
    "seconds",
    "trials_to_reach",
]

Run = Mapping[str, Any]
Pair = tuple[str, int]
Values = Mapping[Pair, float]
N_RESAMPLES = 400


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean and its standard error (NaN where a task has one seed only)."""

    mean: float
    se: float


def common(runs: Collection[Run], tools: Sequence[str]) -> dict[str, dict[Pair, Run]]:
    """For each tool its runs on the pairs that all the tools have, in one order. The runs are of one budget."""
    of = {tool: {(r["task"], r["seed"]): r for r in runs if r["tool"] == tool} for tool in tools}
    pairs = sorted(set.intersection(*(set(of[tool]) for tool in tools))) if tools else []
    return {tool: {pair: of[tool][pair] for pair in pairs} for tool in tools}


def levels(runs: Mapping[Pair, Run], n: int, field: str = "quantile") -> dict[Pair, float] | None:
    """A field of the checkpoint after n trials. None if some run has no such thing (a tool that recommends nothing)."""
    found = {pair: run["checkpoints"].get(str(n), {}).get(field) for pair, run in runs.items()}
    return None if not found or any(v is None for v in found.values()) else found


def seconds(runs: Mapping[Pair, Run]) -> dict[Pair, float]:
    """Processor seconds that one trial cost the tool: ask and tell, for some work in the one and some in the other."""
    return {pair: run["ask_seconds"] + run["tell_seconds"] for pair, run in runs.items()}


def mean_over_tasks(values: Values) -> Estimate:
    """The mean over tasks of the mean over seeds. ValueError if there is nothing."""
    if not values:
        raise ValueError("mean_over_tasks needs at least one value, got none.")
    groups = [np.array([v for (t, _), v in values.items() if t == task]) for task in sorted({t for t, _ in values})]
    variances = [g.var(ddof=1) / len(g) if len(g) > 1 else np.nan for g in groups]
    return Estimate(float(np.mean([g.mean() for g in groups])), float(np.sqrt(np.sum(variances)) / len(groups)))


def difference(ours: Values, theirs: Values) -> Estimate:
    """Ours minus theirs, paired by task and seed."""
    return mean_over_tasks({pair: ours[pair] - theirs[pair] for pair in ours if pair in theirs})


def best_peer(values: Mapping[str, Values], peers: Collection[str]) -> str:
    """The peer with the lowest mean."""
    return min(peers, key=lambda peer: mean_over_tasks(values[peer]).mean)


def ranks(values: Mapping[str, Values]) -> dict[str, dict[Pair, float]]:
    """The tools' ranks within each pair, 1 the lowest; equal ones share the mean of their ranks."""
    tools = list(values)
    ranked: dict[str, dict[Pair, float]] = {tool: {} for tool in tools}
    for pair in values[tools[0]] if tools else ():
        numbers = np.array([values[tool][pair] for tool in tools])
        below = (numbers[:, None] > numbers).sum(axis=1)
        equal = (numbers[:, None] == numbers).sum(axis=1)
        for tool, rank in zip(tools, below + (equal + 1) / 2, strict=True):
            ranked[tool][pair] = float(rank)
    return ranked


def curve(runs: Mapping[Pair, Run]) -> np.ndarray:
    """(budget,) mean over tasks of the mean over seeds of the incumbent's quantile after each trial."""
    mean: np.ndarray = np.mean([group.mean(axis=0) for group in _curves(runs)], axis=0)
    return mean


def trials_to_reach(runs: Mapping[Pair, Run], reference: Mapping[Pair, Run], seed: int = 0) -> Estimate:
    """The first trial at which a tool's mean curve is as good as the reference's at its end; infinite if it never is.

    se: the spread over resampled seeds, the same ones of both tools; a curve that never gets there counts as one trial more
    than the budget.
    """
    ours, theirs, rng = _curves(runs), _curves(reference), np.random.default_rng(seed)
    whole = [np.arange(len(group)) for group in ours]
    resampled = [
        _first(ours, theirs, [rng.integers(len(group), size=len(group)) for group in ours]) for _ in range(N_RESAMPLES)
    ]
    budget = ours[0].shape[1]
    first = _first(ours, theirs, whole)
    single = any(len(group) == 1 for group in ours)
    return Estimate(float(first if first <= budget else np.inf), np.nan if single else float(np.std(resampled)))


def _first(ours: Sequence[np.ndarray], theirs: Sequence[np.ndarray], rows: Sequence[np.ndarray]) -> int:
    mine = np.mean([group[i].mean(axis=0) for group, i in zip(ours, rows, strict=True)], axis=0)
    target = np.mean([group[i, -1].mean() for group, i in zip(theirs, rows, strict=True)])
    reached = mine <= target + 1e-12
    return int(np.argmax(reached)) + 1 if reached.any() else len(mine) + 1


def _curves(runs: Mapping[Pair, Run]) -> list[np.ndarray]:
    """For each task (seeds, budget): the incumbent's quantile after each trial."""
    tasks = sorted({task for task, _ in runs})
    return [np.array([_steps(runs[pair]) for pair in sorted(runs) if pair[0] == task]) for task in tasks]


def _steps(run: Run) -> np.ndarray:
    at, quantiles = zip(*run["incumbents"], strict=True)
    return np.array(quantiles)[np.searchsorted(at, np.arange(1, run["budget"] + 1), side="right") - 1]
