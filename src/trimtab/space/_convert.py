"""What scikit-learn users write becomes parameters: lists, frozen scipy distributions, plain values."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from trimtab.errors import SpaceError
from trimtab.space._categorical import Categorical, Constant, stable_order
from trimtab.space._distribution import Distribution
from trimtab.space._numeric import Float, Int
from trimtab.space._parameter import Parameter

__all__ = ["parameter_of"]


def parameter_of(name: str, value: object) -> Parameter:
    """The parameter that `value` stands for.

    A Parameter is itself. A list, tuple, set, range or 1-D array is Categorical (numbers in rising or falling order:
    ordered). A frozen scipy distribution is Float, Int or Distribution. Anything else that is a plain value (text,
    number, None) is Constant.
    """
    if isinstance(value, Parameter):
        return value
    if hasattr(value, "dist") and hasattr(value, "rvs"):
        return _from_distribution(value)
    if isinstance(value, np.ndarray):
        if value.ndim != 1:
            raise SpaceError(f"Parameter {name!r} needs a one-dimensional array of choices, got shape {value.shape}.")
        value = value.tolist()
    if isinstance(value, (list, tuple, range, set, frozenset)):
        choices = stable_order(value) if isinstance(value, (set, frozenset)) else list(value)
        if not choices:
            raise SpaceError(f"Parameter {name!r} has an empty list of choices. Give at least one.")
        return Categorical(_distinct(choices), ordered=_ordered(choices))
    if value is None or isinstance(value, (str, bytes, bool, int, float, np.generic)):
        return Constant(value)
    if hasattr(value, "rvs"):
        raise SpaceError(
            f"Parameter {name!r}: {value!r} can draw values (rvs) but is no frozen scipy.stats distribution. "
            "Use one of those, or Float, Int or Categorical."
        )
    raise SpaceError(
        f"Parameter {name!r} must be Float, Int, Categorical, Constant, a list of choices, a frozen scipy.stats "
        "distribution "
        f"or a plain value, got {value!r} ({type(value).__name__}). For one fixed object use Constant(...)."
    )


def _distinct(choices: list[Any]) -> list[Any]:
    """The choices without repeats of numbers and texts (scikit-learn accepts [1, 1, 2])."""
    seen: set[tuple[type, Any]] = set()
    kept = []
    for choice in choices:
        key = (type(choice), choice) if isinstance(choice, (str, int, float)) else None
        if key is None or key not in seen:
            kept.append(choice)
        if key is not None:
            seen.add(key)
    return kept


def _ordered(choices: list[Any]) -> bool:
    """Three or more different numbers in rising or falling order carry their order."""
    numbers = all(isinstance(c, (int, float, np.integer, np.floating)) and not isinstance(c, bool) for c in choices)
    if not numbers or len(choices) < 3:
        return False
    steps = np.diff(np.asarray(choices, dtype=float))
    return bool(np.all(steps > 0) or np.all(steps < 0))


def _from_distribution(frozen: Any) -> Parameter:
    parameter = Distribution(frozen)  # names what is wrong with the arguments
    name, (low, high) = frozen.dist.name, (float(v) for v in frozen.support())
    if name == "uniform":
        return Float(low, high)
    if (
        name in ("loguniform", "reciprocal")
        and low > 0
        and math.isclose(float(frozen.cdf(math.sqrt(low * high))), 0.5, rel_tol=1e-9)
    ):
        return Float(low, high, log=True)
    if name == "randint":
        return Int(int(low), int(high)) if high > low else Constant(int(low))
    return parameter
