"""What a training run hands to the hypergradient's checks: its value, its gradient, and how its tangent grew."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from trimtab.errors import InputError
from trimtab.numerics import FloatArray

__all__ = ["Train", "Trained", "plain", "trained"]


@dataclass(frozen=True, slots=True)
class Trained:
    """One training run.

    value       what is judged, such as the validation loss
    gradient    {name: d value / d hyperparameter} in the hyperparameter's own unit; {} where it was not asked for
    tangent     {name: (s,) norms of d weights / d hyperparameter after each recorded step}; {} where the method has none
    """

    value: float
    gradient: Mapping[str, float] = field(default_factory=dict)
    tangent: Mapping[str, FloatArray] = field(default_factory=dict)


Train = Callable[[Mapping[str, float], int, tuple[str, ...]], Trained]
"""train(params, seed, wrt): trains once with these hyperparameters and this seed, and differentiates for the names of wrt; () means plain
training, where only the value counts. The same arguments give the same value."""


def trained(train: Train, params: Mapping[str, float], seed: int, names: tuple[str, ...]) -> Trained:
    """What the training returns. InputError unless it is what a `Train` must return."""
    run = train(dict(params), seed, names)
    if not isinstance(run, Trained):
        raise InputError(f"train must return a trimtab.sensitivity.Trained, got {type(run).__name__}.")
    missing = [name for name in names if name not in run.gradient]
    if missing:
        raise InputError(
            f"train was asked for gradients of {list(names)} and returned none of {missing}. "
            "Trained(value, gradient={...}) needs one for each name of wrt."
        )
    gradient = {name: _number(f"gradient of {name!r}", run.gradient[name]) for name in names}
    return replace(run, value=_number("value", run.value), gradient=gradient)


def plain(train: Train, at: Mapping[str, float], seed: int, changed: Mapping[str, float]) -> float:
    """The value of a plain training with some hyperparameters changed."""
    try:
        return trained(train, {**at, **changed}, seed, ()).value
    except Exception as error:
        error.add_note(
            f"This training was one of the neighbours, with {dict(changed)!r}. A smaller step= (or sigma=) keeps nearer; hypergradient "
            'asks for none with check="none".'
        )
        raise


def _number(what: str, value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise InputError(f"train must return a number as {what}, got {value!r}.") from None
