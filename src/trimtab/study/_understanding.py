"""Active sensitivity: a share of the trials goes where it sharpens the main effects most, the others go on searching.

Of the n trials that the study shall propose itself, Q = floor(share n) are such trials: the k-th (from 0) as soon as n ((k + 1/2) / Q)^2
others and earlier ones were proposed. So most come early, where the search explores anyway, and some as late as what it left
open shows. Where n is not known in advance (a study that ends by patience or time), number i is one where
floor(share (i + 1)) > floor(share i).

What the times are worth, on six tables of networks, with Q = 10 of n = 50: evenly spread over the search TPE is 0.3 behind (decades of
the share of better configurations) after 40 trials; by this rule it is not behind after 50, and the shares are as right.

The point of such a trial is the best of CANDIDATES random ones by `acquisition.EffectReduction`, under the surrogate of the
sensitivity analyses, on the scale that these choose. A failed trial counts as seen there, since another near it would tell as little,
and what is chosen is likely to succeed. Before there are enough trials for a surrogate, one with fixed hyperparameters spreads the
points.

Once the answer is settled, by `trimtab.sensitivity.sobol` of the trials so far, no more is spent and the search has all trials:

    what to freeze   every knob's total share is known to be at least FREEZE, or to be below it (90 % intervals)
    the order        the intervals of the totals do not overlap

That is asked after LEAST ended trials and then each time their number has grown by a fifth.

All is a function of the log (ended trials, and the places of the running ones) and of the number of trials that `minimize` asks for:
every process decides the same, and so does one that resumes. Such trials do not come from the sampler: origin "understand" in the log.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from trimtab.acquisition import EffectReduction, LogSuccess, draw_new, keys
from trimtab.errors import SearchEnded
from trimtab.numerics import FloatArray, IntArray
from trimtab.numerics._threads import one_blas_thread
from trimtab.records import FAILED, RUNNING, Fold, TrialTable
from trimtab.surrogates import Columns, ProductGP, fit_product_gp, fit_success

if TYPE_CHECKING:
    from trimtab.sensitivity import Sensitivity

__all__ = ["Turns", "Understanding", "sharpest", "verdict"]

CANDIDATES = 400
SUCCESS_POWER = 2.0  # of the probability of success, as in the samplers
LEAST, GROWTH = 20, 1.2  # ended trials (and three times the columns) at the first check; the factor to the next one
FREEZE = 0.05  # share of the variance: a knob that moves less may be frozen
FIT_TRIALS, USED_TRIALS = 120, 400  # behind the hyperparameters, and behind the choice: each spread over all times
SPREADING = {"sigma2": 1.0, "noise": 0.03, "share": 0.3, "length": 0.5}  # before there are enough trials
STREAM = 1  # of random numbers, besides the sampler's


@dataclass(frozen=True)
class Turns:
    """Which trials are for understanding. share: of those that the study proposes itself; 1: all.

    planned: how many of these there shall be in the end; None: not known.
    """

    share: float = 0.0
    planned: int | None = None

    @classmethod
    def of(cls, share: float, fold: Fold, more: int | None) -> Turns:
        """For a study whose next `more` trials are evaluated now, those included that wait or run. None: no number."""
        if more is None:
            return cls(share)
        return cls(share, max(_own(fold) + more - len(fold.waiting) - len(fold.running), 0))

    def has_come(self, fold: Fold) -> bool:
        """Whether the next trial is one for understanding."""
        own, spent = _own(fold), len(fold.understood)
        if self.share in (0.0, 1.0):
            return self.share == 1.0
        if self.planned is None:
            return math.floor(self.share * (own + 1) + 1e-9) > math.floor(self.share * own + 1e-9)
        quota = math.floor(self.share * self.planned + 1e-9)
        return spent < quota and own >= max(1, int(self.planned * ((spent + 0.5) / quota) ** 2))


class Understanding:
    """What a study does to understand. Keeps the last check, which costs a fit."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._checked = (0, "")

    def next(self, fold: Fold, turns: Turns) -> FloatArray | None:
        """The point (1, d) of the next trial where it is one for understanding; None: the search goes on."""
        if not turns.has_come(fold) or self.settled(fold):
            return None
        table = fold.table
        ended = _first_objective(table.where(np.array(fold.ended, dtype=np.int64)))
        try:
            return sharpest(ended, table.x[table.state <= RUNNING], np.random.default_rng([self._seed, fold.n, STREAM]))
        except SearchEnded:
            return None  # the sampler says so, or something is repeated

    def settled(self, fold: Fold) -> str:
        """What is settled, in words; "" as long as nothing is."""
        n = _checkpoint(len(fold.ended), fold.space.d)
        if n != self._checked[0]:
            from trimtab.sensitivity import sobol

            ended = fold.table.where(np.array(fold.ended[:n], dtype=np.int64))
            self._checked = (n, verdict(sobol(_first_objective(ended))) if n else "")
        return f"settled, asked after {n} trials: {self._checked[1]}" if self._checked[1] else ""

    def describe(self, fold: Fold) -> str:
        """What was spent on understanding, and what it led to."""
        many = len(fold.understood)
        if not many:
            return "no trial was spent on the sensitivities"
        spent = f"{many} of {fold.n} trials {'was' if many == 1 else 'were'} spent on the sensitivities"
        return f"{spent}; {self.settled(fold) or 'neither their order nor what to freeze is settled yet'}"


def sharpest(ended: TrialTable, pending: FloatArray, rng: np.random.Generator) -> FloatArray:
    """The new point (1, d) that sharpens the main effects most. ended: one objective. pending (q, d): points that run.

    SearchEnded where every configuration of a finite space was tried.
    """
    space = ended.space
    candidates = draw_new(space, CANDIDATES, {*keys(ended.x), *keys(pending)}, rng)
    with one_blas_thread():
        gp = _surrogate(ended, pending)
        if not len(gp.y):
            return candidates[:1]
        value = EffectReduction(gp, space)(candidates)
        failed = ended.state == FAILED
        if failed.any():
            columns = Columns(space.kinds, space.n_levels, space.conditional)
            value = value * np.exp(LogSuccess(*fit_success(columns, ended.x, ~failed), SUCCESS_POWER)(candidates))
    return candidates[[int(np.argmax(value))]]


def verdict(found: Sensitivity) -> str:
    """What is settled, in words; "" where nothing is."""
    low, high = found.total_low, found.total_high
    order = np.argsort(-np.nan_to_num(found.total), kind="stable")
    keep = low >= FREEZE
    if np.all(keep | (high < FREEZE)):
        kept = [found.parameters[j] for j in order if keep[j]]
        matter = f"{', '.join(kept)} {'matters' if len(kept) == 1 else 'matter'}" if kept else "no knob matters"
        rest = "" if keep.all() else f", each other knob moves less than {100 * FREEZE:g} % of the variance"
        return f"{matter}{rest} ({100 * found.confidence:g} %)"
    if len(order) > 1 and np.all(low[order[:-1]] > high[order[1:]]):
        return f"the order is {' > '.join(found.parameters[j] for j in order)} ({100 * found.confidence:g} %)"
    return ""


def _surrogate(ended: TrialTable, pending: FloatArray) -> ProductGP:
    """The process behind the choice: conditioned on where trials ended or run. Values matter to its hyperparameters only."""
    from trimtab.sensitivity._surrogate import read_trials

    space = ended.space
    categorical = np.array([kind == "categorical" for kind in space.kinds])
    known = read_trials(ended)
    x = np.concatenate([ended.x[_spread(ended.n, USED_TRIALS)], pending])
    if known.why:
        share, length = np.full(space.d, SPREADING["share"]), np.full(space.d, SPREADING["length"])
        return ProductGP(x, np.zeros(len(x)), categorical, SPREADING["sigma2"], SPREADING["noise"], share, length)
    z = known.scale.standard(known.v)
    rows = _spread(known.n, FIT_TRIALS)
    best = fit_product_gp(known.x[rows], z[rows], categorical, starts=1).best
    return ProductGP(x, np.zeros(len(x)), categorical, best.sigma2, best.noise, best.share, best.length)


def _own(fold: Fold) -> int:
    """Trials that the study proposed itself; those of the user do not count."""
    return fold.n_from_sampler + len(fold.repeated) + len(fold.understood)


def _first_objective(table: TrialTable) -> TrialTable:
    return table if table.goals.m == 1 else table.of_outcome(table.goals.objectives[0])


def _spread(n: int, most: int) -> IntArray:
    """At most `most` of n rows, evenly over all times."""
    return np.unique(np.linspace(0, n - 1, min(n, most)).astype(np.int64))


def _checkpoint(n: int, d: int) -> int:
    """The largest number of ended trials up to n at which is asked whether the answer is settled; 0: none yet."""
    check = max(LEAST, 3 * d)
    if n < check:
        return 0
    while (following := math.ceil(GROWTH * check)) <= n:
        check = following
    return check
