"""What designs share: points that a study can find again, what it found there, and telling an effect from seed noise.

A design is a list of points with named blocks, which an ordinary study evaluates; those of the block `again` once more: what the two
evaluations of one configuration differ by is seed noise, which no knob explains.

Notation
    d, r     searched columns, rows (trajectories or base points)
    x        points (..., d), snapped, NaN where inactive
    m        base points that are evaluated twice
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

import numpy as np

from trimtab.errors import InputError
from trimtab.numerics import BoolArray, FloatArray, IntArray
from trimtab.records import FINISHED, TrialTable
from trimtab.records._evaluation import point_keys
from trimtab.space import Space

__all__ = ["ALPHA", "Outcomes", "Plan", "Running", "alive", "bootstrap_counts", "check_whole", "planned", "settled"]

BOOTSTRAPS = 1_000
ALPHA = 0.02  # of a dead knob to be taken for a live one
LATTICE = 2**20
ROUNDING = 1e-9  # of the objective's range: differences below are no effect


class Running(TypedDict, total=False):
    """Keywords of `minimize` that say where and how a design's study runs."""

    storage: Any
    name: str
    timeout: float | None
    workers: int
    executor: Any
    catch: type[BaseException] | tuple[type[BaseException], ...]
    retries: int
    progress: bool
    callbacks: Sequence[Any]


def check_whole(name: str, value: object, least: int) -> int:
    """The whole number itself. InputError unless it is at least `least`."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise InputError(f"{name} must be a whole number >= {least}, got {value!r}.")
    return int(value)


def settled(space: Space, u: FloatArray) -> FloatArray:
    """The points that are evaluated for u (n, d), with the coordinates that they have when a storage gives them back."""
    x = space.snap(np.rint(u * LATTICE) / LATTICE)
    return space.restore(space.store(x)) if len(x) else x


@dataclass(frozen=True, eq=False)
class Plan:
    """points (k, d): what is evaluated, in order. times (r, b), times_again (m,): which evaluation of its point each entry takes."""

    points: FloatArray
    times: IntArray
    times_again: IntArray


def planned(rows: FloatArray, again: FloatArray) -> Plan:
    """The evaluations that rows (r, b, d) and second evaluations `again` (m, d) of the first points of m rows need.

    Within a row equal configurations are evaluated once. So they are over all rows if nothing is evaluated again, as then there
    is no noise; otherwise each row has evaluations of its own, or the same noise would count as many effects.
    """
    seen: Counter[bytes] = Counter()
    points: list[FloatArray] = []
    times, times_again = np.zeros(rows.shape[:2], dtype=np.int64), np.zeros(len(again), dtype=np.int64)

    def evaluated(x: FloatArray, key: bytes) -> int:
        points.append(x)
        seen[key] += 1
        return seen[key] - 1

    for i, row in enumerate(rows):
        own: dict[bytes, int] = {}
        for b, key in enumerate(point_keys(row)):
            if not len(again) and seen[key]:
                own[key] = 0
            elif key not in own:
                own[key] = evaluated(row[b], key)
            times[i, b] = own[key]
        if i < len(again):
            times_again[i] = evaluated(again[i], point_keys(again[i : i + 1])[0])
    return Plan(np.array(points), times, times_again)


@dataclass(frozen=True, eq=False)
class Outcomes:
    """What a study found. found: values (user's sign, NaN where failed or pruned) of the ended trials at each point, in order."""

    found: dict[bytes, list[float]]

    @classmethod
    def of(cls, table: TrialTable) -> Outcomes:
        ended = table.ended
        value = np.where((ended.state == FINISHED) & np.isfinite(ended.y), ended.value, np.nan)
        found: dict[bytes, list[float]] = {}
        for key, v in zip(point_keys(ended.x), value.tolist(), strict=True):
            found.setdefault(key, []).append(v)
        return cls(found)

    def at(self, x: FloatArray, times: IntArray) -> tuple[FloatArray, BoolArray]:
        """Values of the times-th evaluations of the points x (..., d), NaN if none; and where none has ended yet."""
        keys = point_keys(x.reshape(-1, x.shape[-1]))
        pairs = [(self.found.get(key, []), time) for key, time in zip(keys, times.ravel().tolist(), strict=True)]
        there = np.array([len(v) > time for v, time in pairs], dtype=bool).reshape(x.shape[:-1])
        values = np.array([v[time] if len(v) > time else np.nan for v, time in pairs])
        return values.reshape(x.shape[:-1]), ~there

    def tally(self, points: FloatArray) -> tuple[int, int]:
        """How many of the evaluations of a plan have ended, and how many of these without a value."""
        values = [v for key, k in Counter(point_keys(points)).items() for v in self.found.get(key, [])[:k]]
        return len(values), int(np.isnan(np.array(values)).sum())


def alive(
    squares: FloatArray, counts: FloatArray, noise: float, m: int, width: float, drift: FloatArray | None = None
) -> BoolArray:
    """Whether knobs change the objective by more than seed noise does (d,).

    squares: mean squared difference between two configurations that differ in the knob, over `counts` pairs (d,).
    noise, m: the same between two evaluations of one configuration, over m pairs; m < 2: taken as deterministic.
    width: of the objective's range. drift: mean of the signed differences over their standard error, NaN where they have no sign.
    F test of the ratio squares / noise, which is 1 for a dead knob, and t test of the drift, together at the level ALPHA.
    """
    from scipy.special import fdtrc, stdtr

    real = (squares > (ROUNDING * width) ** 2) & (counts > 0)
    if m < 2 or noise <= (ROUNDING * width) ** 2:
        return np.asarray(real)
    larger = fdtrc(np.maximum(counts, 1), m, squares / noise)
    if drift is None:
        return np.asarray(real & (larger < ALPHA))
    away = np.where(np.isfinite(drift) & (counts > 1), 2 * stdtr(np.maximum(counts - 1, 1), -np.abs(drift)), 1.0)
    return np.asarray(real & (np.minimum(larger, away) < ALPHA / 2))


def bootstrap_counts(n: int, seed: int = 0) -> FloatArray:
    """How often each of n rows is in each of BOOTSTRAPS resamples (BOOTSTRAPS, n)."""
    return np.random.default_rng(seed).multinomial(n, np.full(n, 1.0 / n), size=BOOTSTRAPS).astype(float)
