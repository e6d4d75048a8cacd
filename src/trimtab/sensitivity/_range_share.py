"""Whether a part of a knob's range, rather than the knob, causes its importance.

A range declared too wide has an end where everything goes wrong, and then the knob "matters": what it says is to narrow the range.
The total share is computed again, in closed form and for the same drawn functions, with a fifth of the range cut off at either end. If
most of it goes, that end is named.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from trimtab.numerics import FloatArray
from trimtab.sensitivity._measure import Measure, held, whole
from trimtab.sensitivity._shares import VarianceDraws, closed_form
from trimtab.sensitivity._slices import sliced
from trimtab.sensitivity._sobol import Sensitivity
from trimtab.sensitivity._surrogate import Prepared

__all__ = ["SameFunctions", "important_ranges"]

WORTH = 0.1  # of the variance: importance that is worth a word
CUT = 0.2  # of a range, at either end
LEFT = 1.0 / 3.0  # of the total share: if less is left after the cut, the range was the cause
RANGE_SETS = 4  # draws of the hyperparameters behind the cut shares
EXTRA, FUNCTION_DRAWS = 64, 8


def important_ranges(p: Prepared, shares: Sensitivity) -> dict[str, str]:
    """Knobs whose importance mostly goes when one end of the range is cut off."""
    space = p.space
    columns = [
        j for j in np.flatnonzero(p.alive)
        if space.kinds[j] != "categorical" and shares.total[j] >= WORTH and not 0 < space.n_levels[j] < round(1 / CUT)
    ]  # fmt: skip
    if not columns:
        return {}
    measure, cuts = held(whole(space), p.x), SameFunctions(p)
    full = cuts.draws(measure)

    def totals(found: list[VarianceDraws], j: int) -> FloatArray:
        return np.concatenate([of.total[:, j] / of.variance for of in found])

    ranges = {}
    for j in map(int, columns):
        before = totals(full, j)
        best: tuple[float, str] = (LEFT, "")
        for end, at in (("below", CUT), ("above", 1.0 - CUT)):
            cut = measure.low.copy() if end == "below" else measure.high.copy()
            cut[j] = at
            within = replace(measure, low=cut) if end == "below" else replace(measure, high=cut)
            left = totals(cuts.draws(within), j)
            share = float(left.mean() / before.mean())
            if share < best[0] and np.mean(left < before / 2.0) >= shares.confidence:
                value = space.label(j, space.value(j, at))
                best = share, (
                    f"range: without what lies {end} {value} (a fifth of its range) it moves "
                    f"{100 * left.mean():.0f} % of the variance instead of {100 * before.mean():.0f} %"
                )  # fmt: skip
        if best[1]:
            ranges[p.names[j]] = best[1]
    return ranges


class SameFunctions:
    """The same drawn functions for every measure, so that what a cut changes is not chance."""

    def __init__(self, p: Prepared) -> None:
        self.p = p
        self.extra = p.space.snap(held(whole(p.space), p.x).latent(EXTRA, 1))
        rng = np.random.default_rng(0)
        normals = [rng.standard_normal((EXTRA, FUNCTION_DRAWS // 2)) for _ in p.draws[:RANGE_SETS]]
        self.normals = [np.concatenate([normal, -normal], axis=1) for normal in normals]

    def draws(self, measure: Measure) -> list[VarianceDraws]:
        pairs = list(zip(self.p.draws, self.normals, strict=False))
        if measure.space.is_conditional:
            return [sliced(gp, measure, self.extra, normal, pairs=False) for gp, normal in pairs]
        return [closed_form(gp, measure, self.extra, normal) for gp, normal in pairs]
