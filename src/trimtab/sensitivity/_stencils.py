"""Where a derivative is measured: configurations on both sides of a point, or on one at the end of a range.

Notation
    u            coordinate of a knob on its declared scale, 0 at the low end and 1 at the high end
    t            the knob's own coordinate: log(value) on a logarithmic scale, the value otherwise
    h            half width of a stencil, in u
    weights w    d f / d t = sum of w f over the nodes: exact for parabolas (for straight lines where there are two nodes)
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from trimtab.numerics import FloatArray
from trimtab.sensitivity._design import settled
from trimtab.space import Float, Int, Space

__all__ = ["Stencil", "own_coordinate", "stencils_of"]

NARROW = 0.25  # of h: with less room than that on one side, the stencil goes to the other side alone
LISTED_LEVELS = 10_000  # an Int may have 2**50; more of them lie as dense as a Float's


@dataclass(frozen=True, eq=False)
class Stencil:
    """points (m, d), weights (m,) of one knob's derivative in t; low, high: the knob's values at the ends."""

    points: FloatArray
    weights: FloatArray
    low: float
    high: float


def stencils_of(space: Space, latent: FloatArray, j: int, steps: tuple[float, ...]) -> list[Stencil]:
    """Of column j at a point (d,), one a step, ascending; equal ones once. None are left where the constraints forbid all."""
    found: list[Stencil] = []
    for h in steps:
        stencil = _stencil(space, latent, j, h)
        if stencil is not None and not (found and np.array_equal(found[-1].points, stencil.points, equal_nan=True)):
            found.append(stencil)
    return found


def own_coordinate(space: Space, j: int, u: float) -> tuple[float, float]:
    """t and the value of column j at u."""
    value = space.value(j, u)
    assert isinstance(value, int | float)
    parameter = space.parameters[space.names[j]]
    return (math.log(value) if isinstance(parameter, Float | Int) and parameter.log else float(value)), float(value)


def _stencil(space: Space, latent: FloatArray, j: int, h: float) -> Stencil | None:
    u = latent[j]
    below, above = _moved(space, j, u, -h), _moved(space, j, u, h)
    sides = [[below, u, above]] if min(u - below, above - u) >= NARROW * min(h, max(u - below, above - u)) > 0 else []
    for sign in (1, -1) if 1 - u >= u else (-1, 1):
        reach = min(h, (1 - u if sign > 0 else u) / 2)
        near = _moved(space, j, u, sign * reach)
        sides.append([u, near, _moved(space, j, near, sign * reach)])
    for nodes in sides:
        distinct = sorted(set(nodes))
        points = np.repeat(latent[None], len(distinct), axis=0)
        points[:, j] = distinct
        points = settled(space, points)
        if len(distinct) > 1 and space.feasible(points).all() and not np.isnan(points[:, j]).any():
            return _weighed(space, j, points, u)
    return None


def _moved(space: Space, j: int, u: float, by: float) -> float:
    """u + by within the range; for whole numbers and steps at least to the next level, if there is one."""
    to = min(max(u + by, 0.0), 1.0)
    if not 0 < space.n_levels[j] <= LISTED_LEVELS:
        return to
    levels = space.levels(j)
    here, there = int(np.argmin(np.abs(levels - u))), int(np.argmin(np.abs(levels - to)))
    if here == there:
        there = min(max(here + (1 if by > 0 else -1), 0), len(levels) - 1)
    return float(levels[there])


def _weighed(space: Space, j: int, points: FloatArray, u: float) -> Stencil:
    """The stencil of the points; the one in the middle is left out where it has no weight."""
    t = np.array([own_coordinate(space, j, float(x))[0] for x in points[:, j]])
    t = t - own_coordinate(space, j, u)[0]
    scale = float(np.abs(t).max())
    weights = np.linalg.solve(np.vander(t / scale, increasing=True).T, np.eye(len(t))[1]) / scale
    low, high = (own_coordinate(space, j, float(points[k, j]))[1] for k in (0, -1))
    if len(t) == 3 and abs(weights[1]) <= 1e-6 * np.abs(weights).max():
        points, weights = points[::2], np.array([-1.0, 1.0]) / (t[2] - t[0])
    return Stencil(points, weights, low, high)
