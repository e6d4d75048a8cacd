"""The learning curve of a trial: what it reported while it ran. Pruners and plots read it.

Kept as numbers rather than as dicts: 16 bytes a point.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from trimtab.numerics import FloatArray

__all__ = ["Curve", "Points"]


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """The reports of one trial.

    number: of the trial. state: its code in `STATES`. steps: ascending, each once, finite (k,).
    values: of the (first) objective, minimised sign (k,); NaN where it diverged.
    """

    number: int
    state: int
    steps: FloatArray
    values: FloatArray

    @classmethod
    def of(cls, number: int, state: int, reports: Mapping[float, float], sign: float) -> Curve:
        """From {step: value} in the user's own sign; value = sign * minimised value.

        A value that is not finite is a divergence: NaN. Reports at a step that is no finite number have no place.
        """
        steps = np.fromiter(reports.keys(), dtype=float, count=len(reports))
        values = sign * np.fromiter(reports.values(), dtype=float, count=len(reports))
        kept = np.flatnonzero(np.isfinite(steps))
        kept = kept[np.argsort(steps[kept])]
        return cls(number, state, steps[kept], np.where(np.isfinite(values[kept]), values[kept], np.nan))

    @property
    def end(self) -> float:
        """The last step; -inf where nothing was reported."""
        return self.steps.item(-1) if len(self.steps) else -math.inf

    def __len__(self) -> int:
        return len(self.steps)


class Points:
    """What one trial reported so far, in the order of reporting. values: the user's own sign."""

    __slots__ = ("_curve", "steps", "values")

    def __init__(self) -> None:
        self.steps = array("d")
        self.values = array("d")
        self._curve: Curve | None = None

    def add(self, steps: Iterable[float], values: Iterable[float]) -> None:
        """Take in further points."""
        self.steps.extend(steps)
        self.values.extend(values)
        self._curve = None

    def by_step(self) -> dict[float, float]:
        """{step: value}; the last report of a step counts."""
        return dict(zip(self.steps, self.values, strict=True))

    def curve(self, number: int, state: int, sign: float) -> Curve:
        """As the curve of that trial; sign as in `Curve.of`."""
        if self._curve is None or self._curve.state != state:
            self._curve = Curve.of(number, state, self.by_step(), sign)
        return self._curve
