"""Asynchronous successive halving (ASHA): at each rung only the best 1/reduction of the trials that reached it go on.

Notation
    r      min_step, the first rung            eta    reduction
    rung   r, r eta, r eta^2, ... steps        n      trials that reached the trial's newest rung, itself among them

    stop   if   at least max(1, floor(n / eta)) of them were better there

Differs from Li et al. 2020, algorithm 2: a trial is not paused and promoted later, it goes on or stops (as in Ray Tune and
Optuna), so each rung is judged with what is known: at each report, not once. A trial that went on for want of others stops
when enough of them prove better. The value at a rung is that of the first report at or after it.

Source: arXiv:1810.05934.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trimtab.pruners._safeguards import check_number, check_share, longest, settled
from trimtab.records import Curve

__all__ = ["ASHA"]

_FIRST = 0.1  # the first rung, as a share of the longest curve


@dataclass(frozen=True, kw_only=True)
class ASHA:
    """Stops a trial unless it is among the best 1/reduction of those that came to its rung: min_step * reduction^k steps.

    min_step: the first rung. None takes a tenth of the longest finished trial's steps, and stops none before one has finished.
    reduction: 3 keeps a third at each rung. keep: share of the trials that are never stopped for being worse than others.
    A trial that diverged is stopped at once, whatever these say.
    """

    min_step: float | None = None
    reduction: float = 3
    keep: float = 0.1

    def __post_init__(self) -> None:
        if self.min_step is not None:
            check_number("ASHA: min_step", self.min_step, 0, "a step > 0 or None")
        check_number("ASHA: reduction", self.reduction, 1, "a number > 1")
        check_share("ASHA: keep", self.keep)

    def should_stop(self, curve: Curve, others: Sequence[Curve], seed: int) -> bool:
        """Whether too many trials were better at the newest rung."""
        clear = settled(curve, others, seed, self.keep)
        if clear is not None:
            return clear
        rung = self._rung(curve.end, longest(others))
        if rung is None:
            return False
        reached = np.array([_value(other, rung) for other in others if other.end >= rung])
        go_on = max(1, math.floor((len(reached) + 1) / self.reduction))
        return int(np.sum(reached < _value(curve, rung))) >= go_on

    def _rung(self, now: float, end: float | None) -> float | None:
        """The newest rung of a trial that has come to step `now`; None before the first."""
        rung = self.min_step if self.min_step is not None or end is None else _FIRST * end
        if rung is None or now < rung or rung <= 0:
            return None
        while rung * self.reduction <= now:
            rung *= self.reduction
        return rung


def _value(curve: Curve, rung: float) -> float:
    """The first value at or after a rung; infinite where the trial had diverged."""
    value = float(curve.values[curve.steps.searchsorted(rung)])
    return math.inf if math.isnan(value) else value
