"""How much worse than one configuration others are, by the surrogate's posterior.

Notation
    loss    sign * (f(x) - f(point)), standardised on the scale: > 0 is worse, whatever the direction
    x       configurations (m, d)     D    draws: functions, over the draws of the hyperparameters
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trimtab.numerics import FloatArray
from trimtab.numerics._cholesky import solve_lower
from trimtab.records._evaluation import point_keys
from trimtab.sensitivity._result import DEAD
from trimtab.sensitivity._surrogate import Prepared, too_little
from trimtab.space import Space
from trimtab.surrogates import ProductGP

__all__ = ["Losses", "best_tried", "centre", "drawn_at", "nothing_told", "tried"]

FUNCTION_DRAWS = 24  # functions a draw of the hyperparameters
WIDEN = 1.25  # of the posterior's spread: stationary surrogates are too sure of themselves on real responses
NEAREST = 512  # random configurations among which the one nearest to a forbidden centre is sought


@dataclass(frozen=True, eq=False)
class Losses:
    """Losses against the configuration `point` (d,). draws: the surrogates that are averaged."""

    p: Prepared
    point: FloatArray
    draws: tuple[ProductGP, ...]

    @classmethod
    def of(cls, p: Prepared, point: FloatArray, sets: int | None = None) -> Losses:
        """With the first `sets` draws of the hyperparameters; None: all."""
        return cls(p, point, p.draws[:sets])

    def moments(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Mean and standard deviation (m,) of the loss at x (m, d); 0 and 0 at the point itself."""
        both = np.concatenate([self.point[None, :], x])
        means, variances = [], []
        for gp in self.draws:
            cross = gp.kernel(gp.x, both)
            root = solve_lower(gp.cholesky, cross)
            mean = cross.T @ gp.alpha
            with_point = gp.kernel(both, both[:1])[:, 0] - root.T @ root[:, 0]
            own = gp.sigma2 - np.einsum("nm,nm->m", root, root)
            means.append(self.p.sign * (mean[1:] - mean[0]))
            variances.append(np.maximum(own[1:] + own[0] - 2.0 * with_point[1:], 0.0))
        variance = np.mean(variances, axis=0) + np.var(means, axis=0)
        return np.mean(means, axis=0), WIDEN * np.sqrt(variance)

    def drawn(self, x: FloatArray, seed: int = 0) -> tuple[FloatArray, FloatArray]:
        """Mean (m,) and joint draws (D, m) of the loss at x (m, d)."""
        mean, draws = drawn_at(self.p, np.concatenate([self.point[None, :], x]), seed, self.draws)
        sign = self.p.sign
        return sign * (mean[1:] - mean[0]), sign * (draws[:, 1:] - draws[:, :1])


def drawn_at(
    p: Prepared, x: FloatArray, seed: int = 0, gps: tuple[ProductGP, ...] | None = None
) -> tuple[FloatArray, FloatArray]:
    """Mean (m,) and joint draws (D, m) of f at x (m, d), standardised on the scale; costs m^3."""
    rng = np.random.default_rng([seed, 0])
    means, draws = [], []
    for gp in p.draws if gps is None else gps:
        mean, covariance = gp.covariance(x)
        values, vectors = np.linalg.eigh(0.5 * (covariance + covariance.T))
        root = vectors * np.sqrt(np.maximum(values, 0.0))
        moved = WIDEN * rng.standard_normal((FUNCTION_DRAWS // 2, len(x))) @ root.T
        means.append(mean)
        # in pairs, so that turning the objective's sign turns the result's and nothing else
        draws += [mean + moved, mean - moved]
    return np.mean(means, axis=0), np.concatenate(draws)


def tried(p: Prepared) -> FloatArray:
    """The configurations (k, d) that were tried and keep the limits on outcomes, if any do, each once, in order of trial."""
    keep = p.feasible if p.feasible is not None and p.feasible.any() else np.ones(p.n, dtype=bool)
    x = p.x[keep]
    first: dict[bytes, int] = {}
    for i, key in enumerate(point_keys(x)):
        first.setdefault(key, i)
    return x[list(first.values())]


def best_tried(p: Prepared) -> FloatArray:
    """The configuration (d,) with the best posterior mean among those tried; the best trial's where there is no surrogate."""
    if not p.explained:
        return p.best
    x = tried(p)
    mean = np.mean([p.sign * gp.predict(x)[0] for gp in p.draws], axis=0)
    best: FloatArray = x[int(np.argmin(np.round(mean, 9)))]
    return best


def centre(space: Space) -> FloatArray:
    """Where nobody tuned anything (d,): the prior's best guess, else the middle of each range and the first of choices.

    Where the constraints forbid that, the allowed one nearest to it among random configurations.
    """
    u = np.full(space.d, 0.5)
    for j in range(space.d):
        if space.kinds[j] == "categorical":
            u[j] = space.levels(j)[0]
    for j, belief in (space.prior.beliefs if space.prior is not None else {}).items():
        u[j] = belief.mode
    x = space.snap(u[None, :])
    if not space.feasible(x)[0]:
        allowed = space.sample(NEAREST, np.random.default_rng(0))
        away = np.nansum((np.where(np.isnan(allowed), 0.5, allowed) - u) ** 2, axis=1)
        x = allowed[[int(np.argmin(away))]]
    point: FloatArray = x[0]
    return point


def nothing_told(p: Prepared) -> str:
    """The verdict of every knob where `p.explained` is False."""
    if p.fit is None:
        return too_little(p)
    return f"{DEAD}: noise alone explains the {p.n} trials as well as all knobs together"
