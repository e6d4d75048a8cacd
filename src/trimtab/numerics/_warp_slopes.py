"""dz / dy of the warps: what a derivative of the objective is multiplied by, so that it is one of the warped objective.

A warp is fixed at the n values that it was made from. Where it is a formula (the good half of half_rank_log,
yeo_johnson) the slope is that formula's; where it knows only ranks it is that of a smooth monotone curve near the values.
So the slopes belong to one monotone function of the objective, and its minimum is where the objective's is.

Notation
    y, z    objective values and warped ones         (n,)
    t, h    in a unit scale, and after the half-rank warp
"""

from __future__ import annotations

import numpy as np

from trimtab.numerics._arrays import FloatArray
from trimtab.numerics._warps import (
    LOG_WARP,
    WARPS,
    _half_rank,
    _power,
    _robust_scale,
    _unit_scale,
    yeo_johnson_lambda,
)

__all__ = ["rank_slope", "warp_slope"]


def warp_slope(warp: str, y: FloatArray) -> FloatArray:
    """dz / dy of a warp in WARPS at each value (n,); zeros where the values cannot be told apart."""
    z = WARPS[warp](y)
    if not len(y) or not np.ptp(z) > 0.0:
        return np.zeros(len(y))
    if warp == "half_rank_log":
        t = _unit_scale(y)
        h = _half_rank(t)
        by_rank = (t > np.median(t)) | bool(np.any((h != t) & (t <= np.median(t))))  # the good half is kept, or none is
        spread = np.ptp(h)
        stretch = (LOG_WARP - 1.0) / (np.log(LOG_WARP) * (spread + (h - h.min()) * (LOG_WARP - 1.0)))
        formula = (
            _rate(t, y) * stretch * _rate(z, np.log1p((h - h.min()) / spread * (LOG_WARP - 1.0)) / np.log(LOG_WARP))
        )
        return np.where(by_rank, rank_slope(y, z), formula)
    if warp == "yeo_johnson":
        t = _robust_scale(y)
        lam = yeo_johnson_lambda(t)
        bend = (1.0 + np.abs(t)) ** np.where(t >= 0.0, lam - 1.0, 1.0 - lam)
        found: FloatArray = _rate(t, y) * bend * _rate(z, _power(t, lam))
        return found
    return rank_slope(y, z)


WINDOW = 6  # a rank's slope is that between the values n / 6 ranks to either side


def _rate(after: FloatArray, before: FloatArray) -> float:
    """Slope of the straight line that took `before` to `after`."""
    width = float(np.ptp(before))
    return float(np.ptp(after)) / width if width > 0.0 else 0.0


def rank_slope(y: FloatArray, z: FloatArray) -> FloatArray:
    """dz / dy of a smooth curve near (y, z), through values that are first drawn together: asinh((y - median) / spread)."""
    values, first, where = np.unique(y, return_index=True, return_inverse=True)
    centre = float(np.median(values))
    spread = float(np.median(np.abs(values - centre))) or 1.0
    t = np.arcsinh((values - centre) / spread)
    i, reach = np.arange(len(values)), max(1, len(values) // WINDOW)
    low, high = np.maximum(i - reach, 0), np.minimum(i + reach, len(values) - 1)
    step = z[first][high] - z[first][low]
    slope = step / (t[high] - t[low]) / (spread * np.cosh(t))
    found: FloatArray = slope[where.reshape(-1)]
    return found
