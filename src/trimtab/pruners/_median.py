"""Median stopping rule: a trial stops where its best value so far is worse than the median of the others' by the same step.

Notation
    s      the step at which is judged      b(i, s)   lowest value of trial i up to step s

    stop   if   b(trial, s) > median of b(i, s) over the other trials i that reached s

Differs from Golovin et al. 2017, section 3.2.2, and from Optuna: those compare with the running averages, or with the values
at s, of finished trials only. Here like is compared with like, and trials that were pruned or still run count as well: the
finished ones are those that survived, and a median of survivors rises until it stops good trials. On TaskSet's curves (100
trials, no warm-up, 42 replays) 1.4 trials were better than the best survivor, and 3.8 where only finished ones counted. The
warm-up matters more: with a tenth the best trial survived always (benchmarks/results/pruners).

Source: doi:10.1145/3097983.3098043.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trimtab.errors import InputError
from trimtab.pruners._safeguards import check_number, check_share, longest, settled
from trimtab.records import Curve

__all__ = ["Median"]

_WARMUP = 0.1  # of the longest curve: the values of a network that has hardly been trained say nothing


@dataclass(frozen=True, kw_only=True)
class Median:
    """Stops a trial whose best value so far is worse than the median of the others' best up to the same step.

    warmup: the first step at which a trial may be stopped. None takes a tenth of the longest finished trial's steps, and
        stops none before one has finished.
    least: others that must have reached the step. interval: judge at warmup, warmup + interval, ...; None: at each report.
    keep: share of the trials that are never stopped for being worse than others, as a safeguard.
    A trial that diverged is stopped at once, whatever these say.
    """

    warmup: float | None = None
    least: int = 5
    interval: float | None = None
    keep: float = 0.1

    def __post_init__(self) -> None:
        if self.warmup is not None:
            check_number("Median: warmup", self.warmup, -math.inf, "a step or None")
        if isinstance(self.least, bool) or not isinstance(self.least, int) or self.least < 1:
            raise InputError(f"Median: least must be a whole number >= 1, got {self.least!r}.")
        if self.interval is not None:
            check_number("Median: interval", self.interval, 0, "a number of steps > 0 or None")
        check_share("Median: keep", self.keep)

    def should_stop(self, curve: Curve, others: Sequence[Curve], seed: int) -> bool:
        """Whether the trial is in the worse half."""
        clear = settled(curve, others, seed, self.keep)
        if clear is not None:
            return clear
        step = self._step(curve.end, longest(others))
        if step is None:
            return False
        reached = [_best(other, step) for other in others if other.end >= step]
        return len(reached) >= self.least and _best(curve, step) > float(np.median(reached))

    def _step(self, now: float, end: float | None) -> float | None:
        """The step at which a trial that has come to step `now` is judged; None during the warm-up."""
        warmup = self.warmup
        if warmup is None:
            if end is None:
                return None
            warmup = _WARMUP * end
        if now < warmup or self.interval is None:
            return None if now < warmup else now
        return warmup + math.floor((now - warmup) / self.interval) * self.interval


def _best(curve: Curve, step: float) -> float:
    """Lowest value up to a step; infinite where there is none."""
    values = curve.values[: curve.steps.searchsorted(step, side="right")]
    best = float(np.fmin.reduce(values)) if len(values) else math.inf
    return math.inf if math.isnan(best) else best
