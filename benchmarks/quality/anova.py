"""Exact shares of variance: of a full grid with several seeds, and of a function by a long quasi-random run.

Notation
    y(x)       one noisy evaluation; s the scale: "raw", "log", or "rank", the normal scores among all y of the declared space
    f(x)       E[s(y(x))], the objective on the scale without seed noise: what is shared out
    main_j     Var(E[f | x_j]) / Var(f)
    total_j    1 - Var(E[f | all but j]) / Var(f)
    pair_ij    Var(E[f | x_i, x_j]) / Var(f) - main_i - main_j

Every level of a grid weighs the same, as in a space that offers the levels as whole numbers or choices. The mean of k seeds still holds 1/k
of the noise, which would look like an interaction of all knobs and add 3 to 8 % to every total (hpobench, ranks): its expectation is
taken out of each variance, V_S - t (N_S - 1) / N for N configurations, N_S groups and noise t of the mean.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.special import ndtri
from scipy.stats import qmc, rankdata

__all__ = ["SCALES", "Shares", "normal_scores", "of_function", "of_grid", "on_scale"]

SCALES = ("raw", "log", "rank")
PAIRED = 10


@dataclass(frozen=True)
class Shares:
    """main (d,), total (d,), pair (d, d) symmetric with zeros on its diagonal; NaN where f is constant."""

    main: np.ndarray
    total: np.ndarray
    pair: np.ndarray


def normal_scores(v: np.ndarray) -> np.ndarray:
    """Normal scores of the mean ranks of v, at (rank - 1/2) / n."""
    return np.asarray(ndtri((rankdata(v) - 0.5) / v.size).reshape(v.shape))


def on_scale(v: np.ndarray, scale: str) -> np.ndarray:
    """v as it is, its logarithm, or its normal scores among all of v. ValueError for a logarithm of what is not positive."""
    if scale == "raw":
        return v
    if scale == "rank":
        return normal_scores(v)
    if scale != "log":
        raise ValueError(f"scale must be one of {', '.join(SCALES)}, got {scale!r}.")
    if v.min() <= 0:
        raise ValueError(f"scale 'log' needs positive values, the smallest is {v.min():.4g}.")
    return np.asarray(np.log(v))


def of_grid(values: np.ndarray) -> Shares:
    """Exact shares of a grid of values on their scale: one axis a knob, the last one the seeds (1: no noise is taken out)."""
    k, d = values.shape[-1], values.ndim - 1
    f = values.mean(axis=-1)
    noise = 0.0
    if k > 1:
        apart = values - values.mean(axis=tuple(range(d)))  # what a seed adds to all configurations is no noise
        noise = float(apart.var(axis=-1, ddof=1).mean()) / k

    def kept(*axes: int) -> float:
        """Variance of the means over all other knobs."""
        mean = f.mean(axis=tuple(j for j in range(d) if j not in axes))
        return max(float(mean.var()) - noise * (mean.size - 1) / f.size, 0.0)

    variance = kept(*range(d))
    if variance <= 1e-12 * float(f.var()) or float(np.ptp(f)) == 0.0:
        return Shares(np.full(d, np.nan), np.full(d, np.nan), np.full((d, d), np.nan))
    main = np.array([kept(j) for j in range(d)]) / variance
    total = 1.0 - np.array([kept(*(i for i in range(d) if i != j)) for j in range(d)]) / variance
    pair = np.zeros((d, d))
    for i, j in combinations(range(d), 2):
        pair[i, j] = pair[j, i] = kept(i, j) / variance - main[i] - main[j]
    return Shares(main, np.clip(total, main, None), np.maximum(pair, 0.0))


def of_function(
    f: Callable[[np.ndarray], np.ndarray],
    live: Sequence[bool],
    scale: str,
    deviation: float = 0.0,
    log2_n: int = 18,
    seed: int = 0,
) -> Shares:
    """Shares of a function of the unit cube by pick and freeze on 2^log2_n scrambled Sobol' points of 2 d dimensions.

    deviation: of the normal noise that an evaluation adds, which ranks depend on. total by Jansen 1999; main and pairs by the covariance
    of f(A) with f(B) whose columns j (i and j) are A's, minus that with f(B) (Saltelli 2010). Knobs that are not `live` are exactly 0.
    More than PAIRED knobs: no pairs (NaN).
    """
    d = len(live)
    points = qmc.Sobol(2 * d, seed=seed).random_base2(log2_n)
    a, b = points[:, :d], points[:, d:]
    raw_a, raw_b = f(a), f(b)
    warp = _expected_scores(np.concatenate([raw_a, raw_b]), deviation) if scale == "rank" else None

    def scaled(v: np.ndarray) -> np.ndarray:
        return on_scale(v, scale) if warp is None else np.interp(v, *warp)

    s_a, s_b = scaled(raw_a), scaled(raw_b)
    middle = 0.5 * (s_a.mean() + s_b.mean())
    variance = 0.5 * (np.mean((s_a - middle) ** 2) + np.mean((s_b - middle) ** 2))

    def mixed(*columns: int) -> np.ndarray:
        x = b.copy()
        x[:, columns] = a[:, columns]
        return scaled(f(x))

    def closed(s: np.ndarray) -> float:
        return float(np.mean((s_a - middle) * (s - s_b)) / variance)

    main, total, pair = np.zeros(d), np.zeros(d), np.zeros((d, d))
    for j in (int(j) for j in np.flatnonzero(live)):
        s = mixed(j)
        main[j] = max(closed(s), 0.0)
        total[j] = max(0.5 * float(np.mean((s - s_b) ** 2) / variance), main[j])
    if d > PAIRED:
        return Shares(main, total, np.full((d, d), np.nan))
    for i, j in combinations((int(j) for j in np.flatnonzero(live)), 2):
        pair[i, j] = pair[j, i] = max(closed(mixed(i, j)) - main[i] - main[j], 0.0)
    return Shares(main, total, pair)


def _expected_scores(v: np.ndarray, deviation: float) -> tuple[np.ndarray, np.ndarray]:
    """Values of f, ascending, and for each the mean normal score of f + noise among all such sums."""
    order = np.sort(v)
    if deviation == 0.0:
        return order, np.asarray(ndtri((np.arange(len(v)) + 0.5) / len(v)))
    noisy = np.sort(v + deviation * np.random.default_rng(0).standard_normal(len(v)))
    score = ndtri((np.arange(len(v)) + 0.5) / len(v))
    at = np.quantile(order, np.linspace(0.0, 1.0, 2049))
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    mean = sum(w * np.interp(at + deviation * z, noisy, score) for z, w in zip(nodes, weights, strict=True))
    return at, np.asarray(mean) / math.sqrt(2 * math.pi)
