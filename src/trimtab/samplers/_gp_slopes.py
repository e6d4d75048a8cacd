"""What the Gaussian-process search makes of reported gradients: derivatives of the warped objective on the unit cube.

The chain rule takes a derivative through the output warp (see `numerics._warp_slopes`). Two things are left to do:

* Few trials are enough for a model, but not to tell how much the objective varies: two that happen to be equally good
  make every slope look enormous. Where even the shortest gradient is longer than the prior of the process has it, values and slopes
  are made smaller together.
* Near the edge of stability gradients explode. A long one keeps its direction, which is that of the wall, and the
  process doubts it (see `surrogates._gp_slopes`).
* A derivative costs as much as a trial, so only those of some trials enter: half the best, half the newest.

Notation
    x, y, z    ended trials, their objective and warped targets              (n, d), (n,), (n,)
    raw        derivatives of y by x, NaN where there is none                (n, d)
"""

from __future__ import annotations

import numpy as np

from trimtab.numerics import FloatArray, IntArray
from trimtab.numerics._warp_slopes import warp_slope
from trimtab.surrogates import Columns, Slopes

__all__ = ["Tangents"]

STEEPEST = 8.0  # standard deviations of the objective a range: a longer gradient keeps its direction alone
MOST = 120  # derivatives in a model
TYPICAL = float(np.sqrt(5.0))  # length of a gradient under the kernel's prior: s2 w 5/3 a column, all w together 3


class Tangents:
    """Derivatives of the warped objective. scale: by which targets and derivatives are divided."""

    def __init__(self, columns: Columns, x: FloatArray, y: FloatArray, raw: FloatArray, warp: str) -> None:
        done = np.isfinite(y)
        pace = np.zeros(len(y))
        pace[done] = warp_slope(warp, y[done])
        if done.any() and not pace.any():  # one trial, or equal ones: nothing tells how much the objective varies
            pace[done] = TYPICAL / max(float(np.median(_length(raw[done]))), 1e-300)
        with np.errstate(over="ignore", invalid="ignore"):
            slopes = raw * pace[:, None]
        length = _length(slopes)
        told = done & np.isfinite(raw).any(axis=1) & np.isfinite(length)
        self.scale = max(1.0, float(np.min(length[told])) / TYPICAL) if told.any() else 1.0
        slopes[told] *= np.minimum(1.0 / self.scale, STEEPEST / np.maximum(length[told], 1e-300))[:, None]
        self._columns, self._x = columns, x
        self._slopes = np.where(told[:, None], slopes, np.nan)
        self._order = np.argsort(np.where(told, y, np.inf), kind="stable")[: int(told.sum())]

    def of(self, rows: IntArray) -> Slopes | None:
        """The derivatives of some of these trials, ascending rows; None where there are none."""
        known = np.isin(self._order, rows)
        best_first = self._order[known]
        if not len(best_first):
            return None
        each = max(1, int(np.isfinite(self._slopes[best_first]).sum(axis=1).max()))
        most = max(MOST // each, 1)
        newest = np.sort(best_first)[::-1]
        kept = list(dict.fromkeys(i for pair in zip(best_first, newest, strict=True) for i in pair))[:most]
        chosen = np.sort(kept)
        return Slopes.of(self._columns, self._x[chosen], self._slopes[chosen])


def _length(slopes: FloatArray) -> FloatArray:
    """Of each gradient (n, d), over what is known of it; infinite beyond 1e154."""
    with np.errstate(over="ignore", invalid="ignore"):
        length: FloatArray = np.sqrt(np.nansum(slopes**2, axis=1))
    return length
