"""The normal distribution cut to an interval: mass, log density and draws that stay right far in the tails.

Notation
    mean, sd     of the normal before it is cut; mean may lie outside the interval
    low, high    the interval, low < high
    a, b         (low - mean) / sd, (high - mean) / sd
    Phi          the standard normal distribution function

All functions broadcast their arguments.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from trimtab.numerics._arrays import FloatArray

__all__ = ["log_normal_mass", "sample_truncated_normal", "truncated_normal_log_density"]

LOG_SQRT_2PI = 0.5 * float(np.log(2.0 * np.pi))


def log_normal_mass(a: ArrayLike, b: ArrayLike) -> FloatArray:
    """log(Phi(b) - Phi(a)) for a < b; -inf where a == b. Shape: a and b broadcast.

    Intervals right of 0 are mirrored to the left, where Phi is small instead of nearly 1, so nothing cancels.
    """
    from scipy.special import log_ndtr

    a, b = np.broadcast_arrays(np.asarray(a, float), np.asarray(b, float))
    right = a > 0
    a, b = np.where(right, -b, a), np.where(right, -a, b)
    log_upper = log_ndtr(b)
    with np.errstate(divide="ignore"):
        mass: FloatArray = log_upper + np.log1p(-np.exp(log_ndtr(a) - log_upper))
    return mass


def truncated_normal_log_density(
    x: ArrayLike, mean: ArrayLike, sd: ArrayLike, low: ArrayLike = 0.0, high: ArrayLike = 1.0
) -> FloatArray:
    """Log density at x of a normal cut to [low, high]; -inf outside. Shape: all arguments broadcast."""
    x, mean, sd = np.asarray(x, float), np.asarray(mean, float), np.asarray(sd, float)
    low, high = np.asarray(low, float), np.asarray(high, float)
    inside = (x >= low) & (x <= high)
    log_mass = log_normal_mass((low - mean) / sd, (high - mean) / sd)
    log_density = -0.5 * ((x - mean) / sd) ** 2 - LOG_SQRT_2PI - np.log(sd) - log_mass
    return np.where(inside, log_density, -np.inf)


def sample_truncated_normal(
    mean: ArrayLike, sd: ArrayLike, rng: np.random.Generator, low: float = 0.0, high: float = 1.0
) -> FloatArray:
    """One draw for each element of mean and sd (broadcast), by inverting the distribution function in log space."""
    from scipy.special import log_ndtr, ndtri_exp

    mean, sd = np.broadcast_arrays(np.asarray(mean, float), np.asarray(sd, float))
    a, b = (low - mean) / sd, (high - mean) / sd
    right = a > 0  # mirrored, as in log_normal_mass
    left, end = np.where(right, -b, a), np.where(right, -a, b)
    u = rng.random(mean.shape)
    with np.errstate(divide="ignore"):
        log_cdf = np.logaddexp(log_ndtr(left), np.log(u) + log_normal_mass(left, end))
    z = np.clip(ndtri_exp(np.minimum(log_cdf, 0.0)), left, end)
    draws: FloatArray = np.clip(mean + sd * np.where(right, -z, z), low, high)
    return draws
