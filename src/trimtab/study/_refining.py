"""Refinement: from the best configuration a few steps along reported gradients, on the declared scale.

A search ends near an optimum, not in it. Where the objective reports its gradient, each further trial says which way is
down and how far, and a handful of them goes the rest of the way. Only continuous parameters move; whole numbers, choices
and what has no derivative stay as they are. The steps are those of BFGS within a radius:

    s      -H g, no longer than the radius, kept inside the range
    H      inverse curvature from the gradients of the steps before (eq. 6.17); at first it makes the first step as long
           as the radius
    radius doubled by a step of full length that was better, else made 0.4 times as long by one that was worse

Each step is an ordinary trial of the study, stored as it ends, origin "refine" in the log.

Notation
    x, y, g    point of the unit cube, objective (minimised), its gradient; of the moving columns    (k,), scalar, (k,)

Source: Nocedal and Wright 2006, Numerical Optimization, algorithm 6.1, and chapter 4 for the radius.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from trimtab.errors import InputError, StudyError
from trimtab.numerics import BoolArray, FloatArray
from trimtab.records import FINISHED, Trial, TrialTable, objective_value
from trimtab.study._changes import create

if TYPE_CHECKING:
    from trimtab.study._study import Study

__all__ = ["Refinement", "refine"]

FLAT = 1e-9  # of the best objective: a gradient that promises less over the whole range is none
SHORT = 1e-3  # of the range: a radius below which refining ends
LONGER, SHORTER = 2.0, 0.4
TRIES = 20  # shorter steps until the constraints allow one


@dataclass(frozen=True)
class Refinement:
    """What refining brought. start, best: trials; the same one where nothing was better.

    gain: how much better the objective got, in its own units, >= 0. steps: the trials that were evaluated, in order.
    accepted: how many of them were better than all before.
    held_out_start, held_out_best: what `held_out` says of both, None where there is none.
    stopped: why it ended, such as "n_trials: 5 trials were evaluated".
    """

    start: Trial
    best: Trial
    gain: float
    steps: tuple[Trial, ...]
    accepted: int
    held_out_start: float | None
    held_out_best: float | None
    held_out_gain: float | None
    stopped: str

    def __str__(self) -> str:
        assert self.start.value is not None
        assert self.best.value is not None
        text = (
            f"Refined trial {self.start.number} in {len(self.steps)} trials, {self.accepted} of them better: "
            f"{self.start.value:.6g} -> {self.best.value:.6g} (better by {self.gain:.3g}). Stopped: {self.stopped}."
        )
        if self.held_out_start is None or self.held_out_best is None or self.held_out_gain is None:
            return text
        word = "better" if self.held_out_gain > 0 else "no better" if self.held_out_gain == 0 else "worse"
        return (
            f"{text} On held-out data: {self.held_out_start:.6g} -> {self.held_out_best:.6g} "
            f"({word}{f' by {abs(self.held_out_gain):.3g}' if self.held_out_gain else ''})."
        )


def refine(
    study: Study,
    objective: Callable[[Trial], object],
    n_trials: int,
    step: float,
    held_out: Callable[[Mapping[str, Any]], float] | None,
    catch: type[BaseException] | tuple[type[BaseException], ...],
) -> Refinement:
    """See `Study.refine`."""
    _check(study, n_trials, step)
    first = study.best
    path = _Path(study, objective, catch, n_trials, step)
    why = path.walk(first.number)
    table = study.table
    best = first if path.here == first.number else study.trials[path.here]
    sign = table.sign
    before = after = None
    if held_out is not None:
        before = objective_value(held_out(first.params), "What held_out returns")
        after = before if best is first else objective_value(held_out(best.params), "What held_out returns")
    return Refinement(
        start=first,
        best=best,
        gain=max(0.0, float(table.y[first.number] - table.y[best.number])),
        steps=tuple(study.trials[number] for number in path.numbers),
        accepted=path.accepted,
        held_out_start=before,
        held_out_best=after,
        held_out_gain=None if before is None or after is None else sign * (before - after),
        stopped=why,
    )


@dataclass
class _Path:
    """The walk. here: number of the best trial so far. numbers: trials that were evaluated. moving: columns that move."""

    study: Study
    objective: Callable[[Trial], object]
    catch: type[BaseException] | tuple[type[BaseException], ...]
    n_trials: int
    radius: float
    here: int = -1
    accepted: int = 0
    numbers: list[int] = field(default_factory=list)

    def walk(self, start: int) -> str:
        """Step by step until there is no more to gain or to spend; why it ended."""
        self.here = start
        if not self._moving(self.study.table, start).any():  # it was evaluated without a gradient
            again = self._evaluate(self.study.table.x[start])
            table = self.study.table
            if not self._moving(table, again).any():
                raise StudyError(self._no_gradient(table, again))
            self.here = again if self._better(table, again) else start
            at = again
        else:
            at = start
        table = self.study.table
        moving = self._moving(table, at)
        x, g = table.x[self.here][moving], table.derivatives[at][moving]  # type: ignore[index]
        inverse = np.eye(len(x)) * self.radius / max(float(np.max(np.abs(g))), 1e-300)
        while True:
            if len(self.numbers) >= self.n_trials:
                return f"n_trials: {len(self.numbers)} trials were evaluated"
            free = ~((x <= 0.0) & (g > 0.0)) & ~((x >= 1.0) & (g < 0.0))
            if not np.any(np.abs(g[free]) > FLAT * abs(table.y[self.here])):
                return "the gradient promises nothing more"
            point = self._next(table.x[self.here], moving, x, g, inverse)
            if point is None or self.radius < SHORT:
                return f"no step of {max(self.radius, SHORT):.2g} of the range and more is better"
            length = float(np.max(np.abs(point[moving] - x)))
            number = self._evaluate(point)
            table = self.study.table
            told = self._moving(table, number)
            if table.state[number] == FINISHED and not told[moving].all():
                raise StudyError(self._no_gradient(table, number))
            if not self._better(table, number):
                self.radius = SHORTER * length
                if told[moving].all():
                    inverse = _updated(inverse, table.x[number][moving] - x, table.derivatives[number][moving] - g)  # type: ignore[index]
                continue
            step, bend = table.x[number][moving] - x, table.derivatives[number][moving] - g  # type: ignore[index]
            inverse = _updated(inverse, step, bend)
            if length > 0.9 * self.radius:
                self.radius = min(LONGER * self.radius, 1.0)
            self.here, self.accepted = number, self.accepted + 1
            x, g = table.x[number][moving], table.derivatives[number][moving]  # type: ignore[index]

    def _moving(self, table: TrialTable, number: int) -> BoolArray:
        """Continuous columns whose derivative a trial reported (d,)."""
        continuous = np.array([kind == "continuous" for kind in table.space.kinds])
        if table.derivatives is None:
            return np.zeros(table.space.d, dtype=np.bool_)
        moving: BoolArray = continuous & np.isfinite(table.derivatives[number])
        return moving

    def _better(self, table: TrialTable, number: int) -> bool:
        """Whether a trial is better than the best so far, and keeps the limits."""
        return bool(table.state[number] == FINISHED and table.feasible[number] and table.y[number] < table.y[self.here])

    def _next(
        self, base: FloatArray, moving: BoolArray, x: FloatArray, g: FloatArray, inverse: FloatArray
    ) -> FloatArray | None:
        """The point to evaluate next (d,); shorter and shorter until it is allowed; None if nothing is."""
        held = ((x <= 0.0) & (g > 0.0)) | ((x >= 1.0) & (g < 0.0))  # at the edge, and downhill lies outside
        direction = np.where(held, 0.0, -(inverse @ np.where(held, 0.0, g)))
        if not direction @ g < 0.0:
            direction = np.where(held, 0.0, -g)
            direction *= self.radius / float(np.max(np.abs(direction)))
        direction *= min(1.0, self.radius / float(np.max(np.abs(direction))))
        for _ in range(TRIES):
            point = base.copy()
            point[moving] = np.clip(x + direction, 0.0, 1.0)
            point = self.study.space.snap(point[None])[0]
            if np.max(np.abs(point[moving] - x)) < 1e-9:
                return None
            if self.study.space.feasible(point[None])[0]:
                return np.asarray(point)
            direction *= SHORTER
        return None

    def _evaluate(self, point: FloatArray) -> int:
        """Have the study evaluate a point (d,); its number."""
        from trimtab.study._loop import Budget, run

        study = self.study
        stored = study.space.store(point[None])[0]
        with study._lock:
            number = create(study._journal, stored, lambda number: [], origin="refine")
        while (fold := study._journal.fold).table.state[number] < FINISHED:
            if number in fold.waiting:  # what waits longer is evaluated first
                run(study, self.objective, Budget(n_trials=1), 1, None, self.catch, False, ())
            else:  # another process has it
                time.sleep(0.1)
                study.recover()
        self.numbers.append(number)
        return number

    def _no_gradient(self, table: TrialTable, number: int) -> str:
        if table.state[number] != FINISHED:
            return f"The best configuration was evaluated again for its gradient, and that trial ({number}) did not finish."
        names = [n for n, kind in zip(table.space.names, table.space.kinds, strict=True) if kind == "continuous"]
        return (
            f"refine() needs the gradient of every trial, and trial {number} reported none of the parameters that move. Call "
            f"trial.report_gradient({{...}}) in the objective, with derivatives by {', '.join(map(repr, names)) or 'a Float'}."
        )


def _updated(inverse: FloatArray, s: FloatArray, bend: FloatArray) -> FloatArray:
    """The inverse curvature after a step s (k,) that changed the gradient by `bend`. Nocedal and Wright 2006, eq. 6.17."""
    curvature = float(s @ bend)
    if curvature <= 1e-10 * float(np.linalg.norm(s) * np.linalg.norm(bend)):  # it bends downwards: no step to a minimum
        return inverse
    left = np.eye(len(s)) - np.outer(s, bend) / curvature
    found: FloatArray = left @ inverse @ left.T + np.outer(s, s) / curvature
    return found


def _check(study: Study, n_trials: int, step: float) -> None:
    if study.goals.m > 1:
        raise InputError(
            f"refine() follows one gradient, and this study has {study.goals.m} objectives. Make limits of all but one."
        )
    if isinstance(n_trials, bool) or not hasattr(n_trials, "__index__") or n_trials.__index__() < 1:
        raise InputError(f"refine() needs n_trials, a whole number from 1, got {n_trials!r}.")
    if isinstance(step, bool) or not isinstance(step, (int, float)) or not 0.0 < step <= 1.0 or math.isnan(step):
        raise InputError(f"step must be a share of the range, in (0, 1], got {step!r}.")
    if "continuous" not in study.space.kinds:
        raise InputError("refine() moves continuous parameters, and this space has none. Use a Float.")
