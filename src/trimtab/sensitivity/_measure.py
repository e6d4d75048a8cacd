"""The input measure of a sensitivity: what "the knobs vary" means.

Every column has a latent coordinate, uniform on an interval (the whole of [0, 1], or a box around a point) and independent of the
others: the declared distributions. A conditional knob has its latent coordinate always; while it is inactive it just has no effect. So
the shares stay well defined: a parent's effect includes what it switches on and off, a child's effect counts only the part of the space
where it is active.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trimtab.numerics import FloatArray, column_rule, sobol_points
from trimtab.space import Space

__all__ = ["Measure", "around", "held", "whole"]

LOCAL = 0.15  # half width of the box around a point, as a share of each knob's declared range
LISTED_LEVELS = 10_000  # an Int may have 2**50


@dataclass(frozen=True, eq=False)
class Measure:
    """Independent latent coordinates, uniform between low and high (d,)."""

    space: Space
    low: FloatArray
    high: FloatArray

    def rule(self, j: int, m: int) -> tuple[FloatArray, FloatArray]:
        """About m nodes (or all levels, up to 2 m) and weights of column j."""
        parameter = self.space.parameters[self.space.names[j]]
        return column_rule(m, int(self.space.n_levels[j]), parameter.snap, float(self.low[j]), float(self.high[j]))

    def latent(self, n: int, seed: int) -> FloatArray:
        """n scrambled Sobol' points (n, d), not yet snapped."""
        return self.low + (self.high - self.low) * sobol_points(n, self.space.d, seed)


def whole(space: Space) -> Measure:
    """The declared distributions."""
    return Measure(space, np.zeros(space.d), np.ones(space.d))


def around(space: Space, point: FloatArray) -> Measure:
    """A box of +-15 % of each range around a point (d,), at least to the neighbouring levels; choices and inactive knobs vary freely."""
    low, high = np.zeros(space.d), np.ones(space.d)
    for j in range(space.d):
        if space.kinds[j] == "categorical" or np.isnan(point[j]):
            continue
        low[j], high[j] = max(0.0, point[j] - LOCAL), min(1.0, point[j] + LOCAL)
        if 0 < space.n_levels[j] <= LISTED_LEVELS:  # of more, the box holds many in any case
            levels = space.levels(j)
            k = int(np.argmin(np.abs(levels - point[j])))
            edges = _cells(levels)
            low[j] = min(low[j], edges[max(k - 1, 0)])
            high[j] = max(high[j], edges[min(k + 2, len(levels))])
    return Measure(space, low, high)


def held(measure: Measure, x: FloatArray) -> Measure:
    """The measure with every knob held that has the same value in all trials x (n, d): they say nothing of its effect."""
    low, high = measure.low.copy(), measure.high.copy()
    for j in range(x.shape[1]):
        seen = x[~np.isnan(x[:, j]), j]
        if not len(seen) or np.ptp(seen) < 1e-9:
            low[j] = high[j] = seen[0] if len(seen) else 0.5
    return Measure(measure.space, low, high)


def _cells(levels: FloatArray) -> FloatArray:
    """Edges (K + 1,) of the levels' cells, by halves of the gaps."""
    return np.concatenate([[0.0], (levels[1:] + levels[:-1]) / 2.0, [1.0]])
