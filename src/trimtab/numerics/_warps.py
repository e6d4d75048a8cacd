"""Monotone warps of objective values, so that a Gaussian process sees something like a normal sample.

Losses of neural networks have a heavy bad tail: a diverged run is 1e6 times worse than a good one, and on the raw scale
it is all that a surrogate sees. Each warp keeps the order of the values, is finite, and has mean 0 and standard
deviation 1; values that cannot be told apart (one value, constant values) become zeros.

Notation
    y       objective values, lower is better, finite        (n,)
    z       warped values, non-decreasing in y               (n,)
    p       (rank - 1/2) / n, ties share their mean rank     (n,)

Sources: half-rank and log, Song et al. 2024 (arXiv:2408.11527, section 3.1; signs turned: there higher is better);
Yeo and Johnson 2000 (doi:10.1093/biomet/87.4.954, eq. 2.1 and 3.1); normal scores, Blom 1958, with Hazen's p.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from trimtab.numerics._arrays import FloatArray

__all__ = ["WARPS", "half_rank_log", "log_slope", "rank_normal", "standardise", "yeo_johnson", "yeo_johnson_lambda"]

LOG_WARP = 1.5  # s of the log warp: the slope at the best value is 1.5 times the slope at the worst
YEO_JOHNSON_BOUNDS = (-2.0, 4.0)  # lambda outside of these fits outliers, not a shape


def standardise(y: FloatArray) -> FloatArray:
    """Mean 0, standard deviation 1; zeros where all values are equal. y (n,)."""
    y = _unit_scale(y)
    centred = y - y.mean() if y.size else y
    sd = np.sqrt(np.mean(centred**2)) if y.size else 0.0
    return centred / sd if sd > 1e-15 else np.zeros_like(centred)


def half_rank_log(y: FloatArray) -> FloatArray:
    """Keeps the good half, replaces the bad half by normal scores, then stretches the good end. y (n,).

    Values above the median become median + s Phi^-1(p), s the root mean square distance of the good half from the
    median; then log(1 + 0.5 u) / log 1.5 of the position u in [0, 1]. Song et al. 2024, section 3.1.
    """
    return standardise(_log_warp(_half_rank(_unit_scale(y))))


def rank_normal(y: FloatArray) -> FloatArray:
    """Normal scores Phi^-1(p) of the ranks; keeps nothing but the order. y (n,)."""
    return standardise(_normal_scores(_unit_scale(y)))


def yeo_johnson(y: FloatArray) -> FloatArray:
    """Yeo-Johnson power transform, lambda by profile likelihood in [-2, 4]. y (n,).

    The values are first centred at the median and divided by the interquartile range: lambda then answers for the
    shape alone, not for the units.
    """
    t = _robust_scale(y)
    return standardise(_power(t, yeo_johnson_lambda(t))) if t.any() else np.zeros_like(t)


def yeo_johnson_lambda(t: FloatArray) -> float:
    """Lambda of values (n,) that are centred and scaled, by profile likelihood. Yeo and Johnson 2000, eq. 3.1."""
    jacobian = np.sum(np.sign(t) * np.log1p(np.abs(t)))

    def loss(lam: float) -> float:
        variance = float(np.var(_power(t, lam)))
        return float(0.5 * t.size * np.log(max(variance, 1e-300)) - (lam - 1.0) * jacobian)

    return _golden_section(loss, *YEO_JOHNSON_BOUNDS)


def log_slope(z: FloatArray, y: FloatArray) -> FloatArray:
    """log dz / ds at each value, s the normal scores of y: turns a density of z into one on a scale all warps share.

    z (n,): a warp of y (n,). By central differences over the sorted distinct values, so that the same estimate serves
    every warp; add it to leave-one-out log densities before comparing warps. Zeros with fewer than 3 distinct values.
    """
    values, first, where = np.unique(y, return_index=True, return_inverse=True)
    if values.size < 3:
        return np.zeros(y.size)
    dz = np.gradient(z[first])
    ds = np.gradient(_normal_scores(y)[first])
    slope = np.log(np.maximum(dz, 1e-12)) - np.log(ds)
    per_value: FloatArray = slope[where.reshape(-1)]
    return per_value


WARPS: dict[str, Callable[[FloatArray], FloatArray]] = {
    "half_rank_log": half_rank_log,
    "rank_normal": rank_normal,
    "yeo_johnson": yeo_johnson,
}


def _unit_scale(y: FloatArray) -> FloatArray:
    """y moved and scaled into [-1, 1], so that squares neither overflow nor vanish."""
    y = np.asarray(y, dtype=np.float64)
    if not y.size:
        return y
    y = y / max(float(np.max(np.abs(y))), 1e-300)
    y = y - np.median(y)
    largest = float(np.max(np.abs(y)))
    return y / largest if largest > 1e-14 else np.zeros_like(y)  # below: rounding of y itself


def _robust_scale(y: FloatArray) -> FloatArray:
    """(y - median) / interquartile range, clipped where powers would overflow."""
    t = _unit_scale(y)
    if not t.size:
        return t
    low, high = np.quantile(t, [0.25, 0.75])
    width = high - low
    if width <= 1e-8:  # most values tied
        width = np.mean(np.abs(t)) if t.any() else 1.0
    clipped: FloatArray = np.clip(t / width, -1e8, 1e8)
    return clipped


def _normal_scores(y: FloatArray) -> FloatArray:
    """Phi^-1((rank - 1/2) / n), ties at their mean rank."""
    from scipy.special import ndtri

    _, where, counts = np.unique(y, return_inverse=True, return_counts=True)
    rank = np.cumsum(counts) - 0.5 * (counts - 1)
    scores: FloatArray = ndtri((rank - 0.5) / max(len(y), 1))[where.reshape(-1)]
    return scores


def _half_rank(y: FloatArray) -> FloatArray:
    median = np.median(y) if y.size else 0.0
    good = y[y <= median] - median
    spread = float(np.sqrt(np.mean(good**2))) if good.size else 0.0
    scores = _normal_scores(y)
    if spread <= 1e-12:  # half of the values tie at the best: only the order is left
        return scores
    return np.where(y > median, median + spread * np.maximum(scores, 0.0), y)


def _log_warp(y: FloatArray) -> FloatArray:
    if not y.size or np.ptp(y) <= 0.0:
        return np.zeros_like(y)
    u = (y - y.min()) / np.ptp(y)
    stretched: FloatArray = np.log1p(u * (LOG_WARP - 1.0)) / np.log(LOG_WARP)
    return stretched


def _power(y: FloatArray, lam: float) -> FloatArray:
    """Yeo and Johnson 2000, eq. 2.1; expm1 keeps it smooth in lambda at 0 and 2."""
    size = np.log1p(np.abs(y))
    up = size if abs(lam) < 1e-8 else np.expm1(lam * size) / lam
    down = size if abs(lam - 2.0) < 1e-8 else np.expm1((2.0 - lam) * size) / (2.0 - lam)
    return np.where(y >= 0.0, up, -down)


def _golden_section(f: Callable[[float], float], low: float, high: float, steps: int = 24) -> float:
    """Minimum of a unimodal f on [low, high] to (high - low) * 0.618**steps (1e-5 of the range)."""
    ratio = (np.sqrt(5.0) - 1.0) / 2.0
    a, b = low, high
    c, d = b - ratio * (b - a), a + ratio * (b - a)
    fc, fd = f(c), f(d)
    for _ in range(steps):
        if fc < fd:
            b, d, fd = d, c, fc
            c = b - ratio * (b - a)
            fc = f(c)
        else:
            a, c, fc = c, d, fd
            d = a + ratio * (b - a)
            fd = f(d)
    return float(0.5 * (a + b))
