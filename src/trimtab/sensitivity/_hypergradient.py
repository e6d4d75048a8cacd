"""Hypergradients that were checked: derivatives of a training's result for each hyperparameter, against the training itself.

Notation
    p, S, c      hyperparameters, seeds, directions that were checked
    t, g         a hyperparameter, d value / d t
    coordinate   log t where the scale is logarithmic, so that its derivative is t g; t / |t| otherwise (see `_directional`)

Who differentiates is told apart from who judges: `train` does the first (`trimtab.integrations.torch`, `.sklearn`, or a loop of one's
own), this file runs it at neighbouring hyperparameters and says in words whether the gradient is to be trusted.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from trimtab.errors import InputError
from trimtab.numerics import BoolArray, FloatArray
from trimtab.sensitivity._comparison import Comparison, compare
from trimtab.sensitivity._result import Result
from trimtab.sensitivity._trained import Train, Trained, trained
from trimtab.sensitivity._training_arguments import logged_of, names_of, seeds_of
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
    near, far           (c,) derivatives along them by finite differences with the step and with twice the step, and their
                        step_disagreement, |near - far| over the larger one; a cheap check with small steps has two mixes and no far
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
    check       "cheap": random mixes of all of wrt, 4 plain trainings. "complete": each by itself, at two step sizes, 4 trainings each and
                for each seed. "none": only what the gradients themselves tell
    seeds       one training with gradients each; the result is their mean. With several, the signs' agreement is judged
    step        of the finite differences, on the logarithmic scale or as a part of the value; None: as small as rounding lets it be. Give
                it, 0.03 say, for a training in single precision whose value is added up in double precision
    tolerance   largest relative error that is trusted

    Do not trust: a value or gradient that is not finite; a relative error above the tolerance; two step sizes that disagree; a tangent that
    grows as in chaos; seeds that disagree in the sign. Raises InputError for bad arguments and for a `train` that does not return
    what it must. Sources: see `docs/hypergradients.md`.
    """
    names, seeds = names_of(at, wrt), seeds_of(seeds)
    log_mask = logged_of(at, names, log)
    _check_settings(check, step, tolerance)
    runs = [trained(train, at, seed, names) for seed in seeds]
    values = np.array([run.value for run in runs])
    gradients = np.array([[run.gradient[name] for name in names] for run in runs])
    point = np.array([float(at[name]) for name in names])
    with np.errstate(over="ignore", invalid="ignore"):
        gradient, value = gradients.mean(axis=0), float(values.mean())
    grown = [[growth(np.asarray(run.tangent.get(name, ()), dtype=float)) for name in names] for run in runs]
    lyapunov, times = np.array(grown).max(axis=0).T if len(grown) else np.empty((2, 0))
    none, p = np.empty(0), len(names)
    result = Hypergradient(
        parameters=names, at=point, value=value, gradient=gradient,
        log_gradient=np.where(log_mask, point * gradient, np.nan),
        finite_difference=np.full(p, np.nan), relative_error=np.full(p, np.nan), verdicts={},
        seeds=seeds, values=values, seed_gradients=gradients, sign_agreement=sign_agreement(gradients),
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
    verdicts = _verdicts(result, told)
    return replace(result, verdicts=verdicts, notes=_notes(result, verdicts))


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


def _notes(result: Hypergradient, verdicts: Mapping[str, str]) -> tuple[str, ...]:
    notes = ["gradient is per unit of the hyperparameter, log_gradient per factor of e."]
    if result.check == "cheap" and len(result.steps) and np.isnan(result.finite_difference).all():
        notes.append(
            'relative_error is that of random mixes of all hyperparameters; check="complete" compares each by itself.'
        )
    still = [
        name for name, g in zip(result.parameters, result.gradient, strict=True) if g == 0 and verdicts[name] != TRUST
    ]
    if still and result.check != "none":
        notes.append(
            f"The gradient of {', '.join(still)} is exactly 0. Where the result does move with it, it was turned into a plain number "
            "on the way: by float() or .item(), or by a function that takes no tensor there."
        )
    if any(verdict.startswith(DISTRUST) for verdict in verdicts.values()):
        notes.append(
            "Where a gradient is not to be trusted, trimtab.sensitivity.smoothed_gradient gives that of the result averaged over a "
            "neighbourhood, and finite_difference and gradient ask trials."
        )
    return tuple(notes)


def _check_settings(check: str, step: float | None, tolerance: float) -> None:
    if check not in CHECKS:
        raise InputError(f"check must be one of {', '.join(map(repr, CHECKS))}, got {check!r}.")
    if step is not None and not 0 < step < 1:
        raise InputError(f"step must be a number between 0 and 1, or None to choose it, got {step!r}.")
    if not 0 < tolerance < 1:
        raise InputError(f"tolerance must be a number between 0 and 1, got {tolerance!r}.")
