"""The default: the Gaussian process where it is at home, TPE elsewhere.

    more than 3 objectives                                ->  TPE
    more than 60 columns                                  ->  TPE
    3,000 trials and more, ended or running               ->  TPE
    otherwise                                             ->  GP

The limits are where measurements put them (test functions of 6 active columns among d, means of 3 to 5 seeds):

    d = 25, 40    after 100 trials the GP is 0.2 from the optimum where TPE is 0.6, and 0.2 where it is 4.6
    d = 60        after 70 trials they are equal on one function, the GP is ahead on the other (0.47 and 0.57)
    d = 100       after 70 trials TPE is ahead (0.66 and 0.95); the GP cannot tell so many length scales from so few
    n = 1,000     of TPE: 120 more of TPE improve nothing, 20 of the GP improve 0.09 to 0.00006 and 4.3 to 0.6
    n = 3,000     of TPE: 60 more of TPE improve nothing, 20 of the GP improve 0.02 to 0.00005
    64, 100       trials running at once: after 200 the GP is at 0.1 where TPE is at 0.5

The limit of trials is one of time: a suggestion of the GP takes 0.15 s from 1,000 trials on, one of TPE 2 ms. Who has
thousands of cheap trials of continuous columns should try "cmaes": on Ackley's and Rosenbrock's functions of 8 columns
it passes the GP after some 500 and 1,000 trials.
Both end a finite space once each of its configurations was tried.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from trimtab.numerics import FloatArray
from trimtab.records import TrialTable
from trimtab.samplers._gp import GP
from trimtab.samplers._tpe import TPE
from trimtab.space import Space

__all__ = ["Auto", "AutoState", "Choice", "objectives_of"]

_OBJECTIVES = 3  # of a GP each; from 4 on nearly every trial is on the front, and hypervolumes are slow


@dataclass(frozen=True, slots=True)
class Choice:
    """Which sampler makes the next suggestion, by its registered name, and the reason in words."""

    name: Literal["gp", "tpe"]
    reason: str

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}"


@dataclass(frozen=True, slots=True, eq=False)
class AutoState:
    """States of both samplers; that of the GP only as long as it may be asked again. n: ended trials."""

    space: Space
    n: int
    objectives: int
    gp: Any
    tpe: Any


@dataclass(frozen=True, kw_only=True)
class Auto:
    """Chooses between GP and TPE by the space, the objectives, and the number of trials.

    gp_trials, gp_columns: the GP is asked up to so many trials that ended or run, and up to so many searched columns.
    """

    gp_trials: int = 3_000
    gp_columns: int = 60

    def choose(self, space: Space, n: int, pending: int = 0, objectives: int = 1) -> Choice:
        """What is asked for the next suggestion in `space` after n ended trials while `pending` run, and why."""
        if objectives > _OBJECTIVES:
            return Choice("tpe", f"there are {objectives} objectives; a GP is for at most {_OBJECTIVES}")
        if space.d > self.gp_columns:
            return Choice("tpe", f"the space has {space.d} columns; beyond {self.gp_columns} a GP learns too slowly")
        if n + pending >= self.gp_trials:
            return Choice("tpe", f"there are {n + pending:,} trials; from {self.gp_trials:,} on a GP takes too long")
        columns = f"{space.d} column{'s' * (space.d != 1)}"
        return Choice("gp", f"{columns} and fewer than {self.gp_trials:,} trials: a GP needs the fewest trials")

    def init(self, space: Space, seed: int) -> AutoState:
        """State before any trial."""
        gp = GP().init(space, seed) if self.choose(space, 0).name == "gp" else None
        return AutoState(space, 0, 1, gp, TPE().init(space, seed))

    def update(self, state: AutoState, finished: TrialTable) -> AutoState:
        """State after newly ended trials."""
        n, objectives = state.n + finished.n, objectives_of(finished)
        may = state.gp is not None and self.choose(state.space, n, 0, objectives).name == "gp"
        gp = GP().update(state.gp, finished) if may else None
        return replace(state, n=n, objectives=objectives, gp=gp, tpe=TPE().update(state.tpe, finished))

    def suggest(self, state: AutoState, pending: FloatArray, n: int, rng: np.random.Generator) -> FloatArray:
        """n points (n, d) of the chosen sampler. SearchEnded where a finite space has none left."""
        if self.choose(state.space, state.n, len(pending), state.objectives).name == "gp":
            return GP().suggest(state.gp, pending, n, rng)
        return TPE().suggest(state.tpe, pending, n, rng)


def objectives_of(table: TrialTable) -> int:
    """Number of objectives of the study."""
    return table.goals.m
