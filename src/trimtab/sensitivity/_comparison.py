"""A hypergradient beside finite differences of the plain training, along each hyperparameter or along a random mix of all.

Notation
    p, c, S      hyperparameters, directions, seeds that are compared
    error        |finite difference - gradient| over the larger one, as lengths over the seeds; derivatives below 1e-8 of the value, which
                 nobody would follow, count as that large

A difference that rounding alone makes proves nothing: the verdict is "not checked" then.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from trimtab.numerics import BoolArray, FloatArray
from trimtab.sensitivity._directional import Line, differences, each_alone, mixed, rounding_of, unit_of
from trimtab.sensitivity._trained import Train, plain
from trimtab.sensitivity._trust import DISTRUST, TRUST, UNCHECKED

__all__ = ["Comparison", "compare"]

ROUGH = 0.25  # difference of two step sizes' derivatives that a smooth training does not show
EVENED, EVENED_AT_LARGE_STEPS = 1e3, 10.0  # to even out more, the one with the largest share would hardly move
MIXED = "along the random mix of all of them "
NEGLIGIBLE = 1e-8  # of the value, for a factor of e
NOT_AGAIN = 1e-3  # of a step's effect: a difference of two trainings of one seed above it counts


@dataclass(frozen=True, eq=False)
class Comparison:
    """One entry a direction (c,) or, where said, a hyperparameter (p,); the arrays of a `Hypergradient` of the same names.

    verdicts (p,): "trust", or why not. trainings: how many it took.
    """

    directions: FloatArray
    steps: FloatArray
    near: FloatArray
    far: FloatArray
    step_disagreement: FloatArray
    measured: FloatArray
    predicted: FloatArray
    finite_difference: FloatArray
    relative_error: FloatArray
    verdicts: tuple[str, ...]
    trainings: int


def compare(
    train: Train,
    at: Mapping[str, float],
    names: tuple[str, ...],
    log: BoolArray,
    seeds: tuple[int, ...],
    values: FloatArray,
    gradients: FloatArray,
    *,
    complete: bool,
    step: float | None,
    tolerance: float,
) -> Comparison:
    """values (S,) and gradients (S, p) of the trainings with `seeds`, all finite; the other arguments as in `hypergradient`.

    Complete: each hyperparameter by itself and every seed given. Otherwise random mixes of all, with the first seed: two of them, where
    small steps are enough. In one all move alike, so that each takes a step that it would really take; in the other those with a small
    share of the derivative move up to 1,000 times as much as the one with the largest, so that an error in them is seen.
    """
    point = np.array([float(at[name]) for name in names])
    alone = complete or len(names) == 1
    single, unit = rounding_of(values), unit_of(point)
    lines = [Line(names, point, log, unit * g) for g in (gradients if complete else gradients[:1])]
    pair = not (alone or single or step is not None)
    directions = each_alone(lines[0]) if alone else _mixes(lines[0], pair)
    facts = np.empty((len(directions), len(lines), 5))
    for k, v in enumerate(directions):
        for s, line in enumerate(lines):
            value = partial(plain, train, at, seeds[s])
            d = differences(value, line, v, float(values[s]), step, single=single, pair=pair)
            facts[k, s] = d.near, d.far, d.measured, d.floor, d.step
    told = np.array([[line.slope @ v for line in lines] for v in directions])
    with np.errstate(invalid="ignore", over="ignore"):
        least = NEGLIGIBLE * float(np.linalg.norm(values[: len(lines)]))
        error = _relative(facts[:, :, 2], told, least)
        rough = _relative(facts[:, :, 0], facts[:, :, 1], least)
        hidden = np.linalg.norm(facts[:, :, 2] - told, axis=1) <= np.linalg.norm(facts[:, :, 3], axis=1)
        near, far, measured, _, steps = facts.mean(axis=1).T
    good = (error <= tolerance) & ~(rough > ROUGH)
    doubtful = bool(np.any(~hidden & ~good))
    again = plain(train, at, seeds[0], {}) if doubtful else math.nan
    found = Comparison(
        directions=np.array(directions), steps=steps, near=near, far=far, step_disagreement=rough, measured=measured,
        predicted=told.mean(axis=1), finite_difference=np.full(len(names), np.nan), relative_error=error, verdicts=(),
        trainings=(2 if pair else 4) * len(directions) * len(lines) + int(doubtful),
    )  # fmt: skip
    where = ("",) * len(good) if alone else ("along a mix of equal steps of all of them ", MIXED) if pair else (MIXED,)
    verdicts = [
        TRUST if good[k] else _doubt(found, k, bool(hidden[k]), values[0], again, where[k]) for k in range(len(good))
    ]
    return _for_each(found, verdicts, unit, alone)


def _mixes(line: Line, pair: bool) -> list[FloatArray]:
    return [mixed(line, 1.0, seed=1), mixed(line, EVENED)] if pair else [mixed(line, EVENED_AT_LARGE_STEPS)]


def _for_each(found: Comparison, verdicts: list[str], unit: FloatArray, alone: bool) -> Comparison:
    """The comparison with its entries for each hyperparameter; of several mixes the worst."""
    p = len(unit)
    if not alone:
        worst = min(verdicts, key=lambda v: (v == TRUST, not v.startswith(DISTRUST)))
        error = np.full(p, found.relative_error.max())
        return replace(found, relative_error=error, verdicts=(worst,) * p)
    own = found.measured / np.diag(found.directions) / unit
    return replace(found, finite_difference=own, verdicts=tuple(verdicts))


def _relative(a: FloatArray, b: FloatArray, least: float) -> FloatArray:
    """Distance of the rows of a and b (c, S) over the longer one, or over `least`; 0 where all are 0."""
    longer = np.maximum(np.maximum(np.linalg.norm(a, axis=1), np.linalg.norm(b, axis=1)), least)
    return np.asarray(np.divide(np.linalg.norm(a - b, axis=1), longer, out=np.zeros(len(a)), where=longer != 0))


def _doubt(found: Comparison, k: int, hidden: bool, value: float, again: float, where: str) -> str:
    """Why the k-th direction's comparison gives no trust."""
    near, far, measured, step = found.near[k], found.far[k], found.measured[k], found.steps[k]
    rough, error = found.step_disagreement[k], found.relative_error[k]
    if not math.isfinite(measured):
        return f"{DISTRUST}: {where}the training has no finite result at a step of {step:.2g}"
    if hidden:
        return f"{UNCHECKED}: {where}the effect of a step of {step:.2g} is lost in the rounding of the training"
    if not abs(again - value) <= NOT_AGAIN * abs(step * measured):
        return (
            f"{DISTRUST}: trained again with the same seed the result was {again:.8g} instead of {value:.8g}; train must take all "
            "its randomness from the seed, or it is so chaotic that rounding changes it"
        )
    if rough > ROUGH:
        return (
            f"{DISTRUST}: {where}finite differences with two step sizes disagree by {100 * rough:.0f} % ({near:.3g} with a step of "
            f"{step:.2g}, {far:.3g} with twice that): the result is rough here, by chaos or rounding"
        )
    which = '; check="complete" tells which one is wrong' if where else ""
    return (
        f"{DISTRUST}: {where}the finite difference is {measured:.4g} where the gradient says {found.predicted[k]:.4g} "
        f"(relative error {100 * error:.2g} %){which}"
    )
