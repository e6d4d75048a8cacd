"""Probability that a trial succeeds, learned from those that did and those that failed.

A Gaussian process over the same columns as the search, squashed by the probit link:

    P(success | x) = Phi(f(x)),  f ~ GP(b, k),  k an ARD Matern-5/2 kernel

Far from every trial P is the share of trials that succeeded (Phi(b), counted with two successes more and half a failure),
so a few failures forbid their neighbourhood and no more; failures in a row of the same kind forbid the kind.

Notation
    x, y       trials (n, d), and +1 where they succeeded, -1 where they failed (n,)
    g          f - b at the trials, at the mode of its posterior (n,)
    slope, W   first derivative and minus the second one of log Phi(y f) by f (n,)
    B          I + W^1/2 K W^1/2

Length scales are those of a regression on the labels (Rasmussen and Williams 2006, section 6.5), which has a closed
form for its likelihood and finds the same columns; the classifier itself is Laplace's approximation at the mode.

Source: Rasmussen and Williams 2006, algorithms 3.1 and 3.2, eq. 3.16 (probit), 3.25 and 3.82 (prediction).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from trimtab.numerics import BoolArray, FloatArray, IntArray
from trimtab.numerics._cholesky import cholesky, solve_lower, solve_lower_transposed
from trimtab.surrogates._columns import Columns
from trimtab.surrogates._gp import GaussianProcess, fit_gp

__all__ = ["fit_success"]

EXTRA = (2.0, 0.5)  # successes and failures that b counts besides the trials: nothing is sure after the first of them
SIGNAL = float(np.log(4.0))  # log variance of f: from sure to hopeless within a length scale
MOST = 100  # trials in the model; more would cost more time than they tell
STEPS = 30  # of Newton's method; it is concave and takes 4 to 8
LEAST_W = 1e-6  # of a trial that nothing can surprise any more


def fit_success(columns: Columns, x: FloatArray, succeeded: BoolArray) -> tuple[GaussianProcess, float]:
    """The posterior of f - b, and b, from trials x (n, d) of which `succeeded` (n,) did; n >= 1.

    `predict` and `predict_gradient` work as for any process. What it depends on is the arguments alone.
    """
    from scipy.special import ndtri

    b = float(ndtri((succeeded.sum() + EXTRA[0]) / (len(succeeded) + sum(EXTRA))))
    rows = _subset(succeeded, MOST)
    x, y = x[rows], np.where(succeeded[rows], 1.0, -1.0)
    theta = np.zeros(columns.d + 2)
    if y.std() > 0:
        theta = fit_gp(columns, x, (y - y.mean()) / y.std(), starts=((0.0, 0.0, -1.0),), max_iterations=15).theta
    theta[-2:] = SIGNAL, np.log(1e-6)
    prior = GaussianProcess.condition(columns, theta, x, np.zeros(len(y)))
    k = prior.root @ prior.root.T
    return _laplace(prior, k, y, b), b


def _laplace(prior: GaussianProcess, k: FloatArray, y: FloatArray, offset: float) -> GaussianProcess:
    """The process whose mean and variance are those of Laplace's approximation (algorithms 3.1 and 3.2).

    A regression with noise W^-1 has the same; its weights alpha are the slopes at the mode.
    """
    g = np.zeros(len(y))
    slope, w = _probit(y, g + offset)
    for _ in range(STEPS):
        root_w = np.sqrt(w)
        b = w * g + slope
        root = cholesky(np.eye(len(y)) + root_w[:, None] * k * root_w)
        a = b - root_w * solve_lower_transposed(root, solve_lower(root, root_w * (k @ b)))
        moved = k @ a
        done = float(np.abs(moved - g).max()) < 1e-8
        g = moved
        slope, w = _probit(y, g + offset)
        if done:
            break
    noisy = k + np.diag(1.0 / w)
    return replace(prior, z=g, alpha=slope, root=cholesky(noisy))


def _probit(y: FloatArray, f: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Slope and W of log Phi(y f) by f (n,) each. Rasmussen and Williams eq. 3.16."""
    from scipy.special import log_ndtr

    ratio = np.exp(-0.5 * f**2 - 0.5 * np.log(2.0 * np.pi) - log_ndtr(y * f))
    return y * ratio, np.maximum(ratio * (ratio + y * f), LEAST_W)


def _subset(succeeded: BoolArray, most: int) -> IntArray:
    """Rows of at most `most` trials, ascending: the newest of each outcome, two thirds failures if there are so many."""
    n = len(succeeded)
    if n <= most:
        return np.arange(n)
    failed, fine = np.flatnonzero(~succeeded), np.flatnonzero(succeeded)
    n_failed = min(len(failed), max(2 * most // 3, most - len(fine)))
    return np.sort(np.concatenate([failed[len(failed) - n_failed :], fine[len(fine) - (most - n_failed) :]]))
