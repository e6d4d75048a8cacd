"""Finite differences of real training runs along a direction of hyperparameters.

Notation
    t, c         a hyperparameter and its coordinate: log t on the log scale, t / |t| otherwise (t itself at 0)
    v            a direction in the coordinates (p,)
    h            the step: trainings at -2 h, -h, h, 2 h along v; at h, 2 h, 3 h, 4 h where a hyperparameter is 0, which is an end
    near, far    second-order differences with h and with 2 h
    measured     the fourth-order difference of all of them: Richardson's (4 near - far) / 3 in the middle. Of a pair, trainings at -h and h
                 (h and 2 h) only, it is near; far is not known
    rho          relative rounding of a training's value

A step is as small as rounding lets it be: its error is rho |value| / h against the derivative, and curvature's grows with h^4, of pairs
with h^2. Towards 1, steps shrink with the distance from 1, as momentum 0.999 is as far from 0.998 as 0.9 is from 0.8.

Source: Fornberg 1988 (doi:10.1090/S0025-5718-1988-0935077-0) for the weights of the differences.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from trimtab.numerics import BoolArray, FloatArray

__all__ = ["Differences", "Line", "differences", "each_alone", "mixed", "rounding_of", "unit_of"]

STEPS = {True: (1e-2, 1e-1), False: (3e-4, 3e-2)}  # by whether the training is in single precision
ERROR = {True: 1e-2, False: 1e-7}  # of the derivative, that rounding may make where the step can still grow
OF_PAIRS = (1e-4, 1e-2, 1e-6)  # the same three of pairs, whose curvature error grows with h^2
ROUNDING = {True: 5e-7, False: 1e-15}  # a few units in the last place
MIDDLE, END = (-1, 1, -2, 2), (1, 2, 3, 4)
FLOOR = 6.0  # times rho |value| / h: the differences' own rounding

Value = Callable[[Mapping[str, float]], float]


@dataclass(frozen=True, eq=False)
class Line:
    """The point and its scale. names (p,), point (p,), log (p,), slope (p,): d value / d coordinate, by the gradient."""

    names: tuple[str, ...]
    point: FloatArray
    log: BoolArray
    slope: FloatArray

    @property
    def room(self) -> FloatArray:
        """Share of a step that a hyperparameter takes (p,): less than 1 near 1."""
        near_one = (self.point > 0.5) & (self.point < 1.0)
        return np.divide(1.0 - self.point, self.point, out=np.ones(len(self.point)), where=near_one)

    def moved(self, v: FloatArray, step: float) -> dict[str, float]:
        """Hyperparameters `step` further along v."""
        with np.errstate(over="ignore"):
            logged = self.point * np.exp(np.where(self.log, step * v, 0.0))
        there = np.where(self.log, logged, self.point + step * v * unit_of(self.point))
        return {name: float(t) for name, t, w in zip(self.names, there, v, strict=True) if w}


@dataclass(frozen=True, eq=False)
class Differences:
    """Along one direction v (p,): derivatives by finite differences, with the step, and what rounding alone makes of them (floor)."""

    v: FloatArray
    step: float
    near: float
    far: float
    measured: float
    floor: float


def unit_of(point: FloatArray) -> FloatArray:
    """d hyperparameter / d coordinate (p,) at point (p,), on either scale."""
    return np.where(point == 0, 1.0, np.abs(point))


def rounding_of(values: FloatArray) -> bool:
    """Whether the values (k,) were computed in single precision: each is a number that single precision has."""
    with np.errstate(over="ignore"):
        return bool(np.all(values.astype(np.float32).astype(float) == values))


def each_alone(line: Line) -> list[FloatArray]:
    """A direction for each hyperparameter."""
    return list(np.diag(line.room))


def mixed(line: Line, evened: float, seed: int = 0) -> FloatArray:
    """A random direction of all hyperparameters, in which those with a small share of the derivative move more, up to `evened` times.

    So an error in a small component is seen beside a large one. All shares have one sign, so that they do not cancel.
    """
    share = np.abs(line.slope) * line.room
    size = np.maximum(share, share.max() / evened)
    r = np.random.default_rng(seed).uniform(0.5, 1.0, len(share))
    weights = r * (size.min() / size if size.min() > 0 else np.ones(len(share)))
    sign = np.where((line.slope < 0) & (line.point != 0), -1.0, 1.0)
    return np.asarray(sign * weights * line.room)


def differences(
    train: Value, line: Line, v: FloatArray, value: float, step: float | None, *, single: bool, pair: bool
) -> Differences:
    """Trainings along v: a pair, or four. value: of the training at the point itself; step: h, or None to choose it."""
    slope = float(line.slope @ v)
    limits = OF_PAIRS if pair else (*STEPS[single], ERROR[single])
    h = _step(abs(slope), ROUNDING[single] * abs(value), *limits) if step is None else step
    at_end = bool(np.any((line.point == 0) & (v != 0)))
    y = [train(line.moved(v, m * h)) for m in (END if at_end else MIDDLE)[: 2 if pair else 4]]
    near = (-3 * value + 4 * y[0] - y[1]) / (2 * h) if at_end else (y[1] - y[0]) / (2 * h)
    far, measured = math.nan, near
    if not pair and at_end:
        far = (-3 * value + 4 * y[1] - y[3]) / (4 * h)
        measured = (-25 * value + 48 * y[0] - 36 * y[1] + 16 * y[2] - 3 * y[3]) / (12 * h)
    elif not pair:
        far = (y[3] - y[2]) / (4 * h)
        measured = (4 * near - far) / 3
    return Differences(v, h, near, far, measured, FLOOR * ROUNDING[single] * abs(value) / h)


def _step(slope: float, rounding: float, least: float, most: float, error: float) -> float:
    wanted = rounding / (error * slope) if slope > 0 else math.inf
    return min(max(wanted, least), most)
