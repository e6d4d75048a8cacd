"""Variance shares of drawn functions by slicing: for spaces with conditional knobs, and for the good region alone, where the closed
form does not hold.

For knob j all others are held at W space-filling latent points while j runs over its nodes: the variance of the means over the W
slices is the main effect, the mean of the variances within the slices the total effect. The same with two knobs for the pairs. Every
point goes through the space's own conditions, so a parent's effect includes what it switches.

Of the good region: what is worse than its limit, a quantile of each drawn function over the measure, counts as the limit itself. What
varies then is how good the good configurations are, and which are among them.

Notation
    W, m     slices, nodes of a knob     f    drawn functions at the slices' points (W, m, D)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from trimtab.numerics import FloatArray
from trimtab.sensitivity._measure import Measure
from trimtab.sensitivity._shares import VarianceDraws, coefficients
from trimtab.surrogates import ProductGP

__all__ = ["Region", "kernel_rows", "sliced"]

SLICES, SLICE_NODES = 64, 10
PAIR_SLICES, PAIR_SLICE_NODES = 16, 5
REGION_POINTS = 1024  # at which the limit of the good region is found


@dataclass(frozen=True)
class Region:
    """The best `share` of the space. sign: 1 where low values are good, -1 where high ones are."""

    share: float
    sign: float

    def limit(self, f: FloatArray) -> FloatArray:
        """The quantile of values f (m, D) that bounds the region (D,)."""
        return np.asarray(np.quantile(f, self.share if self.sign > 0 else 1.0 - self.share, axis=0))

    def within(self, f: FloatArray, limit: FloatArray) -> FloatArray:
        """f (..., D) with everything worse than the limit at the limit."""
        return np.minimum(f, limit) if self.sign > 0 else np.maximum(f, limit)


def sliced(
    gp: ProductGP,
    measure: Measure,
    extra: FloatArray,
    normal: FloatArray,
    *,
    pairs: bool = True,
    region: Region | None = None,
) -> VarianceDraws:
    """Variances of D drawn functions. extra (q, d), normal (q, D). pairs=False leaves the pairs NaN: they cost the most."""
    d = gp.x.shape[1]
    centres, v, _ = coefficients(gp, extra, normal)

    def bounded(f: FloatArray) -> FloatArray:
        return f if region is None else region.within(f, limit)

    if region is not None:
        everywhere = measure.space.snap(measure.latent(REGION_POINTS, 4))
        limit = region.limit(kernel_rows(gp, everywhere, centres) @ v)
    base = measure.latent(SLICES, 2)
    main, total, variance = [], [], []
    for j in range(d):
        t, w = measure.rule(j, SLICE_NODES)
        rows = np.repeat(base, len(t), axis=0)
        rows[:, j] = np.tile(t, len(base))
        f = bounded(kernel_rows(gp, measure.space.snap(rows), centres) @ v).reshape(len(base), len(t), -1)
        within = np.einsum("m,wmd->wd", w, f**2) - np.einsum("m,wmd->wd", w, f) ** 2
        average = f.mean(axis=0)
        mean = w @ average
        main.append(w @ average**2 - mean**2)
        total.append(within.mean(axis=0))
        variance.append(np.einsum("m,wmd->d", w, f**2) / len(base) - mean**2)
    everything = np.maximum(np.mean(variance, axis=0), 1e-12 * gp.sigma2)
    totals = np.maximum(np.array(total).T, 0.0)
    pair = _pairs(gp, measure, centres, v, bounded) if pairs else np.full((v.shape[1], d, d), np.nan)
    return VarianceDraws(everything, np.minimum(np.maximum(np.array(main).T, 0.0), totals), totals, pair)


def kernel_rows(gp: ProductGP, rows: FloatArray, centres: FloatArray) -> FloatArray:
    """k(rows, centres), fast where columns repeat their values: each factor is computed once a value."""
    k = np.full((len(rows), len(centres)), gp.sigma2)
    for j in range(rows.shape[1]):
        values, where = np.unique(rows[:, j], return_inverse=True)
        if gp.share[j] > 0.0:
            k *= gp.factor(j, values, centres[:, j])[where]
    return k


def _pairs(
    gp: ProductGP, measure: Measure, centres: FloatArray, v: FloatArray, bounded: Callable[[FloatArray], FloatArray]
) -> FloatArray:
    d, n_draws = gp.x.shape[1], v.shape[1]
    base = measure.latent(PAIR_SLICES, 3)
    rules = [measure.rule(j, PAIR_SLICE_NODES) for j in range(d)]
    pair = np.zeros((n_draws, d, d))
    for i in range(d - 1):
        for j in range(i + 1, d):
            (s, a), (t, b) = rules[i], rules[j]
            rows = np.repeat(base, len(s) * len(t), axis=0)
            rows[:, i] = np.tile(np.repeat(s, len(t)), len(base))
            rows[:, j] = np.tile(t, len(base) * len(s))
            f = bounded(kernel_rows(gp, measure.space.snap(rows), centres) @ v)
            surface = f.reshape(len(base), len(s), len(t), n_draws).mean(axis=0)
            surface = (
                surface
                - np.einsum("i,ijd->jd", a, surface)
                - np.einsum("j,ijd->id", b, surface)[:, None]
                + np.einsum("i,j,ijd->d", a, b, surface)
            )
            pair[:, i, j] = pair[:, j, i] = np.einsum("i,j,ijd->d", a, b, surface**2)
    return pair
