"""Gaussian process with a product kernel: the surrogate of the sensitivity analyses.

One factor a column, so integrals over the unit cube fall apart into integrals over single columns.

    k(x, x')   = sigma2 prod_j k_j(x_j, x'_j)
    k_j        = (1 - a_j) + a_j kappa_j          both active
                 sqrt(1 - a_j)                    exactly one active
                 1                                both inactive
    kappa_j    Matern-5/2 of |x_j - x'_j| / l_j for a numeric column; 1[x_j = x'_j] for a categorical one

a_j is the share of factor j that depends on the column's value: 0 is a dead knob, 1 the plain product of Matern kernels. Small a_j
make mains large against interactions, as most responses are. Integers enter at the coordinates of their levels.

A derivative that was observed enters as a tied row: a point STEP along its column from its trial, with the value that the derivative
gives it and the noise of its trial, the same number, plus a little of its own. So differences within a trial are known far better than the
trial itself, C differs from k + noise I in its noise alone, and every closed form over the kernel holds as it stands.

Notation
    n, d    rows, columns                C       k(x, x) + N
    x       unit cube, NaN inactive      alpha   C^-1 y
    N       noise where two rows are of one trial, plus `own` on the diagonal

Sources: Rasmussen and Williams 2006, eq. 2.23-2.26, 5.8, 4.17; scaled factors: Duvenaud et al. 2011 (arXiv:1112.4394), Lu et al.
2022 (arXiv:2206.09861). The conditional factor is that of a shared part plus an own part, so it is positive definite.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from trimtab.numerics import BoolArray, FloatArray, IntArray

__all__ = ["ProductGP", "Ties", "column_kernel", "product_kernel"]


def matern52(r: FloatArray) -> FloatArray:
    """Matern-5/2 correlation at scaled distance r >= 0."""
    s = math.sqrt(5.0) * r
    square = s * s
    square /= 3.0
    k = 1.0 + s
    k += square
    np.negative(s, out=s)
    k *= np.exp(s, out=s)
    return k


@dataclass(frozen=True, eq=False)
class Ties:
    """Rows that belong to one trial. trial (n,): row of the trial that each belongs to, its own where it is a trial. own (n,): variance
    that a row has for itself, 0 where it is a trial.
    """

    trial: IntArray
    own: FloatArray

    @property
    def is_trial(self) -> BoolArray:
        """Which rows are trials (n,)."""
        rows: BoolArray = self.trial == np.arange(len(self.trial))
        return rows

    def where(self, rows: IntArray) -> Ties:
        """Of some rows, ascending, that hold with each row its trial."""
        return Ties(np.searchsorted(rows, self.trial[rows]), self.own[rows])

    def of_trials(self, trials: IntArray) -> IntArray:
        """All rows of some trials, ascending."""
        return np.flatnonzero(np.isin(self.trial, trials))


@dataclass(frozen=True, eq=False)
class ProductGP:
    """A product-kernel GP conditioned on n rows, with one value of its hyperparameters.

    x (n, d), y (n,); categorical (d,); share a (d,), length l (d,) (1 where categorical); sigma2 and noise are variances. ties: None where
    every row is a trial.
    """

    x: FloatArray
    y: FloatArray
    categorical: BoolArray
    sigma2: float
    noise: float
    share: FloatArray
    length: FloatArray
    ties: Ties | None = None

    @property
    def values(self) -> FloatArray:
        """y of the trials, without tied rows."""
        return self.y if self.ties is None else self.y[self.ties.is_trial]

    def without_ties(self) -> ProductGP:
        """The process given the values of its trials alone."""
        return self if self.ties is None else replace(self, x=self.x[self.ties.is_trial], y=self.values, ties=None)

    def of_trials(self, trials: IntArray) -> ProductGP:
        """The process given some of its trials alone. trials: their positions among the trials, ascending."""
        if self.ties is None:
            return replace(self, x=self.x[trials], y=self.y[trials])
        rows = self.ties.of_trials(np.flatnonzero(self.ties.is_trial)[trials])
        return replace(self, x=self.x[rows], y=self.y[rows], ties=self.ties.where(rows))

    def factor(self, j: int, u: FloatArray, v: FloatArray) -> FloatArray:
        """k_j between coordinates u (m,) and v (q,): (m, q)."""
        return column_kernel(u, v, self.share[j], self.length[j], bool(self.categorical[j]))

    def factor_slope(self, j: int, u: FloatArray, v: FloatArray) -> FloatArray:
        """Derivative of k_j by u, at coordinates u (m,) and v (q,): (m, q). 0 where either is inactive, and for categorical columns."""
        if self.categorical[j]:
            return np.zeros((len(u), len(v)))
        distance = u[:, None] - v[None, :]
        s = math.sqrt(5.0) / self.length[j] * np.abs(distance)
        slope = (
            -(math.sqrt(5.0) / self.length[j]) * self.share[j] * np.sign(distance) * s * (1.0 + s) / 3.0 * np.exp(-s)
        )
        return np.where(np.isnan(slope), 0.0, slope)

    def slope_variance(self, j: int) -> float:
        """Prior variance of the derivative of f along a numeric column."""
        return 0.0 if self.categorical[j] else self.sigma2 * self.share[j] * 5.0 / (3.0 * self.length[j] ** 2)

    def slope(self, u: FloatArray, j: int) -> tuple[FloatArray, FloatArray]:
        """Mean (m,) and variance (m,) of the derivative of f along column j at points u (m, d) where j is active."""
        rest = [i for i in range(u.shape[1]) if i != j]
        others = product_kernel(
            u[:, rest], self.x[:, rest], self.share[rest], self.length[rest], self.categorical[rest]
        )
        cross = self.sigma2 * others * self.factor_slope(j, u[:, j], self.x[:, j])
        root = _solve(self.cholesky, cross.T)
        return cross @ self.alpha, np.maximum(self.slope_variance(j) - np.einsum("nm,nm->m", root, root), 0.0)

    def kernel(self, u: FloatArray, v: FloatArray) -> FloatArray:
        """k between points u (m, d) and v (q, d): (m, q)."""
        return self.sigma2 * product_kernel(u, v, self.share, self.length, self.categorical)

    @cached_property
    def cholesky(self) -> FloatArray:
        """Lower Cholesky factor of C (n, n)."""
        c = self.kernel(self.x, self.x)
        c[np.diag_indices_from(c)] += self.noise + 1e-10 * self.sigma2
        if self.ties is not None:
            trial = self.ties.trial
            c[np.diag_indices_from(c)] += self.ties.own - self.noise
            c += self.noise * (trial[:, None] == trial)
        return np.asarray(np.linalg.cholesky(c), dtype=np.float64)

    @cached_property
    def whitened(self) -> FloatArray:
        """L^-1 y (n,)."""
        return _solve(self.cholesky, self.y)

    @cached_property
    def alpha(self) -> FloatArray:
        """C^-1 y (n,)."""
        return _solve(self.cholesky, self.whitened, transposed=True)

    @cached_property
    def inverse(self) -> FloatArray:
        """C^-1 (n, n)."""
        root = _solve(self.cholesky, np.eye(len(self.y)))
        return root.T @ root

    def log_evidence(self) -> float:
        """Log marginal likelihood of y."""
        diagonal = np.log(np.diag(self.cholesky)).sum()
        return float(-0.5 * self.whitened @ self.whitened - diagonal - 0.5 * len(self.y) * math.log(2 * math.pi))

    def predict(self, u: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Mean (m,) and variance (m,) of f (without noise) at points u (m, d)."""
        cross = self.kernel(self.x, u)
        root = _solve(self.cholesky, cross)
        return cross.T @ self.alpha, np.maximum(self.sigma2 - np.einsum("nm,nm->m", root, root), 0.0)

    def covariance(self, u: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Mean (m,) and joint covariance (m, m) of f at points u (m, d)."""
        cross = self.kernel(self.x, u)
        root = _solve(self.cholesky, cross)
        return cross.T @ self.alpha, self.kernel(u, u) - root.T @ root

    def leave_one_out(self) -> tuple[FloatArray, FloatArray]:
        """Mean and variance of y of each trial from the other trials. Rasmussen and Williams eq. 5.12.

        A trial is left out with all its rows: the same with blocks of C^-1 in place of its diagonal.
        """
        if self.ties is not None:
            return self._leave_trial_out(self.ties)
        diagonal = np.diag(self.inverse)
        return self.y - self.alpha / diagonal, 1.0 / diagonal

    def _leave_trial_out(self, ties: Ties) -> tuple[FloatArray, FloatArray]:
        found = []
        for i in np.flatnonzero(ties.is_trial):
            rows = np.flatnonzero(ties.trial == i)
            covariance = np.linalg.inv(self.inverse[np.ix_(rows, rows)])
            at = int(np.flatnonzero(rows == i)[0])
            found.append((self.y[i] - covariance[at] @ self.alpha[rows], covariance[at, at]))
        mean, variance = np.array(found).reshape(-1, 2).T
        return mean, variance


def column_kernel(u: FloatArray, v: FloatArray, share: float, length: float, categorical: bool) -> FloatArray:
    """Factor of one column between coordinates u (m,) and v (q,), NaN inactive: (m, q)."""
    distance = u[:, None] - v[None, :]
    np.abs(distance, out=distance)  # in place, here and below: most time goes into moving such arrays
    if categorical:
        k = (distance < 1e-9).astype(float)
    else:
        distance /= length
        k = matern52(distance)
    k *= share
    k += 1.0 - share
    u_off, v_off = np.isnan(u), np.isnan(v)
    if u_off.any() or v_off.any():
        k[u_off] = k[:, v_off] = math.sqrt(1.0 - share)
        k[np.ix_(u_off, v_off)] = 1.0
    return k


def product_kernel(
    u: FloatArray, v: FloatArray, share: FloatArray, length: FloatArray, categorical: BoolArray
) -> FloatArray:
    """Product of the column factors between points u (m, d) and v (q, d): (m, q)."""
    k = np.ones((len(u), len(v)))
    for j in range(u.shape[1]):
        k *= column_kernel(u[:, j], v[:, j], share[j], length[j], bool(categorical[j]))
    return k


def _solve(lower: FloatArray, b: FloatArray, *, transposed: bool = False) -> FloatArray:
    """L^-1 b or L^-T b."""
    from scipy.linalg import solve_triangular

    return np.asarray(solve_triangular(lower, b, lower=True, trans=1 if transposed else 0, check_finite=False))
