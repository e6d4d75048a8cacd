"""Cooperative games of d players: exact Shapley values and pairwise Shapley interactions from the values of all coalitions.

Notation
    v       value of each coalition, v of the empty one is 0      (2^d, D)   bit j of the row: whether player j is in
    m       Moebius transform: v(S) = sum over T within S of m(T)
    value_j       sum over T with j of m(T) / |T|
    pair_ij       sum over T with i and j of m(T) / (|T| - 1): what the two bring together beyond what each brings alone

Sources: Shapley 1953; Grabisch and Roubens 1999 (doi:10.1007/s001820050125) for the interactions; both in terms of m.
"""

from __future__ import annotations

import numpy as np

from trimtab.numerics import BoolArray, FloatArray, IntArray

__all__ = ["MOST_PLAYERS", "members", "moebius", "pairs_of", "shapley_pairs", "shapley_values"]

MOST_PLAYERS = 12


def members(d: int) -> BoolArray:
    """Who is in each coalition (2^d, d)."""
    rows: IntArray = np.arange(2**d, dtype=np.int64)
    return np.asarray((rows[:, None] >> np.arange(d)) & 1 == 1)


def pairs_of(d: int) -> tuple[IntArray, IntArray]:
    """First and second player of each pair (d (d - 1) / 2,)."""
    first, second = np.triu_indices(d, 1)
    return first.astype(np.int64), second.astype(np.int64)


def moebius(v: FloatArray) -> FloatArray:
    """m (2^d, D) of v (2^d, D)."""
    m = v.copy()
    step = 1
    while step < len(m):
        blocks = m.reshape(-1, 2, step, *m.shape[1:])
        blocks[:, 1] -= blocks[:, 0]
        step *= 2
    return m


def shapley_values(m: FloatArray) -> FloatArray:
    """Shapley values (d, D) of the game with Moebius transform m (2^d, D); they add up to v of all players."""
    inside = members(_players(m))
    size = inside.sum(axis=1)
    weight = inside / np.maximum(size, 1)[:, None]
    return np.asarray(weight.T @ m)


def shapley_pairs(m: FloatArray) -> FloatArray:
    """Shapley interactions (p, D) of all pairs, in the order of `pairs_of`."""
    inside = members(_players(m))
    first, second = pairs_of(inside.shape[1])
    weight = 1.0 / np.maximum(inside.sum(axis=1) - 1, 1)
    both = inside[:, first] & inside[:, second]
    return np.asarray((both * weight[:, None]).T @ m)


def _players(m: FloatArray) -> int:
    return len(m).bit_length() - 1
