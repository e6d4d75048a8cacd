"""How finite differences spend their trials: a step that stands out of the seed noise, then as many repeats as the precision needs.

Notation
    repeat r     a seed that all points of a stencil share: common random numbers
    slope (R,)   the derivative by each repeat alone
    s            standard deviation of the slopes: what is left of the seed noise in one of them
    ladder       the steps, from fine to coarse, as shares of the declared range

The step begins in the middle of the ladder. A slope below 3 s asks for a coarser one, unless the coarser ones show less; a slope above
30 s asks for a finer one, which has less curvature in it. An objective that gives the same for two seeds is taken as deterministic:
then the two finest steps must agree.

All decisions look at the first 2, 4, 8, ... repeats only, so that a study that was killed decides the same when it goes on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from dataclasses import dataclass

import numpy as np

from trimtab.numerics import FloatArray
from trimtab.records._evaluation import point_keys
from trimtab.sensitivity._stencils import Stencil

__all__ = ["FIRST", "LADDER", "Plan", "Reached", "plan", "half_width"]

LADDER = (4e-4, 4e-3, 4e-2, 1e-1, 2.5e-1)
START = 2
PAIR, FIRST = 2, 4  # repeats that tell a deterministic objective; that a step is judged by
OUT_OF_NOISE, FAR_OUT, CLEARER = 3.0, 30.0, 2.0
WIDEN = 1.2  # intervals of 90 % held the slope in 83 to 90 % of 1,000 runs without it, as steps and repeats are chosen by what is seen
ROUNDING = 1e-12  # of the values: slopes that are less are none

Ask = tuple[int, int]  # stencil, repeats
Measured = tuple[FloatArray, bool]  # slope (R,), whether the values were the same in all repeats
Procedure = Generator[Ask, Measured, "Reached"]


@dataclass(frozen=True, eq=False)
class Reached:
    """Where a knob's measurement ended. k: the stencil; slope (R,): by repeat, NaN where a trial failed; deterministic: of the objective.

    other: the slope by the stencil measured before it, NaN where there is none. short: whether the trials were used up before the end.
    """

    k: int
    slope: FloatArray
    deterministic: bool = False
    other: float = math.nan
    short: bool = False


@dataclass(frozen=True, eq=False)
class Plan:
    """points (k, d) and repeats (k,) wanted so far; reached: by knob, where everything wanted has ended."""

    points: FloatArray
    repeats: FloatArray
    reached: dict[int, Reached]


def plan(
    stencils: dict[int, list[Stencil]],
    found: Callable[[FloatArray, int], float | None],
    *,
    n_trials: int,
    precision: float,
    confidence: float,
) -> Plan:
    """What is to be evaluated next, from what was found. found(point, repeat): NaN for a failed trial, None where it has not ended.

    n_trials: evaluations at most.
    """
    wanted: dict[tuple[bytes, int], FloatArray] = {}
    running = {j: _measure(len(s), precision, confidence) for j, s in stencils.items() if s}
    asked = {j: next(procedure) for j, procedure in running.items()}
    reached: dict[int, Reached] = {}
    while asked:
        asked = _within(asked, stencils, wanted, n_trials)
        wanted |= _wanted_by(asked, stencils)
        measured = {j: _measured(stencils[j][k], repeats, found) for j, (k, repeats) in asked.items()}
        if any(m is None for m in measured.values()):
            reached = {}
            break
        for j, m in measured.items():
            assert m is not None
            try:
                asked[j] = running[j].send(m)
            except StopIteration as end:
                reached[j] = end.value
                del asked[j]
    d = next((s[0].points.shape[1] for s in stencils.values() if s), 0)
    repeats_of = np.array([r for _, r in wanted], dtype=float)
    return Plan(np.array(list(wanted.values())).reshape(len(wanted), d), repeats_of, reached)


def half_width(slope: FloatArray, confidence: float) -> float:
    """Of the interval of the mean of slopes (R,), by Student's t, widened for the choices that the same slopes made."""
    from scipy.special import stdtrit

    n = len(slope)
    return float(WIDEN * stdtrit(n - 1, (1 + confidence) / 2) * np.std(slope, ddof=1) / math.sqrt(n))


def _measure(n: int, precision: float, confidence: float) -> Procedure:
    """One knob's procedure: asks for repeats of a stencil, is sent what they gave (fewer where the trials are used up)."""
    k = min(START, n - 1)
    slope, same = yield k, PAIR
    if len(slope) < PAIR:
        return Reached(k, slope, short=True)
    if same:
        return (yield from _measure_exactly(k, n, slope[:1]))
    slope, _ = yield k, FIRST
    clearest = (k, slope)
    while len(slope) >= FIRST and _out_of_noise(slope) <= OUT_OF_NOISE and k + 1 < n:
        k += 1
        slope, _ = yield k, FIRST
        clearest = max(clearest, (k, slope), key=lambda v: _out_of_noise(v[1]))
    if _out_of_noise(clearest[1]) > CLEARER * max(
        _out_of_noise(slope), 1.0
    ):  # coarser ones hold a bend, not the slope here
        k, slope = clearest
    while k and len(slope) >= FIRST and _out_of_noise(slope) > FAR_OUT:
        finer, _ = yield k - 1, FIRST
        if len(finer) < FIRST or not _out_of_noise(finer) > OUT_OF_NOISE:
            break
        k, slope = k - 1, finer
    wished = FIRST
    while len(slope) >= wished:
        known = slope[np.isfinite(slope)]
        if len(known) < PAIR or half_width(known, confidence) <= precision * abs(known.mean()):
            return Reached(k, slope)
        wished = 2 * len(slope)
        slope, _ = yield k, wished
    return Reached(k, slope, short=True)


def _measure_exactly(k: int, n: int, slope: FloatArray) -> Procedure:
    """Without seed noise: the finest stencil at which something moves, and the one before it."""
    other, finer = math.nan, -1 if slope[0] else 1
    while 0 <= k + finer < n:
        there, _ = yield k + finer, 1
        if not len(there) or not np.isfinite(there[0]):
            return Reached(k, slope, True, other, short=not len(there))
        k, slope, other = k + finer, there, float(slope[0])
        if bool(slope[0]) == (finer == 1):
            break
    return Reached(k, slope, True, other)


def _out_of_noise(slope: FloatArray) -> float:
    """The mean slope in units of one slope's noise; NaN where fewer than two trials worked."""
    known = slope[np.isfinite(slope)]
    if len(known) < PAIR:
        return math.nan
    s = float(np.std(known, ddof=1))
    size = abs(float(known.mean()))
    return size / s if s > 0 else math.inf if size else 0.0


def _within(
    asked: dict[int, Ask],
    stencils: dict[int, list[Stencil]],
    wanted: dict[tuple[bytes, int], FloatArray],
    n_trials: int,
) -> dict[int, Ask]:
    """What is asked for, or as many repeats of it as the trials allow: the same share of all."""
    room = n_trials - len(wanted)
    for left in range(100, -1, -1):
        some = {j: (k, math.floor(repeats * left / 100)) for j, (k, repeats) in asked.items()}
        if len(_wanted_by(some, stencils).keys() - wanted.keys()) <= room:
            break
    return some


def _wanted_by(asked: dict[int, Ask], stencils: dict[int, list[Stencil]]) -> dict[tuple[bytes, int], FloatArray]:
    """The points of the stencils and repeats that are asked for."""
    points: dict[tuple[bytes, int], FloatArray] = {}
    for j, (k, repeats) in asked.items():
        keys = point_keys(stencils[j][k].points)
        for r in range(repeats):
            points.update({(key, r): x for key, x in zip(keys, stencils[j][k].points, strict=True)})
    return points


def _measured(stencil: Stencil, repeats: int, found: Callable[[FloatArray, int], float | None]) -> Measured | None:
    """What the repeats of a stencil gave; None where a trial has not ended."""
    rows = [[found(point, r) for point in stencil.points] for r in range(repeats)]
    if any(value is None for row in rows for value in row):
        return None
    values = np.array(rows, dtype=float).reshape(repeats, len(stencil.points))
    slope = values @ stencil.weights
    slope[np.abs(slope) <= ROUNDING * (np.abs(values) @ np.abs(stencil.weights))] = 0.0
    return slope, repeats > 1 and bool(np.all(values == values[0]))
