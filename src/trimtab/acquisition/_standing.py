"""How the evaluated configurations stand against each other: which is best, and how sure that is.

The lowest value observed among many noisy trials is a lucky draw of a good configuration more often than the best one:
the more trials, the luckier. The posterior mean takes the luck out; joint draws of the posterior tell how often each
contender is really the best.

Notation
    x        distinct configurations, best posterior mean first    (m, d)
    g        what another evaluation would give on average         (m,)
    q        contenders: the best of them
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trimtab.acquisition._candidates import keys
from trimtab.numerics import BoolArray, FloatArray, IntArray
from trimtab.numerics._tail_warp import TailWarp
from trimtab.surrogates import Columns
from trimtab.surrogates._tried import fit_tried, good_and_spread

__all__ = ["Standing", "standing"]

MODEL_MAX = 1000  # configurations in the model
CONTENDERS = 40  # configurations among which the best is drawn: the 41st has never been it
DRAWS = 4000
SEED = 20_261_124  # of the draws: the same trials give the same answer


@dataclass(frozen=True, eq=False)
class Standing:
    """The contenders, best posterior mean first.

    first (q,): row of the first trial of each; count (q,): its evaluations. which (n,): the configuration of each row,
        numbered by first appearance.
    mean, sd (q,): posterior of g, warped; probability (q,): of being the lowest of all.
    noise: sd of one evaluation about g, warped. regret: expected distance of the first from the best, warped.
    """

    warp: TailWarp
    which: IntArray
    first: IntArray
    count: IntArray
    mean: FloatArray
    sd: FloatArray
    probability: FloatArray
    noise: float
    regret: float

    @property
    def q(self) -> int:
        return len(self.first)


def standing(columns: Columns, x: FloatArray, y: FloatArray, eligible: BoolArray | None = None) -> Standing:
    """How the trials x (n, d), y (n,) stand: finite values, lower is better; the same configuration may come again.

    eligible (n,): trials that may be contenders, at least one; the others inform the model.
    """
    which, first = _distinct(x)
    allowed = np.ones(len(first), dtype=np.bool_) if eligible is None else np.bincount(which, ~eligible) == 0
    kept = good_and_spread(np.where(allowed, np.bincount(which, y) / np.bincount(which), np.inf), MODEL_MAX)
    rows = np.isin(which, kept)
    warp = TailWarp.of(y[rows])
    z = warp(y[rows])
    if not z.any():
        return _all_equal(warp, which, first[kept][allowed[kept]], np.bincount(which)[kept][allowed[kept]])
    weights, parts = fit_tried(columns, x[first[kept]], z, np.searchsorted(kept, which[rows]))
    mean = np.where(allowed[kept], weights @ [part.mean for part in parts], np.inf)
    some = np.argsort(mean, kind="stable")[: min(CONTENDERS, int(np.isfinite(mean).sum()))]
    covariance = [part.covariance(some) for part in parts]
    spread = [np.diag(c) + (part.mean[some] - mean[some]) ** 2 for c, part in zip(covariance, parts, strict=True)]
    draws = _draw(weights, [part.mean[some] for part in parts], covariance)
    return Standing(
        warp,
        which,
        first[kept[some]],
        parts[0].count[some],
        mean[some],
        np.sqrt(np.maximum(weights @ spread, 0.0)),
        np.bincount(np.argmin(draws, axis=1), minlength=len(some)) / len(draws),
        float(np.sqrt(weights @ [part.noise for part in parts])),
        float(np.mean(draws[:, 0] - draws.min(axis=1))),
    )


def _distinct(x: FloatArray) -> tuple[IntArray, IntArray]:
    """The configuration of each row (n,), numbered by first appearance, and the first row of each (m,)."""
    found: dict[bytes, int] = {}
    which = np.array([found.setdefault(key, len(found)) for key in keys(x)], dtype=np.int64)
    return which, np.unique(which, return_index=True)[1]


def _draw(weights: FloatArray, means: list[FloatArray], covariances: list[FloatArray]) -> FloatArray:
    """About DRAWS joint draws (s, q): of each part as many as it weighs, half of them mirrored."""
    rng = np.random.default_rng(SEED)
    found = []
    for weight, mean, covariance in zip(weights, means, covariances, strict=True):
        values, vectors = np.linalg.eigh(covariance)
        half = rng.standard_normal((round(0.5 * DRAWS * weight), len(mean)))
        moves = (half * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
        found += [mean + moves, mean - moves]
    return np.concatenate(found)


def _all_equal(warp: TailWarp, which: IntArray, first: IntArray, count: IntArray) -> Standing:
    """Nothing tells the configurations apart: the earliest comes first."""
    first, count = first[:CONTENDERS], count[:CONTENDERS]
    q = len(first)
    return Standing(warp, which, first, count, np.zeros(q), np.zeros(q), np.full(q, 1.0 / q), 0.0, 0.0)
