"""How many trials spread evenly would tell as much of the space as the trials at hand.

An optimiser's trials crowd where the objective is good, and an analysis of the whole space learns little from one more of them there.
What a set of trials leaves open is the surrogate's mean variance over the space; the number looked for is that of space-filling points
that leave as much open, under the same hyperparameters. It plays the part of the effective sample size of weighted samples (Kish 1965),
which needs a density that an optimiser does not have.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from trimtab.numerics import FloatArray, sobol_points
from trimtab.space import Space
from trimtab.surrogates import ProductGP

__all__ = ["effective_trials"]

POINTS = 256  # at which the variance is averaged
EXACT = 0.02  # of the number, relative


def effective_trials(gp: ProductGP, space: Space) -> float:
    """Between 1 and the number of trials of gp; the same trials give the same number."""
    n = len(gp.y)
    points = space.snap(sobol_points(POINTS, space.d, 7))
    spread = space.snap(sobol_points(n, space.d, 11))

    def left_open(x: FloatArray) -> float:
        return float(replace(gp, x=x, y=np.zeros(len(x))).predict(points)[1].mean())

    target = left_open(gp.x)
    low, high = 1, n
    if target <= left_open(spread):
        return float(n)
    while high - low > max(1, EXACT * low):
        middle = (low + high) // 2
        if left_open(spread[:middle]) > target:
            low = middle
        else:
            high = middle
    return float(low)
