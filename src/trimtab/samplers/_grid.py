"""Grid search: each combination of levels exactly once.

Combinations that differ only in inactive parameters are one; those that break a constraint are left out. A trial that
failed counts as tried, and so does one that came from elsewhere. Pending trials are respected: workers share the
grid, and a killed study goes on where it was.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from trimtab.errors import InputError
from trimtab.numerics import BoolArray, FloatArray
from trimtab.records import TrialTable
from trimtab.samplers._cells import list_cells
from trimtab.samplers._history import History, Taken, ended, nothing_left
from trimtab.space import Float, Space

__all__ = ["Grid", "GridState"]

_CHUNK = 1_024
_SAME_LEVEL = 1e-6  # a stored value may come back through its unit changed in the last digits


class GridPlan:
    """The cells (m, d) in the order of the search. Constraints are asked chunk by chunk, when the search gets there."""

    def __init__(self, space: Space, levels: Sequence[FloatArray], cells: FloatArray) -> None:
        self.space, self.levels, self.cells = space, levels, cells
        self._feasible: dict[int, BoolArray] = {}

    def feasible(self, index: int) -> bool:
        """Whether the constraints allow a cell."""
        chunk, row = divmod(index, _CHUNK)
        if chunk not in self._feasible:
            self._feasible[chunk] = self.space.feasible(self.cells[chunk * _CHUNK : (chunk + 1) * _CHUNK])
        return bool(self._feasible[chunk][row])

    def open_cells(self, start: int, taken: Taken) -> Iterator[int]:
        """Cells from `start` on that are allowed and not taken, in order."""
        for index in range(start, len(self.cells)):
            if self.feasible(index) and not taken(self.cells[index : index + 1])[0]:
                yield index

    def on_grid(self, x: FloatArray) -> FloatArray:
        """Points (n, d) with each coordinate moved to the level that it is, if it is one."""
        x = x.copy()
        for j, levels in enumerate(self.levels):
            above = np.searchsorted(levels, x[:, j] - _SAME_LEVEL).clip(0, len(levels) - 1)
            x[:, j] = np.where(np.abs(levels[above] - x[:, j]) <= _SAME_LEVEL, levels[above], x[:, j])
        return x


@dataclass(frozen=True, slots=True, eq=False)
class GridState:
    """history: what was tried; start: the first cell that was neither tried nor forbidden."""

    plan: GridPlan
    history: History
    start: int


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Each combination of levels once.

    levels: for continuous parameters: how many evenly spaced values each gets (5), or for each by name
        ({"lr": 5} or {"lr": [1e-3, 1e-2]}). Names may also thin out other parameters. Without it, a continuous
        parameter is refused.
    shuffle: a random order (by the study's seed), for a grid that will not be finished.
    max_cells: larger grids are refused instead of filling the memory.
    """

    levels: int | Mapping[str, int | Sequence[Any]] | None = None
    shuffle: bool = False
    max_cells: int = 1_000_000

    def __post_init__(self) -> None:
        counts = self.levels.values() if isinstance(self.levels, Mapping) else [self.levels]
        for count in counts:
            if isinstance(count, bool) or (isinstance(count, int) and count < 1):
                raise InputError(f"Grid levels= needs whole numbers of at least 1, or lists of values, got {count!r}.")

    def init(self, space: Space, seed: int) -> GridState:
        """State before any trial.

        Raises InputError for a continuous parameter without levels, an unknown name, or too many cells.
        """
        levels = self._levels(space)
        cells = list_cells(space, levels, self.max_cells)
        if cells is None:
            raise self._too_many(space, levels)
        if self.shuffle:
            cells = np.random.default_rng(seed).permutation(cells)
        return GridState(GridPlan(space, levels, cells), History.empty(space.d), 0)

    def update(self, state: GridState, finished: TrialTable) -> GridState:
        """State after newly ended trials, which count as tried however they ended."""
        x, y = ended(finished)
        history = state.history.append(state.plan.on_grid(x), y)
        done = Taken(history, np.empty((0, x.shape[1])))
        start = next(state.plan.open_cells(state.start, done), len(state.plan.cells))
        return replace(state, history=history, start=start)

    def suggest(self, state: GridState, pending: FloatArray, n: int, rng: np.random.Generator) -> FloatArray:
        """The next n cells (n, d), or as many as are left. SearchEnded if that is none."""
        taken = Taken(state.history, state.plan.on_grid(pending))
        open_cells = state.plan.open_cells(state.start, taken)
        chosen = [index for index, _ in zip(open_cells, range(n), strict=False)]
        if not chosen and n:
            raise nothing_left(state.plan.space, state.history.n + len(pending))
        return state.plan.cells[chosen]

    def _levels(self, space: Space) -> list[FloatArray]:
        wanted: Mapping[str, int | Sequence[Any]] = {}
        if isinstance(self.levels, Mapping):
            wanted = self.levels
            for name in wanted:
                if name not in space.names:
                    known = ", ".join(map(repr, space.names))
                    raise InputError(f"Grid levels= names {name!r}, which the space does not search. It has {known}.")
        elif self.levels is not None:
            wanted = {space.names[j]: self.levels for j in np.flatnonzero(space.n_levels == 0)}
        return [self._levels_of(space, j, wanted.get(name)) for j, name in enumerate(space.names)]

    def _levels_of(self, space: Space, j: int, wanted: int | Sequence[Any] | None) -> FloatArray:
        if wanted is None:
            return self._own_levels(space, j)
        if isinstance(wanted, int):
            return _evenly(space, j, wanted)
        if isinstance(wanted, str) or not len(wanted):
            raise InputError(f"Grid levels= for {space.names[j]!r} needs a number or a list of values, got {wanted!r}.")
        return np.unique([space.coordinate(j, value) for value in wanted])

    def _own_levels(self, space: Space, j: int) -> FloatArray:
        name, count = space.names[j], int(space.n_levels[j])
        if count == 0:
            raise InputError(
                f"Grid search needs levels, and parameter {name!r} is continuous. "
                f"Give it a step (Float(..., step=...)), a list of values, "
                f"or a number of levels: Grid(levels={{{name!r}: 5}})."
            )
        if count > self.max_cells:  # before its levels are listed
            raise self._too_many(space, [np.empty(0)], count)
        return space.levels(j)

    def _too_many(self, space: Space, levels: Sequence[FloatArray], least: int = 0) -> InputError:
        cells = space.cells or 0 if least else math.prod(len(k) for k in levels)
        conditions = " before conditions" if space.is_conditional else ""
        return InputError(
            f"The grid has {max(cells, least):,} cells{conditions}, more than max_cells={self.max_cells:,}. "
            "Use fewer levels (Grid(levels={name: 5})), a sampler that needs no grid ('random', 'sobol', 'tpe', 'gp'), "
            "or a larger max_cells."
        )


def _evenly(space: Space, j: int, count: int) -> FloatArray:
    """`count` coordinates spread evenly over column j, with its bounds (a distribution: middles of equal shares)."""
    parameter = space.parameters[space.names[j]]
    if space.kinds[j] != "continuous":
        own = space.levels(j)
        ends = (0, len(own) - 1) if count > 1 else (len(own) // 2, len(own) // 2)
        return own[np.unique(np.rint(np.linspace(*ends, count)).astype(np.int64))]
    if isinstance(parameter, Float) and count > 1:
        return np.linspace(0.0, 1.0, count)
    middles: FloatArray = np.unique(parameter.snap((np.arange(count) + 0.5) / count))
    return middles
