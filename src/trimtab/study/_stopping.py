"""When a run stops: its budget, the rules that look at the results, and what it says of why it stopped.

    n_trials, timeout            how much this call may spend
    patience, target, max_regret results of the whole study, whoever evaluated it: where one of these rules is met
                                 already, nothing is evaluated

patience counts finished trials of new configurations, in the order of ending, since the last that was better than all
before. Not counted: repeats (`repeats=`), trials for the sensitivities (`understand=`), steps of `refine`, results from
elsewhere (`add_trial`), failed and pruned trials. A repeat may
be the best trial, but that is luck rather than progress of the search: it neither wears out patience nor renews it.

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
from trimtab.records import FINISHED, Fold, TrialTable

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
    timeout: seconds. only_understand: as Study.understand. The others as in Study.optimize.
    """

    n_trials: int | None = None
    total: int | None = None
    timeout: float | None = None
    patience: int | None = None
    target: float | None = None
    max_regret: float | None = None
    retries: int = 0
    repeats: int = 1
    understand: float = 0.0
    only_understand: bool = False
    deterministic: bool = False

    def __post_init__(self) -> None:
        for name, least in (("n_trials", 0), ("patience", 1), ("retries", 0), ("repeats", 1)):
            value = getattr(self, name)
            if value is None and name in ("n_trials", "patience"):
                continue
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
                raise InputError(f"{name} must be a whole number >= {least}, got {value!r}.")
        if (
            isinstance(self.understand, bool)
            or not isinstance(self.understand, (int, float, np.number))
            or not 0 <= self.understand < 1
        ):
            raise InputError(
                f"understand must be a number from 0 to below 1, got {self.understand!r}. It is the share of the trials that "
                "sharpen the sensitivities; study.understand spends all of them on that."
            )
        for name in ("timeout", "target", "max_regret"):
            value = getattr(self, name)
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or math.isnan(value):
                raise InputError(f"{name} must be a number, got {value!r}.")
        if not isinstance(self.deterministic, bool):
            raise InputError(f"deterministic must be True or False, got {self.deterministic!r}.")
        if self.timeout is not None and self.timeout <= 0:
            raise InputError(f"timeout must be more than 0 seconds, got {self.timeout!r}.")
        if self.max_regret is not None and not 0 < self.max_regret < math.inf:
            raise InputError(
                f"max_regret must be more than 0, in the units of the objective, got {self.max_regret!r}. It is the "
                "further gain that is not worth searching for."
            )

    @property
    def understanding(self) -> float:
        """Share of the trials that sharpen the sensitivities."""
        return 1.0 if self.only_understand else float(self.understand)

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
        Pareto front; trials that break a limit are not on it. stale: what patience counts, see above.
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
        ends = (budget.patience, budget.target, budget.max_regret)
        if not budget.only_understand and all(end is None for end in ends):
            return None
        self.study._catch_up()  # reads what other processes wrote
        fold = self._fold()
        if fold is None:
            return None
        if budget.only_understand and (settled := self.study._proposals.understanding.settled(fold)):
            return f"understand: {settled}"
        self._look(fold)
        if budget.target is not None and np.any(self.front <= self._sign * budget.target):
            return f"target: {budget.target:g} was reached"
        if budget.patience is not None and self.stale >= budget.patience:
            many = "finished trial was" if budget.patience == 1 else f"{budget.patience} finished trials were"
            left_out = [("repeats", fold.repeated), ("trials for the sensitivities", fold.understood)]
            names = " and ".join(name for name, numbers in left_out if numbers)
            aside = f" ({names} aside)" if names else ""
            return f"patience: the last {many} no better{aside}"
        if budget.max_regret is not None and self._little_is_left(fold, budget.max_regret):
            sure = f"{100 * CONFIDENCE:g} %"
            return f"max_regret: the best possible further gain is below {budget.max_regret:g} with {sure}"
        return None

    def waited(self) -> str:
        """How much of the patience is used up, in words; "" where none is set."""
        fold = None if self.budget.patience is None else self._fold()
        if fold is None:
            return ""
        self._look(fold)
        return f"{self.stale} of {self.budget.patience} without gain"

    def _fold(self) -> Fold | None:
        """What the rules may look at; None where results that they need are not there yet (deterministic=True)."""
        journal = self.study._journal
        return journal.fold if journal.in_order is None else journal.in_order.before(journal.fold.n)

    def _look(self, fold: Fold) -> None:
        """Take in what has ended since the last look, in the order of ending."""
        numbers = fold.ended[self._seen :]
        table = fold.rows(numbers)
        objectives = table.outcomes[:, : table.goals.m]
        counts = table.feasible & np.isfinite(objectives).all(axis=1)
        aside = fold.repeated, fold.understood, fold.refined
        for i in np.flatnonzero(table.state == FINISHED):
            better = counts[i] and not np.any(np.all(self.front <= objectives[i], axis=1))
            if numbers[i] in fold.attempts and not any(numbers[i] in those for those in aside):
                self.stale = 0 if better else self.stale + 1
            if better:
                beaten = np.all(objectives[i] <= self.front, axis=1)
                self.front = np.concatenate([self.front[~beaten], objectives[i : i + 1]])
        self._seen = len(fold.ended)

    def _little_is_left(self, fold: Fold, most: float) -> bool:
        """Whether the bound on the further gain is at most that, after all trials that ended and after those STEADY ago."""
        if self._asked != self._seen:
            table = fold.table.where(np.array(fold.ended, dtype=np.int64))
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
