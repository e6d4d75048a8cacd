"""Whether a knob that was declared linear should have been declared on the log scale.

The surrogate is fitted twice, with the knob's coordinate as declared and with that of the log scale, and each trial is predicted from all
others. Under the better coordinate the left-out trials have the higher density. Only knobs that are positive and span more than a decade
are asked; the answer speaks of the trials' own range, and says nothing where all trials lie in one decade.

Sources: leave-one-out predictive density, Rasmussen and Williams 2006, section 5.4.2; its standard error, Vehtari, Gelman, Gabry 2017
(arXiv:1507.04544, eq. 23).
"""

from __future__ import annotations

import math

import numpy as np

from trimtab.numerics import FloatArray
from trimtab.sensitivity._scale import Scale, choose_scale
from trimtab.sensitivity._surrogate import Prepared
from trimtab.space import Float, Int
from trimtab.surrogates import ProductGP, fit_product_gp

__all__ = ["log_candidates", "log_gain"]

DECADE = 10.0
TRIALS = 120  # more tell hardly more, and cost their cube


def log_candidates(p: Prepared) -> list[int]:
    """Columns of knobs that matter, are declared linear and positive, and span at least a decade."""
    found = []
    for j in np.flatnonzero(p.alive):
        parameter = p.space.parameters[p.names[j]]
        if not isinstance(parameter, Float | Int) or parameter.log:
            continue
        if 0 < parameter.low <= parameter.high / DECADE:
            found.append(int(j))
    return found


def log_gain(p: Prepared, columns: list[int], least: float) -> list[tuple[int, float, float]]:
    """Columns that are better on the log scale: column, mean gain of log density a left-out trial (nats), P(gain > 0) >= least.

    The best one is taken first, and the others are asked again beside it: under one wrong scale others look wrong as well.
    """
    rows = np.arange(p.n)
    if p.n > TRIALS:
        rows = np.sort(np.random.default_rng(0).permutation(p.n)[:TRIALS])
    scale = Scale.of(choose_scale("auto", p.v)[0], p.v)  # ranks bend a curve that the logarithm made straight
    x, z = p.x[rows], scale.standard(p.v)[rows]
    found: list[tuple[int, float, float]] = []
    left, plain = list(columns), np.empty(0)
    while left:
        plain = plain if len(plain) else _densities(_fitted(p, x, z))
        moved = {j: _densities(_fitted(p, _on_log(p, x, j), z)) for j in left}
        gains = {j: _compared(moved[j] - plain) for j in left}
        best = max(left, key=lambda j: gains[j][0])
        if gains[best][1] < least or gains[best][0] <= 0.0:
            break
        found.append((best, *gains[best]))
        x, plain = _on_log(p, x, best), moved[best]
        left = [j for j in left if j != best and gains[j][0] > 0.0]
    return found


def _on_log(p: Prepared, x: FloatArray, j: int) -> FloatArray:
    parameter = p.space.parameters[p.names[j]]
    assert isinstance(parameter, Float | Int)
    low, high = float(parameter.low), float(parameter.high)
    moved, active = x.copy(), ~np.isnan(x[:, j])
    values = np.array([float(v) for v in parameter.values(x[active, j])])
    moved[active, j] = np.log(values / low) / math.log(high / low)
    return moved


def _fitted(p: Prepared, x: FloatArray, z: FloatArray) -> ProductGP:
    categorical = np.array([kind == "categorical" for kind in p.space.kinds])
    return fit_product_gp(x, z, categorical, starts=1).best


def _densities(gp: ProductGP) -> FloatArray:
    """Log density of each trial, predicted from all others (n,)."""
    mean, variance = gp.leave_one_out()
    return -0.5 * (np.log(2 * np.pi * variance) + (gp.values - mean) ** 2 / variance)


def _compared(gain: FloatArray) -> tuple[float, float]:
    from scipy.special import ndtr

    error = float(gain.std()) / math.sqrt(len(gain))
    middle = float(gain.mean())
    return middle, float(ndtr(middle / error)) if error > 0.0 else 0.5
