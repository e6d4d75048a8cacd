"""The kinds of hyperparameters: what a value may be, and where it lies on [0, 1].

Every parameter is one coordinate u of the unit cube on which its declared distribution is uniform.

    continuous   u = (t(v) - t(low)) / (t(high) - t(low)), t the identity or the logarithm; scipy distributions: u = cdf(v)
    discrete     K levels. Even ones sit at (k + 1/2) / K; log integers at t(v) on [low - 1/2, high + 1/2], cells by rounding
    categorical  K choices at (k + 1/2) / K, without an order between them

A stored value is plain JSON: a number, or the label of a choice.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from trimtab.errors import SpaceError
from trimtab.numerics import FloatArray
from trimtab.space._conditions import Condition
from trimtab.space._labels import labels_of

__all__ = ["Categorical", "Constant", "Float", "Int", "Kind", "Parameter"]

Kind = Literal["continuous", "discrete", "categorical", "constant"]
When = Any  # a dict {parent: value or list of values}, an expression such as "n_layers >= 2", or a Condition


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

    def levels(self) -> FloatArray:
        """Unit coordinates of the values (K,), ascending."""
        k = self.n_levels
        return (np.arange(k) + 0.5) / k

    def index(self, u: FloatArray) -> FloatArray:
        """Level that each coordinate belongs to, as a float array; NaN stays NaN."""
        k = self.n_levels
        return np.clip(np.floor(u * k), 0, k - 1)

    def snap(self, u: FloatArray) -> FloatArray:
        """Coordinates moved to the nearest value that exists."""
        if self.n_levels == 0:
            return np.clip(u, 0.0, 1.0)
        return (self.index(u) + 0.5) / self.n_levels

    def values(self, u: FloatArray) -> list[Any]:
        """The user's values at unit coordinates (n,), as plain Python types."""
        raise NotImplementedError

    def coordinates(self, values: Sequence[Any]) -> FloatArray:
        """Unit coordinates of values that `check` accepts."""
        raise NotImplementedError

    def check(self, value: object, name: str) -> None:
        """Raise SpaceError unless `value` is one that this parameter can take."""
        raise NotImplementedError

    def store(self, values: Sequence[Any]) -> list[Any]:
        """Values as plain JSON."""
        return list(values)

    def restore(self, stored: Sequence[Any]) -> FloatArray:
        """Unit coordinates of stored values."""
        return self.coordinates(stored)

    def label(self, value: object) -> str:
        """Short text for tables and plots."""
        return f"{value:.4g}" if isinstance(value, float) else str(value)

    def column(self, u: FloatArray) -> np.ndarray[Any, Any]:
        """Values as one NumPy column for expressions: numbers, or an object array of choices."""
        return np.asarray(self.values(u), dtype=float)


def _number(value: object, what: str) -> float:
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise SpaceError(f"{what} must be a number, got {value!r} ({type(value).__name__}).")
    if not math.isfinite(float(value)):
        raise SpaceError(f"{what} must be finite, got {value!r}.")
    return float(value)


def _bounds(kind: str, low: object, high: object, log: bool) -> None:
    a, b = _number(low, f"{kind} low"), _number(high, f"{kind} high")
    if a >= b:
        raise SpaceError(
            f"{kind} needs low < high, got low={low!r}, high={high!r}. Swap them, or use Constant({low!r}) for one value."
        )
    if log and a <= 0:
        raise SpaceError(
            f"{kind} with log=True needs low > 0, got low={low!r}. Use log=False or a small positive low such as {b / 1e4:g}."
        )


@dataclass(frozen=True)
class Float(Parameter):
    """A real number in [low, high].

    log: uniform in the logarithm (needs low > 0). step: only low, low + step, low + 2 step, ... (not with log).
    """

    low: float
    high: float
    log: bool = field(default=False, kw_only=True)
    step: float | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        _bounds("Float", self.low, self.high, self.log)
        object.__setattr__(self, "low", float(self.low))
        object.__setattr__(self, "high", float(self.high))
        if self.step is not None:
            if self.log:
                raise SpaceError("Float takes log=True or step=, not both. For log-spaced levels use Categorical([...], ordered=True).")
            if _number(self.step, "Float step") <= 0 or self.step > (self.high - self.low) * (1 + 1e-9):
                raise SpaceError(f"Float step must lie in (0, high - low], got step={self.step!r} for [{self.low}, {self.high}].")

    @property
    def kind(self) -> Kind:
        return "continuous" if self.step is None else "discrete"

    @property
    def n_levels(self) -> int:
        return 0 if self.step is None else int((self.high - self.low) / self.step * (1 + 1e-12) + 1e-9) + 1

    def values(self, u: FloatArray) -> list[float]:
        if self.step is not None:
            return [round(self.low + k * self.step, 12) for k in self.index(u).tolist()]
        if self.log:
            a, b = math.log(self.low), math.log(self.high)
            v = np.exp(a + u * (b - a))
        else:
            v = self.low + u * (self.high - self.low)
        return np.clip(v, self.low, self.high).tolist()  # type: ignore[no-any-return]

    def coordinates(self, values: Sequence[Any]) -> FloatArray:
        v = np.asarray(values, dtype=float)
        if self.step is not None:
            return self.snap((np.rint((v - self.low) / self.step) + 0.5) / self.n_levels)
        if self.log:
            a, b = math.log(self.low), math.log(self.high)
            return np.clip((np.log(v) - a) / (b - a), 0.0, 1.0)
        return np.clip((v - self.low) / (self.high - self.low), 0.0, 1.0)

    def check(self, value: object, name: str) -> None:
        v = _number(value, f"Parameter {name!r}")
        slack = 1e-9 * max(abs(self.low), abs(self.high))
        if not self.low - slack <= v <= self.high + slack:
            raise SpaceError(f"Parameter {name!r} must lie in [{self.low:g}, {self.high:g}], got {value!r}.")
        if self.step is not None and abs((v - self.low) / self.step - round((v - self.low) / self.step)) > 1e-6:
            raise SpaceError(f"Parameter {name!r} must be {self.low:g} plus a multiple of step={self.step:g}, got {value!r}.")


@dataclass(frozen=True)
class Int(Parameter):
    """A whole number in [low, high], both included. log: uniform in the logarithm; step: only low, low + step, ... (not with log)."""

    low: int
    high: int
    log: bool = field(default=False, kw_only=True)
    step: int = field(default=1, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        for bound, value in (("low", self.low), ("high", self.high), ("step", self.step)):
            if _number(value, f"Int {bound}") != int(value):
                raise SpaceError(f"Int {bound} must be a whole number, got {value!r}. Use Float for real numbers.")
            object.__setattr__(self, bound, int(value))
        _bounds("Int", self.low, self.high, self.log)
        if self.log and self.step != 1:
            raise SpaceError("Int takes log=True or step=, not both. For chosen levels use Categorical([...], ordered=True).")
        if self.step < 1 or self.step > self.high - self.low:
            raise SpaceError(f"Int step must lie in [1, high - low], got step={self.step!r} for [{self.low}, {self.high}].")

    @property
    def kind(self) -> Kind:
        return "discrete"

    @property
    def n_levels(self) -> int:
        return (self.high - self.low) // self.step + 1

    def levels(self) -> FloatArray:
        return self.coordinates(range(self.low, self.high + 1)) if self.log else super().levels()

    def index(self, u: FloatArray) -> FloatArray:
        if not self.log:
            return super().index(u)
        a, b = math.log(self.low - 0.5), math.log(self.high + 0.5)
        return np.clip(np.rint(np.exp(a + u * (b - a))), self.low, self.high) - self.low

    def snap(self, u: FloatArray) -> FloatArray:
        if not self.log:
            return super().snap(u)
        a, b = math.log(self.low - 0.5), math.log(self.high + 0.5)
        return (np.log(self.index(u) + self.low) - a) / (b - a)

    def values(self, u: FloatArray) -> list[int]:
        return [self.low + int(k) * self.step for k in self.index(u).tolist()]

    def coordinates(self, values: Sequence[Any]) -> FloatArray:
        v = np.asarray(values, dtype=float)
        if self.log:
            a, b = math.log(self.low - 0.5), math.log(self.high + 0.5)
            return (np.log(np.clip(v, self.low, self.high)) - a) / (b - a)
        return self.snap((np.rint((v - self.low) / self.step) + 0.5) / self.n_levels)

    def check(self, value: object, name: str) -> None:
        v = _number(value, f"Parameter {name!r}")
        if v != int(v) or not self.low <= v <= self.high or (int(v) - self.low) % self.step:
            step = "" if self.step == 1 else f" in steps of {self.step}"
            raise SpaceError(f"Parameter {name!r} must be a whole number in [{self.low}, {self.high}]{step}, got {value!r}.")

    def store(self, values: Sequence[Any]) -> list[int]:
        return [int(v) for v in values]


@dataclass(frozen=True)
class Categorical(Parameter):
    """One of the choices: any objects, handed back as they are.

    ordered: the choices have an order (small, medium, large), which the samplers and analyses then use.
    labels: short stable texts, one a choice, under which the choices are stored; by default made from the choices themselves.
    """

    choices: Sequence[Any]
    ordered: bool = field(default=False, kw_only=True)
    labels: Sequence[str] | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.choices, (str, bytes)):
            raise SpaceError(f"Categorical needs a list of choices, got the text {self.choices!r}. Did you mean [{self.choices!r}]?")
        object.__setattr__(self, "choices", tuple(self.choices))
        if not self.choices:
            raise SpaceError("Categorical needs at least one choice, got an empty list.")
        object.__setattr__(self, "labels", labels_of(self.choices, self.labels))

    @property
    def kind(self) -> Kind:
        return "discrete" if self.ordered else "categorical"

    @property
    def n_levels(self) -> int:
        return len(self.choices)

    def position(self, value: object) -> int | None:
        """Index of a choice, or None: by identity first, then by type and equality, then by equality."""
        for k, choice in enumerate(self.choices):
            if choice is value:
                return k
        for same_type in (True, False):
            for k, choice in enumerate(self.choices):
                if (not same_type or type(choice) is type(value)) and _equal(choice, value):
                    return k
        return None

    def values(self, u: FloatArray) -> list[Any]:
        return [self.choices[int(k)] for k in self.index(u)]

    def coordinates(self, values: Sequence[Any]) -> FloatArray:
        return (np.array([self.position(v) for v in values], dtype=float) + 0.5) / len(self.choices)

    def check(self, value: object, name: str) -> None:
        if self.position(value) is None:
            assert self.labels is not None
            shown = ", ".join(self.labels[:8]) + (", ..." if len(self.labels) > 8 else "")
            raise SpaceError(f"Parameter {name!r} must be one of {shown}, got {value!r}.")

    def store(self, values: Sequence[Any]) -> list[str]:
        assert self.labels is not None
        return [self.labels[k] for v in values if (k := self.position(v)) is not None]

    def restore(self, stored: Sequence[Any]) -> FloatArray:
        assert self.labels is not None
        where = {label: k for k, label in enumerate(self.labels)}
        return (np.array([where[s] for s in stored], dtype=float) + 0.5) / len(self.choices)

    def label(self, value: object) -> str:
        k = self.position(value)
        assert self.labels is not None
        return str(value) if k is None else self.labels[k]

    def column(self, u: FloatArray) -> np.ndarray[Any, Any]:
        column = np.empty(len(u), dtype=object)
        column[:] = self.values(u)
        return column


def _equal(a: object, b: object) -> bool:
    try:
        return bool(a == b)
    except (ValueError, TypeError):  # arrays compare elementwise
        return False


@dataclass(frozen=True)
class Constant(Parameter):
    """One fixed value, handed to every trial; no coordinate of the search."""

    value: Any

    @property
    def kind(self) -> Kind:
        return "constant"

    @property
    def n_levels(self) -> int:
        return 1

    def values(self, u: FloatArray) -> list[Any]:
        return [self.value] * len(u)

    def coordinates(self, values: Sequence[Any]) -> FloatArray:
        return np.full(len(values), 0.5)

    def check(self, value: object, name: str) -> None:
        if value is not self.value and not _equal(value, self.value):
            raise SpaceError(f"Parameter {name!r} is the constant {self.value!r}, got {value!r}.")

    def store(self, values: Sequence[Any]) -> list[str]:
        return [labels_of((v,), None)[0] for v in values]

    def label(self, value: object) -> str:
        return labels_of((value,), None)[0]

    def column(self, u: FloatArray) -> np.ndarray[Any, Any]:
        column = np.empty(len(u), dtype=object)
        column[:] = self.values(u)
        return column
