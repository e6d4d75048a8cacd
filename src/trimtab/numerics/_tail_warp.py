"""A warp that leaves the good values as they are and brings in the bad tail; with its inverse.

Where the question is which of the good trials is best, and by how much, the good values must keep their distances: the
noise is alike there, and a mean of warped values is a mean of values. Only the tail needs taming: a diverged run is 1e6
times worse than a good one.

Notation
    y    objective values, lower is better, finite          (n,)
    c    value up to which y is left as it is
    z    warped values, mean 0, sd 1, increasing with y     (n,)
    s    normal scores Phi^-1((rank - 1/2) / n)             (n,)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trimtab.numerics._arrays import FloatArray
from trimtab.numerics._warps import rank_normal

__all__ = ["TailWarp"]

KEPT = 0.75  # share of the values that keep their distances
REACH = 4.0  # at most so many times the distance of the median from the best


@dataclass(frozen=True, eq=False)
class TailWarp:
    """Piecewise linear through the distinct values u (k,), in units of `unit`, and their z (k,); a line beyond.

    One distinct value, or none: z = 0, and every z is that value.
    """

    unit: float
    u: FloatArray
    z: FloatArray

    @classmethod
    def of(cls, y: FloatArray) -> TailWarp:
        """The warp of the values y (n,)."""
        unit = max(float(np.max(np.abs(y), initial=0.0)), 1e-300)
        u = y / unit
        if not y.size or np.ptp(u) <= 1e-14:  # below: rounding of y itself
            return cls(unit, u[:1], np.zeros(min(y.size, 1)))
        best, middle = float(u.min()), float(np.median(u))
        cut = min(float(np.quantile(u, KEPT)), best + REACH * (middle - best)) if middle > best else best
        warped = _tail(u, cut)
        sd = float(np.std(warped))
        u, first = np.unique(u, return_index=True)
        return cls(unit, u, (warped[first] - warped.mean()) / sd)

    def __call__(self, y: FloatArray) -> FloatArray:
        """z of values y."""
        return _line(y / self.unit, self.u, self.z)

    def inverse(self, z: FloatArray) -> FloatArray:
        """The values (of the shape of z) that have these z."""
        return self.unit * _line(z, self.z, self.u)


def _tail(u: FloatArray, cut: float) -> FloatArray:
    """u up to `cut`; above it normal scores, joined to the good part at its own slope."""
    scores = rank_normal(u)
    good = u <= cut
    low = good & (u <= np.median(u[good]))
    rise = scores[good].max() - scores[low].max()
    slope = (u[good].max() - u[low].max()) / rise if rise > 0.0 else 0.0
    if slope <= 1e-12:  # the good ones tie: only the order is left
        return scores
    return np.where(good, u, u[good].max() + slope * (scores - scores[good].max()))


def _line(at: FloatArray, x: FloatArray, y: FloatArray) -> FloatArray:
    """The polygon through (x, y) at `at`, with its end pieces prolonged; x increases."""
    if len(x) < 2:
        return np.full(np.shape(at), y[0] if len(y) else 0.0)
    slope = np.diff(y) / np.maximum(np.diff(x), 1e-300)
    inside = np.interp(at, x, y)
    below, above = np.minimum(at - x[0], 0.0), np.maximum(at - x[-1], 0.0)
    line: FloatArray = inside + below * slope[0] + above * slope[-1]
    return line
