"""Pareto dominance and hypervolume, for minimised objectives.

Notation
    n, m        points, objectives
    y           points (n, m), finite
    dominates   a <= b in every objective and a < b in one
    reference   the worst corner (m,): what lies beyond it in any objective counts nothing
    hypervolume volume of the set that the points dominate within the reference

Sources: Kung, Luccio, Preparata 1975 (doi:10.1145/321906.321910; sorting before comparing); Deb et al. 2002
(doi:10.1109/4235.996017; ranks and crowding distance); Zitzler, Thiele 1999 (doi:10.1109/4235.797969; hypervolume);
Lacour, Klamroth, Fonseca 2017 (doi:10.1016/j.cor.2016.08.001; boxes). The boxes are found by sweeping over the last
objective, which is short and fast enough for the few hundred points of a front; for three objectives at most
2 n + 1 of them.
"""

from __future__ import annotations

import numpy as np

from trimtab.numerics._arrays import BoolArray, FloatArray, IntArray

__all__ = ["crowding_distance", "free_boxes", "hypervolume", "non_dominated", "non_dominated_ranks"]


def non_dominated(y: FloatArray) -> BoolArray:
    """Which points no other point dominates (n,). Equal points do not dominate each other."""
    n, m = y.shape
    keep = np.ones(n, dtype=bool)
    if m == 0 or n < 2:
        return keep
    unique, where = np.unique(y, axis=0, return_inverse=True)  # in lexicographic order: only earlier ones dominate
    if m <= 2:
        first_worse = np.concatenate([[np.inf], np.minimum.accumulate(unique[:-1, -1])])
        alive = unique[:, -1] < first_worse
    else:
        alive = np.ones(len(unique), dtype=bool)
        for i in range(len(unique)):
            if alive[i]:
                later = i + 1 + np.flatnonzero(alive[i + 1 :])
                alive[later[(unique[later] >= unique[i]).all(axis=1)]] = False
    kept: BoolArray = alive[where.reshape(-1)]
    return kept


def non_dominated_ranks(y: FloatArray, enough: int | None = None) -> IntArray:
    """0 for the front, 1 for the front of what is left without it, and so on (n,).

    enough: once so many points are ranked, all others share the next rank.
    """
    n = len(y)
    rank = np.zeros(n, dtype=np.int64)
    left = np.arange(n)
    while len(left):
        front = non_dominated(y[left])
        rank[left[~front]] += 1
        left = left[~front]
        if enough is not None and n - len(left) >= enough:
            break
    return rank


def crowding_distance(y: FloatArray) -> FloatArray:
    """How far each point of a front is from its neighbours, summed over objectives (n,); inf at the ends."""
    n, m = y.shape
    distance = np.zeros(n)
    for j in range(m if n else 0):
        order = np.argsort(y[:, j], kind="stable")
        values = y[order, j]
        width = values[-1] - values[0]
        distance[order[[0, -1]]] = np.inf
        if n > 2 and width > 0:
            distance[order[1:-1]] += (values[2:] - values[:-2]) / width
    return distance


def hypervolume(y: FloatArray, reference: FloatArray) -> float:
    """Volume that the points (n, m) dominate within the reference (m,); 0 where none lies within it.

    Exact, by slices along the last objective: O(n log n) for m = 2, O(n^2 log n) for m = 3.
    """
    y = np.asarray(y, dtype=float)
    y = y[(y < reference).all(axis=1)]
    if not len(y):
        return 0.0
    if y.shape[1] == 1:
        return float(reference[0] - y.min())
    y = y[non_dominated(y)]
    y = y[np.argsort(y[:, -1], kind="stable")]
    heights = np.diff(np.append(y[:, -1], reference[-1]))
    if y.shape[1] == 2:
        return float(np.sum((reference[0] - y[:, 0]) * heights))
    return float(
        sum(height * hypervolume(y[: i + 1, :-1], reference[:-1]) for i, height in enumerate(heights) if height > 0)
    )


def free_boxes(y: FloatArray, reference: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Disjoint boxes that fill what the points (n, m) leave undominated within the reference: low, high (b, m).

    low is -inf where a box has no lower end. A new point y' adds sum_b prod_j (high_bj - max(y'_j, low_bj))_+ to the
    hypervolume. m >= 1.
    """
    y = np.asarray(y, dtype=float)
    m = len(reference)
    y = y[(y < reference).all(axis=1)]
    if m == 1:
        return np.full((1, 1), -np.inf), np.array([[np.min(y, initial=reference[0])]])
    y = y[non_dominated(y)]
    y = y[np.argsort(y[:, -1], kind="stable")]
    bottoms = np.concatenate([[-np.inf], np.unique(y[:, -1])])
    opened: dict[tuple[float, ...], float] = {}  # box of the other objectives -> where it began
    low: list[tuple[float, ...]] = []
    high: list[tuple[float, ...]] = []

    def close(box: tuple[float, ...], begin: float, end: float) -> None:
        low.append((*box[: m - 1], begin))
        high.append((*box[m - 1 :], end))

    for bottom in bottoms:
        inner_low, inner_high = free_boxes(y[y[:, -1] <= bottom, :-1], reference[:-1])
        here = {(*a, *b) for a, b in zip(inner_low.tolist(), inner_high.tolist(), strict=True)}
        for box in [box for box in opened if box not in here]:
            close(box, opened.pop(box), float(bottom))
        for box in sorted(here):
            opened.setdefault(box, float(bottom))
    for box, begin in opened.items():
        close(box, begin, float(reference[-1]))
    return np.array(low), np.array(high)
