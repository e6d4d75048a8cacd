"""The distinct configurations ("cells") of a finite search, listed parent by parent.

Columns are added one after the other, and only where they are active; so two cells never differ in inactive columns
alone, and a space of many exclusive branches costs what its cells cost, not the product of all levels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property

import numpy as np

from trimtab.numerics import FloatArray
from trimtab.samplers._history import Taken
from trimtab.space import Space

__all__ = ["Cells", "list_cells"]

_MOST_CELLS = 1_000_000  # listing them takes a second and 8 d MB, once, and only when draws find nothing new
_CHUNK = 65_536


class Cells:
    """The feasible cells of a space, listed when they are first needed."""

    def __init__(self, space: Space) -> None:
        self.space = space

    @cached_property
    def all(self) -> FloatArray | None:
        """(m, d) in the order of the columns' levels; None where there are more than a million, or infinitely many."""
        space = self.space
        if space.cells is None or np.any(space.n_levels > _MOST_CELLS):
            return None
        cells = list_cells(space, [space.levels(j) for j in range(space.d)], _MOST_CELLS)
        return None if cells is None else self._feasible(cells)

    def left(self, taken: Taken, rng: np.random.Generator) -> FloatArray:
        """The cells (m, d) that are not taken. Where they cannot be listed: those of 262,144 draws.

        None among so many draws means that nearly all was tried, or that the constraints allow next to nothing else.
        """
        if self.all is not None:
            return self.all[~taken(self.all)]
        for _ in range(4):
            x = self._feasible(self.space.snap(rng.random((_CHUNK, self.space.d))))
            free = x[~taken(x)]
            if len(free):
                return free
        return x[:0]

    def _feasible(self, x: FloatArray) -> FloatArray:
        chunks = (x[start : start + _CHUNK] for start in range(0, len(x), _CHUNK))
        return np.concatenate([x[:0], *(chunk[self.space.feasible(chunk)] for chunk in chunks)])


def list_cells(space: Space, levels: Sequence[FloatArray], limit: int) -> FloatArray | None:
    """Every distinct combination (m, d) of levels[j] (K_j,) of column j, the last column fastest.

    NaN where a column is inactive. None where there are more than `limit`. Constraints are not looked at.
    """
    if not space.is_conditional and math.prod(len(k) for k in levels) > limit:
        return None
    cells = np.full((1, space.d), np.nan)
    for j in range(space.d):
        active = space.active(cells)[:, j] if space.conditional[j] else np.ones(len(cells), dtype=bool)
        copies = np.where(active, len(levels[j]), 1)
        if copies.sum() > limit:
            return None
        parent = np.repeat(np.arange(len(cells)), copies)
        digit = np.arange(len(parent)) - np.repeat(np.cumsum(copies) - copies, copies)
        cells = cells[parent]
        cells[:, j] = np.where(active[parent], levels[j][digit], np.nan)
    return cells
