"""Beliefs of the user about where the optimum lies: one density a parameter, and all of them together.

Notation
    u, x      coordinates of one parameter (m,), points of the unit cube (m, d), NaN where inactive
    p         density relative to the uniform one: 1 is no belief

A number, or an interval, becomes a normal on the parameter's own scale (the log scale where it is searched so), cut to
its range; choices have weights. Each is mixed with a share of the uniform density, so a belief rules nothing out: at
its most wrong it costs log 10 per parameter, before it fades with the trials.

Source: Hvarfner et al. 2022, arXiv:2204.11051 (beliefs that fade); Souza et al. 2021, arXiv:2006.14608.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trimtab.numerics import FloatArray, truncated_normal_log_density

__all__ = ["Belief", "Prior", "choice_belief", "guess_belief", "interval_belief"]

UNIFORM = 0.1  # share of the uniform density
GUESS_SD = 0.2  # of a single best guess, as a share of the parameter's range
INSIDE = 1.2816  # an interval holds the optimum with 80 %: +- 1.28 standard deviations
LEAST_SD = 0.02
CHOSEN = 0.5  # extra probability of a single choice that is believed to be best
GRID = 513  # points at which the distribution function of a normal is kept


@dataclass(frozen=True, eq=False)
class Belief:
    """The density of one parameter.

    mode: the coordinate of the best guess. sd: of the normal, 0 for choices. weights (K,): probabilities of the levels,
    empty for the normal.
    """

    mode: float
    sd: float
    weights: FloatArray

    def log_density(self, u: FloatArray) -> tuple[FloatArray, FloatArray]:
        """log p and its derivative at coordinates u (m,); of choices the derivative is 0."""
        if len(self.weights):
            k = len(self.weights)
            level = np.clip(np.floor(u * k), 0, k - 1).astype(np.int64)
            log_p: FloatArray = np.log((1.0 - UNIFORM) * k * self.weights[level] + UNIFORM)
            return log_p, np.zeros(len(u))
        normal = (1.0 - UNIFORM) * np.exp(truncated_normal_log_density(u, self.mode, self.sd))
        p = normal + UNIFORM
        return np.log(p), normal / p * (self.mode - u) / self.sd**2

    def quantile(self, v: FloatArray) -> FloatArray:
        """Coordinates (m,) of cumulative probabilities v (m,): uniform v become draws from the belief."""
        if len(self.weights):
            k = len(self.weights)
            edges = np.cumsum((1.0 - UNIFORM) * self.weights + UNIFORM / k)
            level = np.searchsorted(edges[:-1], v, side="right")
            chosen: FloatArray = (level + 0.5) / k
            return chosen
        at = np.linspace(0.0, 1.0, GRID)
        p = np.exp(self.log_density(at)[0])
        below = np.concatenate([[0.0], np.cumsum(0.5 * (p[1:] + p[:-1]))])
        return np.asarray(np.interp(v, below / below[-1], at), dtype=np.float64)


def guess_belief(u: float) -> Belief:
    """The belief that the optimum is near coordinate u."""
    return Belief(float(u), GUESS_SD, np.empty(0))


def interval_belief(low: float, high: float) -> Belief:
    """The belief that the optimum lies between two coordinates, with 80 %."""
    return Belief(0.5 * (low + high), max(0.5 * (high - low) / INSIDE, LEAST_SD), np.empty(0))


def choice_belief(weights: Sequence[float]) -> Belief:
    """The belief in choices with these weights (K,), whose sum is 1."""
    w = np.asarray(weights, dtype=np.float64)
    return Belief((int(np.argmax(w)) + 0.5) / len(w), 0.0, w)


@dataclass(frozen=True, eq=False)
class Prior:
    """The beliefs of a space. beliefs: by column; columns without one are left out. d: columns of the space."""

    beliefs: dict[int, Belief]
    d: int

    def columns(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """log p of each column at points x, and its derivative: (m, d) each; 0 where there is no belief or inactive."""
        value, slope = np.zeros((len(x), self.d)), np.zeros((len(x), self.d))
        for j, belief in self.beliefs.items():
            here = ~np.isnan(x[:, j])
            value[here, j], slope[here, j] = belief.log_density(x[here, j])
        return value, slope

    def log_density(self, x: FloatArray) -> FloatArray:
        """log p (m,) at points x."""
        total: FloatArray = self.columns(x)[0].sum(axis=1)
        return total

    @property
    def mode(self) -> FloatArray:
        """The best guess (d,); the middle where there is no belief. Not snapped."""
        u = np.full(self.d, 0.5)
        for j, belief in self.beliefs.items():
            u[j] = belief.mode
        return u

    def points(self, u: FloatArray) -> FloatArray:
        """Uniform points u (m, d) moved to where the beliefs put them (m, d). Not snapped."""
        moved = u.copy()
        for j, belief in self.beliefs.items():
            moved[:, j] = belief.quantile(u[:, j])
        return moved

    def blend(self, u: FloatArray) -> FloatArray:
        """The best guess first, then every second of the uniform points u (m, d) moved as in `points`: (m + 1, d)."""
        mixed = u.copy()
        mixed[::2] = self.points(u[::2])
        return np.concatenate([self.mode[None], mixed])
