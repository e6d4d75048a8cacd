"""Derivatives of any objective by finite differences, with common random numbers and an interval.

Notation
    d, R         knobs, repeats
    t            a knob's own coordinate: log(value) on a logarithmic scale, the value otherwise
    slope (R,)   differences over t, each of trials with one and the same `trial.seed`

Trials of one seed share most of their noise, and it drops out of their difference. The study has one column more than the space, the
repeat; the objective is called without it, by a trial whose seed follows from it.

Sources: Glasserman and Yao 1992 (doi:10.1287/mnsc.38.6.884) for common random numbers; the step's rule is ours (see `_difference_plan`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Unpack

import numpy as np

from trimtab.errors import InputError
from trimtab.numerics import FloatArray
from trimtab.records import TrialTable
from trimtab.records._evaluation import evaluate
from trimtab.sensitivity._design import Outcomes, Running, check_whole
from trimtab.sensitivity._difference_design import Design, Seeded, design_of
from trimtab.sensitivity._difference_plan import Plan, Reached, half_width
from trimtab.sensitivity._result import DEAD, MATTERS, TOO_LITTLE, Result, interval_text
from trimtab.sensitivity._stencils import own_coordinate
from trimtab.space import Float, Int, Space

__all__ = ["FiniteDifference", "finite_difference"]

NOISE = "noise wins"
NOTHING = f"{DEAD}: moving it changes nothing"
DISAGREE = 0.1  # of the two finest steps of an objective without seed noise


@dataclass(frozen=True, eq=False)
class FiniteDifference(Result):
    """Derivatives of the objective at one configuration, in the user's sign, by differences of real evaluations.

    Arrays are (d,), one entry a knob, in the order of `parameters`; NaN where not known.

    at                the configuration; values: the knobs' values there
    derivative        change of the objective per unit of the knob; NaN where noise wins
    low, high         its interval, by Student's t over the repeats, also where noise wins; for an objective without seed noise the
                      disagreement of the two finest steps
    log_derivative    change per factor of e, with log_low and log_high, for knobs on a logarithmic scale
    step_low, step_high   the knob's values between which it is measured: it is the mean slope between them
    repeats           seeds that each of these was evaluated with
    noise             standard deviation of the derivative by one seed alone; 0 for an objective without seed noise
    n_trials          evaluations that ended; n_failed: of them failed or pruned
    """

    parameters: tuple[str, ...]
    at: Mapping[str, object]
    values: tuple[object, ...]
    derivative: FloatArray
    low: FloatArray
    high: FloatArray
    log_derivative: FloatArray
    log_low: FloatArray
    log_high: FloatArray
    step_low: FloatArray
    step_high: FloatArray
    repeats: FloatArray
    noise: FloatArray
    verdicts: dict[str, str]
    confidence: float
    n_trials: int
    n_failed: int
    notes: tuple[str, ...]

    def columns(self) -> list[str]:
        return ["parameter", "value", "derivative", "low", "high", "log_derivative", "repeats", "verdict"]

    def rows(self) -> list[dict[str, object]]:
        return [
            {
                "parameter": name,
                "value": self.values[j],
                **{a: float(getattr(self, a)[j]) for a in ("derivative", "low", "high", "log_derivative")},
                "repeats": int(self.repeats[j]),
                "verdict": self.verdicts[name],
            }
            for j, name in enumerate(self.parameters)
        ]

    def title(self) -> str:
        return (
            f"Finite differences with common seeds, {100 * self.confidence:g} % intervals, {self.n_trials} evaluations"
        )

    def shown(self) -> list[dict[str, str]]:
        return [
            {
                "parameter": row["parameter"],
                "value": row["value"],
                "per unit": _interval(self.derivative[j], self.low[j], self.high[j]),
                "per factor of e": _interval(self.log_derivative[j], self.log_low[j], self.log_high[j]),
                "repeats": row["repeats"],
                "verdict": row["verdict"],
            }
            for j, row in enumerate(super().shown())
        ]


def _interval(middle: float, low: float, high: float) -> str:
    """As of other results; where noise wins the interval alone."""
    if math.isnan(middle) and math.isfinite(low):
        return f"in [{low:.3g}, {high:.3g}]"
    return interval_text(middle, low, high)


def finite_difference(
    objective: Callable[[Any], object],
    space: object,
    *,
    at: Mapping[str, object] | None = None,
    wrt: Sequence[str] | None = None,
    precision: float = 0.25,
    n_trials: int | None = None,
    step: float | None = None,
    seed: int = 0,
    confidence: float = 0.9,
    **running: Unpack[Running],
) -> FiniteDifference:
    """Derivatives of any objective at a configuration, by evaluating it a little to both sides, with an interval.

    Answers "which way would the objective improve from here?" where nothing can be differentiated: whole numbers, other programs, a
    training that is not ours. It costs trials: where a model of the trials is enough use `gradient`, and for a training that can be
    differentiated `hypergradient`.

    objective   as for `minimize`. Take all randomness from `trial.seed`: the trials on both sides of a difference have the same one,
                so that most of the noise drops out of it. An objective that ignores it is measured too, only less sharply
    space       the search space; or a Study (or TrialTable), whose space it is then
    at          the configuration; None: the study's best
    wrt         the knobs; None: all numbers that are active there. Choices have no derivative: see `one_at_a_time`
    precision   wished half width of the intervals, as a part of the derivative: seeds are added until it is reached
    n_trials    evaluations at most; None: 30 a knob
    step        half the distance over which a knob is moved, as a share of its declared range (on its declared scale); None: small, and
                larger where seed noise asks for it. Whole numbers move by whole steps; at the end of a range the step goes inwards
    seed        of the common seeds
    confidence  of the intervals, for each knob by itself
    running     storage, name ("finite_difference"), workers, executor, timeout, catch, retries, progress, callbacks: as in `minimize`. The
                study is an ordinary one, with one column more that numbers the seeds: run again after an interruption, the call
                evaluates what is missing; with more trials or a finer precision it adds seeds.

    The verdict is "noise wins" where the interval holds 0 at the end: the derivative is not given then, and its interval says how
    steep it could be. Raises InputError for bad arguments, SpaceError for a configuration that the space does not have.
    """
    design = design_of(space, at, wrt, precision, n_trials, step, confidence)
    if not callable(objective):
        raise InputError(f"The objective must be a function of the trial, got {objective!r}.")
    seed = check_whole("seed", seed, 0)
    keywords: dict[str, Any] = {"name": "finite_difference", **running}
    seeded = Seeded(objective, design.column, seed)
    table = evaluate(seeded, design.wide, design.points, seed=seed, **keywords)
    return _result(design, table)


@dataclass(frozen=True, slots=True)
class _Row:
    """One knob's numbers, in its own coordinate t."""

    slope: float
    low: float
    high: float
    noise: float
    repeats: int
    verdict: str


def _result(design: Design, table: TrialTable) -> FiniteDifference:
    state = design.plan(table)
    space, columns = design.space, list(design.stencils)
    values = [own_coordinate(space, j, float(design.point[j]))[1] for j in columns]
    rows = [_row(design, j, state.reached.get(j)) for j in columns]
    spans = [_span(design, j, state.reached.get(j)) for j in columns]
    t = np.array([[row.slope, row.low, row.high, row.noise] for row in rows]).T
    log = np.array([_is_log(space, j) for j in columns])
    per_unit = np.where(log, 1.0 / np.where(log, values, 1.0), 1.0)
    outcomes = Outcomes.of(table)
    ended = [v for found in outcomes.found.values() for v in found]
    failed = int(np.isnan(np.array(ended)).sum())
    logged = np.where(log, t, np.nan)
    own = t * per_unit
    return FiniteDifference(
        parameters=tuple(space.names[j] for j in columns), at=space.decode(design.point[None])[0],
        values=tuple(space.value(j, float(design.point[j])) for j in columns),
        derivative=own[0], low=own[1], high=own[2], log_derivative=logged[0], log_low=logged[1], log_high=logged[2],
        step_low=np.array([low for low, _ in spans]), step_high=np.array([high for _, high in spans]),
        repeats=np.array([row.repeats for row in rows], dtype=float), noise=own[3],
        verdicts={space.names[j]: row.verdict for j, row in zip(columns, rows, strict=True)},
        confidence=design.confidence, n_trials=len(ended), n_failed=failed, notes=_notes(design, state, failed),
    )  # fmt: skip


def _is_log(space: Space, j: int) -> bool:
    parameter = space.parameters[space.names[j]]
    return isinstance(parameter, Float | Int) and parameter.log


def _span(design: Design, j: int, reached: Reached | None) -> tuple[float, float]:
    if reached is None or not design.stencils[j]:
        return math.nan, math.nan
    stencil = design.stencils[j][reached.k]
    return stencil.low, stencil.high


def _row(design: Design, j: int, reached: Reached | None) -> _Row:
    nan = math.nan
    if not design.stencils[j]:
        reason = "the constraints forbid its neighbours" if design.space.constrained else "it has only one value"
        return _Row(nan, nan, nan, nan, 0, f"{TOO_LITTLE}: {reason}")
    if reached is None:
        return _Row(nan, nan, nan, nan, 0, f"{TOO_LITTLE}: not all trials have ended; the same call goes on with them")
    slope = reached.slope[np.isfinite(reached.slope)]
    n, lost = len(slope), len(reached.slope) - len(slope)
    if n < 2 and not (reached.deterministic and n):
        why = f"{lost} of {n + lost} differences have a failed trial" if lost else "the trials are used up"
        return _Row(nan, nan, nan, nan, n, f"{TOO_LITTLE}: {why}")
    mean = float(slope.mean())
    if reached.deterministic:
        return _exact(design, j, reached, mean)
    half, noise = half_width(slope, design.confidence), float(np.std(slope, ddof=1))
    if not slope.any():
        return _Row(0.0, 0.0, 0.0, 0.0, n, NOTHING)
    if not abs(mean) > half:
        low, high = _span(design, j, reached)
        verdict = f"{NOISE}: the interval holds 0 after {n} seeds between {low:.4g} and {high:.4g}"
        return _Row(nan, mean - half, mean + half, noise, n, verdict)
    verdict = _direction(mean)
    if half > design.precision * abs(mean):
        verdict += f"; the trials were used up at a precision of {100 * half / abs(mean):.0f} %"
    return _Row(mean, mean - half, mean + half, noise, n, verdict)


def _exact(design: Design, j: int, reached: Reached, slope: float) -> _Row:
    """Of an objective that gave the same for different seeds."""
    n, half = len(reached.slope), abs(slope - reached.other)
    if slope == 0 and not abs(reached.other) > 0:
        return _Row(0.0, 0.0, 0.0, 0.0, n, NOTHING)
    if math.isnan(half):
        return _Row(slope, slope, slope, 0.0, n, _direction(slope))
    if half > DISAGREE * abs(slope):
        verdict = (
            f"{NOISE}: the two finest steps give {slope:.3g} and {reached.other:.3g}, without any seed noise: the objective is rough "
            "or bends sharply here"
        )
        return _Row(math.nan, min(slope, reached.other), max(slope, reached.other), 0.0, n, verdict)
    return _Row(slope, slope - half, slope + half, 0.0, n, _direction(slope))


def _direction(slope: float) -> str:
    return f"{MATTERS}: larger values {'raise' if slope > 0 else 'lower'} the objective"


def _notes(design: Design, state: Plan, failed: int) -> tuple[str, ...]:
    notes = [
        "derivative is per unit of the knob, log_derivative per factor of e; each is the mean slope over its step."
    ]
    if any(reached.deterministic for reached in state.reached.values()):
        notes.append(
            "The objective gave the same for different seeds: it is taken as deterministic. If it trains with a fixed seed of its own, "
            "pass trial.seed to it, or the roughness of the training passes for slope."
        )
    if failed:
        notes.append(f"{failed} evaluations failed; the differences with one of them are left out.")
    if design.space.constrained:
        notes.append("Only configurations that keep the constraints were evaluated.")
    return tuple(notes)
