"""The ended trials that a sampler has seen, and which points are taken.

A `History` is a value: appending gives a new one. The arrays behind it are shared and grow by doubling, so a study of
n trials costs O(n) in all; where two histories grow from one, the second copies.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from trimtab.errors import SearchEnded
from trimtab.numerics import BoolArray, FloatArray
from trimtab.records import FINISHED, TrialTable
from trimtab.space import Space

__all__ = ["History", "Taken", "ended"]

_SCALE = 987_654_321.1234567  # points closer than 1e-9 are one; odd, so that no level k/K lies on a rounding boundary


@dataclass(slots=True, eq=False)
class _Rows:
    """Growing arrays: x (capacity, d), y (capacity,); first: key of a point -> index of its first trial."""

    x: FloatArray
    y: FloatArray
    n: int = 0
    first: dict[bytes, int] = field(default_factory=dict)

    def append(self, x: FloatArray, y: FloatArray) -> None:
        end = self.n + len(x)
        if end > len(self.x):
            more = max(end, 2 * len(self.x)) - len(self.x)
            self.x = np.concatenate([self.x, np.empty((more, self.x.shape[1]))])
            self.y = np.concatenate([self.y, np.empty(more)])
        self.x[self.n : end], self.y[self.n : end] = x, y
        for i, key in enumerate(keys(x), start=self.n):
            self.first.setdefault(key, i)
        self.n = end


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """The first n of some rows. y is NaN where a trial failed or was pruned: it took its point and taught no value."""

    n: int
    rows: _Rows

    @classmethod
    def empty(cls, d: int) -> History:
        """No trials in d columns."""
        return cls(0, _Rows(np.empty((64, d)), np.empty(64)))

    @property
    def x(self) -> FloatArray:
        """Points (n, d) in the order in which the trials ended."""
        return self.rows.x[: self.n]

    @property
    def y(self) -> FloatArray:
        """Minimised objective (n,), NaN where there is none."""
        return self.rows.y[: self.n]

    def append(self, x: FloatArray, y: FloatArray) -> History:
        """This history and then the trials x (m, d), y (m,)."""
        rows = self.rows
        if rows.n != self.n:  # another history has grown from this one already
            rows = _Rows(np.empty((64, x.shape[1])), np.empty(64))
            rows.append(self.x, self.y)
        rows.append(x, y)
        return History(rows.n, rows)

    def holds(self, key: bytes) -> bool:
        """Whether a trial at the point of this key has ended."""
        return self.rows.first.get(key, self.n) < self.n


class Taken:
    """The points that are not to be suggested again: of ended trials, of pending ones, and of those added here."""

    def __init__(self, history: History, pending: FloatArray) -> None:
        self._history = history
        self._pending = set(keys(pending))

    def __call__(self, x: FloatArray) -> BoolArray:
        """Whether each point (n, d) is taken (n,)."""
        return np.fromiter((k in self._pending or self._history.holds(k) for k in keys(x)), dtype=bool, count=len(x))

    def add(self, x: FloatArray) -> None:
        """Take the points (n, d)."""
        self._pending.update(keys(x))


def ended(finished: TrialTable) -> tuple[FloatArray, FloatArray]:
    """Points (n, d) and objective (n,) of ended trials: NaN unless the trial finished with a finite value."""
    valid = (finished.state == FINISHED) & np.isfinite(finished.y)
    return finished.x, np.where(valid, finished.y, np.nan)


def keys(x: FloatArray) -> Iterable[bytes]:
    """One hashable key a point; inactive columns count as -1."""
    whole = np.rint(np.where(np.isnan(x), -1.0, x) * _SCALE).astype(np.int64)
    return (row.tobytes() for row in whole)


def nothing_left(space: Space, n_tried: int) -> SearchEnded:
    """The error of a finite space of which every feasible configuration was handed out."""
    rules = " that the constraints allow" if space.constrained else ""
    return SearchEnded(
        f"Every configuration{rules} was handed out ({n_tried:,} trials), nothing is left to suggest. "
        "Widen a range, add choices, or stop here: study.best is the best of all."
    )
