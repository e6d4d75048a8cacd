"""Reported gradients as rows of the sensitivities' surrogate (see `surrogates._product_gp`, "tied row").

A trial with value z and derivative g along column j becomes two rows: the trial, and a point STEP away along j with the value z + STEP g,
which errs as the trial does. So the surrogate learns slopes, and its closed forms stay what they are.

Not every derivative enters: those of integers and levels are of no neighbour that exists, those beyond STEEPEST say that training is
chaotic rather than how the objective runs, and each costs as much as a trial.

Notation
    x, z, slopes    trials in the unit cube (n, d), standardised objective (n,), derivatives of z by x (n, d), NaN where there is none
"""

from __future__ import annotations

import numpy as np

from trimtab.numerics import BoolArray, FloatArray, IntArray
from trimtab.space import Space
from trimtab.surrogates import Ties

__all__ = ["MOST_SLOPES", "slopes_worth", "with_tied_rows"]

STEP = 0.02  # of the range: small against any length scale, large against rounding
DOUBT = 0.3  # standard deviation of a derivative, in standard deviations of the objective a range
RELATIVE = 0.2  # the same for steep ones: of the derivative
STEEPEST = 30.0
MOST_SLOPES = 120


def slopes_worth(space: Space, slopes: FloatArray | None) -> FloatArray | None:
    """Those derivatives of z (n, d) that enter, NaN elsewhere; None where none does."""
    if slopes is None:
        return None
    continuous: BoolArray = np.array([kind == "continuous" for kind in space.kinds])
    steep = np.nanmax(np.abs(np.where(np.isnan(slopes), 0.0, slopes)), axis=1) > STEEPEST
    kept = np.where(continuous & ~steep[:, None], slopes, np.nan)
    return kept if np.isfinite(kept).any() else None


def with_tied_rows(
    x: FloatArray, z: FloatArray, slopes: FloatArray | None, most: int = MOST_SLOPES
) -> tuple[FloatArray, FloatArray, Ties | None]:
    """Rows and their values: the trials, then the rows tied to them, at most `most`; trials in order while there is room."""
    if slopes is None or not np.isfinite(slopes).any():
        return x, z, None
    trial, column = np.nonzero(np.isfinite(slopes) & ~np.isnan(x))
    trial, column = trial[:most], column[:most]
    inwards = np.where(x[trial, column] > 0.5, -STEP, STEP)
    points = x[trial].copy()
    points[np.arange(len(trial)), column] += inwards
    slope = slopes[trial, column]
    own = (STEP * np.hypot(DOUBT, RELATIVE * slope)) ** 2
    rows: IntArray = np.concatenate([np.arange(len(z)), trial])
    ties = Ties(rows, np.concatenate([np.zeros(len(z)), own]))
    return np.concatenate([x, points]), np.concatenate([z, z[trial] + inwards * slope]), ties
