"""The scale of the objective that an analysis speaks about: raw, log or rank.

Shares of variance and slopes depend on the scale. Losses with a heavy tail (diverged runs) make raw shares meaningless: a few trials
are all of the variance. Values are in the user's own sign throughout.

Notation
    v    objective values, finite        (n,)
    s    the same on the scale           (n,)
    z    s with mean 0 and variance 1    (n,)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trimtab.errors import InputError
from trimtab.numerics import FloatArray
from trimtab.numerics._warp_slopes import rank_slope

__all__ = ["SCALES", "UNITS", "Scale", "choose_scale", "heavy_tail"]

SCALES = ("auto", "raw", "log", "rank")
UNITS = {
    "raw": "objective units",
    "log": "natural logarithms of the objective (0.69 is a factor of 2)",
    "rank": "normal scores",
}
HEAVY = 5.0  # farthest value from the median, in interquartile ranges: 2-3 for normal, 3-5 for exponential samples
LOPSIDED = 20.0  # worst from median against median from best: 1 for normal, 5-8 for exponential samples


@dataclass(frozen=True, eq=False)
class Scale:
    """A monotone map of the objective. known (k,), score (k,): for "rank", ascending values and their normal scores."""

    name: str
    centre: float
    width: float
    known: FloatArray
    score: FloatArray

    @classmethod
    def of(cls, name: str, v: FloatArray) -> Scale:
        """The scale `name` for values v (n,); its z have mean 0 and variance 1 on them (0 where they are all equal)."""
        known = score = np.empty(0)
        if name == "rank":
            known, score = _normal_scores(v)
        return cls(name, 0.0, 1.0, known, score)._standardised(v)

    def _standardised(self, v: FloatArray) -> Scale:
        s = self.warp(v)
        largest = float(np.abs(s).max()) or 1.0
        centre, spread = (
            largest * float((s / largest).mean()),
            largest * float((s / largest).std()),
        )  # squares of 1e300 overflow
        return Scale(self.name, centre, spread if spread > 1e-12 * largest else 0.0, self.known, self.score)

    def warp(self, v: FloatArray) -> FloatArray:
        """Values on the scale, in its own units: objective units, natural logarithms, or normal scores."""
        if self.name == "log":
            return np.log(v)
        if self.name == "rank":
            return np.interp(v, self.known, self.score)
        return np.asarray(v, dtype=float)

    def standard(self, v: FloatArray) -> FloatArray:
        """z (n,): what the surrogate sees."""
        return (self.warp(v) - self.centre) / self.width if self.width else np.zeros_like(v)

    def rate(self, v: FloatArray) -> FloatArray:
        """dz / dv at values (k,); zeros where all values are equal."""
        if not self.width:
            return np.zeros(len(v))
        if self.name == "log":
            return 1.0 / (v * self.width)
        if self.name == "rank":
            return np.asarray(np.interp(v, self.known, rank_slope(self.known, self.score)) / self.width)
        return np.full(len(v), 1.0 / self.width)

    def objective(self, z: FloatArray) -> FloatArray:
        """Back to objective units; beyond the ranks that were seen, the extreme value seen."""
        s = self.centre + self.width * z
        if self.name == "log":
            return np.exp(np.clip(s, -700.0, 700.0))
        return np.interp(s, self.score, self.known) if self.name == "rank" else s

    @property
    def units(self) -> str:
        """What one unit of the scale is, in words."""
        return UNITS[self.name]


def choose_scale(name: str, v: FloatArray, judged: FloatArray | None = None) -> tuple[str, str]:
    """The scale to use for values v, and a sentence that says why. InputError for an unknown or impossible one.

    judged: those of the values that show whether the tail is heavy; None: all.
    """
    if name not in SCALES:
        raise InputError(f"scale must be one of {', '.join(SCALES)}, got {name!r}.")
    positive = bool(np.all(v > 0))
    if name == "log" and not positive:
        raise InputError(
            f"scale='log' needs an objective that is positive in every trial, the smallest is {v.min():.4g}. Use scale='rank'."
        )
    if name != "auto":
        return name, f"The objective is taken on the {name} scale."
    v = v if judged is None else judged
    if not heavy_tail(v):
        return "raw", "The objective is taken as it is (scale raw): it has no heavy tail."
    if positive and not heavy_tail(np.log(v)):
        return (
            "log",
            "The objective has a heavy tail, so its logarithm is analysed (scale log); scale='raw' would speak of the tail alone.",
        )
    return (
        "rank",
        "The objective has a heavy tail, so normal scores of its ranks are analysed (scale rank); "
        "scale='raw' would speak of the tail alone.",
    )


def heavy_tail(v: FloatArray) -> bool:
    """Whether a few extreme values make up most of the spread, or one half of the values lies much closer than the other."""
    largest = float(np.abs(v).max()) if len(v) else 0.0
    if len(v) < 4 or largest == 0.0:
        return False
    v = v / largest  # differences of 1e308 overflow
    low, q1, median, q3, high = np.quantile(v, [0.0, 0.25, 0.5, 0.75, 1.0])
    sides = sorted([high - median, median - low])
    if q3 == q1 or sides[0] == 0.0:  # few distinct values have no tail to speak of
        return bool(len(np.unique(v)) > len(v) / 2 and sides[1] > LOPSIDED * max(sides[0], q3 - q1))
    return bool(sides[1] > HEAVY * (q3 - q1) or sides[1] > LOPSIDED * sides[0])


def _normal_scores(v: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Ascending distinct values, and the normal score of the mean rank of each (Hazen's (rank - 1/2) / n)."""
    from scipy.special import ndtri

    known, counts = np.unique(v, return_counts=True)
    rank = np.cumsum(counts) - 0.5 * (counts - 1)
    return known, np.asarray(ndtri((rank - 0.5) / len(v)))
