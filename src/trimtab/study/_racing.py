"""Racing: what may be the best configuration is evaluated again, what clearly is not is left alone.

Before the sampler is asked, the evaluated configurations are compared (see `acquisition.standing`). Where one of them is
the best with a fair probability and has fewer than `repeats` evaluations, the likeliest of these is evaluated again, with
another `trial.seed`. The first 20 configurations are searched, and repeats never take more than a third of the trials, so
that the search goes on.

The choice is a function of the log (finished trials, and the places of the running ones): every process makes the same.
Repeats never come from the sampler: origin "repeat" in the log.
"""

from __future__ import annotations

import numpy as np

from trimtab.acquisition import keys
from trimtab.records import FINISHED, Fold
from trimtab.study._recommend import standing_of

__all__ = ["to_repeat"]

LEAST = 20  # different configurations before the first repeat: with fewer, nearly every one may be the best
FAIR = 0.1  # probability of being the best from which a configuration is evaluated again
SHARE = 1.0 / 3.0  # of all trials, at most, are repeats


def to_repeat(fold: Fold, repeats: int, search_is_over: bool = False) -> int | None:
    """The number of the trial whose configuration is to be evaluated again; None to go on searching.

    repeats: evaluations of one configuration, at most, however they end. search_is_over: nothing else is left to do, so
    that repeats may take more than their share.
    """
    share = 1.0 if search_is_over else SHARE
    if repeats <= 1 or fold.goals.m > 1 or len(fold.repeated) + 1 > share * (fold.n + 1):
        return None
    table = fold.table
    usable = (table.state == FINISHED) & table.feasible
    names = keys(table.x)
    if len({name for name, use in zip(names, usable, strict=True) if use}) < (1 if search_is_over else LEAST):
        return None
    found = standing_of(table.finished)
    numbers = table.finished.number[found.first]
    evaluations = np.array([names.count(names[number]) for number in numbers])
    open_ones = np.flatnonzero((found.probability >= FAIR) & (evaluations < repeats))
    if not len(open_ones):
        return None
    return int(numbers[open_ones[np.argmax(found.probability[open_ones])]])
