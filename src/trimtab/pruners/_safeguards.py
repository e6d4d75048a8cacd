"""What is clear before a curve is compared with others, for every rule alike.

A trial that diverged (its newest value is not finite) stops at once: trainings do not come back from that. Of the 266 among the
7,000 of TaskSet's text tasks that diverged (Metz et al. 2020), none had a finite loss later.

A share of the trials is never stopped for being worse than others: they show what the rule loses, and their full curves are
what later analyses learn from. Which ones follows from the study's seed and the trial's number.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from trimtab.errors import InputError
from trimtab.records import FINISHED, Curve

__all__ = ["check_number", "check_share", "is_kept", "longest", "settled"]

_KEEP = 0x6B656570  # "keep". The generator of [seed, number] alone proposes the trial: it would keep one corner of the space


def settled(curve: Curve, others: Sequence[Curve], seed: int, keep: float) -> bool | None:
    """Whether the trial should stop, where no comparison is needed; None where one is.

    It stops if it diverged. It goes on if it has no reports or no others, if it is one of the share `keep`, or if it has come
    as far as every finished trial: then it is at its end, and stopping saves nothing.
    """
    if not len(curve):
        return False
    if np.isnan(curve.values[-1]):
        return True
    if not others or is_kept(keep, seed, curve.number):
        return False
    end = longest(others)
    return False if end is not None and curve.end >= end else None


def is_kept(keep: float, seed: int, number: int) -> bool:
    """Whether this trial is one of the share `keep` that runs to its end."""
    return keep > 0 and float(np.random.default_rng([seed, number, _KEEP]).random()) < keep


def longest(curves: Sequence[Curve]) -> float | None:
    """Last step of the longest curve of a finished trial; None where none has finished."""
    return max((c.end for c in curves if c.state == FINISHED and len(c)), default=None)


def check_share(name: str, share: object) -> None:
    """InputError unless it is a number from 0 to 1."""
    if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0 <= share <= 1:
        raise InputError(f"{name} must be a share of the trials from 0 to 1, got {share!r}.")


def check_number(name: str, number: object, above: float, expected: str) -> None:
    """InputError unless it is a finite number above a bound."""
    if isinstance(number, bool) or not isinstance(number, (int, float)) or not above < number < math.inf:
        raise InputError(f"{name} must be {expected}, got {number!r}.")
