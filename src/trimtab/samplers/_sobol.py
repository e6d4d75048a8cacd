"""Quasi-random search: a scrambled Sobol' sequence, which fills the space more evenly than random draws.

One scrambling a study (by its seed); trial i takes the i-th point of the sequence that the constraints allow and that
no earlier point was snapped to as well. Pending trials count, so workers never share a point.

Source: Bousquet et al. 2017, arXiv:1706.03200 (quasi-random search for network hyperparameters).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from trimtab.numerics import FloatArray, sobol_points
from trimtab.records import TrialTable
from trimtab.samplers._cells import Cells
from trimtab.samplers._history import History, Taken, ended, keys, nothing_left
from trimtab.space import Space
from trimtab.space._prior import Prior

__all__ = ["Sobol", "SobolState", "SobolStream"]

_FIRST, _MOST = 64, 131_072  # raw points of the sequence: first block, and where it is given up
_RAW_PER_CELL = 8  # raw points a cell of a finite space, before the cells that were missed are listed


class SobolStream:
    """The allowed, distinct points of the sequence, found as they are asked for. A pure function of space and seed.

    prior: the best guess comes first then, and every second point lies where it is believed to be worth it.
    """

    def __init__(self, space: Space, seed: int, prior: Prior | None = None) -> None:
        self._space, self._seed, self._prior = space, seed, prior
        self.cells = Cells(space)
        self._points = np.empty((0, space.d))
        self._seen: set[bytes] = set()
        self._raw = 0
        self._complete = False

    def first_untaken(self, start: int, taken: Taken) -> FloatArray | None:
        """The first point (1, d) that is not taken, from index `start` on, then from the beginning; None if all are."""
        index = start
        while (x := self._point(index)) is not None:
            if self._space.cells is None or not taken(x)[0]:
                return x
            index += 1
        free = self._points[~taken(self._points)]
        if len(free) == 0:
            free = self.cells.left(taken, np.random.default_rng([self._seed, start]))
        return free[:1] if len(free) else None

    def _point(self, index: int) -> FloatArray | None:
        while len(self._points) <= index and not self._complete:
            self._extend()
        if index < len(self._points):
            return self._points[index : index + 1]
        if self._space.cells is None:  # the allowed set is too thin for the sequence
            return self._space.sample(1, np.random.default_rng([self._seed, index]))
        return None

    def _extend(self) -> None:
        """Double the raw sequence; at its end add the cells of a finite space that it missed, in random order."""
        size = max(_FIRST, 2 * self._raw)
        u = sobol_points(size, self._space.d, self._seed)
        self._add(self._space.snap((u if self._prior is None else self._prior.blend(u))[self._raw :]))
        self._raw = size
        cells = self._space.cells
        enough = _MOST if cells is None else min(_MOST, _RAW_PER_CELL * cells)
        self._complete = size >= enough
        if self._complete and self.cells.all is not None:
            self._add(np.random.default_rng(self._seed).permutation(self.cells.all))

    def _add(self, x: FloatArray) -> None:
        x = x[self._space.feasible(x)]
        new = []
        for i, key in enumerate(keys(x)):
            if key not in self._seen:
                self._seen.add(key)
                new.append(i)
        self._points = np.concatenate([self._points, x[new]])


@dataclass(frozen=True, slots=True, eq=False)
class SobolState:
    """stream: the study's sequence; history: how many trials have ended, and where."""

    space: Space
    stream: SobolStream
    history: History


@dataclass(frozen=True, kw_only=True)
class Sobol:
    """Scrambled Sobol' points, trial i at point i."""

    def init(self, space: Space, seed: int) -> SobolState:
        """State before any trial; the seed decides the scrambling."""
        return SobolState(space, SobolStream(space, seed), History.empty(space.d))

    def update(self, state: SobolState, finished: TrialTable) -> SobolState:
        """State after newly ended trials."""
        return replace(state, history=state.history.append(*ended(finished)))

    def suggest(self, state: SobolState, pending: FloatArray, n: int, rng: np.random.Generator) -> FloatArray:
        """The next n points (n, d), or as many as a finite space has left. SearchEnded if that is none."""
        taken = Taken(state.history, pending)
        start = state.history.n + len(pending)
        rows: list[FloatArray] = []
        for i in range(n):
            x = state.stream.first_untaken(start + i, taken)
            if x is None:
                break
            taken.add(x)
            rows.append(x)
        if not rows and n:
            raise nothing_left(state.space, start)
        return np.concatenate([np.empty((0, state.space.d)), *rows])
