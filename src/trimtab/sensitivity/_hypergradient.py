"""Hypergradients that were checked: derivatives of a training's result for each hyperparameter, against the training itself.

Notation
    p, S, c      hyperparameters, seeds, directions that were checked
    t, g         a hyperparameter, d value / d t
    coordinate   log t where the scale is logarithmic, so that its derivative is t g; t / |t| otherwise (see `_directional`)

Who differentiates is told apart from who judges: `train` does the first (`trimtab.integrations.torch`, `.sklearn`, or a loop of one's
own), this file runs it at neighbouring hyperparameters and says in words whether the gradient is to be trusted.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from trimtab.errors import InputError
from trimtab.numerics import BoolArray, FloatArray
from trimtab.sensitivity._comparison import Comparison, compare
from trimtab.sensitivity._result import Result
from trimtab.sensitivity._trained import Train, Trained, trained
from trimtab.sensitivity._trust import (
    DISTRUST,
    TRUST,
    UNCHECKED,
    chaos_reason,
    growth,
    seeds_reason,
    sign_agreement,
)

__all__ = ["Hypergradient", "Train", "Trained", "hypergradient"]

CHECKS = ("none", "cheap", "complete")


@dataclass(frozen=True, eq=False)
class Hypergradient(Result):
    """The derivative of a training's result for each hyperparameter, and whether to trust it.

    Arrays are (p,), one entry a hyperparameter, in the order of `parameters`, unless said otherwise; NaN where not known.

    at                  the hyperparameters' values; value: the result there, the mean over the seeds
    gradient            d value / d hyperparameter, in its own unit, the mean over the seeds
    log_gradient        d value / d log(hyperparameter), change per factor of e; NaN where the scale is not logarithmic
    finite_difference   of the plain training, in the unit of `gradient`; NaN where it was not checked by itself
    relative_error      of the gradient against the finite difference; in a cheap check the same for all, along their random mix
    verdicts            "trust", "do not trust this gradient: <reason>" or "not checked", with the reason
    seeds               of the trainings; values (S,) and seed_gradients (S, p): one by one
    sign_agreement      share of the seeds whose gradient has the mean's sign; NaN for one seed
    lyapunov            growth of log |d weights / d hyperparameter| a recorded step, over the last half; largest over the seeds
    grown               the same as a factor over that half
    directions          (c, p) that were checked, in the coordinates (log, or in parts of the value); steps (c,)
    near, far           (c,) derivatives along them by finite differences with the step and with twice the step; step_disagreement:
                        |near - far| over the larger one
    measured, predicted (c,) the finite difference of higher order from all steps, and what the gradient says
    trainings           how many runs it took, with and without gradient
    """

    parameters: tuple[str, ...]
    at: FloatArray
    value: float
    gradient: FloatArray
    log_gradient: FloatArray
    finite_difference: FloatArray
    relative_error: FloatArray
    verdicts: dict[str, str]
    seeds: tuple[int, ...]
    values: FloatArray
    seed_gradients: FloatArray
    sign_agreement: FloatArray
    lyapunov: FloatArray
    grown: FloatArray
    directions: FloatArray
    steps: FloatArray
    near: FloatArray
    far: FloatArray
    step_disagreement: FloatArray
    measured: FloatArray
    predicted: FloatArray
    check: str
    tolerance: float
    trainings: int
    notes: tuple[str, ...]

    @property
    def trusted(self) -> bool:
        """Whether every gradient is to be trusted."""
        return all(verdict == TRUST for verdict in self.verdicts.values())

    def columns(self) -> list[str]:
        return ["parameter", "value", "gradient", "log_gradient", "finite_difference", "relative_error", "verdict"]

    def rows(self) -> list[dict[str, object]]:
        arrays = self.columns()[2:-1]
        return [
            {
                "parameter": name,
                "value": float(self.at[j]),
                **{a: float(getattr(self, a)[j]) for a in arrays},
                "verdict": self.verdicts[name],
            }
            for j, name in enumerate(self.parameters)
        ]

    def title(self) -> str:
        seeds = f"{len(self.seeds)} seeds" if len(self.seeds) > 1 else f"seed {self.seeds[0]}"
        return f"Hypergradient: derivative of the result {self.value:.6g}, {seeds}, check {self.check} ({self.trainings} trainings)"


def hypergradient(
    train: Train,
    at: Mapping[str, float],
    *,
    wrt: Sequence[str] | None = None,
    log: Collection[str] | None = None,
    check: str = "cheap",
    seeds: Sequence[int] = (0,),
    step: float | None = None,
    tolerance: float = 0.05,
) -> Hypergradient:
    """Hypergradients of a training of one's own, checked against finite differences of that training.

    Answers "which way, and how steeply, would the result change with each continuous hyperparameter?". A model of scikit-learn or PyTorch
    needs no `train` of one's own: see `trimtab.integrations.sklearn.hypergradient` and `trimtab.integrations.torch.hypergradient`.

    train       train(params, seed, wrt) -> Trained: trains once with these hyperparameters and this seed, and differentiates for the names
                of wrt (() is plain training). The same arguments must give the same value.
    at          the hyperparameters; those that are not floats are passed on and have no gradient
    wrt         names to differentiate for; None: every float of `at`
    log         names on a logarithmic scale; None: those whose value is > 0
    check       "cheap": one random mix of all of wrt, 4 plain trainings. "complete": each by itself, 4 trainings each and for each seed.
                "none": only what the gradients themselves tell
    seeds       one training with gradients each; the result is their mean. With several, the signs' agreement is judged
    step        of the finite differences, on the logarithmic scale or as a part of the value; None: as small as rounding lets it be. Give
                it, 0.03 say, for a training in single precision whose value is added up in double precision
    tolerance   largest relative error that is trusted

    Do not trust: a value or gradient that is not finite; a relative error above the tolerance; two step sizes that disagree; a tangent that
    grows as in chaos; seeds that disagree in the sign. Raises InputError for bad arguments and for a `train` that does not return
    what it must. Sources: see `docs/hypergradients.md`.
    """
    names = _names(at, wrt)
    logged = _logged(at, names, log)
    seeds = _checked(check, seeds, step, tolerance)
    runs = [trained(train, at, seed, names) for seed in seeds]
    values = np.array([run.value for run in runs])
    gradients = np.array([[run.gradient[name] for name in names] for run in runs])
    point = np.array([float(at[name]) for name in names])
    log_mask = np.array([name in logged for name in names])
    with np.errstate(over="ignore", invalid="ignore"):
        gradient, value = gradients.mean(axis=0), float(values.mean())
    grown = [[growth(np.asarray(run.tangent.get(name, ()), dtype=float)) for name in names] for run in runs]
    lyapunov, times = np.array(grown).max(axis=0).T if len(grown) else np.empty((2, 0))
    none, p = np.empty(0), len(names)
    result = Hypergradient(
        parameters=names, at=point, value=value, gradient=gradient,
        log_gradient=np.where(log_mask, point * gradient, np.nan),
        finite_difference=np.full(p, np.nan), relative_error=np.full(p, np.nan), verdicts={},
        seeds=tuple(seeds), values=values, seed_gradients=gradients, sign_agreement=sign_agreement(gradients),
        lyapunov=lyapunov, grown=times,
        directions=np.empty((0, p)), steps=none, near=none, far=none, step_disagreement=none, measured=none, predicted=none,
        check=check, tolerance=tolerance, trainings=len(runs), notes=(),
    )  # fmt: skip
    told = dict.fromkeys(names, UNCHECKED)
    usable = np.isfinite(gradients).all(axis=0)
    if check != "none" and usable.any() and np.isfinite(values).all():
        some = tuple(name for name, use in zip(names, usable.tolist(), strict=True) if use)
        found = compare(
            train, at, some, log_mask[usable], result.seeds, values, gradients[:, usable],
            complete=check == "complete", step=step, tolerance=tolerance,
        )  # fmt: skip
        told.update(zip(some, found.verdicts, strict=True))
        result = _with(result, found, usable)
    return replace(result, verdicts=_verdicts(result, told), notes=_notes(result))


def _with(result: Hypergradient, found: Comparison, usable: BoolArray) -> Hypergradient:
    """The result with what was found for the usable ones of its hyperparameters."""
    directions = np.zeros((len(found.directions), len(usable)))
    directions[:, usable] = found.directions
    difference, error = np.full((2, len(usable)), np.nan)
    difference[usable], error[usable] = found.finite_difference, found.relative_error
    same = {
        name: getattr(found, name) for name in ("steps", "near", "far", "step_disagreement", "measured", "predicted")
    }
    return replace(
        result, directions=directions, finite_difference=difference, relative_error=error,
        trainings=result.trainings + found.trainings, **same,
    )  # fmt: skip


def _verdicts(result: Hypergradient, told: Mapping[str, str]) -> dict[str, str]:
    """What the comparison told, unless a value, the tangent or the seeds speak against it."""
    verdicts = {}
    for j, name in enumerate(result.parameters):
        if not np.isfinite(result.values).all():
            reason: str | None = "the result of the training is not finite"
        elif not np.isfinite(result.seed_gradients[:, j]).all():
            reason = "it is not finite"
        else:
            reason = chaos_reason(float(result.lyapunov[j]), float(result.grown[j]))
            if reason is None and not told[name].startswith(DISTRUST):
                reason = seeds_reason(float(result.sign_agreement[j]), len(result.seeds))
        verdicts[name] = f"{DISTRUST}: {reason}" if reason else told[name]
    return verdicts


def _notes(result: Hypergradient) -> tuple[str, ...]:
    notes = ["gradient is per unit of the hyperparameter, log_gradient per factor of e."]
    if result.check == "cheap" and len(result.steps) and np.isnan(result.finite_difference).all():
        notes.append(
            "relative_error is that of the random mix of all hyperparameters, each with about the same share of it; "
            'check="complete" compares each by itself.'
        )
    return tuple(notes)


def _names(at: Mapping[str, float], wrt: Sequence[str] | None) -> tuple[str, ...]:
    floats = [name for name, value in at.items() if isinstance(value, float | np.floating)]
    if isinstance(wrt, str):
        raise InputError(f"wrt must be a sequence of names, got the text {wrt!r}. Write wrt=[{wrt!r}].")
    names = tuple(floats if wrt is None else wrt)
    for name in names:
        if name not in at:
            raise InputError(f"wrt has {name!r}, which is no hyperparameter of at (it has {', '.join(map(repr, at))}).")
        if name not in floats:
            hint = f"Write {at[name]}.0 if it is continuous. " if type(at[name]) is int else ""
            raise InputError(
                f"{name!r} is {at[name]!r}, a {type(at[name]).__name__}, and only floats have a gradient. {hint}For others use "
                "trimtab.sensitivity.finite_difference or one_at_a_time."
            )
        if not math.isfinite(at[name]):
            raise InputError(f"{name!r} must be finite, got {at[name]!r}.")
    if not names or len(set(names)) < len(names):
        raise InputError(
            f"wrt must name at least one float of at, each once, got {list(names)} (floats are {', '.join(map(repr, floats)) or 'none'})."
        )
    return names


def _logged(at: Mapping[str, float], names: tuple[str, ...], log: Collection[str] | None) -> frozenset[str]:
    if log is None:
        return frozenset(name for name in names if at[name] > 0)
    if isinstance(log, str):
        raise InputError(f"log must be a collection of names, got the text {log!r}. Write log=[{log!r}].")
    for name in log:
        if name not in at:
            raise InputError(f"log has {name!r}, which is no hyperparameter of at (it has {', '.join(map(repr, at))}).")
        if name in names and not at[name] > 0:
            raise InputError(
                f"{name!r} is {at[name]!r} and can be on a log scale only if it is > 0. Leave it out of log=."
            )
    return frozenset(log)


def _checked(check: str, seeds: Sequence[int], step: float | None, tolerance: float) -> list[int]:
    if check not in CHECKS:
        raise InputError(f"check must be one of {', '.join(map(repr, CHECKS))}, got {check!r}.")
    if step is not None and not 0 < step < 1:
        raise InputError(f"step must be a number between 0 and 1, or None to choose it, got {step!r}.")
    if not 0 < tolerance < 1:
        raise InputError(f"tolerance must be a number between 0 and 1, got {tolerance!r}.")
    whole = [] if isinstance(seeds, int | str) else [s for s in seeds if isinstance(s, int | np.integer)]
    if isinstance(seeds, int | str) or not whole or len(whole) < len(seeds) or len(set(whole)) < len(whole):
        raise InputError(f"seeds must be a sequence of different whole numbers, such as (0, 1, 2), got {seeds!r}.")
    return [int(s) for s in whole]
