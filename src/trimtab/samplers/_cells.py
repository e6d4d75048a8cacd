"""The distinct configurations ("cells") of a finite search, listed parent by parent.

Columns are added one after the other, and only where they are active; so two cells never differ in inactive columns
alone, and a space of many exclusive branches costs what its cells cost, not the product of all levels.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from trimtab.numerics import FloatArray
from trimtab.samplers._history import Taken
from trimtab.space import Space

__all__ = ["Cells", "list_cells"]

_MOST_CELLS = 100_000  # listing them takes about 0.1 s; larger spaces are not exhausted by training networks


class Cells:
    """The feasible cells of a space, listed when they are first needed."""

    def __init__(self, space: Space) -> None:
        self.space = space

    @cached_property
    def all(self) -> FloatArray | None:
        """(m, d) in the order of the columns' levels; None where the space is infinite or has more than 100,000
        cells.
        """
        space = self.space
        if space.cells is None or np.any(space.n_levels > _MOST_CELLS):
            return None
        cells = list_cells(space, [space.levels(j) for j in range(space.d)], _MOST_CELLS)
        return None if cells is None else cells[space.feasible(cells)]

    def left(self, taken: Taken) -> FloatArray | None:
        """The cells (m, d) that are not taken; None where `all` is None."""
        return None if self.all is None else self.all[~taken(self.all)]


def list_cells(space: Space, levels: Sequence[FloatArray], limit: int) -> FloatArray | None:
    """Every distinct combination (m, d) of levels[j] (K_j,) of column j, last column fastest; constraints are not
    looked at.

    NaN where a column is inactive. None where there are more than `limit`.
    """
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
