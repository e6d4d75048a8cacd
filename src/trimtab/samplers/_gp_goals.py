"""What the Gaussian-process search needs beyond one objective: further objectives, and limits on other outcomes.

Each objective has a process of its own, warped and fitted as the only one would be. Of several objectives the log
expected hypervolume improvement over the front of posterior means is maximised; of one, the log expected improvement
over the best trial that keeps every limit. Each limit has a process of its slack and adds the log probability that it
is kept. Where no trial keeps every limit yet, that probability alone is maximised.

Notation
    outcomes   objectives, then slacks of ended trials, NaN where there is none    (n, m + c)
    z          posterior mean of the objectives at the trials, warped              (n, m)
    t          asinh(slack / its median size), then mean 0 and sd 1: tails count little, and 0 stays a known place
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from trimtab.acquisition import Acquisition, LogExpectedImprovement, LogHypervolumeImprovement, LogWithinLimit
from trimtab.errors import InputError
from trimtab.numerics import BoolArray, FloatArray, IntArray
from trimtab.numerics._pareto import crowding_distance, non_dominated
from trimtab.records import PRUNED, Goals, TrialTable
from trimtab.samplers._preference import total_excess
from trimtab.surrogates import Columns, GaussianProcess, fit_gp

__all__ = ["MOST_OBJECTIVES", "Several", "promising"]

MOST_OBJECTIVES = 3
BEYOND = (
    0.3  # of the front's extent: how far the reference lies beyond its worst values; with 0.1 searches clung to one end
)
LEAST_EXTENT = 1.0  # of a front, in standard deviations of the trials: a front of one point has none of its own


@dataclass(frozen=True, eq=False)
class Several:
    """Outcomes (n, m + c) of the ended trials. others: the sampler's states of the objectives after the first.

    fits: hyperparameters of the slacks at the checkpoint; models: their processes. Both are filled on demand.
    """

    goals: Goals
    outcomes: FloatArray
    others: tuple[Any, ...]
    fits: dict[int, FloatArray] = field(default_factory=dict, repr=False)
    models: dict[int, tuple[GaussianProcess, float]] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, table: TrialTable, empty: Any) -> Several:
        """Before any trial. empty: the sampler's state before any trial."""
        goals = table.goals
        if goals.m > MOST_OBJECTIVES:
            raise InputError(
                f"The GP sampler takes up to {MOST_OBJECTIVES} objectives, this study has {goals.m} "
                f"({', '.join(goals.objectives)}). Use sampler='tpe' or 'random', or make limits of some of them."
            )
        return cls(goals, np.empty((0, goals.m + len(goals.limits))), (empty,) * (goals.m - 1))

    def after(self, table: TrialTable, others: tuple[Any, ...], new_checkpoint: bool) -> Several:
        """With newly ended trials."""
        new = np.where((table.state == PRUNED)[:, None], np.nan, table.outcomes)  # of a training that did not end
        outcomes = np.concatenate([self.outcomes, new])
        return replace(self, outcomes=outcomes, others=others, fits={} if new_checkpoint else self.fits, models={})

    def slack(self, k: int, columns: Columns, x: FloatArray, rows: IntArray, fit: IntArray) -> tuple[Any, float] | None:
        """The process of the k-th limit's slack, and where its bound lies; None without a finished trial.

        x (n, d): the ended trials. rows: those to condition on. fit: those to learn hyperparameters from.
        """
        if k not in self.models:
            slack = self.outcomes[:, self.goals.m + k]
            known = np.isfinite(slack)
            if not known[fit].any():
                return None
            if k not in self.fits:
                mine = fit[known[fit]]
                self.fits[k] = fit_gp(columns, x[mine], _signed(slack[mine])[0]).theta  # of the checkpoint alone
            mine = rows[known[rows]]
            t, bound = _signed(slack[mine])
            self.models[k] = GaussianProcess.condition(columns, self.fits[k], x[mine], t), bound
        return self.models[k]


def promising(
    goals: Goals,
    outcomes: FloatArray,
    x: FloatArray,
    models: Sequence[GaussianProcess],
    limits: Sequence[tuple[GaussianProcess, float]],
    waiting: FloatArray,
    most: int,
) -> tuple[list[Acquisition], FloatArray]:
    """The terms that say how much a point promises, and up to `most` trials whose neighbourhood is worth a search.

    outcomes, x: of the trials to improve on (n, m + c), (n, d). models: one for each objective. limits: process and
    bound of each. waiting (q, d): pending points, believed to come out at their posterior means.
    """
    terms: list[Acquisition] = [LogWithinLimit(gp.believe(waiting).reinterpolated(), bound) for gp, bound in limits]
    done: BoolArray = np.all(np.isfinite(outcomes), axis=1)
    feasible = done & goals.feasible(outcomes)
    if not feasible.any():
        excess = np.maximum(np.where(done[:, None], outcomes[:, goals.m :], np.inf), 0.0)
        return terms, x[np.argsort(total_excess(excess), kind="stable")[: min(most, int(done.sum()))]]
    z = np.stack([model.predict(x[feasible])[0] for model in models], axis=1)
    posteriors = [model.believe(waiting).reinterpolated() for model in models]
    if goals.m == 1:
        improvement: Acquisition = LogExpectedImprovement(posteriors[0], float(z.min()))
        return [improvement, *terms], x[feasible][np.argsort(z[:, 0], kind="stable")[:most]]
    front = non_dominated(z)
    spread = np.argsort(-crowding_distance(z[front]), kind="stable")[:most]
    return [LogHypervolumeImprovement(posteriors, z[front], _reference(z, front)), *terms], x[feasible][front][spread]


def _reference(z: FloatArray, front: BoolArray) -> FloatArray:
    """A little worse than the worst of the front (m,)."""
    worst, extent = z[front].max(axis=0), np.ptp(z[front], axis=0)
    beyond: FloatArray = worst + BEYOND * np.maximum(extent, LEAST_EXTENT)
    return beyond


def _signed(slack: FloatArray) -> tuple[FloatArray, float]:
    """t (n,) of slacks, and where a slack of 0 lies."""
    size = float(np.median(np.abs(slack))) or float(np.max(np.abs(slack))) or 1.0
    t = np.arcsinh(np.clip(slack / size, -1e100, 1e100))
    mean, sd = float(t.mean()), float(t.std())
    if sd < 1e-9:
        sd = abs(mean) or 1.0
    return (t - mean) / sd, -mean / sd
