"""The hyperparameters of a product-kernel GP: the most probable ones, draws from their posterior, and evidence for columns.

Notation
    theta   log sigma2, log noise, log a/(1-a) (d,), log l (numeric columns)
    n, d    trials, columns
    p       pairs of trials, n (n-1)/2

Differs from the textbook: weak normal priors on all of theta (PRIOR), so few trials or dead knobs do not run away.
Sources: Rasmussen and Williams 2006, eq. 5.8-5.9 (likelihood and its gradient); Neal 2011 (Hamiltonian Monte Carlo, arXiv:1206.1901).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from trimtab.numerics import BoolArray, FloatArray, IntArray
from trimtab.surrogates._product_gp import ProductGP, Ties

__all__ = ["PRIOR", "ProductFit", "evidence_of_columns", "fit_product_gp"]

# mean and standard deviation of the normal priors on theta, for y with mean 0 and variance 1
PRIOR = {"sigma2": (0.5, 1.5), "noise": (-2.5, 1.5), "share": (-1.0, 1.5), "length": (-0.5, 0.6)}
HMC_STEPS = 3
BLOCK = 4096  # pairs at a time
LBFGS = {"maxiter": 60, "ftol": 1e-7, "gtol": 1e-3}
NOISE_FLOOR = 1e-6  # of the variance of y; keeps Cholesky alive for duplicate trials
BOUNDS = {"sigma2": (-6.0, 8.0), "noise": (-13.0, 3.0), "share": (-9.0, 9.0), "length": (-3.0, 3.0)}


@dataclass(frozen=True, eq=False)
class ProductFit:
    """The most probable hyperparameters, and draws from their posterior. `draws` hold the same trials as `best`."""

    best: ProductGP
    draws: tuple[ProductGP, ...]


def fit_product_gp(
    x: FloatArray,
    y: FloatArray,
    categorical: BoolArray,
    *,
    draws: int = 0,
    seed: int = 0,
    starts: int = 2,
    ties: Ties | None = None,
) -> ProductFit:
    """Most probable hyperparameters by L-BFGS-B, and `draws` from their posterior by Hamiltonian Monte Carlo.

    x (n, d) unit cube, NaN inactive; y (n,) with mean 0 and variance about 1; categorical (d,): columns without a metric. ties: None
    where every row is a trial.
    The same arguments give the same result.
    """
    from scipy.optimize import minimize

    task = _Task.of(x, y, categorical, ties)
    low, high = task.bounds
    found = []
    for start in task.starts()[:starts]:
        result = minimize(task.loss, start, jac=True, method="L-BFGS-B", bounds=np.stack([low, high], 1), options=LBFGS)
        found.append((float(result.fun), np.asarray(result.x)))
    best = min(found, key=lambda f: f[0])[1]
    thetas = _hamiltonian(task, best, draws, np.random.default_rng(seed)) if draws else []
    return ProductFit(task.gp(best), tuple(task.gp(theta) for theta in thetas))


def evidence_of_columns(fit: ProductFit, groups: Sequence[Sequence[int]], *, least: float = 2.0) -> FloatArray:
    """How much the log evidence falls without each group of columns, when the other hyperparameters may answer: (g,), in nats.

    The refit takes at most a few steps, and only where the fall without it exceeds `least`: it can only lower it.
    """
    from scipy.optimize import minimize

    best = fit.best
    task = _Task.of(best.x, best.y, best.categorical, best.ties)
    theta = task.pack(best)
    falls = np.zeros(len(groups))
    for g, group in enumerate(groups):
        keep = np.setdiff1d(np.arange(task.d), group)
        rest = _Task.of(best.x[:, keep], best.y, best.categorical[keep], best.ties)
        start = rest.pack(
            replace(best, x=rest.x, categorical=rest.categorical, share=best.share[keep], length=best.length[keep])
        )
        with_group = task.loss(theta)[0] - task.prior_loss(theta, group)
        falls[g] = rest.loss(start)[0] - with_group
        if falls[g] > least:
            bounds = np.stack(rest.bounds, 1)
            refit = minimize(
                rest.loss,
                start,
                jac=True,
                method="L-BFGS-B",
                bounds=bounds,
                options={"maxiter": 12 if falls[g] < 30.0 else 6},
            )
            falls[g] = min(falls[g], float(refit.fun) - with_group)
    return falls


@dataclass(frozen=True, eq=False)
class _Task:
    """The loss of theta: minus log evidence minus log prior, with its gradient."""

    x: FloatArray
    y: FloatArray
    categorical: BoolArray
    order: IntArray  # numeric columns, then categorical ones
    distance: (
        FloatArray  # (d, p) in that order: |x_j - x'_j|; categorical: 0 equal, 1 different; 0 where one is inactive
    )
    one_active: list[IntArray | None]  # in that order: pairs of which exactly one is active, None where all are active
    numeric: list[int]
    rows: tuple[IntArray, IntArray]
    ties: Ties | None
    tied: IntArray  # pairs of one trial

    @classmethod
    def of(cls, x: FloatArray, y: FloatArray, categorical: BoolArray, ties: Ties | None = None) -> _Task:
        rows = np.triu_indices(len(y), 1)
        order = np.concatenate([np.flatnonzero(~categorical), np.flatnonzero(categorical)])
        numeric = [int(j) for j in np.flatnonzero(~categorical)]
        distance = np.abs(x.T[order][:, rows[0]] - x.T[order][:, rows[1]])
        distance[len(numeric) :] = distance[len(numeric) :] > 1e-9
        off = np.isnan(x)
        one: list[IntArray | None] = [None] * len(order)
        for i, j in enumerate(order):
            if off[:, j].any():
                one[i] = np.flatnonzero(off[rows[0], j] != off[rows[1], j])
                distance[i][off[rows[0], j] | off[rows[1], j]] = 0.0
        tied = np.zeros(0, dtype=np.int64)
        if ties is not None:
            tied = np.flatnonzero(ties.trial[rows[0]] == ties.trial[rows[1]])
        return cls(x, y, categorical, order, distance, one, numeric, rows, ties, tied)

    @property
    def d(self) -> int:
        return len(self.categorical)

    @cached_property
    def prior(self) -> tuple[FloatArray, FloatArray]:
        """Mean and standard deviation of theta."""
        rows = [PRIOR["sigma2"], PRIOR["noise"], *[PRIOR["share"]] * self.d, *[PRIOR["length"]] * len(self.numeric)]
        return np.array(rows).T[0], np.array(rows).T[1]

    @cached_property
    def bounds(self) -> tuple[FloatArray, FloatArray]:
        rows = [BOUNDS["sigma2"], BOUNDS["noise"], *[BOUNDS["share"]] * self.d, *[BOUNDS["length"]] * len(self.numeric)]
        return np.array(rows).T[0], np.array(rows).T[1]

    def starts(self) -> list[FloatArray]:
        """The prior mean, and a noisier, smoother beginning."""
        mean = self.prior[0]
        smooth = mean.copy()
        smooth[1], smooth[2 + self.d :] = -1.0, 0.0
        return [mean, smooth]

    def gp(self, theta: FloatArray) -> ProductGP:
        sigma2, noise, share, length = self.unpack(theta)
        return ProductGP(self.x, self.y, self.categorical, sigma2, noise, share, length, self.ties)

    def unpack(self, theta: FloatArray) -> tuple[float, float, FloatArray, FloatArray]:
        share = 1.0 / (1.0 + np.exp(-theta[2 : 2 + self.d]))
        length = np.ones(self.d)
        length[self.numeric] = np.exp(theta[2 + self.d :])
        return math.exp(theta[0]), math.exp(theta[1]) + NOISE_FLOOR, share, length

    def pack(self, gp: ProductGP) -> FloatArray:
        """Theta of a fitted process: the inverse of `unpack`."""
        share = np.log(gp.share) - np.log1p(-gp.share)
        head = [math.log(gp.sigma2), math.log(max(gp.noise - NOISE_FLOOR, 1e-9))]
        return np.asarray(np.clip(np.concatenate([head, share, np.log(gp.length[self.numeric])]), *self.bounds))

    def prior_loss(self, theta: FloatArray, group: Sequence[int]) -> float:
        """What the prior says on the columns of `group`; the loss without it is what the trials alone say for them."""
        mean, sd = self.prior
        own = [2 + j for j in group] + [2 + self.d + self.numeric.index(j) for j in group if j in self.numeric]
        return 0.5 * float(np.sum(((theta - mean) / sd)[own] ** 2))

    def loss(self, theta: FloatArray) -> tuple[float, FloatArray]:
        """Minus log posterior density of theta (up to a constant) and its gradient. RW eq. 5.9."""
        from scipy.linalg.lapack import dpotrf, dpotri, dpotrs

        n, (sigma2, noise, share, length) = len(self.y), self.unpack(theta)
        factors, by_share, by_length = self._factors(share, length)
        product = sigma2 * np.prod(factors, axis=0)
        c = np.zeros((n, n))
        c[self.rows] = product
        c[np.diag_indices(n)] = sigma2 + noise
        if self.ties is not None:
            c[self.rows[0][self.tied], self.rows[1][self.tied]] += noise
            c[np.diag_indices(n)] += self.ties.own
        root, bad = dpotrf(c, lower=0, overwrite_a=1)
        if bad:
            return 1e10, np.zeros_like(theta)
        alpha = dpotrs(root, self.y, lower=0)[0]
        value = 0.5 * self.y @ alpha + np.log(np.diag(root)).sum()
        inverse = dpotri(root, lower=0)[0]
        # d loss / d C_ab, off the diagonal counted for both halves
        slope = inverse[self.rows] - alpha[self.rows[0]] * alpha[self.rows[1]]
        diagonal = 0.5 * float(np.sum(np.diag(inverse) - alpha**2))
        tied = float(slope[self.tied].sum())
        slope *= product
        gradient = np.empty_like(theta)
        gradient[0] = slope.sum() + sigma2 * diagonal
        gradient[1] = (diagonal + tied) * (noise - NOISE_FLOOR)
        gradient[2 + self.order] = by_share @ slope
        gradient[2 + self.d :] = by_length @ slope
        mean, sd = self.prior
        z = (theta - mean) / sd
        return float(value + 0.5 * z @ z), gradient + z / sd

    @cached_property
    def _room(self) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Arrays that every call of `loss` fills again: fresh ones would cost more time than the arithmetic."""
        d, p = self.distance.shape
        return (
            np.empty((d, p)),
            np.empty((d, p)),
            np.empty((len(self.numeric), p)),
            np.empty((3, len(self.numeric), BLOCK)),
        )

    def _factors(self, share: FloatArray, length: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Factors k_j (d, p), and their log derivatives by log a/(1-a) (d, p) and by log l (numeric columns, p).

        Rows are in the order numeric columns first, as in `distance`; blocks of pairs stay in the processor's cache.
        """
        factors, by_share, by_length, room = self._room
        m = len(self.numeric)
        a = share[self.order][:, None]
        pace = (math.sqrt(5.0) / length[self.numeric])[:, None]
        for begin in range(0, self.distance.shape[1], BLOCK):
            part = slice(begin, begin + BLOCK)
            k, less, tail, distance = factors[:, part], by_share[:, part], by_length[:, part], self.distance[:, part]
            s, e, t = room[:, :, : distance.shape[1]]
            np.multiply(distance[:m], pace, out=s)
            np.exp(np.negative(s, out=e), out=e)
            np.add(s, 1.0, out=t)
            s *= s
            np.multiply(s, t, out=tail)
            tail *= e  # 3 d kappa / d log l
            s /= 3.0
            s += t
            np.multiply(s, e, out=less[:m])
            less[:m] -= 1.0  # kappa - 1
            np.negative(distance[m:], out=less[m:])
            np.multiply(less, a, out=k)
            k += 1.0
            less *= a * (1.0 - a)
            less /= k
            tail *= a[:m] / 3.0
            tail /= k[:m]
        for i, one in enumerate(self.one_active):
            if one is not None:
                factors[i][one], by_share[i][one] = math.sqrt(1.0 - a[i, 0]), -0.5 * a[i, 0]
        return factors, by_share, by_length


def _hamiltonian(task: _Task, best: FloatArray, draws: int, rng: np.random.Generator) -> list[FloatArray]:
    """Draws of theta, starting at the mode, in coordinates whitened by the curvature there (Neal 2011)."""
    root = _whitening(task, best)
    low, high = task.bounds

    def loss(z: FloatArray) -> tuple[float, FloatArray]:
        theta = best + root @ z
        if np.any(theta < low - 2) or np.any(theta > high + 2):
            return math.inf, np.zeros_like(z)
        value, gradient = task.loss(theta)
        return value, root.T @ gradient

    z = np.zeros_like(best)
    value, gradient = loss(z)
    kept = []
    for _ in range(draws):
        start = (z, value, gradient)
        momentum = rng.standard_normal(len(z))
        energy = value + 0.5 * momentum @ momentum
        step = rng.uniform(0.35, 0.65)
        for _ in range(HMC_STEPS):
            momentum = momentum - 0.5 * step * gradient
            z = z + step * momentum
            value, gradient = loss(z)
            if not math.isfinite(value) or value >= 1e9:
                value = math.inf
                break
            momentum = momentum - 0.5 * step * gradient
        if not math.log(rng.random()) < energy - value - 0.5 * momentum @ momentum:
            z, value, gradient = start
        kept.append(best + root @ z)
    return kept


def _whitening(task: _Task, best: FloatArray) -> FloatArray:
    """A root of the inverse Hessian at `best` (t, t); directions flatter than the prior get the prior's width."""
    sd = task.prior[1]
    hessian = np.empty((len(best), len(best)))
    base = task.loss(best)[1]
    for i in range(len(best)):
        shifted = best.copy()
        shifted[i] += 0.05 * sd[i]
        hessian[i] = (task.loss(shifted)[1] - base) / (0.05 * sd[i])
    scaled = 0.5 * (hessian + hessian.T) * sd[:, None] * sd[None, :]  # identity where only the prior speaks
    values, vectors = np.linalg.eigh(scaled)
    return np.asarray(sd[:, None] * vectors / np.sqrt(np.maximum(values, 1.0)))
