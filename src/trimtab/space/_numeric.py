"""Real and whole numbers.

Values are rounded to 12 digits (of the larger bound; on a log scale of the value itself): far below what any network
feels, far above the rounding errors of exp and log. So a value comes back from the cube as it went in, bit for bit,
and prints as 0.001, not 0.0010000000000000002.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from trimtab.errors import SpaceError
from trimtab.numerics import FloatArray
from trimtab.space._parameter import MOST_LEVELS, Kind, Parameter, finite_number
from trimtab.space._prior import Belief, guess_belief, interval_belief

__all__ = ["Float", "Int"]

_DIGITS = 12
_LARGEST_LOG_INT = 10**12  # above, exp(log(v)) may round to a neighbour of v
_TABLE = 4096  # log integers with so many levels or fewer keep their coordinates


def _bounds(kind: str, low: object, high: object, log: bool) -> None:
    a, b = finite_number(low, f"{kind} low"), finite_number(high, f"{kind} high")
    if a > b or low == high:
        remedy = f"Use Constant({low!r}) for one value." if low == high else "Swap them."
        raise SpaceError(f"{kind} needs low < high, got low={low!r}, high={high!r}. {remedy}")
    if log and a <= 0:
        raise SpaceError(
            f"{kind} with log=True needs low > 0, got low={low!r}. Use log=False or a small positive low such as "
            f"{_small(kind, b)}."
        )


def _small(kind: str, high: float) -> str:
    return "1" if kind == "Int" else f"{high / 1e4:g}" if high > 0 else "1e-4 (and a larger high)"


def _prior(kind: str, prior: object, low: float, high: float) -> float | tuple[float, float] | None:
    """A best guess, or an interval, inside [low, high]. SpaceError for anything else."""
    if prior is None:
        return None
    if isinstance(prior, (list, tuple)):
        if len(prior) != 2:
            raise SpaceError(f"{kind} prior must be one number or an interval (low, high), got {prior!r}.")
        a, b = (finite_number(v, f"{kind} prior") for v in prior)
        if not low <= a < b <= high:
            raise SpaceError(
                f"{kind} prior=({a:.12g}, {b:.12g}) must be an interval inside [{low:.12g}, {high:.12g}], lower end "
                "first. Give one number for a best guess."
            )
        return a, b
    guess = finite_number(prior, f"{kind} prior")
    if not low <= guess <= high:
        raise SpaceError(
            f"{kind} prior={guess:.12g} must lie in [{low:.12g}, {high:.12g}]. Widen the range, or move it."
        )
    return guess


def _belief(
    prior: float | tuple[float, float] | None, coordinates: Callable[[Sequence[Any]], FloatArray]
) -> Belief | None:
    if prior is None:
        return None
    if isinstance(prior, tuple):
        return interval_belief(*coordinates(prior).tolist())
    return guess_belief(float(coordinates([prior])[0]))


@dataclass(frozen=True)
class Float(Parameter):
    """A real number in [low, high].

    log: uniform in the logarithm (needs low > 0). step: only low, low + step, low + 2 step, ... (not with log).
    prior: where the optimum is believed to lie, a best guess 1e-3 or an interval (1e-4, 1e-2) that holds it with 80 %;
        on the log scale with log=True. It guides the first trials and fades as results come in.
    """

    low: float
    high: float
    log: bool = field(default=False, kw_only=True)
    step: float | None = field(default=None, kw_only=True)
    prior: float | tuple[float, float] | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        _bounds("Float", self.low, self.high, self.log)
        low, high = float(self.low), float(self.high)
        object.__setattr__(self, "low", low)
        object.__setattr__(self, "high", high)
        width = high - low
        if not math.isfinite(width) or width < 1e-9 * max(abs(low), abs(high)):
            narrow = "narrow" if math.isfinite(width) else "wide"
            raise SpaceError(
                f"Float [{low!r}, {high!r}] is too {narrow} for double precision. "
                "Search an offset or a factor instead, and add it in the objective."
            )
        if self.step is not None:
            self._check_step(width)
        object.__setattr__(self, "prior", _prior("Float", self.prior, low, high))

    def _check_step(self, width: float) -> None:
        if self.log:
            raise SpaceError(
                "Float takes log=True or step=, not both. For log-spaced levels use Categorical([...], ordered=True)."
            )
        step = finite_number(self.step, "Float step")
        if not 0 < step <= width * (1 + 1e-9):
            raise SpaceError(
                f"Float step must lie in (0, high - low], got step={self.step!r} for [{self.low!r}, {self.high!r}]."
            )
        object.__setattr__(self, "step", step)
        if width / step > 1e9:
            raise SpaceError(f"Float step={step!r} makes {width / step:.2g} levels. Use a larger step, or none.")

    @property
    def kind(self) -> Kind:
        return "continuous" if self.step is None else "discrete"

    @property
    def n_levels(self) -> int:
        return 0 if self.step is None else int((self.high - self.low) / self.step * (1 + 1e-12) + 1e-9) + 1

    @property
    def _decimals(self) -> int:
        return _DIGITS - math.ceil(math.log10(max(abs(self.low), abs(self.high))))

    def values(self, u: FloatArray) -> list[float]:
        low, high = self.low, self.high
        if self.step is not None:
            return [self._level(k) for k in self.positions(u)]
        if self.log:
            a, width = math.log(low), math.log(high) - math.log(low)
            return [
                min(max(float(f"{math.exp(a + v * width):.{_DIGITS}g}"), low), high)
                for v in np.clip(u, 0.0, 1.0).tolist()
            ]
        decimals, width = self._decimals, high - low
        return [min(max(round(low + v * width, decimals), low), high) for v in u.tolist()]

    def _level(self, k: int) -> float:
        """low + k step, written short where that is the same number: 0.3, not 0.30000000000000004."""
        assert self.step is not None
        raw = min(self.low + k * self.step, self.high)
        short = min(max(round(raw, self._decimals), self.low), self.high)
        return short if abs(short - raw) <= 8 * math.ulp(max(abs(self.low), abs(self.high))) else raw

    def column(self, u: FloatArray) -> FloatArray:
        low, high = self.low, self.high
        if self.step is not None:
            return np.asarray(self.values(u))
        if self.log:
            a, width = math.log(low), math.log(high) - math.log(low)
            v = np.exp(a + np.clip(u, 0.0, 1.0) * width)
            scale = 10.0 ** np.minimum(_DIGITS - 1 - np.floor(np.log10(v)), 300)
        else:
            v = low + u * (high - low)
            scale = np.float64(10.0) ** min(self._decimals, 300)
        rounded = np.where(scale < 1e300, np.rint(v * scale) / scale, v)  # so that lr = 0.01 obeys "lr >= 0.01"
        return np.clip(rounded, low, high)

    def coordinates(self, values: Sequence[Any]) -> FloatArray:
        low = self.low
        if self.step is not None:
            last, step = self.n_levels - 1, self.step
            return (np.array([min(max(round((v - low) / step), 0), last) for v in values], dtype=float) + 0.5) / (
                last + 1
            )
        if self.log:
            a, width = math.log(low), math.log(self.high) - math.log(low)
            u: FloatArray = np.array([(math.log(max(v, low)) - a) / width for v in values], dtype=float)
        else:
            width = self.high - low
            v = np.array(values)
            if v.dtype == np.float64:  # as a rule; the same numbers as one by one, unlike a logarithm of NumPy's
                u = (v - low) / width
            else:
                u = np.array([(v - low) / width for v in values], dtype=float)
        return np.clip(u, 0.0, 1.0)

    def stretch(self, values: Sequence[Any]) -> FloatArray:
        if self.log:
            return np.asarray(values, dtype=float) * (math.log(self.high) - math.log(self.low))
        return np.full(len(values), self.high - self.low if self.step is None else self.step * self.n_levels)

    def check(self, value: object, name: str) -> None:
        v = finite_number(value, f"Parameter {name!r}")
        slack = 1e-9 * (self.high - self.low)
        if not self.low - slack <= v <= self.high + slack:
            raise SpaceError(f"Parameter {name!r} must lie in [{self.low:.12g}, {self.high:.12g}], got {value!r}.")
        if self.step is not None:
            k = (v - self.low) / self.step
            if abs(k - round(k)) > 1e-6 or round(k) >= self.n_levels:
                raise SpaceError(
                    f"Parameter {name!r} must be {self.low:.12g} plus a multiple of step={self.step:.12g}, "
                    f"got {value!r}."
                )

    def belief(self) -> Belief | None:
        return _belief(self.prior, self.coordinates)

    def fits(self, stored: Sequence[Any]) -> bool:
        numbers = self.step is None and set(map(type, stored)) <= {float, int}
        return numbers and self.low <= min(stored) and max(stored) <= self.high


@dataclass(frozen=True)
class Int(Parameter):
    """A whole number in [low, high], both included. log: uniform in the logarithm; step: only low, low + step, ...
    (not with log). prior: as of Float, a best guess or an interval.
    """

    low: int
    high: int
    log: bool = field(default=False, kw_only=True)
    step: int = field(default=1, kw_only=True)
    prior: float | tuple[float, float] | None = field(default=None, kw_only=True)
    _table: FloatArray | None = field(default=None, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        for bound, value in (("low", self.low), ("high", self.high), ("step", self.step)):
            number = finite_number(value, f"Int {bound}")
            if number != int(number):
                raise SpaceError(f"Int {bound} must be a whole number, got {value!r}. Use Float for real numbers.")
            object.__setattr__(self, bound, int(value))
        _bounds("Int", self.low, self.high, self.log)
        if self.log and self.step != 1:
            raise SpaceError(
                "Int takes log=True or step=, not both. For chosen levels use Categorical([...], ordered=True)."
            )
        if self.step < 1 or self.step > self.high - self.low:
            raise SpaceError(
                f"Int step must lie in [1, high - low], got step={self.step!r} for [{self.low}, {self.high}]."
            )
        if self.n_levels > MOST_LEVELS or (self.log and self.high > _LARGEST_LOG_INT):
            most = "high <= 10**12 with log=True" if self.log else "at most 2**50 values"
            raise SpaceError(
                f"Int needs {most}, got [{self.low}, {self.high}]. Use Float and round, or search the exponent."
            )
        object.__setattr__(self, "prior", _prior("Int", self.prior, self.low, self.high))
        if self.log and self.n_levels <= _TABLE:
            object.__setattr__(self, "_table", self._at(np.arange(self.low, self.high + 1, dtype=float)))

    @property
    def kind(self) -> Kind:
        return "discrete"

    @property
    def n_levels(self) -> int:
        return (self.high - self.low) // self.step + 1

    @property
    def even(self) -> bool:
        return not self.log

    def levels(self) -> FloatArray:
        return self._at(np.arange(self.low, self.high + 1, dtype=float)) if self.log else super().levels()

    def _at(self, v: FloatArray) -> FloatArray:
        """Log coordinates of whole numbers."""
        a, b = math.log(self.low - 0.5), math.log(self.high + 0.5)
        return (np.log(v) - a) / (b - a)

    def _rounded(self, u: FloatArray) -> FloatArray:
        """Whole number, as a float, in whose log cell each coordinate lies; NaN stays NaN."""
        a, b = math.log(self.low - 0.5), math.log(self.high + 0.5)
        return np.clip(np.rint(np.exp(a + np.clip(u, 0.0, 1.0) * (b - a))), self.low, self.high)

    def snap(self, u: FloatArray) -> FloatArray:
        if not self.log:
            return super().snap(u)
        v = self._rounded(u)
        if self._table is None:
            return self._at(v)
        gone = np.isnan(v)
        x = self._table[np.where(gone, 0, v - self.low).astype(np.intp)]
        x[gone] = np.nan
        return x

    def values(self, u: FloatArray) -> list[int]:
        if self.log:
            return [int(v) for v in self._rounded(u).tolist()]
        return [self.low + k * self.step for k in self.positions(u)]

    def column(self, u: FloatArray) -> FloatArray:
        if self.log:
            return self._rounded(u)
        k = self.n_levels
        return self.low + np.clip(np.floor(u * k), 0, k - 1) * self.step

    def coordinates(self, values: Sequence[Any]) -> FloatArray:
        whole = [min(max(round(v), self.low), self.high) for v in values]  # Python's integers are exact above 2**53
        if not self.log:
            k = self.n_levels
            return (np.array([(v - self.low) // self.step for v in whole], dtype=float) + 0.5) / k
        if self._table is None:
            return self._at(np.array(whole, dtype=float))
        return self._table[np.array(whole, dtype=np.intp) - self.low]

    def stretch(self, values: Sequence[Any]) -> FloatArray:
        if self.log:
            return np.asarray(values, dtype=float) * (math.log(self.high + 0.5) - math.log(self.low - 0.5))
        return np.full(len(values), float(self.step * self.n_levels))

    def check(self, value: object, name: str) -> None:
        number = finite_number(value, f"Parameter {name!r}")
        whole = int(value)  # type: ignore[call-overload]
        if number != int(number) or not self.low <= whole <= self.high or (whole - self.low) % self.step:
            step = "" if self.step == 1 else f" in steps of {self.step}"
            raise SpaceError(
                f"Parameter {name!r} must be a whole number in [{self.low}, {self.high}]{step}, got {value!r}."
            )

    def belief(self) -> Belief | None:
        return _belief(self.prior, self.coordinates)

    def fits(self, stored: Sequence[Any]) -> bool:
        whole = self.step == 1 and set(map(type, stored)) <= {int}
        return whole and self.low <= min(stored) and max(stored) <= self.high
