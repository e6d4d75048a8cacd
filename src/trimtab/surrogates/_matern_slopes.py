"""Covariances of derivatives under the kernel of `_matern`, and what they change by when a column's weight does.

    cov(d_i f(z), f(x))       2 sqrt(w_i) e_i (h + h_i)
    cov(d_i f(z), d_j f(y))   -4 sqrt(w_i w_j) e_i e_j c - [i = j] (2 w_i (h + h_i) + 4 w_i e_i^2 c_i)

A derivative is that along one numeric column j at one point z; only the feature of its own column moves.

Notation
    m, n    derivatives, points
    e_j     phi_j(z) - phi_j(x): difference of the moving feature, weighted             (m, n)
    h, c, b dk / d(r2) of the product part, its first and second derivative by r2       (m, n)
    h_j, .. the same of the additive part, by r2_j                                      (m, n)
    M'      -(5/6) (1 + sqrt5 r) exp(-sqrt5 r)
    M''     (25/12) exp(-sqrt5 r)
    M'''    -(25/24) sqrt5 exp(-sqrt5 r) / r; it comes with factors that vanish faster at r = 0

Sources: Solak et al. 2003 (Derivative observations in Gaussian process models of dynamic systems, NIPS 15), eq. 5-6;
Rasmussen and Williams 2006, section 9.4.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from trimtab.numerics import FloatArray, IntArray
from trimtab.surrogates._matern import SQRT5, column_distances, squared_distance

__all__ = ["Gaps", "slope_and_curvatures"]


@dataclass(frozen=True, eq=False)
class Gaps:
    """From the points of m derivatives, phi (m, D), to n points psi (n, D), all weighted.

    column (m,): along which each derivative is. slots (d,): the feature that moves with each column. w (d,).
    """

    phi: FloatArray
    psi: FloatArray
    column: IntArray
    slots: IntArray
    owner: IntArray
    w: FloatArray
    signal: float
    additive: float

    def with_values(self) -> FloatArray:
        """cov(d_j f(z), f(x)) (m, n)."""
        h, _, _ = self._product
        if self.additive:
            h = h + self._own[0]
        found: FloatArray = 2.0 * self._pace[:, None] * self._own_gap * h
        return found

    def with_slopes(self, column: IntArray) -> FloatArray:
        """cov(d_i f(z), d_j f(y)) (m, n), where psi are the points of derivatives along `column` (n,)."""
        h, c, _ = self._product
        same = self.column[:, None] == column
        first, second = self._own_gap, self._gap_of(column)
        found = -4.0 * self._pace[:, None] * np.sqrt(self.w[column]) * first * second * c
        diagonal = h
        if self.additive:
            own, curvature, _ = self._own
            diagonal = h + own + 2.0 * first * first * curvature
        found -= np.where(same, 2.0 * self.w[self.column][:, None] * diagonal, 0.0)
        return found

    def values_by_weight(self, pull: FloatArray) -> FloatArray:
        """Sum of pull (m, n) times the derivative of `with_values` by each log w (d,)."""
        h, c, _ = self._product
        factor = 2.0 * self._pace[:, None] * self._own_gap * pull
        found = np.array([np.vdot(factor * c, r2) for r2 in column_distances(self.phi, self.psi, self.owner)])
        own = h
        if self.additive:
            slope, curvature, _ = self._own
            own = h + slope + curvature * self._own_distance
        by_own = np.bincount(
            self.column, weights=np.asarray((factor * own).sum(1), dtype=np.float64), minlength=len(self.w)
        )
        return np.asarray(found + by_own, dtype=np.float64)

    def slopes_by_weight(self, column: IntArray, pull: FloatArray) -> FloatArray:
        """Sum of pull (m, n) times the derivative of `with_slopes` by each log w (d,)."""
        h, c, b = self._product
        d = len(self.w)
        same = (self.column[:, None] == column) * (-2.0 * self.w[self.column][:, None]) * pull
        first = self._own_gap
        cross = -4.0 * self._pace[:, None] * np.sqrt(self.w[column]) * first * self._gap_of(column) * pull
        everywhere = same * c + cross * b
        found = np.array([np.vdot(everywhere, r2) for r2 in column_distances(self.phi, self.psi, self.owner)])
        found += np.bincount(self.column, (cross * c).sum(1), minlength=d)
        found += np.bincount(column, (cross * c).sum(0), minlength=d)
        own = h
        if self.additive:
            slope, curvature, third = self._own
            gap2, r2 = first * first, self._own_distance
            own = h + slope + curvature * r2 + 4.0 * gap2 * curvature + 2.0 * gap2 * third * r2
        return found + np.bincount(self.column, (same * own).sum(1), minlength=d)

    def slopes_of_values(self, pull: FloatArray) -> FloatArray:
        """Sum over the derivatives of pull (m, n) times the gradient of cov(d_j f(z), f(x)) by x: (n, d)."""
        h, c, _ = self._product
        gap = self._own_gap
        factor = -4.0 * self._pace[:, None] * gap * c * pull
        found: FloatArray = np.sqrt(self.w) * (
            factor.T @ self.phi[:, self.slots] - factor.sum(0)[:, None] * self.psi[:, self.slots]
        )
        own = h
        if self.additive:
            slope, curvature, _ = self._own
            own = h + slope + 2.0 * gap * gap * curvature
        same = -2.0 * self.w[self.column][:, None] * own * pull
        for j in np.unique(self.column):
            found[:, j] += same[self.column == j].sum(0)
        return found

    # The parts

    @cached_property
    def _pace(self) -> FloatArray:
        return np.sqrt(self.w[self.column])

    @cached_property
    def _own_gap(self) -> FloatArray:
        """e_j along each derivative's own column (m, n)."""
        slot = self.slots[self.column]
        gap: FloatArray = self.phi[np.arange(len(slot)), slot][:, None] - self.psi[:, slot].T
        return gap

    def _gap_of(self, column: IntArray) -> FloatArray:
        """e_j along the columns of the other derivatives (m, n)."""
        slot = self.slots[column]
        gap: FloatArray = self.phi[:, slot] - self.psi[np.arange(len(slot)), slot]
        return gap

    @cached_property
    def _own_distance(self) -> FloatArray:
        """r2_j of each derivative's own column (m, n)."""
        found = np.empty((len(self.phi), len(self.psi)))
        for j, r2 in enumerate(column_distances(self.phi, self.psi, self.owner)):
            mine = self.column == j
            found[mine] = r2[mine]
        return found

    @cached_property
    def _product(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """h, c, b of the product part, (m, n) each."""
        return slope_and_curvatures(squared_distance(self.phi, self.psi), self.signal * (1.0 - self.additive))

    @cached_property
    def _own(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """h_j, c_j, b_j of each derivative's own column, (m, n) each."""
        return slope_and_curvatures(self._own_distance, self.signal * self.additive / len(self.w))


def slope_and_curvatures(r2: FloatArray, signal: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    """signal M', signal M'' and signal M''', each of the shape of r2."""
    r = np.sqrt(r2)
    decay = signal * np.exp(-SQRT5 * r)
    third = (-25.0 / 24.0 * SQRT5) * decay / np.maximum(r, 1e-9)  # multiplied by r^2 or less wherever it is used
    return (-5.0 / 6.0) * (1.0 + SQRT5 * r) * decay, (25.0 / 12.0) * decay, third
