"""All trials of a study as columns: what samplers and analyses read.

Notation
    n, d   trials, searched parameters
    x      configurations in the unit cube (n, d), NaN where a parameter is inactive
    y      objective, minimised sign (n,), NaN where there is none; of several objectives the first
    sign   changes here and in the goals, and nowhere else: value = sign * y
    m, c   objectives and limits
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from trimtab.errors import InputError
from trimtab.numerics import BoolArray, ByteArray, FloatArray, IntArray
from trimtab.numerics._pareto import non_dominated
from trimtab.records._goals import DIRECTIONS, Goals
from trimtab.space import Space

__all__ = ["CREATED", "DIRECTIONS", "FAILED", "FINISHED", "PRUNED", "RUNNING", "STATES", "TrialTable", "table_of"]

STATES = ("created", "running", "finished", "pruned", "failed")
CREATED, RUNNING, FINISHED, PRUNED, FAILED = range(5)


@dataclass(frozen=True, slots=True)
class TrialTable:
    """Columns of n trials. state: codes of STATES (n,) uint8. seconds: (n,), NaN where unknown.

    goals: what the study is after. several: rows of the goals (n, m + c); None where they are y alone.
    derivatives: of y by x on the unit cube (n, d), NaN where a trial reported none; None where no trial reported any.
    """

    space: Space
    direction: str
    number: IntArray
    x: FloatArray
    y: FloatArray
    state: ByteArray
    seconds: FloatArray
    from_sampler: BoolArray
    goals: Goals = field(default_factory=Goals)
    several: FloatArray | None = None
    derivatives: FloatArray | None = None

    @classmethod
    def of(
        cls, space: Space, x: FloatArray, y: FloatArray, direction: str = "minimize", *, goals: Goals | None = None
    ) -> TrialTable:
        """A table of evaluated points: finished where y (minimised sign) is finite, else failed.

        x: snapped points (n, d). y: (n,), or the rows of `goals` (n, m + c). goals: None for one objective.
        Raises InputError for other shapes or an unknown direction.
        """
        x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
        goals = Goals.of(direction) if goals is None else goals
        n, several = len(y) if y.ndim else 0, None
        width = goals.m + len(goals.limits)
        if y.shape != ((n,) if goals.is_single else (n, width)) or x.shape != (n, space.d):
            columns = "(n,)" if goals.is_single else f"(n, {width})"
            raise InputError(
                f"A table needs x of shape (n, {space.d}) and y of shape {columns}, got {x.shape} and {y.shape}. "
                "Reshape them."
            )
        finite: BoolArray = np.all(np.isfinite(y.reshape(n, width)), axis=1)
        if not goals.is_single:
            several = np.where(finite[:, None], y, np.nan)
            y = several[:, 0]
        return cls(
            space,
            goals.direction,
            np.arange(n),
            x,
            np.where(finite, y, np.nan),
            np.where(finite, FINISHED, FAILED).astype(np.uint8),
            np.full(n, np.nan),
            np.ones(n, dtype=bool),
            goals,
            several,
        )

    @property
    def n(self) -> int:
        """Number of trials."""
        return len(self.number)

    @property
    def sign(self) -> float:
        """+1 where the objective is minimised, -1 where it is maximised."""
        return -1.0 if self.direction == "maximize" else 1.0

    @property
    def value(self) -> FloatArray:
        """The objective in the user's own sign (n,)."""
        return self.sign * self.y

    @property
    def outcomes(self) -> FloatArray:
        """Objectives in minimised sign, then the slack of each limit, <= 0 where it is kept (n, m + c)."""
        return self.y[:, None] if self.several is None else self.several

    @property
    def feasible(self) -> BoolArray:
        """Which trials keep every limit (n,). Without limits all do, also those that have no result."""
        return self.goals.feasible(self.outcomes)

    @property
    def best(self) -> int | None:
        """Row of the best of one objective: finished and feasible, the earliest of equal ones. None if there is none."""
        rows = (self.state == FINISHED) & self.feasible & np.isfinite(self.y)
        return int(np.argmin(np.where(rows, self.y, np.inf))) if rows.any() else None

    @property
    def front(self) -> IntArray:
        """Rows on the Pareto front: finished, feasible and not dominated; the best by the first objective first."""
        objectives = self.outcomes[:, : self.goals.m]
        rows = np.flatnonzero((self.state == FINISHED) & self.feasible & np.isfinite(objectives).all(axis=1))
        rows = rows[non_dominated(objectives[rows])]
        return rows[np.lexsort(objectives[rows].T[::-1])]

    def of_outcome(self, name: str) -> TrialTable:
        """The same trials with one objective only: this objective, or the outcome that this limit bounds.

        For analyses, which ask about one number. InputError for a name that is neither.
        """
        goals = self.goals
        if name in goals.objectives:
            j = goals.objectives.index(name)
            alone, y = Goals((name,), (goals.signs[j],)), self.outcomes[:, j]
        elif name in goals.names:
            k = [limit.name for limit in goals.limits].index(name)
            limit = goals.limits[k]
            alone, y = Goals((name,), (limit.sign,)), self.outcomes[:, goals.m + k] + limit.sign * limit.bound
        else:
            raise InputError(
                f"The study has no objective and no limit named {name!r}; it has {', '.join(map(repr, goals.names))}."
            )
        kept = self.derivatives if name == goals.objectives[0] else None  # what is reported is of the first objective
        return replace(self, direction=alone.direction, y=y.copy(), goals=alone, several=None, derivatives=kept)

    def where(self, rows: BoolArray | IntArray) -> TrialTable:
        """Some of the rows, by mask or by position."""
        return replace(
            self,
            number=self.number[rows],
            x=self.x[rows],
            y=self.y[rows],
            state=self.state[rows],
            seconds=self.seconds[rows],
            from_sampler=self.from_sampler[rows],
            several=None if self.several is None else self.several[rows],
            derivatives=None if self.derivatives is None else self.derivatives[rows],
        )

    @property
    def finished(self) -> TrialTable:
        """Trials with a result."""
        return self.where(self.state == FINISHED)

    @property
    def ended(self) -> TrialTable:
        """Trials that finished, were pruned or failed."""
        return self.where(self.state >= FINISHED)

    @property
    def params(self) -> list[dict[str, Any]]:
        """The user's parameters, a dict a trial."""
        return self.space.decode(self.x)

    def __len__(self) -> int:
        return self.n


def table_of(source: object) -> TrialTable:
    """The table of a study, or the table itself. InputError for anything else."""
    table = source if isinstance(source, TrialTable) else getattr(source, "table", None)
    if not isinstance(table, TrialTable):
        raise InputError(f"Expected a Study or a TrialTable, got {type(source).__name__}: {source!r}.")
    return table
