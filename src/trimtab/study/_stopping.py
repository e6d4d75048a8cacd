"""When a run stops: its budget, the rules that look at the results, and what it says of why it stopped.

    n_trials, timeout            how much this call may spend
    patience, target, max_regret results of the whole study, whoever evaluated it: where one of these rules is met
                                 already, nothing is evaluated

A rule is a function of the trials in the order in which they ended.

How often max_regret is wrong: 48 runs of 60 trials of the GP (5 tables of networks, 2 tasks of the LCBench surrogate, 5
test functions; 4 seeds each), each with max_regret of 0.3, 1, 3 and 10 % of the distance of the median from the optimum.
42 of the 192 were stopped, after 37 trials on average, and in 3 of these more was left to gain: twice a conditional
hyperparameter had been good at its bound and better inside, once the best lay in a corner. On spaces of 6 columns and
more it seldom stops before 40 to 60 trials, if at all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from trimtab.errors import InputError
from trimtab.numerics import FloatArray
from trimtab.records import FINISHED, TrialTable

if TYPE_CHECKING:
    from trimtab.study._study import Study

__all__ = ["EXHAUSTED", "Budget", "Rules"]

CONFIDENCE = 0.95  # of max_regret
LEAST_TRIALS = 10  # finished ones, and twice the searched columns, before max_regret is asked
STEADY = 5  # trials over which its bound must have been low enough
EXHAUSTED = "every configuration was tried"


@dataclass(frozen=True, kw_only=True)
class Budget:
    """When to stop. None: no such limit.

    n_trials: trials that this call ends. total: trials that the study shall have evaluated, by all processes together.
    timeout: seconds. The others as in Study.optimize.
    """

    n_trials: int | None = None
    total: int | None = None
    timeout: float | None = None
    patience: int | None = None
    target: float | None = None
    max_regret: float | None = None
    retries: int = 0
    repeats: int = 1

    def __post_init__(self) -> None:
        for name, least in (("n_trials", 0), ("patience", 1), ("retries", 0), ("repeats", 1)):
            value = getattr(self, name)
            if value is None and name in ("n_trials", "patience"):
                continue
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
                raise InputError(f"{name} must be a whole number >= {least}, got {value!r}.")
        for name in ("timeout", "target", "max_regret"):
            value = getattr(self, name)
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or math.isnan(value):
                raise InputError(f"{name} must be a number, got {value!r}.")
        if self.timeout is not None and self.timeout <= 0:
            raise InputError(f"timeout must be more than 0 seconds, got {self.timeout!r}.")
        if self.max_regret is not None and not 0 < self.max_regret < math.inf:
            raise InputError(
                f"max_regret must be more than 0, in the units of the objective, got {self.max_regret!r}. It is the "
                "further gain that is not worth searching for."
            )

    @property
    def is_open(self) -> bool:
        """Nothing in it ever ends a study by itself."""
        ends = (self.n_trials, self.timeout, self.patience, self.target, self.max_regret)
        return all(end is None for end in ends)

    @property
    def spent(self) -> str:
        """Why a run stops that has used up its number of trials."""
        if self.total is not None:
            return f"n_trials: the study has its {self.total} trials"
        return f"n_trials: {self.n_trials} trials were evaluated"

    @property
    def too_late(self) -> str:
        """Why a run stops that has used up its time."""
        return f"timeout: {self.timeout:g} seconds have passed"


class Rules:
    """patience, target and max_regret of a budget, applied to a study.

    front: objectives (k, m) of the best trials of the whole study: of one objective the lowest value, of several the
        Pareto front; trials that break a limit are not on it. stale: evaluated trials in a row that were no better.
    """

    def __init__(self, study: Study, budget: Budget) -> None:
        self.study, self.budget = study, budget
        m = study._journal.fold.table.goals.m
        self.front: FloatArray = np.empty((0, m))
        self.stale = 0
        self._seen = 0
        self._little = False
        self._asked = -1  # ended trials when the regret was computed
        if budget.target is not None and m > 1:
            raise InputError("target needs a study of one objective. For several give patience= or n_trials=.")
        if budget.max_regret is not None and (m > 1 or study._journal.fold.table.goals.limits):
            raise InputError(
                "max_regret needs a study of one objective without limits on other outcomes: only there it is clear "
                "what a gain is. Give patience= or n_trials=."
            )

    def met(self) -> str | None:
        """Why to stop, in words; None to go on."""
        budget = self.budget
        if budget.patience is None and budget.target is None and budget.max_regret is None:
            return None
        self._look()
        if budget.target is not None and np.any(self.front <= self._sign * budget.target):
            return f"target: {budget.target:g} was reached"
        if budget.patience is not None and self.stale >= budget.patience:
            many = "finished trial was" if budget.patience == 1 else f"{budget.patience} finished trials were"
            return f"patience: the last {many} no better"
        if budget.max_regret is not None and self._little_is_left(budget.max_regret):
            sure = f"{100 * CONFIDENCE:g} %"
            return f"max_regret: the best possible further gain is below {budget.max_regret:g} with {sure}"
        return None

    def _look(self) -> None:
        """Take in what has ended since the last look, in the order of ending.

        A result from elsewhere may be the best; it wears out no patience.
        """
        self.study.recover()  # reads what other processes wrote
        fold = self.study._journal.fold
        numbers = fold.ended[self._seen :]
        table = fold.table.where(np.array(numbers, dtype=np.int64))
        objectives = table.outcomes[:, : table.goals.m]
        counts = table.feasible & np.isfinite(objectives).all(axis=1)
        for i in np.flatnonzero(table.state == FINISHED):
            better = counts[i] and not np.any(np.all(self.front <= objectives[i], axis=1))
            if numbers[i] in fold.attempts:
                self.stale = 0 if better else self.stale + 1
            if better:
                beaten = np.all(objectives[i] <= self.front, axis=1)
                self.front = np.concatenate([self.front[~beaten], objectives[i : i + 1]])
        self._seen = len(fold.ended)

    def _little_is_left(self, most: float) -> bool:
        """Whether the bound on the further gain is at most that, after all trials that ended and after those STEADY ago."""
        if self._asked != self._seen:
            table = self.study._journal.fold.table
            table = table.where(np.array(self.study._journal.fold.ended, dtype=np.int64))
            self._little = all(self._gain(table, table.n - ago) <= most for ago in (0, STEADY))
            self._asked = self._seen
        return self._little

    def _gain(self, table: TrialTable, n: int) -> float:
        """The bound after the first n trials; inf where there are too few, or the model cannot be trusted."""
        y = np.where(table.state == FINISHED, table.y, np.nan)[: max(n, 0)]
        if np.isfinite(y).sum() < max(LEAST_TRIALS, 2 * table.space.d):
            return math.inf
        from trimtab.acquisition import regret_bound  # SciPy's optimisers: only where it is asked for

        regret = regret_bound(table.space, table.x[:n], y, confidence=CONFIDENCE)
        return regret.bound if regret.trusted else math.inf

    @property
    def _sign(self) -> float:
        return -1.0 if self.study.direction == "maximize" else 1.0
