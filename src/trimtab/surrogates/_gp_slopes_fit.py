"""Hyperparameters of the process of the search where derivatives were observed.

The likelihood is that of values and derivatives together. Its gradient by log w needs the derivatives of C_gv and C_gg
by log w, which `_matern_slopes` gives; everything else is as in `_gp`.

Notation
    theta   log w (d), log s2, log t2, log t_g2       (d + 3,)
    C       covariance of derivatives, then values    (m + n, m + n)
    G       dL / dC = (C^-1 - alpha alpha') / 2
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from trimtab.numerics import FloatArray
from trimtab.numerics._cholesky import cholesky, cholesky_inverse, solve_lower, solve_lower_transposed
from trimtab.surrogates._columns import Columns
from trimtab.surrogates._gp import BOUNDS, STARTS, GaussianProcess, _log_prior
from trimtab.surrogates._gp_slopes import Hyper, Slopes
from trimtab.surrogates._matern import column_distances, kernel_and_slopes

__all__ = ["SlopesObjective", "fit_gp_slopes"]

SLOPE_NOISE = (-3.0, 1.5)  # mean and sd of the normal prior on log t_g2, a share of the prior variance: about 0.05
SLOPE_BOUNDS = (-9.0, 4.0)


def fit_gp_slopes(
    columns: Columns,
    x: FloatArray,
    z: FloatArray,
    slopes: Slopes,
    *,
    additive: float = 0.0,
    starts: Sequence[Sequence[float]] = STARTS,
    max_iterations: int = 40,
) -> GaussianProcess:
    """As `fit_gp`, with derivatives too; the slopes of the result bear the noise that was found."""
    from scipy.optimize import minimize

    objective = SlopesObjective(columns, x, z, slopes, additive)
    box = [BOUNDS[0]] * columns.d + [*BOUNDS[1:], SLOPE_BOUNDS]
    best_value, best = np.inf, np.empty(0)
    for start in starts:
        found = minimize(
            objective,
            np.array([*[start[0]] * columns.d, *start[1:], SLOPE_NOISE[0]]),
            jac=True,
            method="L-BFGS-B",
            bounds=box,
            options={"maxiter": max_iterations, "ftol": 1e-5, "gtol": 1e-3},
        )
        if found.fun < best_value or not best.size:
            best_value, best = float(found.fun), found.x
    told = slopes.with_noise(float(np.exp(best[-1])))
    return GaussianProcess.condition(columns, best[:-1], x, z, additive, told)


class SlopesObjective:
    """Negative log posterior of theta and its gradient; called with theta (d + 3,)."""

    def __init__(self, columns: Columns, x: FloatArray, z: FloatArray, slopes: Slopes, additive: float = 0.0) -> None:
        self.columns, self.x, self.z, self.slopes, self.additive = columns, x, z, slopes, additive

    def __call__(self, theta: FloatArray) -> tuple[float, FloatArray]:
        columns, owner, m, n = self.columns, self.columns.owner, len(self.slopes.value), len(self.z)
        signal, noise, slope_noise = np.exp(theta[-3:])
        hyper = Hyper(columns, theta[:-1], self.additive)
        phi = hyper.weighted(self.x)
        k, slope, own = kernel_and_slopes(phi, phi, signal, self.additive, owner)
        k.flat[:: n + 1] = signal + noise
        of_slopes = hyper.weighted(self.slopes.x)
        column = self.slopes.column
        with_values = hyper.gaps(of_slopes, column, phi)
        with_slopes = hyper.gaps(of_slopes, column, of_slopes)
        c = np.empty((m + n, m + n))
        c[m:, m:] = k
        c[:m, m:] = with_values.with_values()
        c[m:, :m] = c[:m, m:].T
        c[:m, :m] = with_slopes.with_slopes(column)
        rough = slope_noise * hyper.slope_variance[column]
        c.flat[: m * (m + n) : m + n + 1] += rough + self.slopes.doubt
        root = cholesky(c)
        target = np.concatenate([self.slopes.value, self.z])
        alpha = solve_lower_transposed(root, solve_lower(root, target))
        value = 0.5 * target @ alpha + np.log(np.diag(root)).sum()

        g = 0.5 * (cholesky_inverse(root) - np.outer(alpha, alpha))
        by_rough, trace = np.diag(g)[:m] * rough, np.trace(g[m:, m:])
        gradient = np.empty(columns.d + 3)
        gradient[-1] = by_rough.sum()
        gradient[-2] = noise * trace
        gradient[-3] = np.vdot(g, c) - noise * trace - np.diag(g)[:m] @ self.slopes.doubt
        r2 = list(column_distances(phi, phi, owner))
        pull = g[m:, m:] * slope
        gradient[:-3] = [np.vdot(pull, of) for of in r2]
        if len(own):
            gradient[:-3] += [np.vdot(g[m:, m:], h * of) for h, of in zip(own, r2, strict=True)]
        gradient[:-3] += 2.0 * with_values.values_by_weight(g[:m, m:])
        gradient[:-3] += with_slopes.slopes_by_weight(column, g[:m, :m])
        gradient[:-3] += np.bincount(column, by_rough, minlength=columns.d)
        prior, prior_gradient = _log_prior(theta[:-1], n)
        away = (theta[-1] - SLOPE_NOISE[0]) / SLOPE_NOISE[1]
        gradient[:-1] -= prior_gradient
        gradient[-1] += away / SLOPE_NOISE[1]
        return float(value - prior + 0.5 * away**2), gradient
