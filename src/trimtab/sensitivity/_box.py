"""A box around a configuration: what may happen to it when its knobs are not set exactly.

Notation
    x       configurations of the box (m, d), snapped; those that the constraints forbid are left out
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trimtab.numerics import FloatArray, sobol_points
from trimtab.space import Space

__all__ = ["Box"]

LISTED_LEVELS = 10_000  # an Int may have 2**50
ALL_CORNERS = 6  # knobs up to which every corner is looked at
CORNERS = 64


@dataclass(frozen=True, eq=False)
class Box:
    """point (d,), NaN where inactive; low, high (d,): the box, cut to the declared ranges.

    A knob that is switched on in it varies freely.
    """

    space: Space
    point: FloatArray
    low: FloatArray
    high: FloatArray

    @classmethod
    def of(cls, space: Space, point: FloatArray, radius: float) -> Box:
        """Half width `radius` of each range, at least to the neighbouring levels; choices stay."""
        low, high = np.zeros(space.d), np.ones(space.d)
        for j in np.flatnonzero(~np.isnan(point)).tolist():
            below = above = 0.0 if space.kinds[j] == "categorical" else radius
            # of more levels, the box holds many in any case
            if space.kinds[j] != "categorical" and 0 < space.n_levels[j] <= LISTED_LEVELS:
                levels = space.levels(j)
                k = int(np.argmin(np.abs(levels - point[j])))
                below = max(below, float(point[j] - levels[max(k - 1, 0)]))
                above = max(above, float(levels[min(k + 1, len(levels) - 1)] - point[j]))
            low[j], high[j] = max(0.0, point[j] - below), min(1.0, point[j] + above)
        return cls(space, point, low, high)

    @property
    def moving(self) -> list[int]:
        """Columns that vary in the box."""
        return [int(j) for j in np.flatnonzero((self.high > self.low) & ~np.isnan(self.point))]

    def inside(self, m: int, seed: int) -> FloatArray:
        """At most m space-filling configurations."""
        return self._allowed(self.low + (self.high - self.low) * sobol_points(m, self.space.d, seed))

    def corners(self) -> FloatArray:
        """The point itself, the ends of each knob alone, and the corners (or some of them)."""
        middle = np.where(np.isnan(self.point), 0.5, self.point)
        rows = [middle]
        for j in self.moving:
            for end in (self.low[j], self.high[j]):
                row = middle.copy()
                row[j] = end
                rows.append(row)
        moving = self.moving
        if len(moving) <= ALL_CORNERS:
            upper = (np.arange(2 ** len(moving))[:, None] >> np.arange(len(moving))) & 1 == 1
        else:
            upper = np.random.default_rng(0).random((CORNERS, len(moving))) < 0.5
        corners = np.repeat(middle[None, :], len(upper), axis=0)
        corners[:, moving] = np.where(upper, self.high[moving], self.low[moving])
        return self._allowed(np.concatenate([np.array(rows), corners]))

    def line(self, at: FloatArray, j: int, m: int) -> FloatArray:
        """Allowed configurations along knob j through the configuration `at` of the box."""
        rows = np.repeat(np.where(np.isnan(at), 0.5, at)[None, :], m, axis=0)
        rows[:, j] = np.linspace(self.low[j], self.high[j], m)
        return self._allowed(rows)

    def _allowed(self, u: FloatArray) -> FloatArray:
        x = self.space.snap(u)
        return x[self.space.feasible(x)] if self.space.constrained else x
