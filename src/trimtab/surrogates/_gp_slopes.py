"""Derivatives as observations of the Gaussian process of the search (see `_gp`).

A trial that reports its gradient tells d numbers more than one that does not. Each enters as a row of the covariance
matrix of its own, with a noise of its own: the gradient of a training run is that of one seed and one place, and where
training is rough it says little about the trend.

    v   noise variance of a derivative g along column j:  t_g2 (5/3 s2 w_j) + (g^2 / STEEP)^2

The first part is a share of the prior variance of that derivative, so it is large along a column that the objective is
rough in (often the learning rate) and small along a smooth one. With the second part slopes that are too steep to hold
over a part of the range count for little more than their sign.

Notation
    m, n    derivatives, points
    C_gg, C_gv    covariances of derivatives among themselves (m, m) and with the values (m, n), see `_matern_slopes`
    t_g2    learned share of the noise
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from trimtab.numerics import FloatArray, IntArray
from trimtab.surrogates._columns import Columns
from trimtab.surrogates._matern_slopes import Gaps

__all__ = ["Hyper", "Slopes"]

STEEP = 30.0  # standard deviations of the objective a range: a slope of 3 has a noise of 0.3, one of 8 a noise of 2.1


@dataclass(frozen=True, eq=False)
class Hyper:
    """What a kernel is made of: theta (d + 2,) is log w of each column, log s2, log t2."""

    columns: Columns
    theta: FloatArray
    additive: float

    @property
    def slope_variance(self) -> FloatArray:
        """Prior variance of a derivative along each column (d,): 5/3 s2 w."""
        variance: FloatArray = 5.0 / 3.0 * np.exp(self.theta[-2] + self.theta[:-2])
        return variance

    def weighted(self, x: FloatArray) -> FloatArray:
        """phi of points x (n, d): (n, D)."""
        phi: FloatArray = self.columns.features(x) * np.exp(0.5 * self.theta[self.columns.owner])
        return phi

    def gaps(self, phi: FloatArray, column: IntArray, psi: FloatArray) -> Gaps:
        """From derivatives along `column` (m,) at phi (m, D) to points psi (n, D)."""
        columns, w = self.columns, np.exp(self.theta[:-2])
        signal = float(np.exp(self.theta[-2]))
        return Gaps(phi, psi, column, columns.slots, columns.owner, w, signal, self.additive)


@dataclass(frozen=True, eq=False)
class Slopes:
    """Derivatives value (m,) along numeric columns column (m,) at points x (m, d). noise: t_g2."""

    x: FloatArray
    column: IntArray
    value: FloatArray
    noise: float = 0.0

    @classmethod
    def of(cls, columns: Columns, x: FloatArray, slopes: FloatArray) -> Slopes | None:
        """Of slopes (n, d) at x (n, d), NaN where there is none; None where there is none at all."""
        known = np.isfinite(slopes) & ~np.isnan(x) & np.array([kind != "categorical" for kind in columns.kinds])
        row, column = np.nonzero(known)
        return cls(x[row], column, slopes[row, column]) if len(row) else None

    def with_noise(self, noise: float) -> Slopes:
        """The same with another t_g2."""
        return replace(self, noise=noise)

    @property
    def doubt(self) -> FloatArray:
        """The part of the noise variance that grows with the slope (m,)."""
        return (self.value**2 / STEEP) ** 2

    def gaps(self, hyper: Hyper, phi: FloatArray) -> Gaps:
        """From these derivatives to weighted points phi (n, D)."""
        return hyper.gaps(hyper.weighted(self.x), self.column, phi)

    def bordered(self, hyper: Hyper, phi: FloatArray, k: FloatArray) -> FloatArray:
        """[[C_gg + v, C_gv], [C_vg, k]] (m + n, m + n) for k (n, n) of the points phi (n, D)."""
        m = len(self.value)
        own = hyper.weighted(self.x)
        c = np.empty((m + len(k), m + len(k)))
        c[m:, m:] = k
        c[:m, m:] = hyper.gaps(own, self.column, phi).with_values()
        c[m:, :m] = c[:m, m:].T
        c[:m, :m] = hyper.gaps(own, self.column, own).with_slopes(self.column)
        c.flat[: m * len(c) : len(c) + 1] += self.noise * hyper.slope_variance[self.column] + self.doubt
        return c
