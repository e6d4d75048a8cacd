"""Exact integrals of regression trees over the unit cube: a tree is constant on boxes, so all its moments are sums over leaves.

Notation
    L, d         leaves, columns
    low, high    box of each leaf in the measure of each column, within [0, 1]                        (L, d)
    c            value of each leaf (L,)          u_a   volume of box a times c_a
    overlap_k    length that boxes a (of one tree) and b (of another) share in column k               (L, L')
    ratio_k      overlap_k / (width_ak width_bk)

For two trees f, g and a set S of columns, E[E[f | x_S] E[g | x_S]] = sum_ab u_a u_b prod_{k in S} ratio_k[a, b]: exact, and the same
tree twice gives the functional ANOVA of Hutter, Hoos, Leyton-Brown 2014.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from trimtab.numerics import FloatArray

__all__ = ["Boxes", "Moments", "boxes_of", "cross_moments"]

CHUNK = 2_000_000  # numbers of one matrix of all columns


@dataclass(frozen=True, eq=False)
class Boxes:
    """Leaves of one tree: low, high (L, d), c (L,)."""

    low: FloatArray
    high: FloatArray
    c: FloatArray


@dataclass(frozen=True, eq=False)
class Moments:
    """Covariances of two trees: everything (one number), main (d,), total (d,), pair (d, d).

    pair is closed: it holds the two mains; NaN if it was not asked for.
    """

    everything: float
    main: FloatArray
    total: FloatArray
    pair: FloatArray


def boxes_of(tree: Any, measures: Sequence[Callable[[FloatArray], FloatArray]]) -> Boxes:
    """Leaves of a fitted scikit-learn tree. measures[j]: share of column j that lies at or below each threshold."""
    left, right, feature = tree.children_left, tree.children_right, tree.feature
    d = len(measures)
    threshold = np.zeros(tree.node_count)
    for j in range(d):
        here = feature == j
        threshold[here] = measures[j](tree.threshold[here])
    low, high = np.zeros((tree.node_count, d)), np.ones((tree.node_count, d))
    for node in np.flatnonzero(left >= 0).tolist():  # parents come before their children
        j, a, b = feature[node], left[node], right[node]
        low[a], high[a], low[b], high[b] = low[node], high[node], low[node], high[node]
        high[a, j] = low[b, j] = min(max(threshold[node], low[node, j]), high[node, j])
    leaf = (left < 0) & np.all(high > low, axis=1)
    return Boxes(low[leaf], high[leaf], tree.value[leaf].reshape(-1))


def cross_moments(f: Boxes, g: Boxes, *, pairs: bool) -> Moments:
    """Exact covariances of the parts of two trees, over independent uniform columns."""
    d = f.low.shape[1]
    one, other = f.c * np.prod(f.high - f.low, axis=1), g.c * np.prod(g.high - g.low, axis=1)
    mean = float(one.sum() * other.sum())
    everything, main, total, pair = 0.0, np.zeros(d), np.zeros(d), np.zeros((d, d))
    rows = max(1, CHUNK // max(1, d * len(other)))
    for start in range(0, len(one), rows):
        part = slice(start, start + rows)
        ratio = np.empty((d, len(one[part]) * len(other)))
        for k in range(d):
            shared = np.minimum.outer(f.high[part, k], g.high[:, k]) - np.maximum.outer(f.low[part, k], g.low[:, k])
            width = np.outer(f.high[part, k] - f.low[part, k], g.high[:, k] - g.low[:, k])
            ratio[k] = (np.maximum(shared, 0.0) / width).ravel()
        weight = np.outer(one[part], other).ravel()
        main += ratio @ weight
        if pairs:
            pair += (ratio * weight) @ ratio.T
        product = weight  # times the ratios before column k
        after = np.empty((d, len(weight)))
        after[-1] = 1.0
        for k in range(d - 1, 0, -1):
            np.multiply(after[k], ratio[k], out=after[k - 1])
        for k in range(d):
            total[k] += product @ after[k]
            product = product * ratio[k]
        everything += float(product.sum())
    pair[np.diag_indices(d)] = main
    return Moments(
        everything - mean, main - mean, everything - total, pair - mean if pairs else np.full((d, d), np.nan)
    )
