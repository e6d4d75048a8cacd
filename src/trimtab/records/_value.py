"""What an objective may return: one real number, or a mapping from names to real numbers; and what it may say of its slope."""

from __future__ import annotations

import math
import numbers
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from trimtab.errors import InputError, ObjectiveError

__all__ = ["objective_gradient", "objective_outcomes", "objective_value"]


def objective_value(returned: Any, name: str = "") -> float:
    """The number that the objective returned; NaN and infinities pass (the study counts them as failed).

    name: of the argument that it came by; "" where the objective returned it.
    Accepts real numbers, NumPy scalars and arrays or tensors with one element. Raises ObjectiveError for anything else.
    """
    value = returned
    if not isinstance(value, (str, bytes, numbers.Real)) and hasattr(value, "item"):
        try:
            value = value.item()
        except (ValueError, TypeError, RuntimeError):
            value = returned
    if isinstance(value, numbers.Real) and not isinstance(value, (bool, np.bool_)):
        try:
            return float(value)
        except OverflowError:  # an int or a fraction beyond 1e308
            return -math.inf if value < 0 else math.inf
    shown = repr(returned)
    who = f"{name} must be" if name else "The objective must return"
    forgotten = returned is None and not name
    remedy = "Add `return loss` to it." if forgotten else "Give one number, such as the validation loss."
    raise ObjectiveError(
        f"{who} one real number, got {shown if len(shown) <= 80 else shown[:77] + '...'} "
        f"({type(returned).__name__}). {remedy}"
    )


def objective_outcomes(returned: Any, name: str = "") -> float | dict[str, float]:
    """The number that the objective returned, or its outcomes by name where it returned a mapping.

    name, and the numbers: as in `objective_value`. ObjectiveError for anything else.
    """
    if not isinstance(returned, Mapping):
        return objective_value(returned, name)
    who = name or "The objective's result"
    if not returned:
        raise ObjectiveError(
            f'{who} must be one real number, or name some, such as {{"value": loss}}; got an empty mapping.'
        )
    outcomes = {}
    for key, value in returned.items():
        if not isinstance(key, str):
            raise ObjectiveError(f"{who} must be named by texts, got the name {key!r}. Write {str(key)!r}.")
        outcomes[key] = objective_value(value, f"Outcome {key!r} of {name or 'the objective'}")
    return outcomes


def objective_gradient(
    reported: Any, numeric: Collection[str], params: Mapping[str, Any], who: str
) -> dict[str, float]:
    """Derivatives by name, as floats. numeric: the numeric parameters of this configuration. who: the call they came by.

    Raises ObjectiveError for what is no mapping from these names to real numbers, InputError for one that is not finite.
    """
    if not isinstance(reported, Mapping):
        raise ObjectiveError(
            f'{who} needs derivatives by name, such as {{"{next(iter(numeric), "lr")}": 0.3}}, got {reported!r:.80}.'
        )
    gradient = {}
    for name, value in reported.items():
        if name not in numeric:
            which = (
                "is no number that is searched"
                if name in params
                else "is none of this configuration's (inactive, or unknown)"
            )
            raise ObjectiveError(
                f"{who}: the parameter {name!r} {which}, so it has no derivative here. Those that may have one: "
                f"{', '.join(map(repr, numeric)) or 'none'}."
            )
        slope = objective_value(value, f"The derivative by {name!r} in {who}")
        if not math.isfinite(slope):
            raise InputError(
                f"{who}: the derivative by {name!r} must be finite, got {slope!r}. Leave it out: a training run that "
                "diverged has no useful gradient."
            )
        gradient[name] = slope
    return gradient
