"""Nodes and weights that turn integrals over one column of the unit cube into sums."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

from trimtab.numerics._arrays import FloatArray

__all__ = ["column_rule", "gauss_legendre"]


@cache
def gauss_legendre(m: int) -> tuple[FloatArray, FloatArray]:
    """m nodes on [0, 1], ascending, and weights that sum to 1; exact for polynomials of degree 2 m - 1.

    Shared: do not write into them.
    """
    t, w = np.polynomial.legendre.leggauss(m)
    return (t + 1.0) / 2.0, w / 2.0


def column_rule(
    m: int, n_levels: int, snap: Callable[[FloatArray], FloatArray], low: float = 0.0, high: float = 1.0
) -> tuple[FloatArray, FloatArray]:
    """Nodes and weights for a uniform coordinate on [low, high] that `snap` moves to the column's levels.

    Continuous (n_levels 0): m Gauss-Legendre nodes. Up to 2 m levels: each level with the width of its cell; more: 2 m of them.
    """
    if n_levels == 0:
        t, w = gauss_legendre(m)
        return low + (high - low) * t, w
    # a multiple of n_levels, so that cells of equal width come out exactly equal
    grid = n_levels * max(1, 1024 // n_levels) if n_levels <= 2 * m else 2 * m
    points = snap(low + (high - low) * (np.arange(grid) + 0.5) / grid)
    nodes, counts = np.unique(np.round(points, 12), return_counts=True)
    return nodes, counts / grid
