"""Expected hypervolume improvement of several objectives, on the log scale, with its gradient.

What the front leaves undominated within the reference is cut into disjoint boxes (numerics.free_boxes). A result y adds
to each the product over objectives of (high - max(y, low))_+, and under independent Gaussian posteriors the mean of each
factor is psi(high) - psi(low), where psi(t) = E (t - y)_+ is the expected improvement below t. So for any number of
objectives

    EHVI = sum_b prod_j D_bj,   D_bj = psi_j(high_bj) - psi_j(low_bj)

and it is computed from logs of psi, so that it keeps its gradient however far the tail.

Notation
    m       points of x                       j  objectives, b boxes
    mu, sd  posterior of one objective        (m,)
    rho     psi(low) / psi(high), 0 where low is -inf

Sources: Emmerich, Giannakoglou, Naujoks 2006 (doi:10.1109/TEVC.2005.859463); Yang et al. 2019
(doi:10.1007/s10898-019-00798-7; boxes); Ament et al. 2023 (arXiv:2310.20708; logs).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trimtab.acquisition._expected_improvement import log_expected_improvement, log_expected_improvement_slopes
from trimtab.acquisition._optimise import Posterior
from trimtab.numerics import FloatArray, IntArray
from trimtab.numerics._pareto import free_boxes

__all__ = ["LogHypervolumeImprovement"]

NARROW = 1e-14  # least 1 - rho: narrower boxes weigh nothing


@dataclass(frozen=True)
class _Axis:
    """The ends of all boxes along one objective: levels (k,), and the place of each box's low (-1: -inf) and high."""

    levels: FloatArray
    low: IntArray
    high: IntArray

    @classmethod
    def of(cls, low: FloatArray, high: FloatArray) -> _Axis:
        levels = np.unique(np.concatenate([low[np.isfinite(low)], high]))
        places = np.where(np.isfinite(low), np.searchsorted(levels, low), -1)
        return cls(levels, places, np.searchsorted(levels, high))

    def ratio(self, log_psi: FloatArray) -> tuple[FloatArray, FloatArray]:
        """log psi(high) (m, b) and rho (m, b) from the log psi of all levels (m, k)."""
        top = log_psi[:, self.high]
        bottom = np.where(self.low < 0, -np.inf, log_psi[:, self.low])
        return top, np.exp(np.minimum(bottom - top, 0.0))


class LogHypervolumeImprovement:
    """Log of the hypervolume that a result at x is expected to add to a front.

    posteriors: one for each objective, minimised. front (n, j): usually posterior means of the points tried, for the
    model forgets the noise of what was observed; may be empty. reference (j,): what is worse counts nothing.
    """

    def __init__(self, posteriors: Sequence[Posterior], front: FloatArray, reference: FloatArray) -> None:
        self.posteriors = tuple(posteriors)
        low, high = free_boxes(front, reference)
        self._axes = [_Axis.of(low[:, j], high[:, j]) for j in range(len(self.posteriors))]

    def __call__(self, x: FloatArray) -> FloatArray:
        """Values (m,) at x (m, d)."""
        total = np.zeros(())
        for posterior, axis in zip(self.posteriors, self._axes, strict=True):
            mean, sd = posterior.predict(x)
            top, rho = axis.ratio(log_expected_improvement(mean[:, None], sd[:, None], axis.levels))
            total = total + top + np.log(np.maximum(1.0 - rho, NARROW))
        return _log_sum(total)

    def gradient(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Values (m,) and gradients (m, d) at x (m, d)."""
        total = np.zeros(())
        slopes = []
        for posterior, axis in zip(self.posteriors, self._axes, strict=True):
            mean, sd, d_mean, d_sd = posterior.predict_gradient(x)
            column = mean[:, None], sd[:, None], axis.levels
            top, rho = axis.ratio(log_expected_improvement(*column))
            left = np.maximum(1.0 - rho, NARROW)
            by = [(s[:, axis.high] - rho * s[:, axis.low]) / left for s in log_expected_improvement_slopes(*column)]
            total = total + top + np.log(left)
            slopes.append((*by, d_mean, d_sd))
        value = _log_sum(total)
        weight = np.exp(total - value[:, None])
        gradient = np.zeros(x.shape)
        for by_mean, by_sd, d_mean, d_sd in slopes:
            gradient += np.sum(weight * by_mean, axis=1)[:, None] * d_mean
            gradient += np.sum(weight * by_sd, axis=1)[:, None] * d_sd
        return value, gradient


def _log_sum(terms: FloatArray) -> FloatArray:
    """log sum exp over boxes (m, b) -> (m,)."""
    most = terms.max(axis=1)
    total: FloatArray = most + np.log(np.exp(terms - most[:, None]).sum(axis=1))
    return total
