"""Posterior of the objective at the configurations that were evaluated, some of them more than once.

A surface that is smooth over the space does not explain a trial in full. What it leaves is partly noise, which another
evaluation would not bring again, and partly the configuration's own, which it would:

    z_ir = f(x_i) + e_i + noise_ir,   f ~ GP,   e_i ~ N(0, rho v),   noise_ir ~ N(0, (1 - rho) v)

To call all of it noise (rho = 0) is to trust the surface against what was measured; to call none of it noise (rho = 1)
is to trust every lucky draw. Few trials tell neither v nor rho: one fit that takes them for known promises far too much
(on tables of networks 90 % intervals held 40 % of the truths). So the posterior is a mixture over both, weighed by how
well each predicts the trials, repeats included.

Notation
    m      distinct configurations, of n trials        i
    count  evaluations of each                         (m,)
    z      their mean warped value                     (m,)
    v      variance that the surface does not explain
    D      noise variance of z: (1 - rho) v / count    (m,)
    C      k(x, x) + rho v I + diag D = L L'           (m, m)
    g      f + e: what is to be known                  (m,)   mean z - D alpha,  covariance D - D C^-1 D
    w      sum of squares of the trials about their configuration's mean

Log density of the trials: log N(z; 0, C) - (n - m)/2 log (1 - rho) v - w / (2 (1 - rho) v) + constant. Length scales and
signal have the priors of the Gaussian process of the search and are at their best for each v; v and rho have the weights
below. The mixture costs about as much as one fit from two starts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trimtab.numerics import FloatArray, IntArray
from trimtab.numerics._cholesky import cholesky, solve_lower, solve_lower_transposed
from trimtab.surrogates._columns import Columns
from trimtab.surrogates._gp import BOUNDS, _log_prior, _Objective, _start, _weighted
from trimtab.surrogates._matern import matern, squared_distance

__all__ = ["Tried", "fit_tried", "good_and_spread"]

LEVELS = (0.6, 0.2, 0.05, 1e-2, 1e-3, 1e-4, 1e-5)  # of v, in the order of fitting: each starts where the last one ended
OWN = ((0.02, 0.7), (0.2, 0.15), (0.5, 0.1), (0.95, 0.05))  # of rho, each with its weight before any trial
NEGLIGIBLE = 1e-3  # weight of a part that is left out
FIT_MAX = 150  # trials, and configurations, by which the parts are fitted and weighed
STEPS = 12  # of the optimiser, for each level


@dataclass(frozen=True, eq=False)
class Tried:
    """One part: own, noise are rho v and (1 - rho) v. The others as in the notation; root is L, alpha C^-1 z."""

    own: float
    noise: float
    z: FloatArray
    count: IntArray
    root: FloatArray
    alpha: FloatArray

    @classmethod
    def condition(cls, k: FloatArray, own: float, noise: float, z: FloatArray, count: IntArray) -> Tried:
        """k (m, m): covariance of the surface."""
        root = cholesky(k + np.diag(own + noise / count))
        return cls(own, noise, z, count, root, solve_lower_transposed(root, solve_lower(root, z)))

    @property
    def mean(self) -> FloatArray:
        """Posterior mean of g (m,)."""
        return self.z - self.noise / self.count * self.alpha

    def covariance(self, some: IntArray) -> FloatArray:
        """Posterior covariance of g (q, q) at some of the configurations."""
        noise = self.noise / self.count[some]
        one = np.zeros((len(self.z), len(some)))
        one[some, np.arange(len(some))] = 1.0
        half = solve_lower(self.root, one)
        covariance: FloatArray = np.diag(noise) - noise[:, None] * (half.T @ half) * noise
        return covariance

    def log_density(self, n: int, within: float) -> float:
        """log p of the n trials, up to a constant; within: w."""
        fit = -0.5 * float(self.z @ self.alpha) - float(np.log(np.diag(self.root)).sum())
        return fit - 0.5 * (n - len(self.z)) * float(np.log(self.noise)) - 0.5 * within / self.noise


def fit_tried(columns: Columns, x: FloatArray, z: FloatArray, which: IntArray) -> tuple[FloatArray, list[Tried]]:
    """The parts of the mixture and their weights (sum 1), heaviest first.

    x (m, d): distinct configurations. z (n,): warped values of the trials, mean 0 and sd 1. which (n,): the
    configuration of each trial, 0 to m - 1, every one at least once.
    """
    m = len(x)
    count = np.bincount(which, minlength=m)
    mean = np.bincount(which, z, minlength=m) / count
    within = np.bincount(which, (z - mean[which]) ** 2, minlength=m)
    rows = good_and_spread(mean[which], FIT_MAX)
    some = good_and_spread(np.where(count > 1, mean - np.ptp(z), mean), FIT_MAX)  # repeats first: they tell the noise
    n, w = int(count[some].sum()), float(within[some].sum())
    settings: list[tuple[FloatArray, float, float]] = []
    scores: list[float] = []
    for theta, prior in _surfaces(columns, x[which[rows]], z[rows]):
        k, v = _covariance(columns, theta, x[some]), float(np.exp(theta[-1]))
        for rho, weight in OWN:
            settings.append((theta, rho * v, (1.0 - rho) * v))
            part = Tried.condition(k, rho * v, (1.0 - rho) * v, mean[some], count[some])
            scores.append(prior + float(np.log(weight)) + part.log_density(n, w))
    weights = np.exp(np.array(scores) - max(scores))
    order = [i for i in np.argsort(-weights, kind="stable") if weights[i] > NEGLIGIBLE]
    parts = [
        Tried.condition(_covariance(columns, theta, x), own, noise, mean, count)
        for theta, own, noise in (settings[i] for i in order)
    ]
    return weights[order] / weights[order].sum(), parts


def good_and_spread(z: FloatArray, most: int) -> IntArray:
    """At most so many of the rows (n,), ascending: half of them the best, the others spread over all times."""
    if len(z) <= most:
        return np.arange(len(z))
    best = np.argsort(z, kind="stable")[: most // 2]
    others = np.setdiff1d(np.arange(len(z)), best)
    spread = others[np.linspace(0, len(others) - 1, most - len(best)).astype(np.int64)]
    return np.union1d(best, spread)


def _surfaces(columns: Columns, x: FloatArray, z: FloatArray) -> list[tuple[FloatArray, float]]:
    """For each level of v the best theta (d + 2,), and the log prior of its length scales and signal."""
    from scipy.optimize import minimize

    objective = _Objective(columns, x, z)
    reference = theta = _start(columns.d, (-1.0, 0.0, 0.0))
    found = []
    for v in LEVELS:
        fixed = float(np.log(v))
        theta, reference = np.append(theta[:-1], fixed), np.append(reference[:-1], fixed)
        box = [BOUNDS[0]] * columns.d + [BOUNDS[1], (fixed, fixed)]
        options = {"maxiter": STEPS, "ftol": 1e-4, "gtol": 1e-3}
        theta = minimize(objective, theta, jac=True, method="L-BFGS-B", bounds=box, options=options).x
        prior = _log_prior(theta, len(z))[0] - _log_prior(reference, len(z))[0]  # that of v drops out
        found.append((theta, prior))
    return found


def _covariance(columns: Columns, theta: FloatArray, x: FloatArray) -> FloatArray:
    phi = _weighted(columns, theta, x)
    return matern(squared_distance(phi, phi), float(np.exp(theta[-2])))
