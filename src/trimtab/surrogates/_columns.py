"""Columns of the unit cube as features whose squared distance is the column's own distance.

    numeric        (x - x')^2
    categorical    1 where the choices differ (Hamming): one feature for two choices, else one-hot times sqrt(1/2)
    conditional    0 where both are inactive; (x - 1/2)^2 + rho^2 where one is; as above where both are active;
                   for a categorical column "inactive" is one more choice

A constant distance to "inactive" would not do: no point is equally far from all points of a line, and the kernel would
lose its definiteness.

Notation
    x    points of the unit cube, NaN where inactive    (n, d)
    D    features, at least one a column
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from trimtab.numerics import BoolArray, FloatArray, IntArray

__all__ = ["Columns"]

RHO = 0.5  # distance of "inactive" from the middle of an active range: 1/2 to its centre, 0.71 to its ends


@dataclass(frozen=True)
class Columns:
    """What each column of x is. kinds (d,): continuous, discrete or categorical; n_levels (d,); conditional (d,)."""

    kinds: tuple[str, ...]
    n_levels: IntArray
    conditional: BoolArray

    @classmethod
    def continuous(cls, d: int) -> Columns:
        """d plain numeric columns."""
        return cls(("continuous",) * d, np.zeros(d, dtype=np.int64), np.zeros(d, dtype=np.bool_))

    @property
    def d(self) -> int:
        return len(self.kinds)

    @cached_property
    def owner(self) -> IntArray:
        """Column that each feature belongs to (D,)."""
        return np.concatenate([np.full(self._width(j), j) for j in range(self.d)]).astype(np.int64)

    def features(self, x: FloatArray) -> FloatArray:
        """phi without weights (n, D); the squared distance of two rows is the sum of the columns' distances."""
        return np.concatenate([self._column(j, x[:, j]) for j in range(self.d)], axis=1)

    @cached_property
    def slots(self) -> IntArray:
        """First feature of each column (d,): for a numeric column the one that moves with x."""
        return np.cumsum([0, *(self._width(j) for j in range(self.d - 1))]).astype(np.int64)

    def _width(self, j: int) -> int:
        if self.kinds[j] == "categorical":
            return 1 if self._is_binary(j) else int(self.n_levels[j]) + int(self.conditional[j])
        return 2 if self.conditional[j] else 1

    def _is_binary(self, j: int) -> bool:
        return int(self.n_levels[j]) == 2 and not self.conditional[j]

    def _column(self, j: int, u: FloatArray) -> FloatArray:
        if self.kinds[j] == "categorical":
            return self._one_hot(j, u)
        if not self.conditional[j]:
            return u[:, None]
        inactive = np.isnan(u)
        return np.stack([np.where(inactive, 0.5, u), RHO * inactive], axis=1)

    def _one_hot(self, j: int, u: FloatArray) -> FloatArray:
        k = int(self.n_levels[j])
        if self._is_binary(j):
            return (u[:, None] > 0.5).astype(np.float64)
        level = np.where(np.isnan(u), k, np.clip(np.floor(u * k), 0, k - 1)).astype(np.int64)
        hot = np.zeros((len(u), self._width(j)))
        hot[np.arange(len(u)), level] = np.sqrt(0.5)
        return hot
