"""Matern-5/2 kernel over weighted features, with an additive part.

    k = s2 [ (1 - a) M(r2) + a / d sum_j M(r2_j) ],   r2 = sum_j r2_j

The sum over single columns lets a trial teach the effect of each hyperparameter wherever the others stand: with fewer
trials than it takes to fill the space, that is what can be learned (Durrande, Ginsbourger and Roustant 2012,
arXiv:1111.6233). The product part keeps every interaction possible. Costs d kernels instead of one.

Notation
    phi, psi   features times sqrt(w)                    (m, D), (n, D)
    owner      column of each feature, ascending         (D,)
    r2, r2_j   squared distance, and its share of column j    (m, n), (d, m, n)
    M          (1 + sqrt5 r + 5 r2 / 3) exp(-sqrt5 r)    Rasmussen and Williams 2006, eq. 4.17
    M'         dM / d(r2) = -(5/6) (1 + sqrt5 r) exp(-sqrt5 r), without a singularity at 0
    a          share of the additive part, 0: a plain Matern kernel
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from trimtab.numerics import FloatArray, IntArray

__all__ = [
    "by_column",
    "column_distances",
    "kernel",
    "kernel_and_slopes",
    "matern",
    "matern_and_slope",
    "squared_distance",
]

SQRT5 = float(np.sqrt(5.0))
BLOCK = 2**14  # distances handled at once: what stays in a processor's cache


def kernel(phi: FloatArray, psi: FloatArray, signal: float, additive: float, owner: IntArray) -> FloatArray:
    """k (m, n) of features phi (m, D), psi (n, D)."""
    k = np.empty((len(phi), len(psi)))
    rows = max(1, BLOCK // max(1, len(psi)))
    for begin in range(0, len(phi), rows):
        k[begin : begin + rows] = _block(phi[begin : begin + rows], psi, signal, additive, owner)
    return k


def kernel_and_slopes(
    phi: FloatArray, psi: FloatArray, signal: float, additive: float, owner: IntArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """k, its slope dk / d(r2) of the product part, (m, n) each, and dk / d(r2_j) of the additive part (d, m, n).

    The last one is (0, m, n) where there is no additive part.
    """
    if not additive:
        return *matern_and_slope(squared_distance(phi, psi), signal), np.empty((0, len(phi), len(psi)))
    parts = np.array(list(column_distances(phi, psi, owner)))
    k, slope = matern_and_slope(parts.sum(0), signal * (1.0 - additive))
    own, own_slope = matern_and_slope(parts, signal * additive / len(parts))
    k += own.sum(0)
    return k, slope, own_slope


def column_distances(phi: FloatArray, psi: FloatArray, owner: IntArray) -> Iterator[FloatArray]:
    """r2_j (m, n) of each column."""
    ends = [*_first_features(owner).tolist(), len(owner)]
    for begin, end in pairwise(ends):
        if end - begin == 1:
            gap = phi[:, begin:end] - psi[:, begin]
            gap *= gap
            yield gap
        else:
            yield squared_distance(phi[:, begin:end], psi[:, begin:end])


def by_column(features: FloatArray, owner: IntArray) -> FloatArray:
    """Sums over the features of each column: (D, ...) to (d, ...)."""
    sums: FloatArray = np.add.reduceat(features, _first_features(owner), axis=0)
    return sums


def squared_distance(phi: FloatArray, psi: FloatArray) -> FloatArray:
    """r2 (m, n), by one matrix product."""
    r2 = phi @ (-2.0 * psi.T)
    r2 += np.einsum("mf,mf->m", phi, phi)[:, None]
    r2 += np.einsum("nf,nf->n", psi, psi)
    return np.maximum(r2, 0.0, out=r2)


def _block(phi: FloatArray, psi: FloatArray, signal: float, additive: float, owner: IntArray) -> FloatArray:
    if not additive:
        return matern(squared_distance(phi, psi), signal)
    parts = list(column_distances(phi, psi, owner))
    k = matern(np.sum(parts, axis=0), signal * (1.0 - additive))
    for r2 in parts:
        k += matern(r2, signal * additive / len(parts))
    return k


def _first_features(owner: IntArray) -> IntArray:
    """Where each column begins (d,)."""
    return np.flatnonzero(np.diff(owner, prepend=-1))


def matern(r2: FloatArray, signal: float) -> FloatArray:
    """signal M, of the shape of r2."""
    r = np.sqrt(r2)
    r *= SQRT5
    k = np.exp(-r)
    r += 1.0
    r += (5.0 / 3.0) * r2
    k *= r
    k *= signal
    return k


def matern_and_slope(r2: FloatArray, signal: float) -> tuple[FloatArray, FloatArray]:
    """signal M and signal M', each of the shape of r2."""
    r = np.sqrt(r2)
    r *= SQRT5
    decay = np.exp(-r)
    decay *= signal
    r += 1.0
    slope = r * decay
    slope *= -5.0 / 6.0
    r += (5.0 / 3.0) * r2
    decay *= r
    return decay, slope
