"""What a study found: the best trial of one objective, the volume that the front of several covers."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from trimtab.errors import InputError, StudyError
from trimtab.numerics import FloatArray
from trimtab.numerics._pareto import hypervolume
from trimtab.records import FINISHED, Fold, Goals, TrialTable

__all__ = ["best_number", "default_reference", "hypervolume_of", "nothing_found"]

BEYOND = 0.1  # of the front's own extent: how far the default reference lies beyond its worst values


def best_number(name: str, fold: Fold) -> int:
    """The trial with the best value among those that keep every limit; the earliest of equal ones.

    StudyError, saying why, where there is none or there are several objectives.
    """
    goals, table = fold.goals, fold.table
    if goals.m > 1:
        raise StudyError(
            f"Study {name!r} has {goals.m} objectives ({', '.join(goals.objectives)}), so no trial is the best in all of "
            "them. study.pareto lists those that no other beats in every objective."
        )
    row = table.best
    if row is None:
        raise nothing_found(name, fold)
    return row


def nothing_found(name: str, fold: Fold) -> StudyError:
    """Why no trial is the best, or on the front."""
    if np.any(fold.table.state == FINISHED):
        return StudyError(_nothing_feasible(name, fold.table))
    return StudyError(_nothing_finished(name, fold))


def hypervolume_of(name: str, table: TrialTable, reference: Mapping[str, float] | None) -> float:
    """The volume that the trials on the front dominate within the reference, in the product of the objectives' units.

    reference: the worst value of interest for each objective, by name, in the user's sign; None: `default_reference`.
    0.0 where no trial lies within it. InputError for a reference with other names; StudyError where no trial could be
    measured and no reference was given.
    """
    goals, front = table.goals, table.front
    y = table.outcomes[front, : goals.m]
    if reference is not None:
        return hypervolume(y, _checked(goals, reference))
    if not len(front):
        raise StudyError(
            f"Study {name!r} has no finished trial that keeps every limit, so it has no front yet. Give reference= to "
            "have its volume counted as 0."
        )
    return hypervolume(y, default_reference(y))


def default_reference(y: FloatArray) -> FloatArray:
    """The worst value (m,) of each objective on a front (n, m), and beyond it by a tenth of the front's extent.

    Where the front has no extent in an objective: by a tenth of the value's size, or by 1 if that is 0.
    """
    worst, extent = y.max(axis=0), np.ptp(y, axis=0)
    size = np.where(worst != 0.0, np.abs(worst), 1.0 / BEYOND)
    beyond: FloatArray = worst + BEYOND * np.where(extent > 0.0, extent, size)
    return beyond


def _checked(goals: Goals, reference: Mapping[str, float]) -> FloatArray:
    """The reference (m,) in minimised sign."""
    expected = ", ".join(f"{name!r}: ..." for name in goals.objectives)
    if not isinstance(reference, Mapping) or set(reference) != set(goals.objectives):
        raise InputError(f"reference must give one number for each objective, {{{expected}}}, got {reference!r}.")
    values = np.array([reference[name] for name in goals.objectives], dtype=object)
    try:
        point = np.array(values, dtype=float)
    except (TypeError, ValueError):
        point = np.full(goals.m, np.nan)
    if not np.isfinite(point).all():
        raise InputError(f"reference must hold finite numbers, got {dict(reference)!r}.")
    signed: FloatArray = np.array(goals.signs) * point
    return signed


def _nothing_feasible(name: str, table: TrialTable) -> str:
    """Which limit was broken how often."""
    goals = table.goals
    slack = table.outcomes[table.state == FINISHED, goals.m :]
    broken = ", ".join(
        f"{limit} by {int(np.sum(~(slack[:, k] <= 0)))} of them (closest: {_closest(limit.bound, limit.sign, slack[:, k])})"
        for k, limit in enumerate(goals.limits)
        if not (slack[:, k] <= 0).all()
    )
    return (
        f"Study {name!r} has {len(slack)} finished trial{'s' * (len(slack) != 1)} and none that keeps every limit. "
        f"Broken: {broken}. Go on with more trials, or loosen a limit; study.trials lists all outcomes."
    )


def _closest(bound: float, sign: float, slack: FloatArray) -> str:
    known = slack[np.isfinite(slack)]
    return f"{bound + sign * known.min():.6g}" if len(known) else "unknown"


def _nothing_finished(name: str, fold: Fold) -> str:
    if not fold.errors:
        return f"Study {name!r} has no finished trial yet ({fold.n} in all). Run optimize, or tell a result."
    last = fold.errors[max(fold.errors)].strip().splitlines()[-1:] or ["(no text)"]
    return f"Study {name!r} has no finished trial: {len(fold.errors)} failed. The last error was: {last[0]}"
