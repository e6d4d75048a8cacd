"""All trials of a study as columns: what samplers and analyses read.

Notation
    n, d   trials, searched parameters
    x      configurations in the unit cube (n, d), NaN where a parameter is inactive
    y      objective, minimised sign (n,), NaN where there is none
    sign   changes here and nowhere else: value = sign * y
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from trimtab.errors import InputError
from trimtab.numerics import BoolArray, ByteArray, FloatArray, IntArray
from trimtab.space import Space

__all__ = ["CREATED", "DIRECTIONS", "FAILED", "FINISHED", "PRUNED", "RUNNING", "STATES", "TrialTable", "table_of"]

STATES = ("created", "running", "finished", "pruned", "failed")
CREATED, RUNNING, FINISHED, PRUNED, FAILED = range(5)
DIRECTIONS = ("minimize", "maximize")


@dataclass(frozen=True, slots=True)
class TrialTable:
    """Columns of n trials. state: codes of STATES (n,) uint8. seconds: (n,), NaN where unknown."""

    space: Space
    direction: str
    number: IntArray
    x: FloatArray
    y: FloatArray
    state: ByteArray
    seconds: FloatArray
    from_sampler: BoolArray

    @classmethod
    def of(cls, space: Space, x: FloatArray, y: FloatArray, direction: str = "minimize") -> TrialTable:
        """A table of evaluated points: finished where y (minimised sign) is finite, else failed.

        x: snapped points (n, d). y: (n,). Raises InputError for other shapes or an unknown direction.
        """
        x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
        n = y.size
        if y.shape != (n,) or x.shape != (n, space.d):
            raise InputError(
                f"A table needs x of shape (n, {space.d}) and y of shape (n,), got {x.shape} and {y.shape}. "
                "Reshape them."
            )
        if direction not in DIRECTIONS:
            raise InputError(f"direction must be 'minimize' or 'maximize', got {direction!r}.")
        finite = np.isfinite(y)
        return cls(
            space,
            direction,
            np.arange(n),
            x,
            np.where(finite, y, np.nan),
            np.where(finite, FINISHED, FAILED).astype(np.uint8),
            np.full(n, np.nan),
            np.ones(n, dtype=bool),
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
