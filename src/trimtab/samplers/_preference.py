"""The order of trials where one number does not give it: several objectives, or limits on outcomes.

    1. those that keep every limit, before those that do not
    2. of the former: the Pareto front, then the front of what is left, and so on; within a front the loneliest first
       (of one objective: the lowest first)
    3. of the latter: by how far they break their limits in all, each limit in units of its usual excess

Sources: Deb et al. 2002 (doi:10.1109/4235.996017; ranks, crowding, limits first).
"""

from __future__ import annotations

import numpy as np

from trimtab.numerics import FloatArray, IntArray
from trimtab.numerics._pareto import crowding_distance, non_dominated_ranks
from trimtab.records import Goals

__all__ = ["preference", "total_excess"]


def preference(goals: Goals, outcomes: FloatArray, enough: int) -> FloatArray:
    """Place in the order of each trial (n,), 0 for the best; NaN where an outcome is missing. outcomes (n, m + c).

    enough: so many of the best are put in order; fronts after them are not told apart.
    """
    place = np.full(len(outcomes), np.nan)
    known = np.flatnonzero(np.isfinite(outcomes).all(axis=1))
    kept = goals.feasible(outcomes[known])
    good, bad = known[kept], known[~kept]
    excess = total_excess(np.maximum(outcomes[bad, goals.m :], 0.0))
    order = np.concatenate([good[_by_front(outcomes[good, : goals.m], enough)], bad[np.argsort(excess, kind="stable")]])
    place[order] = np.arange(len(order))
    return place


def total_excess(excess: FloatArray) -> FloatArray:
    """By how much trials break their limits, each limit in units of its median excess (n, c) -> (n,)."""
    total = np.zeros(len(excess))
    for column in excess.T:
        over = column[(column > 0) & np.isfinite(column)]
        total += column / (np.median(over) if len(over) else 1.0)
    return total


def _by_front(y: FloatArray, enough: int) -> IntArray:
    """Rows (n,) in order of rank, then of crowding distance, largest first."""
    if y.shape[1] == 1:
        return np.argsort(y[:, 0], kind="stable")
    rank = non_dominated_ranks(y, enough)
    lonely = np.zeros(len(y))
    for k in range(int(rank.max(initial=-1)) + 1):
        rows = np.flatnonzero(rank == k)
        lonely[rows] = crowding_distance(y[rows])
    return np.lexsort([-lonely, rank])
