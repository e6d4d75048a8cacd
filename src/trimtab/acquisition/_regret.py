"""How much better than the best tried configuration the best of the space can still be, with a stated confidence.

The bound is a quantile of the gain f(incumbent) - min f over joint draws of a GP's posterior, at points where f may be
low: random ones, neighbours of the best, and the lowest point of the lower confidence bound. Joint draws, because the
values of near points rise and fall together: a bound point by point would have to be far wider.

Notation
    x, y    tried points, NaN where inactive (n, d); minimised objective, NaN where failed (n,)
    z       y warped to mean 0, sd 1         (n,)
    p       points at which f is drawn       (m, d)
    c       1 or more: by how much left-out values miss by more than the model says
    e       root mean square miss of the best quarter of the trials, left out

The model sees z; draws are taken back to the units of y by linear interpolation between the trials. Below the best trial
there is nothing to interpolate: the inverse warp goes on as a straight line with the steepest of the slopes from the
best trial to each of the best quarter, so that the bound errs to the high side.

Left to itself the most likely process is too sure. So the draws come from one with half its length scales (and the
variance that fits these best): a valley half as wide as those that the trials show may still lie between them. Their
lowest value is lowered further by what the model misses the best trials by when these are left out. With the most likely
process the gain was larger than the bound in 47 of 138 stops on tables of networks and test functions, with these two
in 5 of 53. A bound is no better than its model, all the same: it is `trusted` only where the model explains left-out
trials (at least SKILL of their variance), and a spike between the trials is beyond it.

Sources: Makarova et al. 2022, arXiv:2104.08166 (stopping when the gap of confidence bounds is small); Wilson 2024,
arXiv:2402.16811 (joint draws instead of bounds point by point); Rasmussen and Williams 2006, eq. 5.12 (leave one out).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trimtab.acquisition._candidates import enumerate_cells, is_new, perturb
from trimtab.acquisition._optimise import maximise
from trimtab.numerics import WARPS, FloatArray, IntArray, log_slope
from trimtab.numerics._threads import one_blas_thread
from trimtab.space import Space
from trimtab.surrogates import Columns, GaussianProcess, fit_gp

__all__ = ["Regret", "regret_bound"]

TRIALS = 200  # that the model is made of: the best half of them, the newest, and some of every time
UNIT_WARPS = ("half_rank_log", "yeo_johnson")  # ranks alone (rank_normal) have no units to come back to
POOL, DRAWN = 2_000, 400  # points looked at, and points at which f is drawn
DRAWS = 1_000
NARROWER = 4.0  # weights (1 / length scale^2) of the drawn process over the most likely ones
SKILL = 0.4  # least share of the variance of left-out trials that a trusted model explains
BAD = 1.0  # least warped value of a failed trial


@dataclass(frozen=True, slots=True)
class Regret:
    """bound: the gain, in the objective's units, that is exceeded with probability 1 - confidence; inf where unknown.

    trusted: whether the model is good enough to believe it. skill: share of left-out variance that the model explains.
    """

    bound: float
    trusted: bool
    skill: float


def regret_bound(space: Space, x: FloatArray, y: FloatArray, *, confidence: float = 0.95) -> Regret:
    """The best possible further gain after trials x (n, d), y (n,). The same trials give the same bound.

    Fewer than 5 finished trials, or equal values, say nothing: the bound is inf.
    """
    rows = _rows(y, TRIALS)
    x, y = x[rows], y[rows]
    done = np.isfinite(y)
    if done.sum() < 5 or np.ptp(y[done]) == 0:
        return Regret(np.inf, False, 0.0)
    rng = np.random.default_rng(len(y))
    with one_blas_thread():
        gp, skill = _model(space, x, y)
        gp = _narrowed(gp)
        points, incumbent = _points(space, gp, rng)
        mean, root = _joint(gp, points)
        left_out, sd = gp.leave_one_out()
    miss = gp.z - left_out
    c = max(1.0, _rms((miss / sd)[done]))
    e = _rms(miss[np.argsort(gp.z, kind="stable")[: max(5, len(y) // 4)]])
    f = mean + c * (rng.standard_normal((DRAWS, len(points))) @ root.T)
    lowest = f.min(axis=1) - e * np.abs(rng.standard_normal(DRAWS))
    back = _Inverse(gp.z[done], y[done])
    gain = back(f[:, incumbent]) - back(lowest)
    return Regret(float(np.quantile(gain, confidence)), skill >= SKILL, skill)


@dataclass(frozen=True)
class _LowerBound:
    """sd * width - mean, to be maximised."""

    gp: GaussianProcess
    width: float = 2.5

    def __call__(self, x: FloatArray) -> FloatArray:
        mean, sd = self.gp.predict(x)
        return self.width * sd - mean

    def gradient(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        mean, sd, d_mean, d_sd = self.gp.predict_gradient(x)
        return self.width * sd - mean, self.width * d_sd - d_mean


class _Inverse:
    """From z back to y. z, y (n,): warped and own values of the same trials."""

    def __init__(self, z: FloatArray, y: FloatArray) -> None:
        self.y, first = np.unique(y, return_index=True)
        self.z = z[first]
        near = slice(1, max(2, len(self.y) // 4 + 1))
        self.slope = float(np.max((self.y[near] - self.y[0]) / np.maximum(self.z[near] - self.z[0], 1e-9)))

    def __call__(self, z: FloatArray) -> FloatArray:
        inside = np.interp(z, self.z, self.y)
        return np.where(z < self.z[0], self.y[0] + self.slope * (z - self.z[0]), inside)


def _model(space: Space, x: FloatArray, y: FloatArray) -> tuple[GaussianProcess, float]:
    """The process under the warp that predicts left-out trials best, and its skill."""
    columns = Columns(space.kinds, space.n_levels, space.conditional)
    done = np.isfinite(y)
    found = []
    for warp in UNIT_WARPS:
        z = np.empty(len(y))
        z[done] = WARPS[warp](y[done])
        z[~done] = max(BAD, float(z[done].max()))
        gp = fit_gp(columns, x, z)
        mean, sd = gp.leave_one_out()
        density = -0.5 * ((z - mean) / sd) ** 2 - np.log(sd)
        skill = 1.0 - float(np.mean((z - mean)[done] ** 2) / np.var(z[done]))
        found.append((float(np.mean(density[done] + log_slope(z[done], y[done]))), skill, gp))
    _, skill, gp = max(found, key=lambda each: each[0])
    return gp, skill


def _rms(values: FloatArray) -> float:
    return float(np.sqrt(np.mean(values**2)))


def _narrowed(gp: GaussianProcess) -> GaussianProcess:
    """The process with shorter length scales, and the signal and noise that are most likely for these."""
    theta = gp.theta.copy()
    theta[:-2] += np.log(NARROWER)
    narrow = GaussianProcess.condition(gp.columns, theta, gp.x, gp.z)
    theta[-2:] += np.log(max(float(gp.z @ narrow.alpha) / gp.n, 1e-3))
    return GaussianProcess.condition(gp.columns, theta, gp.x, gp.z)


def _points(space: Space, gp: GaussianProcess, rng: np.random.Generator) -> tuple[FloatArray, int]:
    """p (m, d) and the row of the incumbent: the tried point of the lowest posterior mean."""
    order = np.argsort(gp.fitted, kind="stable")
    centres = gp.x[order[:5]]
    if space.cells is not None and space.cells <= POOL:
        pool = np.concatenate([gp.x[:0], *enumerate_cells(space)])
    else:
        lowest = maximise(_LowerBound(gp), space, centres, frozenset(), rng, 500)
        near = perturb(space, np.concatenate([lowest[None], centres]), POOL // 2, rng)
        pool = np.concatenate([lowest[None], space.sample(POOL // 2, rng), near])
    pool = pool[is_new(pool, frozenset())]
    low = np.argsort(-_LowerBound(gp)(pool), kind="stable")[:DRAWN]
    return np.concatenate([gp.x[order[:1]], pool[low]]), 0


def _joint(gp: GaussianProcess, points: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean (m,) and a root (m, m) of the covariance of f at the points."""
    mean, _ = gp.predict(points)
    corner = gp.extend(points, mean).root[gp.n :, gp.n :]  # factor of the covariance plus noise
    covariance = corner @ corner.T
    covariance.flat[:: len(points) + 1] -= gp.noise
    value, vector = np.linalg.eigh(covariance)
    return mean, vector * np.sqrt(np.maximum(value, 0.0))


def _rows(y: FloatArray, most: int) -> IntArray:
    """At most `most` rows, ascending: half the best, a quarter the newest, the rest from every time."""
    n = len(y)
    if n <= most:
        return np.arange(n)
    best = np.argsort(np.where(np.isfinite(y), y, np.inf), kind="stable")[: most // 2]
    kept = np.union1d(best, np.arange(n - most // 4, n))
    others = np.setdiff1d(np.arange(n), kept)
    return np.union1d(kept, others[np.linspace(0, len(others) - 1, most - len(kept)).astype(np.int64)])
