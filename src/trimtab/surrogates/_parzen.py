"""Parzen estimator of a density over a mixed unit cube: a mixture of products of kernels, one kernel for each point.

    p(x) = w_0 p_0(x) + sum_i w_i prod_j k_j(x_j | x_ij)

Notation
    n, d        points it is fitted to, columns          m       points it is asked about
    x           points in the unit cube  (n, d)          K       levels of a discrete or categorical column
    w           weights of the kernels  (n,), w_0 of the prior kernel; together 1
    bandwidth   standard deviation of a numeric kernel (d,), the same for all points (a normal rule with a floor)

Kernels: continuous columns have a normal cut to [0, 1]; discrete ones its mass on each level's cell; categorical ones
put (1 + s) on the point's own choice and s on each other one, normalised, with smoothing s = 1 / (n + 1).
The prior kernel p_0 is broad: a normal at the centre with standard deviation 1 (numeric), uniform (categorical).

The squared distances of all m x n pairs come from one matrix product, and the part that belongs to levels from small
tables; so 64 candidates against 2,000 points of 8 columns take about two milliseconds.

Differs from Bergstra et al. 2011: multivariate kernels and one bandwidth per column, 0.2 n^(-1/(d+4)), which beat
neighbour distances on tables of real networks.

Sources: Bergstra et al. 2011 (NeurIPS 24); Watanabe 2023, arXiv:2304.11127 (kernels, bandwidths, their floor).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from trimtab.numerics import BoolArray, FloatArray, IntArray
from trimtab.numerics._truncated_normal import (
    LOG_SQRT_2PI,
    log_normal_mass,
    sample_truncated_normal,
    truncated_normal_log_density,
)

__all__ = ["Axis", "Parzen"]

PRIOR_MEAN, PRIOR_SD = 0.5, 1.0
LEAST_LOG_MASS = -700.0  # a level 37 bandwidths away; keeps -inf - -inf out of ratios of two densities


@dataclass(frozen=True, slots=True, eq=False)
class Axis:
    """One column of the cube. levels (K,): coordinates of its levels; edges (K + 1,): bounds of their cells; both empty
    for a continuous column."""

    kind: Literal["continuous", "discrete", "categorical"]
    levels: FloatArray
    edges: FloatArray

    @classmethod
    def continuous(cls) -> Axis:
        """A column that takes every value of [0, 1]."""
        return cls("continuous", np.empty(0), np.empty(0))

    @classmethod
    def discrete(cls, levels: FloatArray) -> Axis:
        """An ordered column with levels (K,), ascending in [0, 1]; the cells meet half way between neighbours."""
        return cls("discrete", levels, np.concatenate([[0.0], (levels[1:] + levels[:-1]) / 2, [1.0]]))

    @classmethod
    def categorical(cls, n_choices: int) -> Axis:
        """A column of unordered choices, choice k at (k + 0.5) / n_choices."""
        edges = np.arange(n_choices + 1) / n_choices
        return cls("categorical", (edges[1:] + edges[:-1]) / 2, edges)

    def level_of(self, u: FloatArray) -> IntArray:
        """Number of the level (0 to K - 1) whose cell holds each coordinate."""
        return np.searchsorted(self.edges[1:-1], u, side="right")


@dataclass(frozen=True, slots=True, eq=False)
class Parzen:
    """A fitted mixture. centres (n, d), log_weights (n,), log_prior_weight; bandwidth (d,); axes: one a column.

    smoothing: what a categorical kernel gives to the other choices, before normalising.
    """

    axes: tuple[Axis, ...]
    centres: FloatArray
    log_weights: FloatArray
    log_prior_weight: float
    bandwidth: FloatArray
    smoothing: float

    @classmethod
    def fit(
        cls, axes: Sequence[Axis], x: FloatArray, weights: FloatArray | None = None, prior_weight: float = 1.0
    ) -> Parzen:
        """Mixture of kernels at x (n, d), without NaN; n may be 0 (then it is the prior).

        weights (n,): relative, positive; 1 for each where None. prior_weight > 0: in units of the mean weight.
        """
        n, d = x.shape
        weights = np.ones(n) if weights is None or n == 0 else weights * (n / weights.sum())
        total = weights.sum() + prior_weight
        return cls(
            axes=tuple(axes),
            centres=x,
            log_weights=np.log(weights / total),
            log_prior_weight=float(np.log(prior_weight / total)),
            bandwidth=np.full(d, bandwidth(n, d)),
            smoothing=1.0 / (n + 1),
        )

    def log_density(self, x: FloatArray) -> FloatArray:
        """Log density (m,) at x (m, d): per unit length in continuous columns, probability in the others.

        Integrated over the continuous columns and summed over the levels of the others it gives 1.
        """
        log_prior = self.log_prior_weight + self._log_prior(x)
        if len(self.centres) == 0:
            return log_prior
        log_kernels = self._log_kernels(x)
        log_kernels += self.log_weights
        peak = log_kernels.max(axis=1)
        log_kernels -= peak[:, None]
        np.exp(log_kernels, out=log_kernels)
        mixture: FloatArray = np.logaddexp(peak + np.log(log_kernels.sum(axis=1)), log_prior)
        return mixture

    def sample(self, n: int, rng: np.random.Generator) -> FloatArray:
        """n draws (n, d) from the mixture, on the levels where a column has levels."""
        chosen = self._choose_kernels(n, rng)
        prior = chosen < 0
        centres = np.full((n, len(self.axes)), PRIOR_MEAN)
        centres[~prior] = self.centres[chosen[~prior]]
        sd = np.where(prior[:, None], PRIOR_SD, self.bandwidth)
        x = sample_truncated_normal(centres, sd, rng)
        for j, axis in enumerate(self.axes):
            if axis.kind == "categorical":
                x[:, j] = axis.levels[self._draw_choices(axis, axis.level_of(centres[:, j]), prior, rng)]
            elif axis.kind == "discrete":
                x[:, j] = axis.levels[axis.level_of(x[:, j])]
        return x

    def _choose_kernels(self, n: int, rng: np.random.Generator) -> IntArray:
        """Kernels (n,) drawn by weight; -1 is the prior kernel."""
        cumulative = np.cumsum(np.exp(np.append(self.log_prior_weight, self.log_weights)))
        drawn: IntArray = np.searchsorted(cumulative, rng.random(n) * cumulative[-1], side="right")
        return np.minimum(drawn, len(self.log_weights)) - 1

    def _draw_choices(self, axis: Axis, own: IntArray, prior: BoolArray, rng: np.random.Generator) -> IntArray:
        """Keeps a kernel's own choice, or draws any choice uniformly with the probability that smoothing leaves."""
        n_choices = len(axis.levels)
        uniform_share = n_choices * self.smoothing / (1.0 + n_choices * self.smoothing)
        anywhere = prior | (rng.random(len(own)) < uniform_share)
        return np.where(anywhere, rng.integers(n_choices, size=len(own)), own)

    def _log_prior(self, x: FloatArray) -> FloatArray:
        total = np.zeros(len(x))
        for j, axis in enumerate(self.axes):
            if axis.kind == "continuous":
                total += truncated_normal_log_density(x[:, j], PRIOR_MEAN, PRIOR_SD)
            elif axis.kind == "discrete":
                total += _log_level_mass(axis, axis.level_of(x[:, j]), np.array([PRIOR_MEAN]), PRIOR_SD)[:, 0]
            else:
                total -= np.log(len(axis.levels))
        return total

    def _log_kernels(self, x: FloatArray) -> FloatArray:
        """Log of each kernel, without its weight, at each point: (m, n)."""
        log_kernels = self._log_normal_kernels(x)
        for j, axis in enumerate(self.axes):
            if axis.kind != "continuous":
                log_kernels += self._log_level_kernels(j, axis, x[:, j])
        return log_kernels

    def _log_normal_kernels(self, x: FloatArray) -> FloatArray:
        """The continuous columns' part (m, n).

        -|z - c|^2 / 2 = z.c - |z|^2 / 2 - |c|^2 / 2, coordinates in units of the bandwidth: one matrix product.
        """
        from scipy.special import ndtr

        columns = [j for j, axis in enumerate(self.axes) if axis.kind == "continuous"]
        sd = self.bandwidth[columns]
        z, c = x[:, columns] / sd, self.centres[:, columns] / sd
        mass = ndtr(1.0 / sd - c) - ndtr(-c)  # at least 0.3 for centres in [0, 1] and sd < 1: nothing cancels
        log_norm = (np.log(mass) + np.log(sd) + LOG_SQRT_2PI).sum(axis=1)
        log_kernels: FloatArray = z @ c.T
        log_kernels -= 0.5 * (z**2).sum(axis=1)[:, None]
        log_kernels -= 0.5 * (c**2).sum(axis=1) + log_norm
        np.minimum(log_kernels, -log_norm, out=log_kernels)  # rounding must not lift a kernel above its own peak
        return log_kernels

    def _log_level_kernels(self, j: int, axis: Axis, u: FloatArray) -> FloatArray:
        """The part (m, n) of a column with levels: a table of the levels that occur, then a gather."""
        asked, row = np.unique(axis.level_of(u), return_inverse=True)
        own, column = np.unique(axis.level_of(self.centres[:, j]), return_inverse=True)
        if axis.kind == "categorical":
            table = np.where(asked[:, None] == own, 1.0 + self.smoothing, self.smoothing)
            table = np.log(table / (1.0 + len(axis.levels) * self.smoothing))
        else:
            table = _log_level_mass(axis, asked, axis.levels[own], float(self.bandwidth[j]))
        return table[row][:, column]


def bandwidth(n: int, d: int) -> float:
    """Standard deviation of the numeric kernels of n points in d columns: 0.2 n^(-1/(d+4)), at least 0.01.

    Scott's rule as Optuna 2 to 4 scale it. Differs: without their "magic clip" 1/(n+1), which blurs the few good
    trials of a young study; six tables of real networks, 90 seeds each: 0.08 better in log10 of the share of better
    configurations.
    """
    return max(0.2 * math.pow(max(n, 1), -1.0 / (d + 4)), 0.01)


def _log_level_mass(axis: Axis, level: IntArray, mean: FloatArray, sd: float) -> FloatArray:
    """Log probability (m, n) of levels (m,) under normals at mean (n,), cut to [0, 1]."""
    low, high = axis.edges[level][:, None], axis.edges[level + 1][:, None]
    log_mass = log_normal_mass((low - mean) / sd, (high - mean) / sd) - log_normal_mass(-mean / sd, (1.0 - mean) / sd)
    return np.maximum(log_mass, LEAST_LOG_MASS)
