"""The learning curve of a trial: what it reported while it ran. Pruners and plots read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from trimtab.numerics import FloatArray

__all__ = ["Curve"]


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

    def __len__(self) -> int:
        return len(self.steps)
