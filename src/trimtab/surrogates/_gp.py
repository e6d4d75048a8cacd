"""Gaussian process with an ARD Matern-5/2 kernel over numeric, categorical and conditional columns.

The surrogate of the search. Columns become features of a Euclidean space (see `_columns`), so that the kernel is
positive definite on mixed and conditional spaces, distances are one matrix product, and no (n, n, d) array is made.

Notation
    x       points of the unit cube, NaN where inactive    (n, d)
    phi     features times sqrt(w)                         (n, D)
    w       weight of each column, 1 / length scale^2      (d,)
    s2, t2  signal and noise variance
    r2      sum_j w_j d_j(x, x')^2, r2_j its terms         (n, n)
    k, a    kernel and its additive share, see `_matern`
    h, h_j  dk / d(r2) of the product part, dk / d(r2_j) of the additive part
    C       k + t2 I = L L',  alpha = C^-1 z
    theta   log w (d), log s2, log t2                      (d + 2,)

Derivatives that were observed (m of them, see `_gp_slopes`) are further rows and columns of C, before those of the
points: alpha is (m + n,) and L (m + n, m + n) then. Without them nothing here differs.

Sources: Rasmussen and Williams 2006, eq. 2.25-2.26 (posterior), 5.8-5.9 (likelihood and gradient), 5.12 (leave one
out). Priors in the form of Optuna's GPSampler, 0.1 (w/w0 + w0/w), s2 ~ Gamma(2, 1), t2 ~ Gamma(1.1, 30), with two
changes: w0 = 3 / d, so that random points are equally alike in any dimension (length scales grow with sqrt(d), Hvarfner
et al. 2024, arXiv:2402.02229), where Optuna has 1; and a rate of the noise that falls as 20 / n from 20 trials on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from trimtab.numerics import FloatArray
from trimtab.numerics._cholesky import (
    cholesky,
    cholesky_extend,
    cholesky_inverse,
    solve_lower,
    solve_lower_transposed,
)
from trimtab.surrogates._columns import Columns
from trimtab.surrogates._gp_slopes import Hyper, Slopes
from trimtab.surrogates._matern import by_column, kernel, kernel_and_slopes, matern_and_slope

__all__ = ["GaussianProcess", "fit_gp"]

NOISE_FLOOR = 1e-6  # of a unit variance; keeps duplicates apart and C well conditioned
BOUNDS = ((-9.0, 7.0), (-5.0, 5.0), (float(np.log(NOISE_FLOOR)), 2.0))  # of log w, log s2, log t2
WEIGHT_PRIOR, WEIGHT_CENTRE = 0.1, 3.0  # strength, and the sum over columns of the weights that the prior prefers
NOISE_SHAPE, NOISE_RATE = 1.1, 30.0
NOISE_TRIALS = 20  # so few trials cannot tell noise from structure; at 60 a rate of 30 still interpolates pure noise
STARTS = ((0.0, 0.0, -4.6), (-1.0, 0.0, -1.0))  # smooth and exact; smoother and noisy


@dataclass(frozen=True)
class GaussianProcess:
    """A conditioned process. theta (d + 2,); x (n, d); z (n,) zero-mean targets; root (n, n) lower factor of C.

    additive: share of the kernel's additive part. slopes: derivatives that were observed, None where there are none.
    """

    columns: Columns
    theta: FloatArray
    x: FloatArray
    z: FloatArray
    phi: FloatArray
    root: FloatArray
    alpha: FloatArray
    additive: float = 0.0
    slopes: Slopes | None = None

    @classmethod
    def condition(
        cls,
        columns: Columns,
        theta: FloatArray,
        x: FloatArray,
        z: FloatArray,
        additive: float = 0.0,
        slopes: Slopes | None = None,
    ) -> GaussianProcess:
        """The process given targets z (n,) at x (n, d), and derivatives. n = 0 gives the prior."""
        phi = _weighted(columns, theta, x)
        k = kernel(phi, phi, float(np.exp(theta[-2])), additive, columns.owner)
        k.flat[:: len(z) + 1] = np.exp(theta[-2]) + np.exp(theta[-1])
        if slopes is not None and len(z):
            k = slopes.bordered(Hyper(columns, theta, additive), phi, k)
        root = cholesky(k) if len(z) else k
        return cls(columns, theta, x, z, phi, root, _solve(root, _targets(slopes, z)), additive, slopes)

    @property
    def n(self) -> int:
        return len(self.z)

    @property
    def signal(self) -> float:
        """Prior variance s2."""
        return float(np.exp(self.theta[-2]))

    @property
    def noise(self) -> float:
        """Noise variance t2."""
        return float(np.exp(self.theta[-1]))

    @property
    def slope_noise(self) -> float:
        """t_g2, see `_gp_slopes`; 0 where no derivative was observed."""
        return 0.0 if self.slopes is None else self.slopes.noise

    @property
    def weights(self) -> FloatArray:
        """w (d,): 1 / length scale^2 of each column."""
        return np.exp(self.theta[:-2])

    @property
    def fitted(self) -> FloatArray:
        """Posterior mean at the process's own points (n,): z - t2 alpha."""
        return self.z - self.noise * self.alpha[-self.n :]

    def predict(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Mean and standard deviation of the function (without noise) at x (m, d): two arrays (m,).

        Rasmussen and Williams 2006, eq. 2.25 and 2.26.
        """
        k, _ = self._cross(x)
        return k @ self.alpha, self._sd(solve_lower(self.root, k.T))

    def predict_gradient(self, x: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Mean, sd (m,) and their gradients (m, d) by numeric columns; 0 in categorical, inactive ones."""
        phi = _weighted(self.columns, self.theta, x)
        k, slope, own = kernel_and_slopes(phi, self.phi, self.signal, self.additive, self.columns.owner)  # (m, n) each
        gaps = None if self.slopes is None else self.slopes.gaps(self._hyper, phi)
        before = 0 if gaps is None else len(gaps.phi)
        k = k if gaps is None else np.concatenate([gaps.with_values().T, k], axis=1)
        half = solve_lower(self.root, k.T)
        mean, sd = k @ self.alpha, self._sd(half)
        moves = [j for j in range(self.columns.d) if self.columns.kinds[j] != "categorical"]
        slots = self.columns.slots[moves]
        scale = 2.0 * np.sqrt(self.weights[moves])  # d r2 / d x = 2 sqrt(w) (phi - phi_i)

        def pull(weight: FloatArray) -> FloatArray:
            """sum_i weight_i dk(x, x_i) / dx (m, d)."""
            of_slopes, weight = weight[..., :before], weight[..., before:]
            a = slope * weight
            gradient = np.zeros((len(x), self.columns.d))
            gradient[:, moves] = scale * (phi[:, slots] * a.sum(1)[:, None] - a @ self.phi[:, slots])
            if len(own):
                a = own[moves] * weight
                gradient[:, moves] += scale * (
                    phi[:, slots] * a.sum(2).T - (a @ self.phi[:, slots].T[:, :, None])[..., 0].T
                )
            if gaps is not None:
                gradient[:, moves] += gaps.slopes_of_values(np.broadcast_to(of_slopes, (len(x), before)).T)[:, moves]
            return np.where(np.isnan(x), 0.0, gradient)

        d_mean = pull(self.alpha)
        d_var = -2.0 * pull(solve_lower_transposed(self.root, half).T)
        return mean, sd, d_mean, d_var / (2.0 * sd[:, None])

    def leave_one_out(self) -> tuple[FloatArray, FloatArray]:
        """Mean and sd of each target (noise included) predicted from all others, at fixed theta: two arrays (n,).

        Rasmussen and Williams 2006, eq. 5.12: z_i - alpha_i / [C^-1]_ii and 1 / [C^-1]_ii.
        """
        precision = np.diag(cholesky_inverse(self.root))[-self.n :]
        return self.z - self.alpha[-self.n :] / precision, 1.0 / np.sqrt(precision)

    def log_likelihood(self) -> float:
        """log p(z | x, theta), Rasmussen and Williams 2006, eq. 5.8."""
        z = _targets(self.slopes, self.z)
        return -0.5 * float(z @ self.alpha + 2.0 * np.log(np.diag(self.root)).sum() + len(z) * np.log(2 * np.pi))

    def extend(self, x: FloatArray, z: FloatArray) -> GaussianProcess:
        """The process with q more points, by extending the factor: O(n^2 q)."""
        cross, phi = self._cross(x)
        corner = kernel(phi, phi, self.signal, self.additive, self.columns.owner)
        corner.flat[:: len(z) + 1] = self.signal + self.noise
        root = cholesky_extend(self.root, cross.T, corner)
        x, z, phi = np.concatenate([self.x, x]), np.concatenate([self.z, z]), np.concatenate([self.phi, phi])
        return replace(self, x=x, z=z, phi=phi, root=root, alpha=_solve(root, _targets(self.slopes, z)))

    def believe(self, x: FloatArray) -> GaussianProcess:
        """The process if the points x (q, d) came out at their posterior means (kriging believer, Ginsbourger 2010)."""
        return self.extend(x, self.predict(x)[0]) if len(x) else self

    def reinterpolated(self) -> GaussianProcess:
        """The same mean, with the uncertainty that would be left if the mean were known without noise at its points.

        Where noise is learned, the process stays uncertain at a point that was tried, and an acquisition function would go on to ask
        for it again; here that uncertainty is gone (re-interpolation, Forrester, Keane and Bressloff 2006, AIAA J. 44, 2331).
        """
        k = kernel(self.phi, self.phi, self.signal, self.additive, self.columns.owner)
        k.flat[:: self.n + 1] = self.signal * (1.0 + NOISE_FLOOR)
        if self.slopes is not None:
            k = self.slopes.bordered(self._hyper, self.phi, k)
        return replace(self, root=cholesky(k)) if self.n else self

    def _cross(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Covariance of f(x) with the observations (m, n), and phi of x (m, D)."""
        phi = _weighted(self.columns, self.theta, x)
        k = kernel(phi, self.phi, self.signal, self.additive, self.columns.owner)
        if self.slopes is not None:
            k = np.concatenate([self.slopes.gaps(self._hyper, phi).with_values().T, k], axis=1)
        return k, phi

    @property
    def _hyper(self) -> Hyper:
        return Hyper(self.columns, self.theta, self.additive)

    def _sd(self, half: FloatArray) -> FloatArray:
        variance = self.signal - np.einsum("nm,nm->m", half, half)
        sd: FloatArray = np.sqrt(np.maximum(variance, 1e-10 * self.signal))
        return sd


def fit_gp(
    columns: Columns,
    x: FloatArray,
    z: FloatArray,
    *,
    additive: float = 0.0,
    starts: Sequence[Sequence[float]] = STARTS,
    max_iterations: int = 40,
) -> GaussianProcess:
    """The process with theta at the maximum of the posterior density, by L-BFGS-B from fixed starts.

    x (n, d), z (n,) with mean about 0 and variance about 1. additive: share of the kernel's additive part. Each start is
    (log w of every column, log s2, log t2).
    The result depends on the arguments alone: no start comes from an earlier fit.
    """
    from scipy.optimize import minimize

    objective = _Objective(columns, x, z, additive)
    box = [BOUNDS[0]] * columns.d + [*BOUNDS[1:]]
    best_value, best_theta = np.inf, _start(columns.d, STARTS[0])
    for start in starts:
        found = minimize(
            objective,
            _start(columns.d, start),
            jac=True,
            method="L-BFGS-B",
            bounds=box,
            options={"maxiter": max_iterations, "ftol": 1e-5, "gtol": 1e-3},
        )
        if found.fun < best_value:
            best_value, best_theta = float(found.fun), found.x
    return GaussianProcess.condition(columns, best_theta, x, z, additive)


class _Objective:
    """Negative log posterior of theta and its gradient; called with theta (d + 2,).

    Works on the pairs i > j of the trials, in the order of the lower triangle: half of what a matrix would take.
    gaps (d, pairs): the columns' squared distances without weights.
    """

    def __init__(self, columns: Columns, x: FloatArray, z: FloatArray, additive: float = 0.0) -> None:
        self.z, self.d, self.additive = z, columns.d, additive
        self.right, self.left = np.triu_indices(len(z), 1)
        features = columns.features(x).T
        self.gaps = by_column((features[:, self.left] - features[:, self.right]) ** 2, columns.owner)
        self.place = self.right * len(z) + self.left  # in a matrix stored by columns

    def __call__(self, theta: FloatArray) -> tuple[float, FloatArray]:
        n = len(self.z)
        weights, signal, noise = np.exp(theta[:-2]), np.exp(theta[-2]), np.exp(theta[-1])
        k, slope = matern_and_slope(weights @ self.gaps, signal * (1.0 - self.additive))
        if self.additive:
            parts = weights[:, None] * self.gaps
            own, own_slope = matern_and_slope(parts, signal * self.additive / self.d)
            k += own.sum(0)
        lower = np.zeros(n * n)
        lower[self.place] = k
        lower[:: n + 1] = signal + noise
        root = cholesky(lower.reshape(n, n).T)
        alpha = _solve(root, self.z)
        value = 0.5 * self.z @ alpha + np.log(np.diag(root)).sum()

        inverse = cholesky_inverse(root)
        g = inverse.ravel()[self.place] - alpha[self.left] * alpha[self.right]  # dL / dC of a pair, twice eq. 5.9 of
        gradient = np.empty(self.d + 2)  # Rasmussen and Williams: it stands twice in C
        trace = 0.5 * (np.trace(inverse) - alpha @ alpha)
        gradient[-2:] = g @ k + signal * trace, noise * trace
        gradient[:-2] = weights * (self.gaps @ (g * slope))
        if self.additive:  # dk / d log w_j = h_j r2_j
            own_slope *= parts
            gradient[:-2] += own_slope @ g
        prior, prior_gradient = _log_prior(theta, n)
        return float(value - prior), gradient - prior_gradient


def _log_prior(theta: FloatArray, n: int) -> tuple[float, FloatArray]:
    """Log density of theta for n trials, up to a constant, and its gradient."""
    d, rate = len(theta) - 2, NOISE_RATE * min(1.0, NOISE_TRIALS / max(n, 1))
    w, signal, noise = np.exp(theta[:-2]) * d / WEIGHT_CENTRE, np.exp(theta[-2]), np.exp(theta[-1])
    value = -WEIGHT_PRIOR * np.sum(w + 1.0 / w) + theta[-2] - signal
    value += (NOISE_SHAPE - 1.0) * theta[-1] - rate * noise
    slope = np.empty_like(theta)
    slope[:-2] = -WEIGHT_PRIOR * (w - 1.0 / w)
    slope[-2:] = 1.0 - signal, NOISE_SHAPE - 1.0 - rate * noise
    return float(value), slope


def _start(d: int, start: Sequence[float]) -> FloatArray:
    return np.concatenate([np.full(d, start[0]), start[1:]])


def _weighted(columns: Columns, theta: FloatArray, x: FloatArray) -> FloatArray:
    return columns.features(x) * np.exp(0.5 * theta[columns.owner])


def _targets(slopes: Slopes | None, z: FloatArray) -> FloatArray:
    """What was observed: derivatives, then values."""
    return z if slopes is None or not len(z) else np.concatenate([slopes.value, z])


def _solve(root: FloatArray, z: FloatArray) -> FloatArray:
    return solve_lower_transposed(root, solve_lower(root, z))
