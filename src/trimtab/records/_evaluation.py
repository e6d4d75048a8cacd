"""Who has a list of configurations evaluated: the study, which says so when it is imported.

The designs of sensitivity analyses (Morris, Saltelli) are lists of points that an ordinary study evaluates. Imports go
down only and the study lies above the analyses, so the two meet here: the study provides, the analysis asks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from trimtab.errors import StudyError
from trimtab.numerics import FloatArray
from trimtab.records._table import TrialTable
from trimtab.space import Space

__all__ = ["evaluate", "point_keys", "provide"]

_SCALE = (
    2.0**20
)  # points closer than 1e-6 are one; designs lie in the middle of these cells, so that rounding moves none


_provided: list[Callable[..., TrialTable]] = []


def provide(how: Callable[..., TrialTable]) -> None:
    """Have `how(objective, space, points, **keywords)` evaluate lists of points from now on, as `evaluate` promises."""
    _provided[:] = [how]


Points = FloatArray | Callable[[TrialTable], FloatArray]


def evaluate(objective: Any, space: Space, points: Points, **keywords: Any) -> TrialTable:
    """All trials, in order of number, of an ordinary study that has the points (m, d) of `space`; it evaluates those it lacks.

    A point that occurs k times is evaluated k times. points may be a function of the trials so far that gives all points that
    are wanted until now: it is asked until it wants no more. keywords: seed, and where and how it runs, as in `minimize`.
    StudyError where nobody evaluates.
    """
    if not _provided:
        raise StudyError("Nobody evaluates configurations here: import trimtab.study first (`import trimtab` does).")
    return _provided[0](objective, space, points, **keywords)


def point_keys(x: FloatArray) -> list[bytes]:
    """One hashable key a point (n, d); inactive columns count as -1."""
    whole = np.rint(np.where(np.isnan(x), -1.0, x) * _SCALE).astype(np.int64)
    return [row.tobytes() for row in whole]
