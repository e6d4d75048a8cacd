"""Hypergradients that trials reported near a configuration: their mean, on the scale of the other views.

The slope of a surrogate of the values alone is a guess from many trials; a reported gradient is the slope of one training run. Near the
best the two should tell the same. Where they do not, the surrogate smooths over what training does there, or training is rough and its
gradient says little.

Notation
    x, slopes    trials with a gradient near the point, in the unit cube, and their derivatives (k, d), NaN where not told
    z            the objective, standardised on its scale
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trimtab.numerics import FloatArray, IntArray
from trimtab.records import FINISHED, TrialTable
from trimtab.sensitivity._gradient import Gradient
from trimtab.sensitivity._scale import Scale

__all__ = ["Reported", "reported_near"]

NEAR = 0.1  # in every coordinate: trials that count as near


@dataclass(frozen=True, eq=False)
class Reported:
    """Derivatives of z by the coordinates near a point: mean, smallest and largest (d,), NaN where none; n (d,) trials."""

    mean: FloatArray
    low: FloatArray
    high: FloatArray
    n: IntArray

    def said(self, names: tuple[str, ...], slopes: Gradient, width: float) -> dict[str, str]:
        """A sentence a knob, beginning with "agrees" or "differs". slopes: of the surrogate; width: one unit of z in units of the scale."""
        sentences = {}
        for j, name in enumerate(names):
            if not self.n[j] or name not in slopes.parameters:
                continue
            k = slopes.parameters.index(name)
            mean, low, high = (width * float(a[j]) for a in (self.mean, self.low, self.high))
            of = f"{self.n[j]} trial{'' if self.n[j] == 1 else 's'} near here"
            told = (
                f"hypergradient {mean:.3g} over the range ({of}), surrogate of the values alone {slopes.slope[k]:.3g}"
            )
            if not np.isfinite(slopes.slope[k]):
                continue
            inside = slopes.slope_low[k] <= high and low <= slopes.slope_high[k]
            verdict = "agrees" if inside else "differs"
            turns = "; its sign changes among them" if low < 0.0 < high else ""
            span = f" ({slopes.slope_low[k]:.3g} to {slopes.slope_high[k]:.3g})"
            sentences[name] = f"{verdict}: {told}{span}{turns}"
        return sentences


def reported_near(table: TrialTable, scale: Scale, point: FloatArray) -> Reported | None:
    """Of finished trials within NEAR of the point (d,), the same choices included; None where none of them reported any."""
    if table.derivatives is None:
        return None
    categorical = np.array([kind == "categorical" for kind in table.space.kinds])
    away = np.abs(np.nan_to_num(table.x, nan=-1.0) - np.nan_to_num(point, nan=-1.0))
    near = np.all(np.where(categorical, away < 1e-9, away <= NEAR), axis=1)
    near &= (table.state == FINISHED) & np.isfinite(table.derivatives).any(axis=1)
    if not near.any() or scale.width == 0.0:
        return None
    slopes = table.sign * table.derivatives[near] * scale.rate(table.value[near])[:, None]
    known = np.isfinite(slopes)
    n = known.sum(axis=0)
    with np.errstate(invalid="ignore"):
        mean = np.where(n > 0, np.where(known, slopes, 0.0).sum(axis=0) / np.maximum(n, 1), np.nan)
    low = np.where(n > 0, np.where(known, slopes, np.inf).min(axis=0), np.nan)
    high = np.where(n > 0, np.where(known, slopes, -np.inf).max(axis=0), np.nan)
    return Reported(mean, low, high, n)
