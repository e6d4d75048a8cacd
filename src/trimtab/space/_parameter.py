"""What every kind of hyperparameter can do: say which values it takes, and where they lie on [0, 1].

Every parameter is one coordinate u of the unit cube on which its declared distribution is uniform.

    continuous   u = (t(v) - t(low)) / (t(high) - t(low)), t the identity or the logarithm; scipy distributions: u =
    cdf(v) discrete     K levels. Even ones sit at (k + 1/2) / K; log integers at t(v) on [low - 1/2, high + 1/2],
    cells by rounding categorical  K choices at (k + 1/2) / K, without an order between them

A stored value is plain JSON: a number, or the label of a choice.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from trimtab.errors import SpaceError
from trimtab.numerics import FloatArray
from trimtab.space._choices import ValueColumn
from trimtab.space._conditions import Condition
from trimtab.space._prior import Belief

__all__ = ["MOST_LEVELS", "Kind", "Parameter", "finite_number"]

Kind = Literal["continuous", "discrete", "categorical", "constant"]
When = Any  # a dict {parent: value or list of values}, an expression such as "n_layers >= 2", or a Condition

MOST_LEVELS = 2**50  # above, floor(K * (k + 1/2) / K) is no longer k in double precision


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """What all parameters share. `when`: the condition under which the parameter exists (None: always)."""

    when: When = None

    def __post_init__(self) -> None:
        if self.when is not None:
            object.__setattr__(self, "when", Condition.of(self.when))

    @property
    def kind(self) -> Kind:
        raise NotImplementedError

    @property
    def n_levels(self) -> int:
        """Number of values, 0 for a continuous parameter."""
        raise NotImplementedError

    @property
    def is_number(self) -> bool:
        """Whether its values are numbers on a line, so that an objective may have a derivative by them."""
        return type(self).stretch is not Parameter.stretch

    @property
    def even(self) -> bool:
        """Whether the levels sit at (k + 1/2) / K and own [k / K, (k + 1) / K)."""
        return self.n_levels > 0

    @property
    def snaps_itself(self) -> bool:
        """Whether `snap` does more than to clip or to go to even levels."""
        return not self.even and type(self).snap is not Parameter.snap

    def levels(self) -> FloatArray:
        """Unit coordinates of the values (K,), ascending."""
        k = self.n_levels
        return (np.arange(k) + 0.5) / k

    def snap(self, u: FloatArray) -> FloatArray:
        """Coordinates moved to the nearest value that exists; NaN stays NaN."""
        k = self.n_levels
        if k == 0:
            return np.clip(u, 0.0, 1.0)
        return (np.clip(np.floor(u * k), 0, k - 1) + 0.5) / k

    def positions(self, u: FloatArray) -> list[int]:
        """Level that each coordinate (n,) belongs to, where levels are even."""
        k = self.n_levels
        return [min(max(int(v * k), 0), k - 1) for v in u.tolist()]

    def values(self, u: FloatArray) -> list[Any]:
        """The user's values at unit coordinates (n,), as plain Python types."""
        raise NotImplementedError

    def coordinates(self, values: Sequence[Any]) -> FloatArray:
        """Unit coordinates of values that `check` accepts."""
        raise NotImplementedError

    def check(self, value: object, name: str) -> None:
        """Raise SpaceError unless `value` is one that this parameter can take."""
        raise NotImplementedError

    def store(self, u: FloatArray) -> list[Any]:
        """Values at unit coordinates (n,) as plain JSON."""
        return self.values(u)

    def restore(self, stored: Sequence[Any]) -> FloatArray:
        """Unit coordinates of stored values."""
        return self.coordinates(stored)

    def load(self, stored: Sequence[Any]) -> list[Any]:
        """The user's values of stored ones, exactly."""
        return list(stored)

    def fits(self, stored: Sequence[Any]) -> bool:
        """Whether all stored values are surely still valid; False only means that each has to be looked at."""
        return False

    def stretch(self, values: Sequence[Any]) -> FloatArray:
        """d value / d coordinate at values (n,) that `check` accepts; NaN where there is no such thing."""
        return np.full(len(values), np.nan)

    def belief(self) -> Belief | None:
        """Where the user believes the optimum to lie; None without a prior."""
        return None

    def label(self, value: object) -> str:
        """Short text for tables and plots."""
        return f"{value:.4g}" if isinstance(value, float) else str(value)

    def column(self, u: FloatArray) -> ValueColumn:
        """Values as one column for conditions and constraints."""
        return np.asarray(self.values(u), dtype=float)


def finite_number(value: object, what: str) -> float:
    """A finite float, or a SpaceError that begins with `what`."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise SpaceError(f"{what} must be a number, got {value!r} ({type(value).__name__}).{_unquote(value)}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise SpaceError(f"{what} must be finite, got {value!r}.")
    return number


def _unquote(value: object) -> str:
    """YAML reads 1e-4 as a text: say how to write it."""
    try:
        return f" Write {float(value)!r} without quotes." if isinstance(value, str) else ""
    except ValueError:
        return ""
