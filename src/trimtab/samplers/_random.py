"""Random search: independent draws from the declared distributions (Bergstra, Bengio 2012).

A space of finitely many configurations is searched without repetition, as scikit-learn's RandomizedSearchCV does it,
and ends when each was tried.

Source: https://jmlr.org/papers/v13/bergstra12a.html
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from trimtab.numerics import FloatArray
from trimtab.records import TrialTable
from trimtab.samplers._cells import Cells
from trimtab.samplers._history import History, Taken, ended, nothing_left
from trimtab.space import Space

__all__ = ["Random", "RandomState"]

_TRIES = 16  # draws before the cells that are left are listed; a list is only needed once most of them are tried


@dataclass(frozen=True, slots=True, eq=False)
class RandomState:
    """cells: of a finite space, listed late; history: what was tried (only kept where the space is finite)."""

    space: Space
    cells: Cells
    history: History


@dataclass(frozen=True, kw_only=True)
class Random:
    """Independent draws; in a finite space each configuration at most once."""

    def init(self, space: Space, seed: int) -> RandomState:
        """State before any trial."""
        return RandomState(space, Cells(space), History.empty(space.d))

    def update(self, state: RandomState, finished: TrialTable) -> RandomState:
        """State after newly ended trials."""
        if state.space.cells is None:
            return state
        return replace(state, history=state.history.append(*ended(finished)))

    def suggest(self, state: RandomState, pending: FloatArray, n: int, rng: np.random.Generator) -> FloatArray:
        """n draws (n, d), or as many as a finite space has left. SearchEnded if that is none."""
        if state.space.cells is None:
            return state.space.sample(n, rng)
        taken = Taken(state.history, pending)
        rows: list[FloatArray] = []
        for _ in range(n):
            x = draw_untried(state.space, state.cells, taken, rng)
            if x is None:
                break
            taken.add(x)
            rows.append(x)
        if not rows and n:
            raise nothing_left(state.space, state.history.n + len(pending))
        return np.concatenate([np.empty((0, state.space.d)), *rows])


def draw_untried(space: Space, cells: Cells, taken: Taken, rng: np.random.Generator) -> FloatArray | None:
    """A draw (1, d) from the declared distributions that is not taken; None where nothing is left."""
    for _ in range(_TRIES):
        x = space.sample(1, rng)
        if not taken(x)[0]:
            return x
    left = cells.left(taken, rng)
    return left[[rng.integers(len(left))]] if len(left) else None
