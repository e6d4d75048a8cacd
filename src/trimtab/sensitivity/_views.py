"""The views of `agreement` as numbers: each as the share of the variance over the space that a knob would have if it did there what it does
in that view.
"""

from __future__ import annotations

import numpy as np

from trimtab.numerics import FloatArray
from trimtab.sensitivity._curves import Curve, OneAtATime
from trimtab.sensitivity._gradient import Gradient
from trimtab.sensitivity._measure import held, whole
from trimtab.sensitivity._range_share import SameFunctions
from trimtab.sensitivity._sobol import Sensitivity
from trimtab.sensitivity._surrogate import Prepared

__all__ = ["VIEWS", "slope_shares", "views_of"]

VIEWS = ("one_at_a_time", "gradient", "main", "total")


def views_of(
    p: Prepared, local: OneAtATime, slopes: Gradient, shares: Sensitivity
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Shares of the variance over the space with intervals, each (d, 4)."""
    found = np.full((3, p.space.d, len(VIEWS)), np.nan)
    if p.explained:
        place = {name: j for j, name in enumerate(p.names)}
        variance = _variance_over_space(p)
        rows = [place[name] for name in local.parameters]
        along = np.array([_variance(p, curve, place[curve.name]) for curve in local.curves])
        effects = np.array([local.effect, local.effect_low, local.effect_high])
        ratio = np.divide(effects, local.effect, out=np.ones_like(effects), where=local.effect > 0.0)
        found[:, rows, 0] = along / variance * ratio**2
        rows = [place[name] for name in slopes.parameters]
        ends = np.array([slopes.slope, slopes.slope_low, slopes.slope_high]) / p.scale.width
        found[:, rows, 1] = _squares(*ends) / 12.0 / variance
    found[:, :, 2] = [shares.main, shares.main_low, shares.main_high]
    found[:, :, 3] = [shares.total, shares.total_low, shares.total_high]
    found[1:, np.isnan(found[0])] = np.nan
    return found[0], found[1], found[2]


def slope_shares(p: Prepared, slope: FloatArray, low: FloatArray, high: FloatArray) -> FloatArray:
    """Shares of straight lines with slopes (d,) of z, and their intervals: (3, d)."""
    shares: FloatArray = _squares(slope, low, high) / 12.0 / _variance_over_space(p)
    return shares


def _squares(slope: FloatArray, low: FloatArray, high: FloatArray) -> FloatArray:
    """Squares of slopes, and the smallest and largest of their intervals: (3, d)."""
    ends = np.abs([low, high])
    nearest = np.where(np.sign(low) == np.sign(high), ends.min(axis=0), 0.0)
    squares: FloatArray = np.square([slope, nearest, ends.max(axis=0)])
    return squares


def _variance_over_space(p: Prepared) -> float:
    return float(np.mean([of.variance.mean() for of in SameFunctions(p).draws(held(whole(p.space), p.x))]))


def _variance(p: Prepared, curve: Curve, j: int) -> float:
    """Of a curve, standardised on the scale, over the declared distribution of its knob."""
    nodes, weights = whole(p.space).rule(j, len(curve.u))
    effect = np.interp(nodes, curve.u, curve.effect) / p.scale.width  # before it is squared: 1e300 overflows
    return float(weights @ effect**2 - (weights @ effect) ** 2)
