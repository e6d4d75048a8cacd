"""The default: the Gaussian process where it is at home, TPE elsewhere.

    the space has at most 30 columns and fewer than 1,000 trials have ended   ->  GP
    otherwise                                                                 ->  TPE

The GP needs fewer trials to a good configuration; its time per suggestion grows with the trials, and in many columns
its length scales cannot be learned from few. Both end a finite space once each of its configurations was tried.
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

__all__ = ["Auto", "AutoState", "Choice"]


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
    gp: Any
    tpe: Any


@dataclass(frozen=True, kw_only=True)
class Auto:
    """Chooses between GP and TPE by the size of the space and the number of trials.

    gp_trials, gp_columns: the GP is asked up to so many ended trials and searched columns.
    """

    gp_trials: int = 1_000
    gp_columns: int = 30

    def choose(self, space: Space, n: int) -> Choice:
        """What is asked for the next suggestion in `space` after n ended trials, and why."""
        if space.d > self.gp_columns:
            return Choice("tpe", f"the space has {space.d} columns; beyond {self.gp_columns} a GP learns too slowly")
        if n >= self.gp_trials:
            return Choice(
                "tpe", f"{n:,} trials have ended; from {self.gp_trials:,} on TPE is faster and has enough data"
            )
        return Choice("gp", f"{space.d} columns and fewer than {self.gp_trials:,} trials: a GP needs the fewest trials")

    def init(self, space: Space, seed: int) -> AutoState:
        """State before any trial."""
        gp = GP().init(space, seed) if self.choose(space, 0).name == "gp" else None
        return AutoState(space, 0, gp, TPE().init(space, seed))

    def update(self, state: AutoState, finished: TrialTable) -> AutoState:
        """State after newly ended trials."""
        n = state.n + finished.n
        gp = GP().update(state.gp, finished) if self.choose(state.space, n).name == "gp" else None
        return replace(state, n=n, gp=gp, tpe=TPE().update(state.tpe, finished))

    def suggest(self, state: AutoState, pending: FloatArray, n: int, rng: np.random.Generator) -> FloatArray:
        """n points (n, d) of the chosen sampler. SearchEnded where a finite space has none left."""
        if self.choose(state.space, state.n).name == "gp":
            return GP().suggest(state.gp, pending, n, rng)
        return TPE().suggest(state.tpe, pending, n, rng)
